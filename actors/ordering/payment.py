"""A payment as ordering keeps it, and as others may see it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

from msgspec import UNSET, Struct
from msgspec.structs import replace

from actors.ordering.refund import Refund, Refunds
from bus.books import Book
from schema.cashier import Links
from schema.channels.offers import Offer
from schema.money import Currency
from schema.payments import (
    CloseReason,
    PaymentRequest,
    PaymentState,
    PaymentTerms,
    PaymentView,
    Refusal,
    RiskDecision,
    RoutingDecision,
)
from schema.products import PayType, PayWay
from schema.profiles import MerchantProfile


class Decisions(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The decision records that came with the payment's answer."""

    risk: RiskDecision | None = None
    routing: RoutingDecision | None = None


Stage = Literal["waiting", "asked", "closing", "ended"]
"""Of a round: the one before it is being closed; it is under way; nobody shall pay it any more;
nobody can."""


class Round(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One choice of the payer."""

    pay_type: PayType
    fee_rate_ppm: int
    """Of the moment of the choice."""
    client_ip: str | None = None
    return_url: str | None = None
    stage: Stage = "waiting"


class Payment(Struct, frozen=True, kw_only=True):
    """One order and how its payment stands; field names are the columns of `ordering.payment`."""

    payment_id: str
    merchant_no: str
    merchant_order_no: str
    state: PaymentState
    amount_fen: int
    currency: Currency
    pay_type: PayWay
    subject: str
    metadata: dict[str, str]
    notify_url: str | None
    client_ip: str | None
    payer_id: str | None
    digest: str
    """Of the request's content, in hex: a repeat must match it."""
    fee_rate_ppm: int
    fee_fen: int | None = None
    offer: Offer | None = None
    channel_no: str | None = None
    channel_trade_no: str | None = None
    funds_flow: str | None = None
    failure: Refusal | None = None
    decisions: Decisions | None = None
    created_at: datetime
    expires_at: datetime
    answered_at: datetime | None = None
    paid_at: datetime | None = None
    updated_at: datetime
    cost_fen: int | None = None
    attempt_id: str | None = None
    """Our number at the channel of what was paid."""
    late_payment: Literal["refund", "reopen"] = "refund"
    """The merchant's policy when the order was placed."""
    is_late: bool = False
    refunding_fen: int = 0
    """Reserved by refunds that have not ended."""
    refunded_fen: int = 0
    close_at: datetime | None = None
    """When to see to its end; None: never again."""
    close_reason: CloseReason | None = None
    closed_at: datetime | None = None
    rounds: tuple[Round, ...] | None = None
    """What the payer chose; None where the merchant did."""
    return_url: str | None = None
    """Where the merchant wants the payer's browser, of such an order."""

    @property
    def left_fen(self) -> int:
        """What may still be refunded."""
        return self.amount_fen - self.refunded_fen - self.refunding_fen


class Orders(Book[str, Payment]):
    """Payments by id and by the merchant's own number, with their refunds and the merchants."""

    def __init__(
        self,
        payments: Iterable[Payment] = (),
        merchants: Mapping[str, MerchantProfile] = {},
        refunds: Iterable[Refund] = (),
        links: Links | None = None,
    ) -> None:
        super().__init__(payments, key=lambda payment: payment.payment_id)
        self.merchants = merchants
        self.links = links
        self.refunds = Refunds(refunds)
        self._by_number = {(p.merchant_no, p.merchant_order_no): p.payment_id for p in self}

    def put(self, row: Payment | Refund) -> None:
        if isinstance(row, Refund):
            self.refunds.put(row)
            return
        super().put(row)
        self._by_number[row.merchant_no, row.merchant_order_no] = row.payment_id

    def numbered(self, merchant_no: str, merchant_order_no: str) -> Payment | None:
        """The payment under this merchant's order number."""
        return self.get(self._by_number.get((merchant_no, merchant_order_no), ""))


def terms(payment: Payment, request: PaymentRequest | None = None) -> PaymentTerms:
    """What the rooms along the way need to know; some of it is only in the request."""
    assert payment.pay_type != "cashier", "nobody is asked before the payer has chosen"
    return PaymentTerms(
        payment_id=payment.payment_id,
        merchant_no=payment.merchant_no,
        amount_fen=payment.amount_fen,
        currency=payment.currency,
        pay_type=payment.pay_type,
        subject=payment.subject,
        expires_at=payment.expires_at,
        client_ip=payment.client_ip,
        payer_id=payment.payer_id,
        auth_code=request.auth_code if request else None,
        return_url=request.return_url if request else None,
        metadata=payment.metadata,
    )


def view(payment: Payment) -> PaymentView:
    """The payment as its merchant may see it now."""
    return PaymentView(
        id=payment.payment_id,
        merchant_no=payment.merchant_no,
        merchant_order_no=payment.merchant_order_no,
        state=payment.state,
        amount_fen=payment.amount_fen,
        currency=payment.currency,
        pay_type=payment.pay_type,
        subject=payment.subject,
        metadata=payment.metadata,
        created_at=payment.created_at,
        expires_at=payment.expires_at,
        pay=payment.offer or UNSET,
        channel_no=payment.channel_no or UNSET,
        channel_trade_no=payment.channel_trade_no or UNSET,
        paid_at=payment.paid_at or UNSET,
        fee_fen=UNSET if payment.fee_fen is None else payment.fee_fen,
        refunded_fen=payment.refunded_fen or UNSET,
        is_late=payment.is_late or UNSET,
        closed_at=payment.closed_at or UNSET,
        close_reason=payment.close_reason or UNSET,
        failure=payment.failure or UNSET,
    )


def first_answer(payment: Payment) -> PaymentView:
    """What the first POST was told (or would be told now, if it has no answer yet).

    The first answer is how the payer can pay, or the reason why there is none. What came later,
    such as the money, is asked for with GET. Only a failure that money has overtaken is not said
    again: it would be a lie by then. Who chooses how to pay is told how the order stands.
    """
    if payment.rounds is not None or payment.answered_at is None or payment.offer is None:
        return view(payment)
    return view(
        replace(
            payment,
            state=PaymentState.PENDING,
            channel_trade_no=None,
            paid_at=None,
            fee_fen=None,
            failure=None,
            refunded_fen=0,
            is_late=False,
            closed_at=None,
            close_reason=None,
        )
    )
