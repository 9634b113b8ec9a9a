"""The words of a refund 退款 that several rooms and doors share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from schema.bookings import FundsFlow
from schema.events import Moment
from schema.messages.contract import Part
from schema.money import AmountFen, Currency
from schema.payments import Refusal
from schema.products import PayType
from schema.text import (
    PRINTABLE,
    ChannelNo,
    MerchantNo,
    MerchantOrderNo,
    Metadata,
    PaymentId,
    RefundId,
    WebUrl,
)

REFUND_DAYS_MAX = 365
"""Channels give money back for a year (WeChat Pay, refund document; Alipay by contract)."""

RefundReason = Annotated[
    str, Meta(min_length=1, max_length=80, pattern=PRINTABLE, description="Shown to the payer.")
]

RefundKind = Literal[
    "merchant",  # the merchant wishes it
    "late",  # the payment had ended when the money came
    "duplicate",  # the payer has paid the same order twice
]


class RefundState(StrEnum):
    """Where a refund stands; the table of moves is in `actors/ordering/states.py`."""

    RESERVED = "reserved"  # of the payment's amount, under its lock; the books are asked
    QUEUED = "queued"  # the merchant's balance does not suffice yet
    ASKED = "asked"  # the money is set aside, the channel is asked
    PENDING = "pending"  # the channel works on it
    UNKNOWN = "unknown"  # nobody can say whether the channel took it
    ABNORMAL = "abnormal"  # it left the merchant and did not reach the payer: a person must see
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class RefundRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a merchant asks for; the content that a repeat is compared with."""

    merchant_refund_no: MerchantOrderNo
    payment_id: PaymentId | None = None
    """Either this, or the merchant's own number of the order."""
    merchant_order_no: MerchantOrderNo | None = None
    amount_fen: AmountFen | None = None
    """None: all that is left of it."""
    reason: RefundReason | None = None
    notify_url: WebUrl | None = None
    metadata: Metadata = {}


class RefundView(Struct, frozen=True, kw_only=True):
    """A refund as merchants see it, in HTTP answers, replies and webhooks alike."""

    id: RefundId
    merchant_no: MerchantNo
    merchant_refund_no: MerchantOrderNo | UnsetType = UNSET
    """Unset where the refund came by itself."""
    payment_id: PaymentId
    merchant_order_no: MerchantOrderNo
    kind: RefundKind
    state: RefundState
    amount_fen: AmountFen
    currency: Currency
    metadata: Metadata
    created_at: Moment
    reason: str | UnsetType = UNSET
    channel_refund_no: str | UnsetType = UNSET
    refunded_at: Moment | UnsetType = UNSET
    failure: Refusal | UnsetType = UNSET


class RefundTerms(Part, frozen=True, kw_only=True):
    """What the rooms along the way need to know of a refund; it travels with it unchanged."""

    refund_id: RefundId
    kind: RefundKind
    payment_id: PaymentId
    attempt_id: str
    """Our number at the channel of what was paid."""
    merchant_no: MerchantNo
    channel_no: ChannelNo
    channel_trade_no: str
    funds_flow: FundsFlow
    pay_type: PayType
    refund_fen: AmountFen
    paid_fen: AmountFen
    currency: Currency
    reason: str | None = None
    opened_at: Moment
    paid_at: Moment
