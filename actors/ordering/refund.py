"""A refund as ordering keeps it, and as others may see it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec import UNSET, Struct

from bus.books import Book
from schema.bookings import FundsFlow
from schema.money import Currency
from schema.payments import Refusal
from schema.products import PayType
from schema.refunds import RefundKind, RefundState, RefundTerms, RefundView


class Refund(Struct, frozen=True, kw_only=True):
    """One refund and how it stands; field names are the columns of `ordering.refund`."""

    refund_id: str
    merchant_no: str
    merchant_refund_no: str
    """The merchant's own number, or that of an automatic refund."""
    kind: RefundKind
    payment_id: str
    merchant_order_no: str
    state: RefundState
    amount_fen: int
    currency: Currency
    reason: str | None
    metadata: dict[str, str]
    notify_url: str | None
    digest: str
    """Of the request's content, in hex: a repeat must match it."""
    attempt_id: str
    channel_no: str
    channel_trade_no: str
    funds_flow: FundsFlow
    pay_type: PayType
    paid_fen: int
    paid_at: datetime
    tries: int = 0
    """How often the books could not set the money aside."""
    channel_refund_no: str | None = None
    failure: Refusal | None = None
    created_at: datetime
    refunded_at: datetime | None = None
    updated_at: datetime

    @property
    def is_of_the_payment(self) -> bool:
        """Whether it takes from the payment's amount; money that came twice never was in it."""
        return self.kind != "duplicate"


class Refunds(Book[str, Refund]):
    """Refunds by id and by the merchant's own number."""

    def __init__(self, refunds: Iterable[Refund] = ()) -> None:
        super().__init__(refunds, key=lambda refund: refund.refund_id)
        self._by_number = {(r.merchant_no, r.merchant_refund_no): r.refund_id for r in self}

    def put(self, row: Refund) -> None:
        super().put(row)
        self._by_number[row.merchant_no, row.merchant_refund_no] = row.refund_id

    def numbered(self, merchant_no: str, merchant_refund_no: str) -> Refund | None:
        """The refund under this merchant's refund number."""
        return self.get(self._by_number.get((merchant_no, merchant_refund_no), ""))


def automatic_number(kind: RefundKind, attempt_id: str) -> str:
    """The number of a refund that nobody wishes: no merchant can use it, and there is only one."""
    return f"{kind}:{attempt_id}"


def refund_terms(refund: Refund) -> RefundTerms:
    """What the rooms along the way need to know."""
    return RefundTerms(
        refund_id=refund.refund_id,
        kind=refund.kind,
        payment_id=refund.payment_id,
        attempt_id=refund.attempt_id,
        merchant_no=refund.merchant_no,
        channel_no=refund.channel_no,
        channel_trade_no=refund.channel_trade_no,
        funds_flow=refund.funds_flow,
        pay_type=refund.pay_type,
        refund_fen=refund.amount_fen,
        paid_fen=refund.paid_fen,
        currency=refund.currency,
        reason=refund.reason,
        opened_at=refund.created_at,
        paid_at=refund.paid_at,
    )


def refund_view(refund: Refund) -> RefundView:
    """The refund as its merchant may see it now."""
    return RefundView(
        id=refund.refund_id,
        merchant_no=refund.merchant_no,
        merchant_refund_no=refund.merchant_refund_no if refund.kind == "merchant" else UNSET,
        payment_id=refund.payment_id,
        merchant_order_no=refund.merchant_order_no,
        kind=refund.kind,
        state=refund.state,
        amount_fen=refund.amount_fen,
        currency=refund.currency,
        metadata=refund.metadata,
        created_at=refund.created_at,
        reason=refund.reason or UNSET,
        channel_refund_no=refund.channel_refund_no or UNSET,
        refunded_at=refund.refunded_at or UNSET,
        failure=refund.failure or UNSET,
    )
