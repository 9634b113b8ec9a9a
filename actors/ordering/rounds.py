"""The payer's choices, one after the other, and how each of them ends. Pure.

Each choice is a round with attempts of its own, so that what becomes of one proves nothing of
another. Orders for which the merchant has chosen have no rounds.
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from actors.ordering.payment import Payment, Round, Stage, terms
from bus.decider import Decision
from bus.effects import Publish
from schema.ids import round_of
from schema.messages.ordering import CloseAttempts, PaymentPlaced
from schema.payments import CloseReason, PaymentTerms


def is_current(payment: Payment, number: int) -> bool:
    """Whether this round is the one under way: others speak too late."""
    if payment.rounds is None:
        return True
    return number == len(payment.rounds) - 1 and payment.rounds[number].stage == "asked"


def is_payable(payment: Payment) -> bool:
    """Whether somebody may still pay one of the rounds."""
    return any(each.stage in ("asked", "closing") for each in payment.rounds or ())


def ended(payment: Payment, number: int) -> Payment:
    """Nobody has paid this round, and nobody can any more; or it was paid."""
    return _at(payment, number, "ended")


def begin(payment: Payment, number: int, now: datetime) -> Decision:
    """The round goes its way: risk, routing, channels."""
    begun = replace(_at(payment, number, "asked"), updated_at=now)
    placed = PaymentPlaced(terms=round_terms(begun, number))
    return Decision(changes=(begun,), effects=(Publish(placed, subject=payment.payment_id),))


def ask_to_close(payment: Payment, reason: CloseReason) -> tuple[Payment, tuple[Publish, ...]]:
    """Nobody shall pay any of its rounds any more; one that has not begun is over at once."""
    wishes: list[Publish] = []
    for number, each in enumerate(payment.rounds or ()):
        if each.stage == "waiting":
            payment = ended(payment, number)
        elif each.stage != "ended":
            payment = _at(payment, number, "closing")
            wish = CloseAttempts(terms=round_terms(payment, number), reason=reason)
            wishes.append(Publish(wish, subject=payment.payment_id))
    return payment, tuple(wishes)


OF_A_ROUND = ("pay_type", "fee_rate_ppm", "rounds")
"""What of a payment depends on which round was paid."""


def paid(payment: Payment, attempt_id: str) -> Payment:
    """The payment by the terms of the round that was paid, which is over by that."""
    if payment.rounds is None:
        return payment
    number = round_of(attempt_id)
    chosen = payment.rounds[number]
    return replace(
        ended(payment, number), pay_type=chosen.pay_type, fee_rate_ppm=chosen.fee_rate_ppm
    )


def round_terms(payment: Payment, number: int) -> PaymentTerms:
    """What the rooms along the way need to know of one round."""
    assert payment.rounds is not None
    chosen = payment.rounds[number]
    return replace(
        terms(replace(payment, pay_type=chosen.pay_type)),
        client_ip=chosen.client_ip or payment.client_ip,
        return_url=chosen.return_url,
        round_no=number,
    )


def _at(payment: Payment, number: int, stage: Stage) -> Payment:
    rounds: list[Round] = list(payment.rounds or ())
    rounds[number] = replace(rounds[number], stage=stage)
    return replace(payment, rounds=tuple(rounds))
