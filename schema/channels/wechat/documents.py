"""The JSON documents of WeChat Pay API v3 about payments, and those that all calls share.

Reading is strict about the fields that we rely on and tolerant of all others, for the platform adds
fields without notice. Optional means optional there: an unpaid order has no transaction id.
A direct merchant has `mchid` and `appid`; a service provider 服务商 has `sp_…` and `sub_…` instead.
Source: pay.weixin.qq.com, merchant and partner documents v3: create, query, notice.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from schema.events import Moment
from schema.money import AmountFen

CHINA = timezone(timedelta(hours=8))
"""Their documents show every time with +08:00."""

Number = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z_\-]+\Z")]
OutTradeNo = Annotated[str, Meta(pattern=r"^[0-9A-Za-z_\-|*]{6,32}\Z")]
OutNo = Annotated[str, Meta(pattern=r"^[0-9A-Za-z_\-|*@]{1,64}\Z")]
NotifyUrl = Annotated[str, Meta(max_length=255, pattern=r"^https?://[^?#\s]+\Z")]
Text = Annotated[str, Meta(min_length=1, max_length=128)]


class Amount(Struct, frozen=True, kw_only=True):
    """What the payer is asked for."""

    total: AmountFen
    currency: Literal["CNY"] = "CNY"


class PayerDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who is to pay: known by an app, or by the code that they show."""

    openid: str = ""
    sp_openid: str = ""
    sub_openid: str = ""
    auth_code: str = ""


class H5Scene(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which kind of page the payer comes from."""

    type: Text
    app_name: str = ""
    app_url: str = ""


class StoreScene(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The shop where the code was shown."""

    id: str = ""
    out_id: str = ""


class SceneDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the payer is."""

    payer_client_ip: str = ""
    device_id: str = ""
    h5_info: H5Scene | None = None
    store_info: StoreScene | None = None


class SettleDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether the money is held so that it can be shared."""

    profit_sharing: bool = False


class OrderDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of `POST /v3/pay/transactions/{kind}`; whose order it is depends on the mode."""

    appid: str = ""
    mchid: str = ""
    sp_appid: str = ""
    sp_mchid: str = ""
    sub_appid: str = ""
    sub_mchid: str = ""
    description: Annotated[str, Meta(min_length=1, max_length=127)]
    out_trade_no: OutTradeNo
    amount: Amount
    notify_url: NotifyUrl | None = None
    time_expire: Moment | None = None
    attach: Annotated[str, Meta(max_length=128)] = ""
    payer: PayerDocument | None = None
    scene_info: SceneDocument | None = None
    settle_info: SettleDocument | None = None


class Prepared(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a create call answers: one of the three, by the kind of payment."""

    code_url: Annotated[str, Meta(max_length=512)] = ""
    prepay_id: Annotated[str, Meta(max_length=64)] = ""
    h5_url: Annotated[str, Meta(max_length=512)] = ""


class WhoseDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of close and reverse: whose order it is."""

    appid: str = ""
    mchid: str = ""
    sp_appid: str = ""
    sp_mchid: str = ""
    sub_appid: str = ""
    sub_mchid: str = ""
    out_trade_no: str = ""
    """Only in the answer of a reverse."""


class Payer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who paid, as each app knows them."""

    openid: str = ""
    sp_openid: str = ""
    sub_openid: str = ""


class TransactionAmount(Struct, frozen=True, kw_only=True):
    """What was asked for, and what the payer gave after coupons."""

    total: AmountFen
    payer_total: int | None = None
    currency: str = "CNY"
    payer_currency: str = "CNY"


class Transaction(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order as the query answers it and as a payment notice carries it."""

    appid: str = ""
    mchid: str = ""
    sp_appid: str = ""
    sp_mchid: str = ""
    sub_appid: str = ""
    sub_mchid: str = ""
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
    """The body of every answer from 400 up, and of a 202 while the payer types a password."""

    code: str
    message: str = ""
    detail: ErrorDetail | None = None


class ErrorWords(Struct, frozen=True, kw_only=True):
    """What we read of an error: an odd `detail` must not cost us the code."""

    code: str = ""
    message: str = ""


class EncryptedCertificate(Struct, frozen=True, kw_only=True):
    """A certificate, sealed with the API v3 key."""

    algorithm: str
    nonce: str
    associated_data: str
    ciphertext: str


class CertificateEntry(Struct, frozen=True, kw_only=True):
    """One of the platform's certificates and when it holds."""

    serial_no: str
    effective_time: Moment
    expire_time: Moment
    encrypt_certificate: EncryptedCertificate


class CertificateList(Struct, frozen=True, kw_only=True):
    """The answer of `GET /v3/certificates`."""

    data: Annotated[list[CertificateEntry], Meta(max_length=100)]


class BillPlaceDocument(Struct, frozen=True, kw_only=True):
    """Where a bill can be fetched within five minutes; the hash is that of the unpacked content."""

    hash_type: str
    hash_value: str
    download_url: Annotated[str, Meta(max_length=2048)]


ANYTHING = msgspec.json.Decoder(object)
ORDER = msgspec.json.Decoder(OrderDocument)
WHOSE = msgspec.json.Decoder(WhoseDocument)
PREPARED = msgspec.json.Decoder(Prepared)
TRANSACTION = msgspec.json.Decoder(Transaction)
NOTICE = msgspec.json.Decoder(Notice)
ERROR = msgspec.json.Decoder(ErrorWords)
CERTIFICATES = msgspec.json.Decoder(CertificateList)
BILL_PLACE = msgspec.json.Decoder(BillPlaceDocument)

_encoder = msgspec.json.Encoder()


def written(document: Struct) -> bytes:
    """The bytes of a document; what is signed is these bytes and no others."""
    return _encoder.encode(document)


def china_time(moment: datetime) -> datetime:
    """The same instant as their documents write it: whole seconds, +08:00."""
    return moment.astimezone(CHINA).replace(microsecond=0)
