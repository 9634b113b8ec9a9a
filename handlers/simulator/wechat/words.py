"""What happened in the world, in WeChat Pay's documents and codes."""

from __future__ import annotations

import secrets
from datetime import datetime

from handlers.simulator.world import No, Trade, TradeState
from schema.channels.wechat.documents import (
    NativeOrderDocument,
    Payer,
    Transaction,
    TransactionAmount,
    china_time,
)
from schema.channels.wechat.platform import CallRefused

CODE_URL = "weixin://wxpay/bizpayurl?pr="

STATES: dict[TradeState, tuple[str, str]] = {
    TradeState.WAITING: ("NOTPAY", "订单未支付"),
    TradeState.CONFIRMING: ("USERPAYING", "用户支付中，需要输入密码"),
    TradeState.PAID: ("SUCCESS", "支付成功"),
    TradeState.FAILED: ("PAYERROR", "支付失败"),
    TradeState.CLOSED: ("CLOSED", "订单已关闭"),
    TradeState.REVERSED: ("REVOKED", "订单已撤销"),
}
REFUNDED = ("REFUND", "订单发生过退款")

REFUSALS: dict[No, CallRefused] = {
    No.NUMBER_USED: CallRefused(code="OUT_TRADE_NO_USED", message="商户订单号重复"),
    No.ALREADY_PAID: CallRefused(code="ORDERPAID", message="该订单已支付"),
    No.ALREADY_CLOSED: CallRefused(code="ORDER_CLOSED", message="该订单已关闭"),
    No.ALREADY_REVERSED: CallRefused(code="ORDER_CLOSED", message="该订单已撤销"),
    No.ALREADY_FAILED: CallRefused(code="TRADE_ERROR", message="该订单支付失败"),
    No.PAYER_IS_PAYING: CallRefused(code="USERPAYING", message="用户支付中，需要输入密码"),
    No.EXPIRED: CallRefused(code="TRADE_ERROR", message="二维码已过期"),
    No.NOT_ENOUGH_MONEY: CallRefused(code="NOT_ENOUGH", message="余额不足"),
    No.NO_ROOM: CallRefused(code="FREQUENCY_LIMITED", message="simulator: no room for more"),
}


def transaction_of(trade: Trade) -> Transaction:
    """The trade as the query and the notice show it."""
    order, is_paid = trade.terms.document, trade.paid_at is not None
    assert isinstance(order, NativeOrderDocument)
    state, description = REFUNDED if trade.refunded_fen else STATES[trade.state]
    total = trade.amount_fen
    return Transaction(
        appid=order.appid,
        mchid=order.mchid,
        out_trade_no=order.out_trade_no,
        trade_state=state,
        trade_state_desc=description,
        transaction_id=trade.channel_number or None,
        trade_type=trade.terms.product if is_paid else None,
        bank_type="OTHERS" if is_paid else None,
        attach=order.attach or None,
        success_time=china_time(trade.paid_at) if trade.paid_at else None,
        payer=Payer(openid=trade.payer_id) if is_paid else None,
        amount=TransactionAmount(
            total=total,
            payer_total=total if is_paid else None,
            currency=trade.terms.currency,
        ),
    )


def payment_number(now: datetime) -> str:
    """A transaction id: 28 digits."""
    return f"42000{now:%Y%m%d}{secrets.randbelow(10**15):015d}"


def other_number(now: datetime) -> str:
    """A number of a refund, a transfer or a share."""
    return f"50000{now:%Y%m%d}{secrets.randbelow(10**15):015d}"
