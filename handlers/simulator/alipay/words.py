"""What happened in the world, in Alipay's words."""

from __future__ import annotations

import secrets
from datetime import datetime

from msgspec import Struct

from handlers.simulator.world import (
    No,
    PartState,
    Refund,
    RefundState,
    Share,
    Trade,
    TradeState,
    Transfer,
    TransferState,
)
from schema.channels.alipay.documents import OrderDocument, TradeAnswer
from schema.channels.alipay.money_documents import (
    RefundAnswer,
    RefundQueryAnswer,
    RoyaltyDetail,
    SettleQueryAnswer,
    TransferAnswer,
)
from schema.channels.alipay.platform import CallRefused, business_refusal
from schema.channels.alipay.sharing import raw_yuan
from schema.channels.alipay.texts import china_text, yuan

LOGON_ID = "tom***@example.com"

STATES: dict[TradeState, str] = {
    TradeState.WAITING: "WAIT_BUYER_PAY",
    TradeState.CONFIRMING: "WAIT_BUYER_PAY",
    TradeState.PAID: "TRADE_SUCCESS",
    TradeState.FAILED: "TRADE_CLOSED",
    TradeState.CLOSED: "TRADE_CLOSED",
    TradeState.REVERSED: "TRADE_CLOSED",
}
TRANSFER_STATES: dict[TransferState, str] = {
    TransferState.CONFIRMING: "WAIT_PAY",
    TransferState.PROCESSING: "DEALING",
    TransferState.TRANSFERRED: "SUCCESS",
    TransferState.FAILED: "FAIL",
    TransferState.CANCELLED: "CLOSED",
    TransferState.RETURNED: "REFUND",
}
PART_STATES: dict[PartState, str] = {
    PartState.PENDING: "PROCESSING",
    PartState.SHARED: "SUCCESS",
    PartState.REFUSED: "FAIL",
}

TRADE_NOT_EXIST = business_refusal("ACQ.TRADE_NOT_EXIST", "交易不存在")
SYSTEM_ERROR = business_refusal("ACQ.SYSTEM_ERROR", "系统错误")
STATUS_ERROR = business_refusal("ACQ.TRADE_STATUS_ERROR", "交易状态不合法")
ORDER_NOT_EXIST = business_refusal("ORDER_NOT_EXIST", "转账订单不存在")

