"""What goes back to payers. Pure: orders, message and time in, changes and effects out.

The amount is reserved on the payment, under its lock, before anybody is asked; so refunds that come
at once can't exceed what was paid. Then the books set the money aside, then the channel is asked.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import blake2b

import msgspec
from msgspec.structs import replace

from actors.ordering.payment import Orders, Payment
from actors.ordering.refund import Refund, automatic_number, refund_terms, refund_view
from actors.ordering.states import MOVES, REFUND_MOVES, Happening, Turn
from bus.decider import Decision
from bus.effects import Effect, Later, Publish, Reply
from schema import ids
from schema.messages.accounting import RefundFunded, RefundUnfunded
from schema.messages.channels import (
    AttemptSucceeded,
    RepaymentAbnormal,
    RepaymentFailed,
    RepaymentPending,
    RepaymentSucceeded,
    RepaymentUnknown,
)
from schema.messages.contract import Message
from schema.messages.doors import PlaceRefund
from schema.messages.ordering import (
    RefundAbnormal,
    RefundAnswered,
    RefundFailed,
    RefundPlaced,
    RefundSucceeded,
    Repay,
    RetryRefund,
)
from schema.payments import PaymentState, Refusal
from schema.refunds import REFUND_DAYS_MAX, RefundKind, RefundRequest, RefundState

REFUNDABLE = (PaymentState.SUCCEEDED, PaymentState.PARTIALLY_REFUNDED)

QUEUE_S = (5, 30, 120, 600, 3_600)
"""When to ask the books again for money that was not there; the last one for ever, up to the age
below. Soon at first: a trade may be booked a moment after its refund is wished."""

QUEUED_DAYS_MAX = 7
"""A merchant without trades for a week will not cover it; the payer has to be told something."""

AUTOMATIC = {
    "late": "The order had ended before it was paid.",
    "duplicate": "The order was paid twice.",
}

_canonical = msgspec.json.Encoder(order="sorted")


def place_refund(orders: Orders, message: PlaceRefund, now: datetime) -> Decision:
    """A new refund reserves its amount; a repeat gets what is true of the first, or a conflict."""
    request, merchant_no = message.request, message.merchant_no
    known = orders.refunds.numbered(merchant_no, request.merchant_refund_no)
    if known is not None:
        return _repeat(known, request)
    payment = wished(orders, message)
    refusal = refused(payment, request, now)
    if refusal is not None:
        return _refuse(refusal)
    assert payment is not None
    return reserve(payment, _of_merchant(payment, request, now), now)


def wished(orders: Orders, message: PlaceRefund) -> Payment | None:
    """The payment that a wish speaks of, if it is this merchant's."""
    request = message.request
    if request.payment_id is not None:
        payment = orders.get(request.payment_id)
        return payment if payment and payment.merchant_no == message.merchant_no else None
    return orders.numbered(message.merchant_no, request.merchant_order_no or "")


def refused(payment: Payment | None, request: RefundRequest, now: datetime) -> Refusal | None:
    """Why this refund can't be made; nothing is stored then."""
    if (request.payment_id is None) == (request.merchant_order_no is None):
        reason = "Name either payment_id or merchant_order_no."
        return Refusal(code="missing_field", reason=reason, param="payment_id")
    if payment is None:
        return Refusal(code="payment_not_found", reason="No such payment.", param="payment_id")
    if payment.state not in REFUNDABLE:
        reason = f"The payment is {payment.state}."
        return Refusal(code="payment_not_refundable", reason=reason, param="payment_id")
    assert payment.paid_at is not None
    if now - payment.paid_at > timedelta(days=REFUND_DAYS_MAX):
        reason = f"It was paid more than {REFUND_DAYS_MAX} days ago."
        return Refusal(code="refund_too_late", reason=reason, param="payment_id")
    return _above(payment, request.amount_fen)


