"""Every move that a payment can make, in one table.

Rows are states, columns are happenings; every pair is there. A pair that leads to the same state is
ignored on purpose, and says why. Nothing here decides what else a move causes: that is `rules.py`.
"""

from __future__ import annotations

from enum import StrEnum

from schema.payments import PaymentState


class Happening(StrEnum):
    """What can happen to a payment after it was placed."""

    REFUSED = "refused"
    UNROUTABLE = "unroutable"
    PENDING = "pending"
    UNKNOWN = "unknown"
    FAILED = "failed"
    SUCCEEDED = "succeeded"


# fmt: off
MOVES: dict[tuple[PaymentState, Happening], PaymentState] = {
    # Risk and routing speak once, before any channel was asked.
    (PaymentState.PLACED,    Happening.REFUSED):    PaymentState.FAILED,
    (PaymentState.PLACED,    Happening.UNROUTABLE): PaymentState.FAILED,
    (PaymentState.PLACED,    Happening.PENDING):    PaymentState.PENDING,
    (PaymentState.PLACED,    Happening.UNKNOWN):    PaymentState.UNKNOWN,
    (PaymentState.PLACED,    Happening.FAILED):     PaymentState.FAILED,
    (PaymentState.PLACED,    Happening.SUCCEEDED):  PaymentState.SUCCEEDED,  # notice before answer
    # The payer holds a code. A question that stays unanswered does not take it away.
    (PaymentState.PENDING,   Happening.REFUSED):    PaymentState.PENDING,    # late, ignored
    (PaymentState.PENDING,   Happening.UNROUTABLE): PaymentState.PENDING,    # late, ignored
    (PaymentState.PENDING,   Happening.PENDING):    PaymentState.PENDING,
    (PaymentState.PENDING,   Happening.UNKNOWN):    PaymentState.PENDING,
    (PaymentState.PENDING,   Happening.FAILED):     PaymentState.FAILED,
    (PaymentState.PENDING,   Happening.SUCCEEDED):  PaymentState.SUCCEEDED,
    # Nobody knows yet; only the channel's own word ends this.
    (PaymentState.UNKNOWN,   Happening.REFUSED):    PaymentState.UNKNOWN,    # late, ignored
    (PaymentState.UNKNOWN,   Happening.UNROUTABLE): PaymentState.UNKNOWN,    # late, ignored
    (PaymentState.UNKNOWN,   Happening.PENDING):    PaymentState.PENDING,
    (PaymentState.UNKNOWN,   Happening.UNKNOWN):    PaymentState.UNKNOWN,
    (PaymentState.UNKNOWN,   Happening.FAILED):     PaymentState.FAILED,
    (PaymentState.UNKNOWN,   Happening.SUCCEEDED):  PaymentState.SUCCEEDED,
    # The money is there. What was said earlier and arrives later changes nothing.
    (PaymentState.SUCCEEDED, Happening.REFUSED):    PaymentState.SUCCEEDED,
    (PaymentState.SUCCEEDED, Happening.UNROUTABLE): PaymentState.SUCCEEDED,
    (PaymentState.SUCCEEDED, Happening.PENDING):    PaymentState.SUCCEEDED,
    (PaymentState.SUCCEEDED, Happening.UNKNOWN):    PaymentState.SUCCEEDED,
    (PaymentState.SUCCEEDED, Happening.FAILED):     PaymentState.SUCCEEDED,
    (PaymentState.SUCCEEDED, Happening.SUCCEEDED):  PaymentState.SUCCEEDED,
    # A channel that proved "not paid" and then was paid: the money is the truth.
    (PaymentState.FAILED,    Happening.REFUSED):    PaymentState.FAILED,
    (PaymentState.FAILED,    Happening.UNROUTABLE): PaymentState.FAILED,
    (PaymentState.FAILED,    Happening.PENDING):    PaymentState.FAILED,
    (PaymentState.FAILED,    Happening.UNKNOWN):    PaymentState.FAILED,
    (PaymentState.FAILED,    Happening.FAILED):     PaymentState.FAILED,
    (PaymentState.FAILED,    Happening.SUCCEEDED):  PaymentState.SUCCEEDED,
}
# fmt: on
