"""Bills as the platform writes them, out of rows in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct

from schema.channels.wechat.bills import IN, OUT, TRADE_TOTALS
from schema.channels.wechat.sheets import fen, shown, write_sheet, yuan

BillType = Literal["ALL", "SUCCESS", "REFUND"]

_FRONT = (
    "交易时间", "公众账号ID", "商户号", "特约商户号", "设备号", "微信订单号", "商户订单号",
    "用户标识",
    "交易类型", "交易状态", "付款银行", "货币种类", "应结订单金额", "代金券金额",
)  # fmt: skip
_TIMES = ("退款申请时间", "退款成功时间")
_REFUND = (
    "微信退款单号", "商户退款单号", "退款金额", "充值券退款金额", "退款类型", "退款状态",
)  # fmt: skip
_GOODS = ("商品名称", "商户数据包", "手续费", "费率", "订单金额")

TRADE_COLUMNS: dict[BillType, tuple[str, ...]] = {
    "ALL": (*_FRONT, *_REFUND, *_GOODS, "申请退款金额", "费率备注"),
    "SUCCESS": (*_FRONT, *_GOODS, "费率备注"),
    "REFUND": (*_FRONT, *_TIMES, *_REFUND, *_GOODS, "申请退款金额", "费率备注"),
}
FUND_COLUMNS = (
    "记账时间", "微信支付业务单号", "资金流水单号", "业务名称", "业务类型", "收支类型",
    "收支金额(元)",
    "账户结余(元)", "资金变更提交申请人", "备注", "业务凭证号",
)  # fmt: skip


class RefundRow(Struct, frozen=True, kw_only=True):
    """The part of a row that only refunds have."""

    refund_id: str
    out_refund_no: str
    amount_fen: int
    state: str
    asked_at: datetime
    refunded_at: datetime | None
    is_reversal: bool = False
    """The order was taken back at the till 撤销."""


class TradeRow(Struct, frozen=True, kw_only=True):
    """A payment, or a refund with the order that it belongs to. A fee below zero is given back."""

    at: datetime
    appid: str
    mchid: str
    sub_mchid: str
    transaction_id: str
    out_trade_no: str
    openid: str
    trade_type: str
    amount_fen: int
    subject: str
    attach: str
    fee_fen: int
    fee_ppm: int
    refund: RefundRow | None = None


class FundRow(Struct, frozen=True, kw_only=True):
    """A movement on the merchant's account; above zero came in."""

    at: datetime
    business_number: str
    number: str
    name: str
    business: str
    amount_fen: int
    balance_fen: int
    remark: str = ""
    voucher: str = ""


def write_trade_bill(rows: Sequence[TradeRow], kind: BillType = "ALL") -> bytes:
    """The content of a trade bill: payments, refunds or both, and what they add up to."""
    wanted = [row for row in rows if kind == "ALL" or (row.refund is None) == (kind == "SUCCESS")]
    cells = [_trade_cells(row) for row in wanted]
    totals = {"总交易单数": str(len(cells))}
    for name, (column, *_) in TRADE_TOTALS.items():
        total = yuan(sum(fen(each[column]) for each in cells))
        totals[name] = f"{total}000" if column == "手续费" else total
    return write_sheet(TRADE_COLUMNS[kind], cells, totals)


def write_fund_bill(rows: Sequence[FundRow]) -> bytes:
    """The content of a fund flow bill."""
    came = [row.amount_fen for row in rows if row.amount_fen > 0]
    went = [-row.amount_fen for row in rows if row.amount_fen < 0]
    totals = {
        "资金流水总笔数": str(len(rows)),
        "收入笔数": str(len(came)),
        "收入金额": yuan(sum(came)),
        "支出笔数": str(len(went)),
        "支出金额": yuan(sum(went)),
    }
    return write_sheet(FUND_COLUMNS, [_fund_cells(row) for row in rows], totals)


def _trade_cells(row: TradeRow) -> dict[str, str]:
    refund, paid = row.refund, yuan(0 if row.refund else row.amount_fen)
    back = yuan(refund.amount_fen if refund else 0)
    return {
        "交易时间": shown(row.at),
        "公众账号ID": row.appid,
        "商户号": row.mchid,
        "特约商户号": row.sub_mchid or "0",
        "微信订单号": row.transaction_id,
        "商户订单号": row.out_trade_no,
        "用户标识": row.openid,
        "交易类型": row.trade_type,
        "交易状态": _state(refund),
        "付款银行": "OTHERS",
        "货币种类": "CNY",
        "应结订单金额": paid,
        "代金券金额": yuan(0),
        "退款申请时间": shown(refund.asked_at) if refund else "",
        "退款成功时间": shown(refund.refunded_at) if refund and refund.refunded_at else "",
        "微信退款单号": refund.refund_id if refund else "0",
        "商户退款单号": refund.out_refund_no if refund else "0",
        "退款金额": back,
        "充值券退款金额": yuan(0),
        "退款类型": "ORIGINAL" if refund else "",
        "退款状态": refund.state if refund else "",
        "商品名称": row.subject,
        "商户数据包": row.attach,
        "手续费": f"{yuan(row.fee_fen)}000",
        "费率": f"{row.fee_ppm // 10_000}.{row.fee_ppm % 10_000 // 100:02d}%",
        "订单金额": paid,
        "申请退款金额": back,
    }


def _state(refund: RefundRow | None) -> str:
    if refund is None:
        return "SUCCESS"
    return "REVOKED" if refund.is_reversal else "REFUND"


def _fund_cells(row: FundRow) -> dict[str, str]:
    return {
        "记账时间": shown(row.at),
        "微信支付业务单号": row.business_number,
        "资金流水单号": row.number,
        "业务名称": row.name,
        "业务类型": row.business,
        "收支类型": IN if row.amount_fen > 0 else OUT,
        "收支金额(元)": yuan(abs(row.amount_fen)),
        "账户结余(元)": yuan(row.balance_fen),
        "资金变更提交申请人": "system",
        "备注": row.remark,
        "业务凭证号": row.voucher,
    }
