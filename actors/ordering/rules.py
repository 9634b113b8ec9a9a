"""What an order may become. Pure: orders, message and time in, changes and effects out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import blake2b

import msgspec
from msgspec.structs import replace

from actors.ordering.payment import Decisions, Orders, Payment, first_answer, terms, view
from actors.ordering.states import MOVES, Happening
from bus.decider import Decision
from bus.effects import Effect, Publish, Reply
from schema import ids
from schema.messages.channels import (
    AttemptFailed,
    AttemptPending,
    AttemptSucceeded,
    AttemptUnknown,
)
from schema.messages.contract import Message
from schema.messages.doors import PlacePayment
from schema.messages.ordering import (
    PaymentAnswered,
    PaymentFailed,
    PaymentPlaced,
    PaymentSucceeded,
)
from schema.messages.risk import PaymentRefused
from schema.messages.routing import PaymentUnroutable
from schema.money import fee_fen
from schema.payments import PaymentRequest, PaymentState, Refusal
from schema.products import PRODUCTS
from schema.profiles import MerchantProfile

ADDED_LATER = ("auth_code", "return_url")

_canonical = msgspec.json.Encoder(order="sorted")


def decide(orders: Orders, message: Message, now: datetime) -> Decision:
    """What a message makes of an order."""
    match message:
        case PlacePayment():
            return place(orders, message, now)
        case PaymentRefused(payment_id=payment_id, risk=risk):
            fields = {"failure": risk.reasons[0], "decisions": Decisions(risk=risk)}
            return happen(orders.get(payment_id), Happening.REFUSED, now, fields)
        case PaymentUnroutable(payment_id=payment_id, risk=risk, routing=routing):
            fields = {"failure": NO_CHANNEL, "decisions": Decisions(risk=risk, routing=routing)}
            return happen(orders.get(payment_id), Happening.UNROUTABLE, now, fields)
        case AttemptPending():
            return pending(orders.get(message.payment_id), message, now)
        case AttemptUnknown(payment_id=payment_id, channel_no=channel_no, risk=risk):
            fields = {"channel_no": channel_no, "decisions": Decisions(risk=risk)}
            return happen(orders.get(payment_id), Happening.UNKNOWN, now, fields)
        case AttemptFailed(payment_id=payment_id, channel_no=channel_no, risk=risk):
            fields = {
                "channel_no": channel_no,
                "failure": message.refusal,
                "decisions": Decisions(risk=risk),
            }
            return happen(orders.get(payment_id), Happening.FAILED, now, fields)
        case AttemptSucceeded():
            return succeed(orders.get(message.payment_id), message, now)
        case _:
            raise AssertionError(f"ordering does not hear {type(message).__name__}")


NO_CHANNEL = Refusal(code="no_channel", reason="No channel can take this payment.")


def place(orders: Orders, message: PlacePayment, now: datetime) -> Decision:
    """A new order is stored and announced; a repeat gets the first answer, or a conflict."""
    request, merchant_no = message.request, message.merchant_no
    known = orders.numbered(merchant_no, request.merchant_order_no)
    if known is not None:
        return _repeat(known, request)
    refusal = refused(orders.merchants.get(merchant_no), request)
    if refusal is not None:
        return Decision(effects=(Reply(PaymentAnswered(refusal=refusal)),))
    payment = _placed(orders.merchants[merchant_no], request, now)
    announced = Publish(PaymentPlaced(terms=terms(payment, request)), subject=payment.payment_id)
    return Decision(changes=(payment,), effects=(announced,))


def refused(merchant: MerchantProfile | None, request: PaymentRequest) -> Refusal | None:
    """Why this merchant can't place this order at all; nothing is stored then."""
    if merchant is None:
        return Refusal(code="unknown_merchant", reason="No such merchant.", param="merchant_no")
    if merchant.status != "active":
        return Refusal(code="merchant_suspended", reason="The merchant is suspended.")
    if request.pay_type not in merchant.rates_ppm:
        reason = f"{request.pay_type} is not enabled for this merchant."
        return Refusal(code="pay_type_not_enabled", reason=reason, param="pay_type")
    return incomplete(request)


def incomplete(request: PaymentRequest) -> Refusal | None:
    """Which field the product can't do without and the request does not have."""
    missing = (n for n in PRODUCTS[request.pay_type].needs if getattr(request, n) is None)
    field = next(missing, None)
    if field is None:
        return None
    reason = f"{request.pay_type} needs {field}."
    return Refusal(code="missing_field", reason=reason, param=field)


