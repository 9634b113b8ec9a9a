"""Every move that a payment or a refund can make, in one table each.

Columns are states, rows are happenings; every pair is there. `____` leaves the state as it is: what
is said too late, or once more, is heard and ignored on purpose. Nothing here decides what else a
move causes: that is `rules.py`.
"""

from __future__ import annotations

from enum import StrEnum

from schema.payments import PaymentState
from schema.refunds import RefundState


class Happening(StrEnum):
    """What can happen to a payment after it was placed."""

    CHOSEN = "chosen"
    CLEARED = "cleared"
    REFUSED = "refused"
    UNROUTABLE = "unroutable"
    PENDING = "pending"
    UNKNOWN = "unknown"
    FAILED = "failed"
    RELEASED = "released"
    SUCCEEDED = "succeeded"
    CLOSE = "close"
    CLOSED = "closed"
    REOPENED = "reopened"
    REFUNDED_PART = "refunded_part"
    REFUNDED_ALL = "refunded_all"


PLCD, SCRN, ROUT, PEND, UNKN, SUCC, FAIL, CLSG, CLSD, LATE, PART, REFD = PaymentState
____ = None
H = Happening

# What a row relies on:
#   chosen, released   only cashier orders: the payer picks a wallet, or gets to pick once more
#   refused, unroutable   are said before any channel was asked
#   failed, closed     are proofs: nobody has paid through any attempt, and nobody can any more
#   succeeded          money counts whenever it comes; what had ended by then was paid late
#   close              a wish; only the channel's confirmation closes what a channel has seen
# fmt: off
TABLE: dict[Happening, tuple[PaymentState | None, ...]] = {
    #                 PLCD  SCRN  ROUT  PEND  UNKN  SUCC  FAIL  CLSG  CLSD  LATE  PART  REFD
    H.CHOSEN:        (SCRN, ____, ____, SCRN, SCRN, ____, ____, ____, ____, ____, ____, ____),
    H.CLEARED:       (____, ROUT, ____, ____, ____, ____, ____, ____, ____, ____, ____, ____),
    H.REFUSED:       (____, FAIL, ____, ____, ____, ____, ____, FAIL, ____, ____, ____, ____),
    H.UNROUTABLE:    (____, FAIL, FAIL, ____, ____, ____, ____, FAIL, ____, ____, ____, ____),
    H.PENDING:       (____, PEND, PEND, ____, PEND, ____, ____, ____, ____, ____, ____, ____),
    H.UNKNOWN:       (____, UNKN, UNKN, ____, ____, ____, ____, ____, ____, ____, ____, ____),
    H.FAILED:        (____, FAIL, FAIL, FAIL, FAIL, ____, ____, CLSD, ____, ____, ____, ____),
    H.RELEASED:      (____, PLCD, PLCD, PLCD, PLCD, ____, ____, CLSD, ____, ____, ____, ____),
    H.SUCCEEDED:     (SUCC, SUCC, SUCC, SUCC, SUCC, ____, LATE, SUCC, LATE, ____, ____, ____),
    H.CLOSE:         (CLSG, CLSG, CLSG, CLSG, CLSG, ____, ____, ____, ____, ____, ____, ____),
    H.CLOSED:        (____, ____, ____, CLSD, CLSD, ____, ____, CLSD, ____, ____, ____, ____),
    H.REOPENED:      (____, ____, ____, ____, ____, ____, ____, ____, ____, SUCC, ____, ____),
    H.REFUNDED_PART: (____, ____, ____, ____, ____, PART, ____, ____, ____, ____, ____, ____),
    H.REFUNDED_ALL:  (____, ____, ____, ____, ____, REFD, ____, ____, ____, REFD, REFD, ____),
}
# fmt: on

MOVES: dict[tuple[PaymentState, Happening], PaymentState] = {
    (state, happening): target or state
    for happening, row in TABLE.items()
    for state, target in zip(PaymentState, row, strict=True)
}

OPEN = frozenset({PLCD, SCRN, ROUT, PEND, UNKN})
"""Where money may still come and nobody has asked for an end."""


class Turn(StrEnum):
    """What can happen to a refund after its amount was reserved."""

    FUNDED = "funded"
    SHORT = "short"
    GIVEN_UP = "given_up"
    PENDING = "pending"
    UNKNOWN = "unknown"
    ABNORMAL = "abnormal"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


RSVD, QUED, ASKD, WORK, LOST, ABNM, DONE, VOID = RefundState

# What a row relies on:
#   funded, short      the books' word: the money is set aside, or can't be yet
#   given_up           nothing was set aside, and nobody waits any longer
#   failed             a proof: nothing went back and nothing will
#   abnormal           the money is with neither; only the channel's word that it arrived ends it
# fmt: off
REFUND_TABLE: dict[Turn, tuple[RefundState | None, ...]] = {
    #                  RSVD  QUED  ASKD  WORK  LOST  ABNM  DONE  VOID
    Turn.FUNDED:      (ASKD, ASKD, ____, ____, ____, ____, ____, ____),
    Turn.SHORT:       (QUED, ____, ____, ____, ____, ____, ____, ____),
    Turn.GIVEN_UP:    (VOID, VOID, ____, ____, ____, ____, ____, ____),
    Turn.PENDING:     (____, ____, WORK, ____, WORK, ____, ____, ____),
    Turn.UNKNOWN:     (____, ____, LOST, ____, ____, ____, ____, ____),
    Turn.ABNORMAL:    (____, ____, ABNM, ABNM, ABNM, ____, ____, ____),
    Turn.SUCCEEDED:   (____, ____, DONE, DONE, DONE, DONE, ____, ____),
    Turn.FAILED:      (____, ____, VOID, VOID, VOID, ____, ____, ____),
}
# fmt: on

REFUND_MOVES: dict[tuple[RefundState, Turn], RefundState] = {
    (state, turn): target or state
    for turn, row in REFUND_TABLE.items()
    for state, target in zip(RefundState, row, strict=True)
}
