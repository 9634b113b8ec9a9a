"""Wishes: what we may want of any channel, in our own words."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from msgspec import Struct

from schema.products import PayType


class Order(Struct, frozen=True, kw_only=True):
    """What a payer is to be asked for, under a number of ours."""

    number: str
    """The attempt's id: 26 characters of a-z and 0-9."""
    pay_type: PayType
    subject: str
    amount_fen: int
    currency: str = "CNY"
    opened_at: datetime
    expires_at: datetime
    client_ip: str = ""
    payer_id: str = ""
    """The payer as the channel knows them (openid, buyer id): needed by JSAPI and mini program."""
    auth_code: str = ""
    """What the payer showed at the till 付款码: needed by barcode payments."""
    return_url: str = ""
    """Where the payer's browser goes afterwards (page, WAP, H5)."""
    shares_profit: bool = False
    """Part of the money will be shared 分账, so the channel must hold it until then."""


class Refund(Struct, frozen=True, kw_only=True):
    """Part of a paid order, or all of it, goes back. Repeating it under its number is safe."""

    number: str
    order_number: str
    channel_payment_id: str
    refund_fen: int
    paid_fen: int
    currency: str = "CNY"
    reason: str = ""
    opened_at: datetime
    order_opened_at: datetime


class Payee(Struct, frozen=True, kw_only=True):
    """Who gets a transfer. `name` is checked by the channel where it is given."""

    kind: Literal["wechat_openid", "alipay_user_id", "alipay_login", "bank_card", "merchant"]
    account: str
    name: str = ""
    bank_code: str = ""
    bank_name: str = ""
    is_company: bool = False


class Transfer(Struct, frozen=True, kw_only=True):
    """Money of ours goes to a payee. Repeating it under its number is safe."""

    number: str
    payee: Payee
    amount_fen: int
    currency: str = "CNY"
    title: str
    remark: str = ""
    opened_at: datetime


class Part(Struct, frozen=True, kw_only=True):
    """One receiver's part of a profit share."""

    payee: Payee
    amount_fen: int
    description: str


class Share(Struct, frozen=True, kw_only=True):
    """Parts of a paid order go to others 分账; `is_last` gives the merchant what is left."""

    number: str
    order_number: str
    channel_payment_id: str
    parts: tuple[Part, ...]
    is_last: bool
    opened_at: datetime


class BillWish(Struct, frozen=True, kw_only=True):
    """One day's bill 对账单: what was traded, or how the channel moved our money."""

    day: date
    kind: Literal["trades", "funds"] = "trades"