def _above(payment: Payment, amount_fen: int | None) -> Refusal | None:
    left = payment.left_fen
    if left > 0 and (amount_fen is None or amount_fen <= left):
        return None
    reason = f"{left} fen of {payment.amount_fen} can still be refunded."
    return Refusal(code="refund_above_payment", reason=reason, param="amount_fen")


def reserve(payment: Payment, refund: Refund, now: datetime) -> Decision:
    """Stores a refund with its part of the payment, and asks the books."""
    changes: tuple[Payment | Refund, ...] = (refund,)
    if refund.is_of_the_payment:
        refunding = payment.refunding_fen + refund.amount_fen
        changes += (replace(payment, refunding_fen=refunding, updated_at=now),)
    placed = Publish(RefundPlaced(terms=refund_terms(refund)), subject=refund.payment_id)
    return Decision(changes=changes, effects=(placed,))


def late_refund(payment: Payment, now: datetime) -> Decision:
    """All of a payment that came after its order had ended."""
    return reserve(payment, _automatic("late", payment, payment.amount_fen, now), now)


def duplicate_refund(payment: Payment, message: AttemptSucceeded, now: datetime) -> Refund:
    """All of what was paid once more through another attempt."""
    other = replace(
        payment,
        attempt_id=message.attempt_id,
        channel_no=message.channel_no,
        channel_trade_no=message.channel_trade_no,
        funds_flow=message.funds_flow,
        paid_at=message.paid_at,
        amount_fen=message.amount_fen,
    )
    return _automatic("duplicate", other, message.amount_fen, now)


Told = (
    RefundFunded
    | RefundUnfunded
    | RepaymentPending
    | RepaymentUnknown
    | RepaymentAbnormal
    | RepaymentSucceeded
    | RepaymentFailed
)


def hear(orders: Orders, message: Told, now: datetime) -> Decision:
    """What the books or the channel say of a refund."""
    refund = orders.refunds.get(message.refund_id)
    payment = orders.get(message.payment_id)
    if refund is None or payment is None:
        raise LookupError(f"{message.refund_id} was never placed")
    match message:
        case RefundFunded():
            return _funded(refund, now)
        case RefundUnfunded():
            return _short(orders, payment, refund, message.refusal, now)
        case RepaymentPending(channel_refund_no=number):
            return _moved(refund, Turn.PENDING, now, channel_refund_no=number or None)
        case RepaymentUnknown():
            return _moved(refund, Turn.UNKNOWN, now, failure=message.refusal)
        case RepaymentAbnormal(channel_refund_no=number, refusal=refusal):
            return _abnormal(refund, refusal, number or None, now)
        case RepaymentSucceeded():
            return _repaid(payment, refund, message, now)
        case RepaymentFailed(refusal=refusal) if refund.kind == "merchant":
            return _void(payment, refund, Turn.FAILED, refusal, now)
        case RepaymentFailed(refusal=refusal):
            return _abnormal(refund, refusal, None, now)


def retry(orders: Orders, message: RetryRefund, now: datetime) -> Decision:
    """Asks the books once more, or gives up a refund that has waited too long."""
    refund, payment = orders.refunds.get(message.refund_id), orders.get(message.payment_id)
    if refund is None or payment is None or refund.state is not RefundState.QUEUED:
        return Decision()
    waited_long = now - refund.created_at > timedelta(days=QUEUED_DAYS_MAX)
    if waited_long and refund.kind == "merchant":
        assert refund.failure is not None
        return _void(payment, refund, Turn.GIVEN_UP, refund.failure, now)
    placed = Publish(RefundPlaced(terms=refund_terms(refund)), subject=refund.payment_id)
    return Decision(effects=(placed,))


def _funded(refund: Refund, now: datetime) -> Decision:
    state = REFUND_MOVES[refund.state, Turn.FUNDED]
    if state is refund.state:
        return Decision(effects=(_answer(refund),))
    asked = replace(refund, state=state, failure=None, updated_at=now)
    repay = Publish(Repay(terms=refund_terms(asked)), subject=refund.payment_id)
    return Decision(changes=(asked,), effects=(repay, _answer(asked)))


