"""The platform's side of the UnionPay cloud pass, which the simulator speaks.

It believes a call by its signature, signs every answer (refusals too) and every notice, and names
in each whose and which order it is about.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal, TypeVar

import msgspec
from msgspec import Struct

from schema.channels.http import HttpAnswer, ProtocolError
from schema.channels.unionpay.account import UnionpaySimulatorKeys
from schema.channels.unionpay.documents import (
    CURRENCY,
    ORDER_TYPE,
    fen,
    time_of,
    time_text,
)
from schema.channels.unionpay.signing import Fields, is_signed_by, signed, written

JSON = {"Content-Type": "application/json; charset=UTF-8"}

T = TypeVar("T")

OrderState = Literal["paid", "refunded", "unpaid", "closed", "reversed", "paying", "failed"]
STATE_CODES: dict[OrderState, tuple[str, str]] = {
    "paid":     ("00", "支付成功"),
    "refunded": ("01", "转入退款"),
    "unpaid":   ("02", "未支付"),
    "closed":   ("03", "已关闭"),
    "reversed": ("04", "已撤销"),
    "paying":   ("05", "用户支付中"),
    "failed":   ("06", "支付失败"),
}  # fmt: skip

RefundState = Literal["done", "failed", "working"]
REFUND_CODES: dict[RefundState, tuple[str, str]] = {
    "done":    ("00", "退款成功"),
    "failed":  ("01", "退款失败"),
    "working": ("02", "退款中"),
}  # fmt: skip


class CallRefused(Struct, frozen=True, kw_only=True):
    """Why the platform does not do what is asked."""

    code: str
    message: str


class OrderCall(Struct, frozen=True, kw_only=True):
    """What `unifiedorder` or `micropay` asks for."""

    kind: Literal["code", "script", "till"]
    number: str
    opened_at: datetime
    amount_fen: int
    subject: str
    notify_url: str
    return_url: str = ""
    user_id: str = ""
    auth_code: str = ""


class Named(Struct, frozen=True, kw_only=True):
    """Which order `queryOrder` and `closeOrder` mean."""

    number: str
    opened_at: datetime


class RefundCall(Struct, frozen=True, kw_only=True):
    """What `refund` asks for."""

    number: str
    order_number: str
    refund_fen: int
    paid_fen: int
    opened_at: datetime


class OrderStands(Struct, frozen=True, kw_only=True):
    """An order as the platform tells of it."""

    number: str
    opened_at: datetime
    amount_fen: int
    state: OrderState
    currency_code: str = CURRENCY
    trans_index: str = ""
    paid_at: datetime | None = None
    payer: str = ""


class RefundStands(Struct, frozen=True, kw_only=True):
    """A refund as the platform tells of it."""

    number: str
    order_number: str
    refund_fen: int
    state: RefundState
    trans_index: str = ""
    finished_at: datetime | None = None


def call_fault(keys: UnionpaySimulatorKeys, fields: Fields) -> CallRefused | None:
    """Why this call is not proven to be the service provider's for this merchant."""
    account = keys.account
    if (fields.get("serProvId"), fields.get("merId")) != (account.ser_prov_id, account.mer_id):
        return CallRefused(code="31", message="商户状态不正确")
    if not is_signed_by(keys.peer_key, fields):
        return CallRefused(code="11", message="验证签名失败")
    return None


def read_order(
    call: Literal["unifiedorder", "micropay"], fields: Fields
) -> OrderCall | CallRefused:
    """The new order, or what is wrong with it."""
    needed = ("orderNo", "orderTime", "txnAmt", "orderInfo", "orderType", "termInfo", "backUrl")
    needed += ("authCode", "termId") if call == "micropay" else ()
    if missing := _missing(fields, needed):
        return missing
    kind = "till" if call == "micropay" else _kind(fields)
    if kind is None or fields.get("currencyCode", CURRENCY) != CURRENCY:
        return CallRefused(code="10", message="报文格式错误")
    return _checked(lambda: _order(kind, fields))


def read_named(fields: Fields) -> Named | CallRefused:
    """The order that is meant, or what is wrong with its name."""
    if missing := _missing(fields, ("orderNo", "orderTime", "orderType")):
        return missing
    return _checked(lambda: _named(fields))


