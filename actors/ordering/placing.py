"""Taking orders. Pure: orders, message and time in, changes and effects out."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import blake2b

import msgspec
from msgspec.structs import replace

from actors.ordering.payment import Orders, Payment, first_answer, terms, view
from bus.decider import Decision
from bus.effects import Publish, Reply
from schema import ids
from schema.cashier import CHOICES
from schema.messages.doors import PlacePayment
from schema.messages.ordering import PaymentAnswered, PaymentPlaced
from schema.payments import PaymentRequest, PaymentState, Refusal
from schema.products import PRODUCTS
from schema.profiles import MerchantProfile

ADDED_LATER = ("auth_code", "return_url")

_canonical = msgspec.json.Encoder(order="sorted")


def place(orders: Orders, message: PlacePayment, now: datetime) -> Decision:
    """A new order is stored and announced; a repeat gets the first answer, or a conflict."""
    request, merchant_no = message.request, message.merchant_no
    known = orders.numbered(merchant_no, request.merchant_order_no)
    if known is not None:
        return _repeat(orders, known, request)
    refusal = refused(orders.merchants.get(merchant_no), request)
    if refusal is not None:
        return Decision(effects=(Reply(PaymentAnswered(refusal=refusal)),))
    payment = _placed(orders.merchants[merchant_no], request, now)
    if payment.rounds is not None:
        return Decision(changes=(payment,), effects=(_to_the_cashier(orders, payment),))
    announced = Publish(PaymentPlaced(terms=terms(payment, request)), subject=payment.payment_id)
    return Decision(changes=(payment,), effects=(announced,))


def refused(merchant: MerchantProfile | None, request: PaymentRequest) -> Refusal | None:
    """Why this merchant can't place this order at all; nothing is stored then."""
    if merchant is None:
        return Refusal(code="unknown_merchant", reason="No such merchant.", param="merchant_no")
    if merchant.status != "active":
        return Refusal(code="merchant_suspended", reason="The merchant is suspended.")
    if request.pay_type == "cashier":
        return _nothing_to_choose() if merchant.rates_ppm.keys().isdisjoint(CHOICES) else None
    if request.pay_type not in merchant.rates_ppm:
        reason = f"{request.pay_type} is not enabled for this merchant."
        return Refusal(code="pay_type_not_enabled", reason=reason, param="pay_type")
    return incomplete(request)


def _nothing_to_choose() -> Refusal:
    reason = "Nothing that can be paid on a web page is enabled for this merchant."
    return Refusal(code="pay_type_not_enabled", reason=reason, param="pay_type")


def incomplete(request: PaymentRequest) -> Refusal | None:
    """Which field the product can't do without and the request does not have."""
    if request.pay_type == "cashier":
        return None
    missing = (n for n in PRODUCTS[request.pay_type].needs if getattr(request, n) is None)
    field = next(missing, None)
    if field is None:
        return None
    reason = f"{request.pay_type} needs {field}."
    return Refusal(code="missing_field", reason=reason, param=field)


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


def _to_the_cashier(orders: Orders, payment: Payment) -> Reply:
    """The first answer where the payer chooses: the page on which they do, whatever came since."""
    assert orders.links is not None
    placed = replace(
        payment,
        state=PaymentState.PLACED,
        pay_type="cashier",
        offer=None,
        channel_no=None,
        channel_trade_no=None,
        paid_at=None,
        fee_fen=None,
        failure=None,
        refunded_fen=0,
        is_late=False,
        closed_at=None,
        close_reason=None,
    )
    url = orders.links.order_url(payment.payment_id)
    answer = PaymentAnswered(payment=replace(view(placed), cashier_url=url))
    return Reply(answer, subject=payment.payment_id)


def _repeat(orders: Orders, known: Payment, request: PaymentRequest) -> Decision:
    if known.digest != content_digest(request):
        refusal = Refusal(
            code="order_no_conflict",
            reason="This order number was used for an order with other content.",
            param="merchant_order_no",
        )
        return Decision(effects=(Reply(PaymentAnswered(refusal=refusal)),))
    if known.rounds is not None:
        return Decision(effects=(_to_the_cashier(orders, known),))
    return Decision(effects=(Reply(PaymentAnswered(payment=first_answer(known))),))


def _placed(merchant: MerchantProfile, request: PaymentRequest, now: datetime) -> Payment:
    merchant_no = merchant.merchant_no
    expires_at = now + timedelta(seconds=request.expires_in_s)
    payer_chooses = request.pay_type == "cashier"
    return Payment(
        payment_id=ids.payment_id(merchant_no, request.merchant_order_no, now),
        merchant_no=merchant_no,
        merchant_order_no=request.merchant_order_no,
        state=PaymentState.PLACED if payer_chooses else PaymentState.SCREENING,
        amount_fen=request.amount_fen,
        currency=request.currency,
        pay_type=request.pay_type,
        subject=request.subject,
        metadata=request.metadata,
        notify_url=request.notify_url or merchant.notify_url,
        client_ip=request.client_ip,
        payer_id=request.payer_id,
        digest=content_digest(request),
        fee_rate_ppm=0 if request.pay_type == "cashier" else merchant.rates_ppm[request.pay_type],
        created_at=now,
        expires_at=expires_at,
        answered_at=now if payer_chooses else None,
        updated_at=now,
        late_payment=merchant.late_payment,
        close_at=expires_at,
        rounds=() if payer_chooses else None,
        return_url=request.return_url if payer_chooses else None,
    )
