"""What UnionPay's codes prove, as data to be reviewed; a code that is not here is unknown.

Four `respCode` are this product's own: 00 done, 02 the payer is paying, 12 that number was used
before, 99 not known. The others are UnionPay's common ones (open.unionpay.com, answer codes: 10 to
29 the form, 30 to 59 the merchant, 60 to 89 the payer and their bank), not confirmed for this
product. So they prove something only where a mistake can't cost money: an order that is refused has
no code that a payer could scan. A refused barcode payment or refund may be the second try of one
that went through, hence it is asked about.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from schema.channels.verdicts import Cause

Call = Literal["unifiedorder", "micropay", "queryOrder", "closeOrder", "refund", "refundQuery"]

Meaning = Literal["done", "paying", "refused", "not_known", "unknown"]


class Code(Struct, frozen=True, kw_only=True):
    """A `respCode`: whose doing it is, and what it proves after each kind of call."""

    cause: Cause
    order: Meaning
    """unifiedorder"""
    till: Meaning
    """micropay"""
    ask: Meaning
    """queryOrder, refundQuery"""
    close: Meaning
    refund: Meaning


def _row(cause: Cause, *means: Meaning) -> Code:
    order, till, ask, close, refund = means
    return Code(cause=cause, order=order, till=till, ask=ask, close=close, refund=refund)


CODE_MEANS: dict[str, Code] = {
    #           cause       unifiedorder micropay   …Query       closeOrder   refund
    "00": _row("channel",  "done",      "done",    "done",      "done",      "done"),
    "02": _row("payer",    "paying",    "paying",  "unknown",   "unknown",   "unknown"),
    "12": _row("platform", "unknown",   "unknown", "unknown",   "unknown",   "unknown"),
    "99": _row("channel",  "unknown",   "unknown", "unknown",   "unknown",   "unknown"),
    # The form 报文格式, the signature 验签, a field that is missing 报文要素缺失.
    "10": _row("platform", "refused",   "unknown", "unknown",   "unknown",   "unknown"),
    "11": _row("platform", "refused",   "unknown", "unknown",   "unknown",   "unknown"),
    "13": _row("platform", "refused",   "unknown", "unknown",   "unknown",   "unknown"),
    # The merchant's state, right and limit 商户状态、权限、限额; the trade is not there 查无此交易.
    "31": _row("merchant", "refused",   "unknown", "unknown",   "unknown",   "unknown"),
    "32": _row("merchant", "refused",   "unknown", "unknown",   "unknown",   "unknown"),
    "33": _row("merchant", "refused",   "unknown", "unknown",   "unknown",   "unknown"),
    "34": _row("platform", "unknown",   "unknown", "not_known", "not_known", "unknown"),
    "35": _row("platform", "unknown",   "unknown", "unknown",   "unknown",   "unknown"),
    # The payer's bank, card, balance, password 发卡行、卡、余额、密码.
    "60": _row("payer",    "unknown",   "unknown", "unknown",   "unknown",   "unknown"),
    "61": _row("payer",    "unknown",   "unknown", "unknown",   "unknown",   "unknown"),
    "64": _row("balance",  "unknown",   "unknown", "unknown",   "unknown",   "unknown"),
    "65": _row("payer",    "unknown",   "unknown", "unknown",   "unknown",   "unknown"),
}  # fmt: skip

State = Literal["paid", "refunded", "pending", "not_paid"]

# `origRespCode` of queryOrder: how the order stands. One that ended unpaid ended by its payer's
# doing, or by ours when we closed it: never by the channel's, as far as these words say.
ORDER_STATES: dict[str, tuple[State, Cause]] = {
    "00": ("paid",     "payer"),
    "01": ("refunded", "payer"),    # 转入退款: it was paid, and something went back since
    "02": ("pending",  "payer"),    # 未支付
    "03": ("not_paid", "payer"),    # 已关闭
    "04": ("not_paid", "payer"),    # 已撤销, of barcode payments
    "05": ("pending",  "payer"),    # 用户支付中
    "06": ("not_paid", "payer"),    # 支付失败
}  # fmt: skip

RefundState = Literal["refunded", "not_refunded", "pending"]

# `origRespCode` of refundQuery has other words than that of queryOrder.
REFUND_STATES: dict[str, RefundState] = {
    "00": "refunded",
    "01": "not_refunded",
    "02": "pending",
}


def meaning(call: Call, resp_code: str) -> Meaning | None:
    """What a `respCode` proves after this call; None where our table does not have it."""
    code = CODE_MEANS.get(resp_code)
    if code is None:
        return None
    by_call: dict[Call, Meaning] = {
        "unifiedorder": code.order,
        "micropay": code.till,
        "queryOrder": code.ask,
        "closeOrder": code.close,
        "refund": code.refund,
        "refundQuery": code.ask,
    }
    return by_call[call]


def cause(resp_code: str) -> Cause:
    """Whose doing it is; what we do not know is held against the channel."""
    code = CODE_MEANS.get(resp_code)
    return code.cause if code else "channel"
