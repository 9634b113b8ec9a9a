"""The JSON documents of Alipay's calls about payments, and what all answers share.

Reading is strict about the kinds of fields that we rely on and tolerant of all others, for the
platform adds fields without notice. Amounts are texts in yuan, times are wall clock in China:
`texts` reads both. Source: opendocs.alipay.com, alipay.trade.precreate, .page.pay, .wap.pay,
.app.pay, .create, .pay, .query, .close and .cancel,
alipay.data.dataservice.bill.downloadurl.query.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

Number = Annotated[str, Meta(min_length=1, max_length=64)]
OutTradeNo = Annotated[str, Meta(pattern=r"^[0-9A-Za-z_\-]{1,64}\Z")]
Yuan = Annotated[str, Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,2})?\Z")]
Subject = Annotated[str, Meta(min_length=1, max_length=256)]


class Words(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every answer says first."""

    code: str = ""
    msg: str = ""
    sub_code: str = ""
    sub_msg: str = ""


class ExtendParams(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What else is to be known of an order."""

    sys_service_provider_id: str = ""
    royalty_freeze: str = ""
    """`true`: the money is held so that it can be shared."""
    royalty_finish: str = ""
    """`true`: the last share of this trade."""


class OrderDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a payer is to be asked for, however they are asked."""

    out_trade_no: OutTradeNo
    total_amount: Yuan
    subject: Subject
    product_code: str = ""
    body: str = ""
    seller_id: str = ""
    time_expire: str = ""
    timeout_express: str = ""
    passback_params: str = ""
    store_id: str = ""
    buyer_id: str = ""
    buyer_open_id: str = ""
    op_app_id: str = ""
    scene: str = ""
    auth_code: str = ""
    quit_url: str = ""
    extend_params: ExtendParams | None = None


class TradeNumbers(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One trade, by either number: what query, close and cancel ask with."""

    out_trade_no: str = ""
    trade_no: str = ""


class PrecreateAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The code that the payer scans."""

    out_trade_no: Number
    qr_code: Annotated[str, Meta(min_length=1, max_length=1024)]


class CreateAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The platform's number of a trade that waits for its payer."""

    out_trade_no: Number
    trade_no: Number


class TradeAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A trade as pay and query answer it."""

    trade_no: str = ""
    out_trade_no: str = ""
    trade_status: str = ""
    """Only in a query's answer."""
    total_amount: str = ""
    receipt_amount: str = ""
    buyer_pay_amount: str = ""
    buyer_logon_id: str = ""
    buyer_user_id: str = ""
    buyer_open_id: str = ""
    gmt_payment: str = ""
    """When it was paid, in the answer of pay."""
    send_pay_date: str = ""
    """The same in the answer of a query."""


class ClosedAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A close, done; a cancel, if `retry_flag` is N."""

    trade_no: str = ""
    out_trade_no: str = ""
    retry_flag: str = ""
    action: str = ""
    """What a cancel did: `close` a trade that waited, or `refund` one that was paid."""


class BillDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which bill is wanted: `trade` or `signcustomer`, of a day or a month."""

    bill_type: str
    bill_date: Annotated[str, Meta(pattern=r"^\d{4}-\d\d(-\d\d)?\Z")]


class BillPlaceDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where it can be fetched, for about half a minute."""

    bill_download_url: Annotated[str, Meta(min_length=1, max_length=4096)]


WORDS = msgspec.json.Decoder(Words)
ORDER = msgspec.json.Decoder(OrderDocument)
NUMBERS = msgspec.json.Decoder(TradeNumbers)
PRECREATED = msgspec.json.Decoder(PrecreateAnswer)
CREATED = msgspec.json.Decoder(CreateAnswer)
TRADE = msgspec.json.Decoder(TradeAnswer)
CLOSED = msgspec.json.Decoder(ClosedAnswer)
BILL = msgspec.json.Decoder(BillDocument)
BILL_PLACE = msgspec.json.Decoder(BillPlaceDocument)
SIGNATURE = msgspec.json.Decoder(str)

_encoder = msgspec.json.Encoder()


def written(document: Struct) -> bytes:
    """The bytes of a document; what is signed is these bytes and no others."""
    return _encoder.encode(document)