def _short(
    orders: Orders, payment: Payment, refund: Refund, refusal: Refusal, now: datetime
) -> Decision:
    """Automatic refunds always wait for the money: the payer must not bear that it is not there."""
    if refund.state not in (RefundState.RESERVED, RefundState.QUEUED):
        return Decision()
    merchant = orders.merchants.get(refund.merchant_no)
    waits = refund.kind != "merchant" or (merchant and merchant.short_balance == "queue")
    if not waits and refusal.code != "trade_not_booked":
        return _void(payment, refund, Turn.GIVEN_UP, refusal, now)
    state = REFUND_MOVES[refund.state, Turn.SHORT]
    queued = replace(refund, state=state, tries=refund.tries + 1, failure=refusal, updated_at=now)
    wait = timedelta(seconds=QUEUE_S[min(refund.tries, len(QUEUE_S) - 1)])
    again = RetryRefund(refund_id=refund.refund_id, payment_id=refund.payment_id)
    later = Later(again, due_at=now + wait, subject=refund.payment_id)
    return Decision(changes=(queued,), effects=(later, _answer(queued)))


def _moved(refund: Refund, turn: Turn, now: datetime, **fields: object) -> Decision:
    state = REFUND_MOVES[refund.state, turn]
    if state is refund.state:
        return Decision()
    return Decision(changes=(replace(refund, state=state, updated_at=now, **fields),))


def _abnormal(
    refund: Refund, refusal: Refusal, channel_refund_no: str | None, now: datetime
) -> Decision:
    """A person has to see to it. That is also the end of an automatic refund that the channel did
    not make: the money is the payer's, whoever it is with."""
    number = channel_refund_no or refund.channel_refund_no
    decision = _moved(refund, Turn.ABNORMAL, now, failure=refusal, channel_refund_no=number)
    if not decision.changes:
        return decision
    (stuck,) = decision.changes
    said = RefundAbnormal(
        refund=refund_view(stuck),
        terms=refund_terms(stuck),
        refusal=refusal,
        notify_url=stuck.notify_url,
    )
    return Decision(changes=(stuck,), effects=(_say(stuck, said),))


def _repaid(
    payment: Payment, refund: Refund, message: RepaymentSucceeded, now: datetime
) -> Decision:
    """The payer has it. A channel that had proved "not refunded" and says so now is a riddle that
    a person must solve: it would take more from the merchant than was set aside. So is one that
    has made a refund twice, under two numbers."""
    if message.is_again:
        raise AssertionError(f"{refund.refund_id} was repaid again: {message.channel_refund_no}")
    if refund.state is RefundState.FAILED or message.refund_fen != refund.amount_fen:
        raise AssertionError(f"{refund.refund_id} is {refund.state}, yet was repaid")
    state = REFUND_MOVES[refund.state, Turn.SUCCEEDED]
    if state is refund.state:
        return Decision()
    repaid = replace(
        refund,
        state=state,
        failure=None,
        channel_refund_no=message.channel_refund_no or refund.channel_refund_no,
        refunded_at=message.refunded_at,
        updated_at=now,
    )
    said = RefundSucceeded(
        refund=refund_view(repaid),
        terms=refund_terms(repaid),
        refunded_at=message.refunded_at,
        notify_url=repaid.notify_url,
    )
    return Decision(changes=(repaid, *_taken(payment, repaid, now)), effects=(_say(repaid, said),))


def _taken(payment: Payment, refund: Refund, now: datetime) -> tuple[Payment, ...]:
    """The payment with what it has lost to a refund."""
    if not refund.is_of_the_payment:
        return ()
    refunded = payment.refunded_fen + refund.amount_fen
    all_of_it = refunded == payment.amount_fen
    happening = Happening.REFUNDED_ALL if all_of_it else Happening.REFUNDED_PART
    changed = replace(
        payment,
        state=MOVES[payment.state, happening],
        refunded_fen=refunded,
        refunding_fen=payment.refunding_fen - refund.amount_fen,
        updated_at=now,
    )
    return (changed,)


