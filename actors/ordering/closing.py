"""How an order ends that nobody has paid 关单. Pure: orders, message and time in, values out.

A wish to close decides nothing: the channels that were asked have to confirm that nobody can pay
any more. Age alone closes nothing either; it only makes us wish.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from actors.ordering import rounds
from actors.ordering.moving import answer, happen
from actors.ordering.payment import Orders, Payment, terms, view
from actors.ordering.states import OPEN, Happening
from bus.decider import Decision
from bus.effects import Publish, Reply
from schema.messages.doors import ClosePayment
from schema.messages.ordering import CloseAttempts, ExpirePayment, PaymentAnswered
from schema.payments import CloseReason, PaymentState, Refusal

REMIND_AFTER = timedelta(minutes=10)
"""A closing that takes longer is wished once more. Channels asks on a ladder of its own; this is
for a wish that was lost, or that lies among the dead letters."""


def close(orders: Orders, message: ClosePayment, now: datetime) -> Decision:
    """A merchant's wish. What has ended already is answered as it stands."""
    payment = orders.get(message.payment_id)
    if payment is None or payment.merchant_no != message.merchant_no:
        refusal = Refusal(code="payment_not_found", reason="No such payment.", param="payment_id")
        return Decision(effects=(Reply(PaymentAnswered(refusal=refusal)),))
    if payment.state not in OPEN:
        return Decision(effects=(as_it_stands(payment),))
    return wish_to_close(payment, "merchant", now)


def expire(orders: Orders, message: ExpirePayment, now: datetime) -> Decision:
    """An order's life is over, or its closing has taken long."""
    payment = orders.get(message.payment_id)
    if payment is None:
        return Decision()
    if payment.state in OPEN and payment.expires_at <= now:
        return wish_to_close(payment, "expired", now)
    if payment.state is PaymentState.CLOSING:  # a merchant's wish, too, long before it expires
        after, again = _wishes(payment, payment.close_reason or "expired")
        changed = replace(after, close_at=now + REMIND_AFTER, updated_at=now)
        return Decision(changes=(changed,), effects=again)
    return Decision()


def wish_to_close(payment: Payment, reason: CloseReason, now: datetime) -> Decision:
    """From now on nobody shall pay; the channels that were asked are to see to it."""
    fields = {"close_reason": reason, "close_at": now + REMIND_AFTER}
    decision = happen(payment, Happening.CLOSE, now, fields)
    closing, wishes = _wishes(decision.changes[0], reason)
    if not wishes:
        return confirmed(closing, now)
    return Decision(changes=(closing,), effects=wishes)


def confirmed(payment: Payment | None, now: datetime) -> Decision:
    """The channels have confirmed it. Whoever wished it is told how the order stands."""
    decision = happen(payment, Happening.CLOSED, now, {})
    assert payment is not None
    after = decision.changes[0] if decision.changes else payment
    others = [effect for effect in decision.effects if effect != answer(after)]
    return Decision(changes=decision.changes, effects=(as_it_stands(after), *others))


def as_it_stands(payment: Payment) -> Reply:
    """The payment now, and not what its first POST was told."""
    return Reply(PaymentAnswered(payment=view(payment)), subject=payment.payment_id)


def _wishes(payment: Payment, reason: CloseReason) -> tuple[Payment, tuple[Publish, ...]]:
    """What channels are asked for; nothing where none was asked before."""
    if payment.rounds is not None:
        return rounds.ask_to_close(payment, reason)
    wish = CloseAttempts(terms=terms(payment), reason=reason)
    return payment, (Publish(wish, subject=payment.payment_id),)
