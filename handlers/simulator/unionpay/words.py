"""What happened in the world, in UnionPay's words."""

from __future__ import annotations

import secrets
from datetime import datetime

from handlers.simulator.world import No, Refund, RefundState, Trade, TradeState
from schema.channels.unionpay.documents import CURRENCY
from schema.channels.unionpay.platform import (
    CallRefused,
    OrderCall,
    OrderStands,
    OrderState,
    RefundStands,
)
from schema.channels.unionpay.platform import RefundState as RefundWord

QR_URL = "https://qr.95516.com/00010000/"

STATES: dict[TradeState, OrderState] = {
    TradeState.WAITING: "unpaid",
    TradeState.CONFIRMING: "paying",
    TradeState.PAID: "paid",
    TradeState.FAILED: "failed",
    TradeState.CLOSED: "closed",
    TradeState.REVERSED: "reversed",
}
# There is no word for money that can't reach the payer: it stays under way.
REFUND_STATES: dict[RefundState, RefundWord] = {
    RefundState.PROCESSING: "working",
    RefundState.REFUNDED: "done",
    RefundState.ABNORMAL: "working",
    RefundState.CLOSED: "failed",
}
CURRENCIES = {"CNY": CURRENCY, "USD": "840"}
NO_CURRENCY = "999"
"""ISO 4217's number for what is none of the others."""

NOT_THERE = CallRefused(code="34", message="查无此交易")
DUPLICATE = CallRefused(code="12", message="重复交易")
PAYING = CallRefused(code="02", message="用户支付中")
WRONG_STATE = CallRefused(code="35", message="原交易状态不正确")
NOT_KNOWN = CallRefused(code="99", message="交易状态未明")

REFUSALS: dict[No, CallRefused] = {
    No.NUMBER_USED: DUPLICATE,
    No.ALREADY_PAID: WRONG_STATE,
    No.ALREADY_CLOSED: WRONG_STATE,
    No.ALREADY_REVERSED: WRONG_STATE,
    No.ALREADY_FAILED: WRONG_STATE,
    No.EXPIRED: WRONG_STATE,
    No.NOT_PAID: WRONG_STATE,
    No.NOT_SHARED_PROFIT: WRONG_STATE,
    No.NOT_CONFIRMABLE: WRONG_STATE,
    No.PAYER_IS_PAYING: PAYING,
    No.TOO_MUCH: CallRefused(code="33", message="交易金额超限"),
    No.NOT_ENOUGH_MONEY: CallRefused(code="64", message="余额不足"),
    No.PAYER_REFUSED: CallRefused(code="60", message="交易失败"),
    No.OUTAGE: NOT_KNOWN,
    No.NO_ROOM: NOT_KNOWN,
}


def refusal(no: No) -> CallRefused:
    """UnionPay's code for it."""
    return REFUSALS[no]


def stands(trade: Trade) -> OrderStands:
    """The trade as the query and the notice show it."""
    order = trade.terms.document
    was_paid = trade.state is TradeState.PAID and trade.refunded_fen
    return OrderStands(
        number=trade.number,
        opened_at=order.opened_at if isinstance(order, OrderCall) else trade.opened_at,
        amount_fen=trade.amount_fen,
        state="refunded" if was_paid else STATES[trade.state],
        currency_code=CURRENCIES.get(trade.terms.currency, NO_CURRENCY),
        trans_index=trade.channel_number,
        paid_at=trade.paid_at,
        payer=trade.payer_id,
    )


def refund_stands(refund: Refund) -> RefundStands:
    """The refund as its query shows it."""
    return RefundStands(
        number=refund.number,
        order_number=refund.trade.number,
        refund_fen=refund.amount_fen,
        state=REFUND_STATES[refund.state],
        trans_index=refund.channel_number,
        finished_at=refund.refunded_at,
    )


def new_number(now: datetime) -> str:
    """A `transIndex`: 24 digits."""
    return f"{now:%Y%m%d%H%M%S}{secrets.randbelow(10**10):010d}"