REFUSALS: dict[No, CallRefused] = {
    No.NUMBER_USED: business_refusal("ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改"),
    No.ALREADY_PAID: business_refusal("ACQ.TRADE_HAS_SUCCESS", "交易已被支付"),
    No.ALREADY_CLOSED: business_refusal("ACQ.TRADE_HAS_CLOSE", "交易已经关闭"),
    No.ALREADY_REVERSED: business_refusal("ACQ.TRADE_HAS_CLOSE", "交易已经关闭"),
    No.ALREADY_FAILED: business_refusal("ACQ.TRADE_HAS_CLOSE", "交易已经关闭"),
    No.PAYER_IS_PAYING: STATUS_ERROR,
    No.EXPIRED: business_refusal("ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR", "订单已超时"),
    No.NOT_PAID: STATUS_ERROR,
    No.NOT_ENOUGH_MONEY: business_refusal("ACQ.BUYER_BALANCE_NOT_ENOUGH", "买家余额不足"),
    No.PAYER_REFUSED: business_refusal("ACQ.PAYMENT_FAIL", "支付失败"),
    No.TOO_MUCH: business_refusal("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "退款金额超限"),
    No.NOT_SHARED_PROFIT: business_refusal("ACQ.TRADE_SETTLE_ERROR", "交易未标记分账"),
    No.NOT_CONFIRMABLE: STATUS_ERROR,
    No.OUTAGE: SYSTEM_ERROR,
    No.NO_ROOM: SYSTEM_ERROR,
}
OF_REFUNDS: dict[No, CallRefused] = {
    No.NUMBER_USED: business_refusal("ACQ.DISCORDANT_REPEAT_REQUEST", "不一致的请求"),
}
OF_SHARES: dict[No, CallRefused] = OF_REFUNDS | {
    No.TOO_MUCH: business_refusal("ACQ.ALLOC_AMOUNT_VALIDATE_ERROR", "分账金额超限"),
    No.NOT_PAID: business_refusal("ACQ.REASON_TRADE_STATUS_INVALID", "交易状态异常"),
}
OF_TRANSFERS: dict[No, CallRefused] = {
    No.NUMBER_USED: business_refusal("PAYMENT_INFO_INCONSISTENCY", "两次请求参数不一致"),
    No.NO_ROOM: business_refusal("RESOURCE_LIMIT_EXCEED", "请求超过资源限制"),
}


class Placed(Struct, frozen=True, kw_only=True):
    """An order, and the merchant's app that it was placed for."""

    order: OrderDocument
    auth_app_id: str


class TradeNotice(Struct, frozen=True, kw_only=True):
    """What a notice about a trade says of it; what there is not yet is sent empty."""

    trade_no: str
    out_trade_no: str
    trade_status: str
    total_amount: str
    subject: str
    body: str
    buyer_id: str
    gmt_create: str
    gmt_payment: str = ""
    gmt_refund: str = ""
    gmt_close: str = ""
    receipt_amount: str = ""
    buyer_pay_amount: str = ""
    invoice_amount: str = ""
    point_amount: str = ""
    refund_fee: str = ""
    out_biz_no: str = ""
    passback_params: str = ""


def refusal(no: No, special: dict[No, CallRefused] | None = None) -> CallRefused:
    """Alipay's code for it, which may be a special one of what was asked for."""
    return (special or {}).get(no) or REFUSALS[no]


def status_of(trade: Trade) -> str:
    """The trade's status; a trade that went back whole is closed."""
    if trade.state is TradeState.PAID and trade.refunded_fen >= trade.amount_fen:
        return "TRADE_CLOSED"
    return STATES[trade.state]


def trade_answer(trade: Trade, *, is_pay: bool = False) -> TradeAnswer:
    """The trade as a query answers it, or as the call that had it paid does."""
    paid_at = china_text(trade.paid_at) if trade.paid_at else ""
    amount = yuan(trade.amount_fen)
    return TradeAnswer(
        trade_no=trade.channel_number,
        out_trade_no=trade.number,
        trade_status="" if is_pay else status_of(trade),
        total_amount=amount,
        receipt_amount=amount if paid_at else "0.00",
        buyer_pay_amount=amount if paid_at else "0.00",
        buyer_logon_id=LOGON_ID if trade.payer_id else "",
        buyer_user_id=trade.payer_id,
        gmt_payment=paid_at if is_pay else "",
        send_pay_date="" if is_pay else paid_at,
    )


def trade_notice(trade: Trade, refund: Refund | None = None) -> TradeNotice:
    """The trade as a notice tells of it, because it was paid or closed, or because of a refund."""
    amount, paid_at = yuan(trade.amount_fen), trade.paid_at
    refunded_at = refund.refunded_at if refund else None
    return TradeNotice(
        trade_no=trade.channel_number,
        out_trade_no=trade.number,
        trade_status=status_of(trade),
        total_amount=amount,
        subject=trade.terms.subject,
        body=trade.terms.document.order.body,
        buyer_id=trade.payer_id,
        gmt_create=china_text(trade.opened_at),
        gmt_payment=china_text(paid_at) if paid_at else "",
        gmt_refund=china_text(refunded_at) if refunded_at else "",
        gmt_close=china_text(trade.ended_at) if trade.ended_at else "",
        receipt_amount=amount if paid_at else "",
        buyer_pay_amount=amount if paid_at else "",
        invoice_amount=amount if paid_at else "",
        point_amount="0.00" if paid_at else "",
        refund_fee=yuan(trade.refunded_fen) if refund else "",
        out_biz_no=refund.number if refund else "",
        passback_params=trade.terms.document.order.passback_params,
    )


def refund_answer(refund: Refund, *, is_new: bool) -> RefundAnswer:
    """A refund as its call answers it."""
    moved = refund.state is RefundState.REFUNDED
    return RefundAnswer(
        trade_no=refund.trade.channel_number,
        out_trade_no=refund.trade.number,
        buyer_logon_id=LOGON_ID,
        fund_change="Y" if is_new and moved else "N",
        refund_fee=yuan(refund.trade.refunded_fen),
        gmt_refund_pay=china_text(refund.refunded_at) if moved and refund.refunded_at else "",
    )


def refund_query_answer(trade: Trade, refund: Refund | None) -> RefundQueryAnswer:
    """A refund as its query answers it; of one that did not move money nothing is said."""
    if refund is None or refund.state is not RefundState.REFUNDED:
        return RefundQueryAnswer(trade_no=trade.channel_number, out_trade_no=trade.number)
    return RefundQueryAnswer(
        trade_no=trade.channel_number,
        out_trade_no=trade.number,
        out_request_no=refund.number,
        total_amount=yuan(trade.amount_fen),
        refund_amount=yuan(refund.amount_fen),
        refund_status="REFUND_SUCCESS",
        gmt_refund_pay=china_text(refund.refunded_at) if refund.refunded_at else "",
    )


def transfer_answer(transfer: Transfer, *, is_call: bool = False) -> TransferAnswer:
    """A transfer as its call, its query or a message tells of it."""
    ended_at = china_text(transfer.changed_at)
    return TransferAnswer(
        out_biz_no=transfer.number,
        order_id=transfer.channel_number,
        pay_fund_order_id=transfer.channel_number,
        status=TRANSFER_STATES[transfer.state],
        trans_amount="" if is_call else yuan(transfer.amount_fen),
        trans_date=ended_at if is_call else "",
        pay_date="" if is_call else ended_at,
        error_code=failure_of(transfer),
        fail_reason="转账失败" if failure_of(transfer) else "",
        product_code=transfer.terms.document.product_code,
        biz_scene=transfer.terms.document.biz_scene,
    )


def failure_of(transfer: Transfer) -> str:
    """Why a transfer failed; empty where it did not."""
    failed = transfer.state is TransferState.FAILED
    return (transfer.failure_code or "PAYEE_NOT_EXIST") if failed else ""


def share_answer(share: Share) -> SettleQueryAnswer:
    """What became of each receiver's part."""
    happened_at = china_text(share.finished_at or share.opened_at)
    details = [
        RoyaltyDetail(
            operation_type="transfer",
            execute_dt=happened_at,
            trans_in=part.account,
            trans_in_type=part.kind,
            amount=raw_yuan(part.amount_fen),
            state=PART_STATES[state],
            detail_id=f"{share.channel_number}{position:02d}",
            error_code="TXN_RESULT_ACCOUNT_STATUS_NOT_VALID" if state is PartState.REFUSED else "",
        )
        for position, (part, state) in enumerate(zip(share.terms.parts, share.states, strict=True))
    ]
    return SettleQueryAnswer(
        out_request_no=share.number,
        settle_no=share.channel_number,
        operation_dt=china_text(share.opened_at),
        royalty_detail_list=details,
    )


def trade_number(now: datetime) -> str:
    """A 支付宝交易号: 28 digits."""
    return f"{now:%Y%m%d}22001{secrets.randbelow(10**15):015d}"


def refund_number(now: datetime) -> str:
    """Nobody sees it: Alipay's refunds have no number of their own."""
    return f"{now:%Y%m%d}33001{secrets.randbelow(10**15):015d}"


def transfer_number(now: datetime) -> str:
    """An `order_id`: 32 digits."""
    return f"{now:%Y%m%d}1107{secrets.randbelow(10**20):020d}"


def share_number(now: datetime) -> str:
    """A `settle_no`: 32 digits."""
    return f"{now:%Y%m%d}0025{secrets.randbelow(10**20):020d}"