def _void(
    payment: Payment, refund: Refund, turn: Turn, refusal: Refusal, now: datetime
) -> Decision:
    """Nothing goes back: what was reserved is free again, and the books give back their part."""
    state = REFUND_MOVES[refund.state, turn]
    if state is refund.state:
        return Decision(effects=(_answer(refund),))
    void = replace(refund, state=state, failure=refusal, updated_at=now)
    changes: tuple[Payment | Refund, ...] = (void,)
    if refund.is_of_the_payment:
        refunding = payment.refunding_fen - refund.amount_fen
        changes += (replace(payment, refunding_fen=refunding, updated_at=now),)
    said = RefundFailed(
        refund=refund_view(void),
        terms=refund_terms(void),
        refusal=refusal,
        notify_url=void.notify_url,
    )
    return Decision(changes=changes, effects=(_say(void, said), _answer(void)))


def _of_merchant(payment: Payment, request: RefundRequest, now: datetime) -> Refund:
    number = request.merchant_refund_no
    return _refund("merchant", payment, number, request.amount_fen or payment.left_fen, now,
        reason=request.reason,
        metadata=request.metadata,
        notify_url=request.notify_url or payment.notify_url,
        digest=content_digest(request),
    )  # fmt: skip


def _automatic(kind: RefundKind, payment: Payment, amount_fen: int, now: datetime) -> Refund:
    """A refund that nobody has wished."""
    assert payment.attempt_id is not None
    number = automatic_number(kind, payment.attempt_id)
    return _refund(kind, payment, number, amount_fen, now,
        reason=AUTOMATIC[kind], metadata={}, notify_url=payment.notify_url, digest="",
    )  # fmt: skip


def _refund(
    kind: RefundKind, payment: Payment, number: str, amount_fen: int, now: datetime,
    *, reason: str | None, metadata: dict[str, str], notify_url: str | None, digest: str,
) -> Refund:  # fmt: skip
    assert payment.attempt_id and payment.channel_no and payment.channel_trade_no
    assert payment.funds_flow in ("platform", "direct") and payment.paid_at is not None
    assert payment.pay_type != "cashier", "what is paid was chosen before"
    return Refund(
        refund_id=ids.refund_id(payment.merchant_no, number, now),
        merchant_no=payment.merchant_no,
        merchant_refund_no=number,
        kind=kind,
        payment_id=payment.payment_id,
        merchant_order_no=payment.merchant_order_no,
        state=RefundState.RESERVED,
        amount_fen=amount_fen,
        currency=payment.currency,
        reason=reason,
        metadata=metadata,
        notify_url=notify_url,
        digest=digest,
        attempt_id=payment.attempt_id,
        channel_no=payment.channel_no,
        channel_trade_no=payment.channel_trade_no,
        funds_flow="platform" if payment.funds_flow == "platform" else "direct",
        pay_type=payment.pay_type,
        paid_fen=payment.amount_fen,
        paid_at=payment.paid_at,
        created_at=now,
        updated_at=now,
    )


def content_digest(request: RefundRequest) -> str:
    """A fingerprint of what was asked for; a repeat of a refund number must have the same."""
    return blake2b(_canonical.encode(request), digest_size=16).hexdigest()


def _repeat(known: Refund, request: RefundRequest) -> Decision:
    if known.digest != content_digest(request):
        return _refuse(
            Refusal(
                code="refund_no_conflict",
                reason="This refund number was used for a refund with other content.",
                param="merchant_refund_no",
            )
        )
    return Decision(effects=(_answer(known),))


def _refuse(refusal: Refusal) -> Decision:
    return Decision(effects=(Reply(RefundAnswered(refusal=refusal)),))


def _answer(refund: Refund) -> Effect:
    return Reply(RefundAnswered(refund=refund_view(refund)), subject=refund.payment_id)


def _say(refund: Refund, said: Message) -> Effect:
    return Publish(said, subject=refund.payment_id)