def read_refund(fields: Fields) -> RefundCall | CallRefused:
    """The refund that is asked for, or what is wrong with it."""
    needed = ("orderNo", "orderTime", "origOrderNo", "origTxnAmt", "txnAmt", "orderType")
    if missing := _missing(fields, needed):
        return missing
    return _checked(lambda: _refund(fields))


def answer(keys: UnionpaySimulatorKeys, fields: Fields) -> HttpAnswer:
    """An answer with its signature; `fields` begin with those of `done` or `refused`."""
    account = keys.account
    whose = {"serProvId": account.ser_prov_id, "merId": account.mer_id}
    body = written(signed(keys.private_key, whose | fields))
    return HttpAnswer(status=200, headers=JSON, body=body)


def refused(why: CallRefused, number: str = "") -> Fields:
    """The words of a refusal."""
    return {"respCode": why.code, "respMsg": why.message, "orderNo": number}


def done(number: str) -> Fields:
    """The words that begin every answer to a call that was carried out."""
    return {"respCode": "00", "respMsg": "成功", "orderNo": number}


def code_offer(url: str) -> Fields:
    """What the payer scans."""
    return {"qrCode": url}


def script_offer(url: str) -> Fields:
    """What the page inside the wallet opens."""
    return {"payData": msgspec.json.encode({"redirectUrl": url}).decode()}


def order_words(order: OrderStands) -> Fields:
    """How an order stands: in the answer to a query, and in a notice."""
    code, message = STATE_CODES[order.state]
    return {
        "orderNo": order.number,
        "orderTime": time_text(order.opened_at),
        "txnAmt": str(order.amount_fen),
        "currencyCode": order.currency_code,
        "origRespCode": code,
        "origRespMsg": message,
        "transIndex": order.trans_index,
        "payTime": time_text(order.paid_at) if order.paid_at else "",
        "payerInfo": order.payer,
    }


def refund_words(refund: RefundStands) -> Fields:
    """How a refund stands."""
    code, message = REFUND_CODES[refund.state]
    return {
        "orderNo": refund.number,
        "origOrderNo": refund.order_number,
        "txnAmt": str(refund.refund_fen),
        "origRespCode": code,
        "origRespMsg": message,
        "transIndex": refund.trans_index,
        "payTime": time_text(refund.finished_at) if refund.finished_at else "",
    }


def notice(keys: UnionpaySimulatorKeys, order: OrderStands) -> tuple[dict[str, str], bytes]:
    """Headers and body of the notice that a payer has paid; the same bytes with every retry."""
    sent = answer(keys, order_words(order))
    return dict(sent.headers), sent.body


def _missing(fields: Fields, needed: tuple[str, ...]) -> CallRefused | None:
    absent = [name for name in needed if not fields.get(name)]
    return CallRefused(code="13", message=f"报文要素缺失: {', '.join(absent)}") if absent else None


def _kind(fields: Fields) -> Literal["code", "script"] | None:
    if fields["orderType"] == "upJs":
        return "script" if fields.get("userId") else None
    return "code" if fields["orderType"] == ORDER_TYPE else None


def _order(kind: Literal["code", "script", "till"], fields: Fields) -> OrderCall:
    return OrderCall(
        kind=kind,
        number=fields["orderNo"],
        opened_at=time_of(fields["orderTime"]),
        amount_fen=fen(fields["txnAmt"]),
        subject=fields["orderInfo"],
        notify_url=fields["backUrl"],
        return_url=fields.get("frontUrl", ""),
        user_id=fields.get("userId", ""),
        auth_code=fields.get("authCode", ""),
    )


def _named(fields: Fields) -> Named:
    return Named(number=fields["orderNo"], opened_at=time_of(fields["orderTime"]))


def _refund(fields: Fields) -> RefundCall:
    return RefundCall(
        number=fields["orderNo"],
        order_number=fields["origOrderNo"],
        refund_fen=fen(fields["txnAmt"]),
        paid_fen=fen(fields["origTxnAmt"]),
        opened_at=time_of(fields["orderTime"]),
    )


def _checked(build: Callable[[], T]) -> T | CallRefused:
    try:
        return build()
    except ProtocolError as error:
        return CallRefused(code="10", message=f"报文格式错误: {error}")
