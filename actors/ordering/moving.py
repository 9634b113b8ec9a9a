"""How a payment moves, and what the world is told of it. Pure: no I/O, no clock.

Every move goes by the table in `states.py`. Whoever waits for the first answer gets one, even if an
earlier message has settled the state.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec.structs import asdict, replace

from actors.ordering.payment import Payment, first_answer, view
from actors.ordering.states import MOVES, OPEN, Happening
from bus.decider import Decision
from bus.effects import Effect, Publish, Reply
from schema.messages.contract import Message
from schema.messages.ordering import (
    PaymentAnswered,
    PaymentClosed,
    PaymentFailed,
    PaymentLatePaid,
    PaymentSucceeded,
)
from schema.payments import PaymentState

SEEN_TO = OPEN | {PaymentState.CLOSING}
"""States in which somebody has to see to the payment's end."""


def happen(
    payment: Payment | None, happening: Happening, now: datetime, fields: Mapping[str, object]
) -> Decision:
    """Moves a payment by the table; `fields` are stored only where the state really moves."""
    if payment is None:
        raise LookupError(f"{happening} speaks of a payment that was never placed")
    state = MOVES[payment.state, happening]
    if state is payment.state:
        return Decision(effects=(answer(payment),))
    moved = replace(payment, state=state, updated_at=now, **fields)
    if state is PaymentState.FAILED and moved.answered_at is None:
        moved = replace(moved, answered_at=now)
    if state is PaymentState.CLOSED:
        moved = replace(moved, closed_at=now, close_reason=moved.close_reason or "channel")
    if state not in SEEN_TO:
        moved = replace(moved, close_at=None)
    return Decision(changes=(moved,), effects=(answer(moved), *announcement(moved)))


def answer(payment: Payment) -> Effect:
    """The same as a repeat would get, even where the money was faster than the code."""
    return Reply(PaymentAnswered(payment=first_answer(payment)), subject=payment.payment_id)


def announcement(payment: Payment) -> tuple[Effect, ...]:
    """What the world is told when a payment reaches an end."""
    said: Message
    match payment.state:
        case PaymentState.SUCCEEDED:
            said = paid_words(payment)
        case PaymentState.LATE_PAID:
            said = PaymentLatePaid(**asdict(paid_words(payment)))
        case PaymentState.FAILED:
            assert payment.failure is not None
            said = PaymentFailed(
                payment=view(payment), refusal=payment.failure, notify_url=payment.notify_url
            )
        case PaymentState.CLOSED:
            said = PaymentClosed(payment=view(payment), notify_url=payment.notify_url)
        case _:
            return ()
    return (Publish(said, subject=payment.payment_id),)


def paid_words(payment: Payment) -> PaymentSucceeded:
    """What is told of money that has come."""
    assert payment.channel_no and payment.channel_trade_no and payment.funds_flow
    assert payment.paid_at is not None and payment.fee_fen is not None
    return PaymentSucceeded(
        payment=view(payment),
        channel_no=payment.channel_no,
        channel_trade_no=payment.channel_trade_no,
        funds_flow=payment.funds_flow,
        amount_fen=payment.amount_fen,
        fee_fen=payment.fee_fen,
        fee_rate_ppm=payment.fee_rate_ppm,
        paid_at=payment.paid_at,
        notify_url=payment.notify_url,
        cost_fen=payment.cost_fen or 0,
    )
