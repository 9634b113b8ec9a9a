"""The JSON documents of WeChat Pay API v3, as they lie on the wire.

Reading is strict about the fields that we rely on and tolerant of all others, for the platform adds
fields without notice. Optional means optional there: an unpaid order has no transaction id.
Source: pay.weixin.qq.com, merchant documents v3, Native payment: create, query, notice.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from schema.channels import ProtocolError
from schema.events import Moment
from schema.money import AmountFen

CHINA = timezone(timedelta(hours=8))
"""Their documents show every time with +08:00."""

Number = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[0-9A-Za-z_\-]+\Z")]
OutTradeNo = Annotated[str, Meta(pattern=r"^[0-9A-Za-z_\-|*]{6,32}\Z")]


class Amount(Struct, frozen=True, kw_only=True):
    """What the payer is asked for."""

    total: AmountFen
    currency: Literal["CNY"] = "CNY"


class NativeOrderDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of `POST /v3/pay/transactions/native`."""

    appid: Number
    mchid: Number
    description: Annotated[str, Meta(min_length=1, max_length=127)]
    out_trade_no: OutTradeNo
    notify_url: Annotated[str, Meta(max_length=255, pattern=r"^https?://[^?#\s]+\Z")]
    amount: Amount
    time_expire: Moment | None = None
    attach: Annotated[str, Meta(max_length=128)] = ""


class NativeAnswer(Struct, frozen=True, kw_only=True):
    """The code that the payer scans; it is good for two hours."""

    code_url: Annotated[str, Meta(min_length=1, max_length=512)]


class CloseDocument(Struct, frozen=True, kw_only=True):
    """The body of `POST …/out-trade-no/{out_trade_no}/close`."""

    mchid: Number


class Payer(Struct, frozen=True, kw_only=True):
    """Who paid, as this appid knows them."""

    openid: str = ""


class TransactionAmount(Struct, frozen=True, kw_only=True):
    """What was asked for, and what the payer gave after coupons."""

    total: AmountFen
    payer_total: int | None = None
    currency: str = "CNY"
    payer_currency: str = "CNY"


class Transaction(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order as the query answers it and as a payment notice carries it."""

    appid: str
    mchid: str
    out_trade_no: str
    trade_state: str
    trade_state_desc: str = ""
    transaction_id: Number | None = None
    trade_type: str | None = None
    bank_type: str | None = None
    attach: str | None = None
    success_time: Moment | None = None
    payer: Payer | None = None
    amount: TransactionAmount | None = None


class Resource(Struct, frozen=True, kw_only=True):
    """The sealed part of a notice."""

    algorithm: str
    ciphertext: str
    nonce: str
    associated_data: str = ""
    original_type: str = ""


class Notice(Struct, frozen=True, kw_only=True):
    """A callback. The same `id` comes again with every retry."""

    id: Annotated[str, Meta(min_length=1, max_length=64)]
    create_time: Moment
    event_type: str
    resource_type: str
    resource: Resource
    summary: str = ""


class ErrorDetail(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which part of a request is at fault; `field` is a JSON pointer."""

    field: str = ""
    issue: str = ""
    location: str = ""


class ErrorDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of every answer from 400 up."""

    code: str
    message: str = ""
    detail: ErrorDetail | None = None


class ErrorWords(Struct, frozen=True, kw_only=True):
    """What we read of an error: an odd `detail` must not cost us the code."""

    code: str
    message: str = ""


ANYTHING = msgspec.json.Decoder(object)
ORDER = msgspec.json.Decoder(NativeOrderDocument)
CLOSE = msgspec.json.Decoder(CloseDocument)
NATIVE_ANSWER = msgspec.json.Decoder(NativeAnswer)
TRANSACTION = msgspec.json.Decoder(Transaction)
NOTICE = msgspec.json.Decoder(Notice)
ERROR = msgspec.json.Decoder(ErrorWords)

T = TypeVar("T")
_encoder = msgspec.json.Encoder()


def read(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """The document in `body`. Whatever is wrong with those bytes, it is a ProtocolError."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(str(error)) from error
    except RecursionError as error:
        # msgspec's answer to `[[[[…`: the sender's doing, so it must not look like a bug of ours.
        raise ProtocolError("nested too deeply") from error


def written(document: Struct) -> bytes:
    """The bytes of a document; what is signed is these bytes and no others."""
    return _encoder.encode(document)


def china_time(moment: datetime) -> datetime:
    """The same instant as their documents write it: whole seconds, +08:00."""
    return moment.astimezone(CHINA).replace(microsecond=0)
