"""What an order may become. Pure: orders, message and time in, changes and effects out.

`placing` takes orders, `choosing` lets payers choose how to pay, `moving` moves payments by the
table, `closing` ends what nobody has paid, `refunding` gives money back.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec.structs import replace

from actors.ordering import choosing, refunding, rounds
from actors.ordering.closing import close, confirmed, expire
from actors.ordering.moving import answer, happen
from actors.ordering.payment import Decisions, Orders, Payment
from actors.ordering.placing import place
from actors.ordering.states import MOVES, Happening
from bus.decider import Decision
from bus.effects import Publish
from schema.ids import round_of
from schema.messages.accounting import RefundFunded, RefundUnfunded
from schema.messages.channels import (
    AttemptClosed,
    AttemptFailed,
    AttemptPending,
    AttemptSucceeded,
    AttemptUnknown,
    RepaymentAbnormal,
    RepaymentFailed,
    RepaymentPending,
    RepaymentSucceeded,
    RepaymentUnknown,
)
from schema.messages.contract import Message
from schema.messages.doors import ChoosePayType, ClosePayment, PlacePayment, PlaceRefund
from schema.messages.ordering import BeginRound, ExpirePayment, PaymentDuplicated, RetryRefund
from schema.messages.risk import PaymentCleared, PaymentRefused
from schema.messages.routing import PaymentUnroutable
from schema.money import fee_fen
from schema.payments import PaymentState, Refusal

HEARS = (
    PlacePayment,
    PaymentCleared,
    PaymentRefused,
    PaymentUnroutable,
    AttemptPending,
    AttemptSucceeded,
    AttemptFailed,
    AttemptUnknown,
    AttemptClosed,
    ClosePayment,
    ExpirePayment,
    ChoosePayType,
    BeginRound,
    PlaceRefund,
    RefundFunded,
    RefundUnfunded,
    RepaymentPending,
    RepaymentSucceeded,
    RepaymentFailed,
    RepaymentAbnormal,
    RepaymentUnknown,
    RetryRefund,
)

NO_CHANNEL = Refusal(code="no_channel", reason="No channel can take this payment.")


def decide(orders: Orders, message: Message, now: datetime) -> Decision:
    """What a message makes of an order."""
    match message:
        case PlacePayment():
            return place(orders, message, now)
        case ClosePayment():
            return close(orders, message, now)
        case ExpirePayment():
            return expire(orders, message, now)
        case AttemptClosed():
            return closed(orders.get(message.payment_id), message, now)
        case ChoosePayType():
            return choosing.choose(orders, message, now)
        case BeginRound():
            return choosing.begin(orders, message, now)
        case PlaceRefund():
            return refunding.place_refund(orders, message, now)
        case RetryRefund():
            return refunding.retry(orders, message, now)
        case AttemptSucceeded():
            return succeed(orders, message, now)
        case AttemptPending():
            return pending(orders.get(message.payment_id), message, now)
        case (
            RefundFunded() | RefundUnfunded() | RepaymentPending() | RepaymentUnknown()
            | RepaymentAbnormal() | RepaymentSucceeded() | RepaymentFailed()
        ):  # fmt: skip
            return refunding.hear(orders, message, now)
        case _:
            return told(orders, message, now)


def told(orders: Orders, message: Message, now: datetime) -> Decision:
    """What risk, routing and channels say on the way; it moves the payment, and that is all."""
    match message:
        case PaymentCleared(terms=terms):
            return cleared(orders.get(terms.payment_id), terms.round_no, now)
        case PaymentRefused(payment_id=payment_id, risk=risk):
            fields = {"failure": risk.reasons[0], "decisions": Decisions(risk=risk)}
            return objected(orders.get(payment_id), now, fields)
        case PaymentUnroutable(payment_id=payment_id, risk=risk, routing=routing):
            fields = {"failure": NO_CHANNEL, "decisions": Decisions(risk=risk, routing=routing)}
            return unroutable(orders.get(payment_id), now, fields)
        case AttemptUnknown():
            return unknown(orders.get(message.payment_id), message, now)
        case AttemptFailed():
            return failed(orders.get(message.payment_id), message, now)
        case _:
            raise AssertionError(f"ordering does not hear {type(message).__name__}")


def cleared(payment: Payment | None, number: int, now: datetime) -> Decision:
    """Without an answer: there is nothing yet that whoever waits could act on."""
    if payment is not None and not rounds.is_current(payment, number):
        return Decision()
    return Decision(changes=happen(payment, Happening.CLEARED, now, {}).changes)


def objected(payment: Payment | None, now: datetime, fields: Mapping[str, object]) -> Decision:
    """Risk objects, and that is the end; but not while a choice before this one can be paid."""
    last = len((payment and payment.rounds) or ()) - 1
    if payment is None or last < 0 or not rounds.is_payable(rounds.ended(payment, last)):
        return happen(payment, Happening.REFUSED, now, fields)
    return choosing.round_ended(payment, last, now, fields)


def unroutable(payment: Payment | None, now: datetime, fields: Mapping[str, object]) -> Decision:
    """No channel was asked. A payer who has chosen may choose otherwise."""
    if payment is None or not payment.rounds:
        return happen(payment, Happening.UNROUTABLE, now, fields)
    return choosing.round_ended(payment, len(payment.rounds) - 1, now, fields)


def unknown(payment: Payment | None, message: AttemptUnknown, now: datetime) -> Decision:
    """Nobody can say yet what became of the attempt."""
    if payment is not None and not rounds.is_current(payment, round_of(message.attempt_id)):
        return Decision()
    fields = {"channel_no": message.channel_no, "decisions": Decisions(risk=message.risk)}
    return happen(payment, Happening.UNKNOWN, now, fields)


def failed(payment: Payment | None, message: AttemptFailed, now: datetime) -> Decision:
    """Nobody has paid, and nobody can: that is the end, unless the payer may choose again."""
    fields = {
        "channel_no": message.channel_no,
        "failure": message.refusal,
        "decisions": Decisions(risk=message.risk),
    }
    if payment is None or payment.rounds is None:
        return happen(payment, Happening.FAILED, now, fields)
    return choosing.round_ended(payment, round_of(message.attempt_id), now, fields)


def closed(payment: Payment | None, message: AttemptClosed, now: datetime) -> Decision:
    """The channels confirm that nobody can pay any more; of a round, that of this round."""
    if payment is None or payment.rounds is None or message.attempt_id is None:
        return confirmed(payment, now)
    return choosing.round_ended(payment, round_of(message.attempt_id), now, {})


def pending(payment: Payment | None, message: AttemptPending, now: datetime) -> Decision:
    """The payer can pay: that is the first answer. It may come after the money itself."""
    if payment is not None and not rounds.is_current(payment, round_of(message.attempt_id)):
        return Decision()
    if payment is None or payment.state in DEAF or payment.offer is not None:
        return happen(payment, Happening.PENDING, now, {})
    answered = replace(
        payment,
        state=MOVES[payment.state, Happening.PENDING],
        offer=message.offer,
        channel_no=message.channel_no,
        decisions=Decisions(risk=message.risk),
        answered_at=now,
        updated_at=now,
    )
    return Decision(changes=(answered,), effects=(answer(answered),))


DEAF = (PaymentState.FAILED, PaymentState.CLOSING, PaymentState.CLOSED, PaymentState.LATE_PAID)
"""Where an offer comes too late for anybody to be shown it."""

HELD = (
    PaymentState.SUCCEEDED,
    PaymentState.LATE_PAID,
    PaymentState.PARTIALLY_REFUNDED,
    PaymentState.REFUNDED,
)
"""Where the payer's money has come once."""