def happen(
    payment: Payment | None, happening: Happening, now: datetime, fields: Mapping[str, object]
) -> Decision:
    """Moves a payment by the table; `fields` are stored only where the state really moves.

    Whoever waits for the first answer gets one, even if an earlier message has settled the state.
    """
    if payment is None:
        raise LookupError(f"{happening} speaks of a payment that was never placed")
    state = MOVES[payment.state, happening]
    if state is payment.state:
        return Decision(effects=(_answer(payment),))
    moved = replace(payment, state=state, updated_at=now, **fields)
    if state is PaymentState.FAILED and moved.answered_at is None:
        moved = replace(moved, answered_at=now)
    return Decision(changes=(moved,), effects=(_answer(moved), *_announcement(moved)))


def pending(payment: Payment | None, message: AttemptPending, now: datetime) -> Decision:
    """The payer can pay: that is the first answer. It may come after the money itself."""
    if payment is None or payment.state is PaymentState.FAILED or payment.offer is not None:
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
    return Decision(changes=(answered,), effects=(_answer(answered),))


def succeed(payment: Payment | None, message: AttemptSucceeded, now: datetime) -> Decision:
    """The money is there: the fee is taken by the rate of the day the order was placed."""
    if payment is not None and message.amount_fen != payment.amount_fen:
        raise AssertionError(f"{message.attempt_id}: channels let a wrong amount through")
    fee = fee_fen(payment.amount_fen, payment.fee_rate_ppm) if payment is not None else 0
    fields: dict[str, object] = {
        "channel_no": message.channel_no,
        "channel_trade_no": message.channel_trade_no,
        "funds_flow": message.funds_flow,
        "fee_fen": fee,
        "cost_fen": message.cost_fen,
        "failure": None,
        "paid_at": message.paid_at,
    }
    if message.risk is not None:
        fields["decisions"] = Decisions(risk=message.risk)
    return happen(payment, Happening.SUCCEEDED, now, fields)


def content_digest(request: PaymentRequest) -> str:
    """A fingerprint of what was asked for; a repeat of an order number must have the same.

    A field that orders did not always have counts only where it is given, so that the repeat of an
    older order still fits.
    """
    content = msgspec.to_builtins(request)
    for name in ADDED_LATER:
        if content[name] is None:
            del content[name]
    return blake2b(_canonical.encode(content), digest_size=16).hexdigest()


def _repeat(known: Payment, request: PaymentRequest) -> Decision:
    if known.digest != content_digest(request):
        refusal = Refusal(
            code="order_no_conflict",
            reason="This order number was used for an order with other content.",
            param="merchant_order_no",
        )
        return Decision(effects=(Reply(PaymentAnswered(refusal=refusal)),))
    return Decision(effects=(Reply(PaymentAnswered(payment=first_answer(known))),))


def _placed(merchant: MerchantProfile, request: PaymentRequest, now: datetime) -> Payment:
    merchant_no = merchant.merchant_no
    return Payment(
        payment_id=ids.payment_id(merchant_no, request.merchant_order_no, now),
        merchant_no=merchant_no,
        merchant_order_no=request.merchant_order_no,
        state=PaymentState.PLACED,
        amount_fen=request.amount_fen,
        currency=request.currency,
        pay_type=request.pay_type,
        subject=request.subject,
        metadata=request.metadata,
        notify_url=request.notify_url or merchant.notify_url,
        client_ip=request.client_ip,
        payer_id=request.payer_id,
        digest=content_digest(request),
        fee_rate_ppm=merchant.rates_ppm[request.pay_type],
        created_at=now,
        expires_at=now + timedelta(seconds=request.expires_in_s),
        updated_at=now,
    )


def _answer(payment: Payment) -> Effect:
    """The same as a repeat would get, even where the money was faster than the code."""
    return Reply(PaymentAnswered(payment=first_answer(payment)), subject=payment.payment_id)


def _announcement(payment: Payment) -> tuple[Effect, ...]:
    """What the world is told when a payment reaches an end."""
    if payment.state is PaymentState.SUCCEEDED:
        return (Publish(_succeeded(payment), subject=payment.payment_id),)
    if payment.state is PaymentState.FAILED:
        assert payment.failure is not None
        failed = PaymentFailed(
            payment=view(payment), refusal=payment.failure, notify_url=payment.notify_url
        )
        return (Publish(failed, subject=payment.payment_id),)
    return ()


def _succeeded(payment: Payment) -> PaymentSucceeded:
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
