"""The JSON documents of the bank protocol (docs/bank_protocol.md), as they lie on the wire.

Strict about the fields that we rely on and tolerant of all others, so that the protocol can grow.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from schema.events import Moment
from schema.money import AmountFen

Number = Annotated[str, Meta(pattern=r"^[0-9A-Za-z_\-]{1,64}\Z")]
Text = Annotated[str, Meta(max_length=256)]
Url = Annotated[str, Meta(max_length=2048, pattern=r"^https?://[\x21-\x7e]+\Z")]
Fen = Annotated[int, Meta(ge=0)]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")]


class OrderAsk(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of `POST /bank/v1/orders`."""

    number: Number
    product: Literal["page", "balance"]
    subject: Annotated[str, Meta(min_length=1, max_length=256)]
    amount_fen: AmountFen
    currency: Currency
    expires_at: Moment
    notify_url: Url
    return_url: Url | None = None
    payer_account: Text = ""


class OrderDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order as every call about it answers, and as its notice carries it."""

    number: Number
    bank_number: Number
    product: str
    state: str
    amount_fen: AmountFen
    currency: Currency
    refunded_fen: Fen = 0
    pay_url: Url | None = None
    paid_at: Moment | None = None
    payer_account: Text = ""
    reason: str = ""
    message: str = ""


class RefundAsk(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of `POST /bank/v1/refunds`."""

    number: Number
    order_number: Number
    refund_fen: AmountFen
    currency: Currency
    notify_url: Url
    reason: Text = ""


class RefundDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A refund as every call about it answers, and as its notice carries it."""

    number: Number
    order_number: Number
    bank_number: Number
    state: str
    refund_fen: AmountFen
    currency: Currency
    finished_at: Moment | None = None
    received_by: Text = ""
    reason: str = ""
    message: str = ""


class PayeeWords(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whose account a transfer goes to."""

    account: Annotated[str, Meta(min_length=1, max_length=64)]
    name: Text = ""
    bank_code: Text = ""
    bank_name: Text = ""
    is_company: bool = False


class TransferAsk(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of `POST /bank/v1/transfers`."""

    number: Number
    payee: PayeeWords
    amount_fen: AmountFen
    currency: Currency
    title: Text
    notify_url: Url
    remark: Text = ""


class TransferDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A transfer as every call about it answers, and as its notice carries it."""

    number: Number
    bank_number: Number
    state: str
    amount_fen: AmountFen
    currency: Currency
    finished_at: Moment | None = None
    reason: str = ""
    message: str = ""


class BillDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a day's bill is, once it is written."""

    day: date
    kind: Literal["trades", "funds"]
    state: str
    url: Url | None = None
    sha256: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?\Z")] = ""


class NoticeDocument(Struct, frozen=True, kw_only=True):
    """A notice; its `id` comes again with every retry."""

    id: Number
    event: str
    created_at: Moment
    content: Raw


class ErrorDocument(Struct, frozen=True, kw_only=True):
    """The body of every answer from 400 up."""

    code: str
    message: str = ""


ORDER_ASK = msgspec.json.Decoder(OrderAsk)
REFUND_ASK = msgspec.json.Decoder(RefundAsk)
TRANSFER_ASK = msgspec.json.Decoder(TransferAsk)
ORDER = msgspec.json.Decoder(OrderDocument)
REFUND = msgspec.json.Decoder(RefundDocument)
TRANSFER = msgspec.json.Decoder(TransferDocument)
BILL = msgspec.json.Decoder(BillDocument)
NOTICE = msgspec.json.Decoder(NoticeDocument)
ERROR = msgspec.json.Decoder(ErrorDocument)

_encoder = msgspec.json.Encoder()


def written(document: Struct) -> bytes:
    """The bytes of a document; what is signed is these bytes and no others."""
    return _encoder.encode(document)