ENDED = (PaymentState.FAILED, PaymentState.CLOSED)
"""Where nobody expects money any more."""


def succeed(orders: Orders, message: AttemptSucceeded, now: datetime) -> Decision:
    """The money is there: the fee is taken by the rate of the day the order was placed.

    Money for an order that had ended goes by the merchant's policy; money that comes through a
    second attempt goes back by itself.
    """
    payment = orders.get(message.payment_id)
    if payment is not None and message.amount_fen != payment.amount_fen:
        raise AssertionError(f"{message.attempt_id}: channels let a wrong amount through")
    if payment is not None and payment.state in HELD:
        return once_more(orders, payment, message, now)
    decision = happen(payment, Happening.SUCCEEDED, now, paid_fields(payment, message))
    paid, wishes = rounds.ask_to_close(decision.changes[0], "payer")
    decision = Decision(changes=(paid,), effects=(*decision.effects, *wishes))
    if paid.state is not PaymentState.LATE_PAID:
        return decision
    if paid.late_payment == "reopen":
        reopened = happen(paid, Happening.REOPENED, now, {})
        return Decision(changes=reopened.changes, effects=(*reopened.effects, *wishes))
    refund = refunding.late_refund(paid, now)
    return Decision(changes=refund.changes, effects=(*decision.effects, *refund.effects))


def paid_fields(payment: Payment | None, message: AttemptSucceeded) -> dict[str, object]:
    """What is stored of money that has come."""
    payment = payment and rounds.paid(payment, message.attempt_id)
    fields: dict[str, object] = {
        "attempt_id": message.attempt_id,
        "channel_no": message.channel_no,
        "channel_trade_no": message.channel_trade_no,
        "funds_flow": message.funds_flow,
        "fee_fen": fee_fen(payment.amount_fen, payment.fee_rate_ppm) if payment else 0,
        "cost_fen": message.cost_fen,
        "failure": None,
        "paid_at": message.paid_at,
        "is_late": payment is not None and payment.state in ENDED,
    }
    if payment is not None and payment.rounds is not None:
        fields |= {name: getattr(payment, name) for name in rounds.OF_A_ROUND}
    if message.risk is not None:
        fields["decisions"] = Decisions(risk=message.risk)
    return fields


def once_more(
    orders: Orders, payment: Payment, message: AttemptSucceeded, now: datetime
) -> Decision:
    """The same money heard of again, or other money for the same order, which goes back."""
    if payment.attempt_id == message.attempt_id:
        return Decision(effects=(answer(payment),))
    refund = refunding.duplicate_refund(rounds.paid(payment, message.attempt_id), message, now)
    if orders.refunds.numbered(refund.merchant_no, refund.merchant_refund_no) is not None:
        return Decision()
    said = PaymentDuplicated(
        payment_id=payment.payment_id,
        merchant_no=payment.merchant_no,
        attempt_id=message.attempt_id,
        channel_no=message.channel_no,
        channel_trade_no=message.channel_trade_no,
        funds_flow=message.funds_flow,
        amount_fen=message.amount_fen,
        currency=payment.currency,
        cost_fen=message.cost_fen,
        paid_at=message.paid_at,
    )
    reserved = refunding.reserve(payment, refund, now)
    announced = Publish(said, subject=payment.payment_id)
    return Decision(changes=reserved.changes, effects=(announced, *reserved.effects))
