"""What happened in the world, in WeChat Pay's documents and codes."""

from __future__ import annotations

import secrets
from datetime import datetime

from handlers.simulator.world import (
    No,
    PartState,
    Refund,
    RefundState,
    Share,
    ShareReturn,
    Trade,
    TradeState,
    Transfer,
    TransferState,
)
from schema.channels.wechat.documents import (
    OrderDocument,
    Payer,
    Transaction,
    TransactionAmount,
    china_time,
)
from schema.channels.wechat.money_documents import (
    ReceiverStanding,
    RefundedAmount,
    RefundStanding,
    ReturnStanding,
    ShareStanding,
    TransferDocument,
    TransferStanding,
)
from schema.channels.wechat.payments import Kind
from schema.channels.wechat.platform import CallRefused

CODE_URL = "weixin://wxpay/bizpayurl?pr="
TRADE_TYPES: dict[Kind, str] = {
    "native": "NATIVE",
    "jsapi": "JSAPI",
    "h5": "MWEB",
    "app": "APP",
    "codepay": "MICROPAY",
}

STATES: dict[TradeState, tuple[str, str]] = {
    TradeState.WAITING: ("NOTPAY", "订单未支付"),
    TradeState.CONFIRMING: ("USERPAYING", "用户支付中，需要输入密码"),
    TradeState.PAID: ("SUCCESS", "支付成功"),
    TradeState.FAILED: ("PAYERROR", "支付失败"),
    TradeState.CLOSED: ("CLOSED", "订单已关闭"),
    TradeState.REVERSED: ("REVOKED", "订单已撤销"),
}
REFUNDED = ("REFUND", "订单发生过退款")
REFUND_STATES: dict[RefundState, str] = {
    RefundState.PROCESSING: "PROCESSING",
    RefundState.REFUNDED: "SUCCESS",
    RefundState.ABNORMAL: "ABNORMAL",
    RefundState.CLOSED: "CLOSED",
}
# A wallet sends nothing back: what only banks do leaves a transfer as it was.
TRANSFER_STATES: dict[TransferState, str] = {
    TransferState.CONFIRMING: "WAIT_USER_CONFIRM",
    TransferState.PROCESSING: "TRANSFERING",
    TransferState.TRANSFERRED: "SUCCESS",
    TransferState.FAILED: "FAIL",
    TransferState.CANCELLED: "CANCELLED",
    TransferState.RETURNED: "SUCCESS",
}
PART_STATES: dict[PartState, str] = {
    PartState.PENDING: "PENDING",
    PartState.SHARED: "SUCCESS",
    PartState.REFUSED: "CLOSED",
}
NOBODY_CONFIRMED = "OVERDUE_CLOSE"

NO_ORDER = CallRefused(code="ORDER_NOT_EXIST", message="订单不存在")
NO_SUCH_THING = CallRefused(code="RESOURCE_NOT_EXISTS", message="查询的资源不存在")
NO_TRANSFER = CallRefused(code="NOT_FOUND", message="记录不存在")

REFUSALS: dict[No, CallRefused] = {
    No.NUMBER_USED: CallRefused(code="OUT_TRADE_NO_USED", message="商户订单号重复"),
    No.ALREADY_PAID: CallRefused(code="ORDERPAID", message="该订单已支付"),
    No.ALREADY_CLOSED: CallRefused(code="ORDER_CLOSED", message="该订单已关闭"),
    No.ALREADY_REVERSED: CallRefused(code="ORDER_CLOSED", message="该订单已撤销"),
    No.ALREADY_FAILED: CallRefused(code="TRADE_ERROR", message="该订单支付失败"),
    No.PAYER_IS_PAYING: CallRefused(code="TRADE_ERROR", message="用户支付中，请稍后再试"),
    No.PAYER_REFUSED: CallRefused(code="TRADE_ERROR", message="用户取消支付"),
    No.EXPIRED: CallRefused(code="TRADE_ERROR", message="二维码已过期"),
    No.NOT_ENOUGH_MONEY: CallRefused(code="NOT_ENOUGH", message="余额不足"),
    No.NOT_PAID: CallRefused(code="INVALID_REQUEST", message="订单未支付"),
    No.TOO_MUCH: CallRefused(code="INVALID_REQUEST", message="退款金额大于可退金额"),
    No.NOT_SHARED_PROFIT: CallRefused(code="INVALID_REQUEST", message="非分账订单不支持分账"),
    No.NOT_CONFIRMABLE: CallRefused(code="INVALID_REQUEST", message="当前状态不能撤销"),
    No.OUTAGE: CallRefused(code="BANK_ERROR", message="银行系统异常"),
    No.NO_ROOM: CallRefused(code="FREQUENCY_LIMITED", message="simulator: no room for more"),
}
REFUND_REFUSALS: dict[No, CallRefused] = REFUSALS | {
    No.NUMBER_USED: CallRefused(code="INVALID_REQUEST", message="退款单号已存在，请求参数不一致"),
    No.ALREADY_REVERSED: CallRefused(code="INVALID_REQUEST", message="订单已撤销"),
}
TRANSFER_REFUSALS: dict[No, CallRefused] = REFUSALS | {
    No.NUMBER_USED: CallRefused(code="INVALID_REQUEST", message="商户单号已存在，请求参数不一致"),
}
SHARE_REFUSALS: dict[No, CallRefused] = REFUSALS | {
    No.NUMBER_USED: CallRefused(code="INVALID_REQUEST", message="分账单号已存在，请求参数不一致"),
    No.TOO_MUCH: CallRefused(code="NOT_ENOUGH", message="分账金额不足"),
}


def order_of(trade: Trade) -> OrderDocument:
    """The order as the merchant wrote it."""
    order = trade.terms.document
    assert isinstance(order, OrderDocument)
    return order


def transaction_of(trade: Trade) -> Transaction:
    """The trade as the query and the notice show it."""
    order, is_paid = order_of(trade), trade.paid_at is not None
    has_refund = trade.refunded_fen and trade.state is TradeState.PAID
    state, description = REFUNDED if has_refund else STATES[trade.state]
    total = trade.amount_fen
    return Transaction(
        appid=order.appid,
        mchid=order.mchid,
        sp_appid=order.sp_appid,
        sp_mchid=order.sp_mchid,
        sub_appid=order.sub_appid,
        sub_mchid=order.sub_mchid,
        out_trade_no=order.out_trade_no,
        trade_state=state,
        trade_state_desc=description,
        transaction_id=trade.channel_number or None,
        trade_type=trade.terms.product if is_paid else None,
        bank_type="OTHERS" if is_paid else None,
        attach=order.attach or None,
        success_time=china_time(trade.paid_at) if trade.paid_at else None,
        payer=_payer(order, trade.payer_id) if is_paid else None,
        amount=TransactionAmount(
            total=total,
            payer_total=total if is_paid else None,
            currency=trade.terms.currency,
        ),
    )


def refund_of(refund: Refund, *, is_notice: bool = False) -> RefundStanding:
    """The refund as its calls show it; a notice says whose it is and names its state otherwise."""
    order, state = order_of(refund.trade), REFUND_STATES[refund.state]
    is_back, total_fen = refund.state is RefundState.REFUNDED, refund.trade.amount_fen
    return RefundStanding(
        mchid=order.mchid if is_notice else "",
        sp_mchid=order.sp_mchid if is_notice else "",
        sub_mchid=order.sub_mchid if is_notice else "",
        refund_id=refund.channel_number,
        out_refund_no=refund.number,
        transaction_id=refund.trade.channel_number,
        out_trade_no=refund.trade.number,
        channel="ORIGINAL",
        user_received_account="支付用户零钱",
        success_time=china_time(refund.refunded_at) if is_back and refund.refunded_at else None,
        create_time=None if is_notice else china_time(refund.opened_at),
        status="" if is_notice else state,
        refund_status=state if is_notice else "",
        amount=RefundedAmount(
            total=total_fen,
            refund=refund.amount_fen,
            payer_total=total_fen,
            payer_refund=refund.amount_fen,
        ),
    )


def transfer_of(transfer: Transfer) -> TransferStanding:
    """The transfer as its query and its notice show it."""
    document = transfer.terms.document
    assert isinstance(document, TransferDocument)
    return TransferStanding(
        mch_id=transfer.merchant[1],
        out_bill_no=transfer.number,
        transfer_bill_no=transfer.channel_number,
        appid=document.appid,
        state=TRANSFER_STATES[transfer.state],
        transfer_amount=transfer.amount_fen,
        transfer_remark=document.transfer_remark,
        fail_reason=fail_reason(transfer),
        openid=document.openid,
        create_time=china_time(transfer.opened_at),
        update_time=china_time(transfer.changed_at),
    )


def fail_reason(transfer: Transfer) -> str:
    """Why a transfer failed; without another reason, nobody confirmed it within a day."""
    if transfer.state is not TransferState.FAILED:
        return ""
    return transfer.failure_code or NOBODY_CONFIRMED


def share_of(share: Share) -> ShareStanding:
    """The profit share as its calls and its query show it."""
    finished_at = share.finished_at
    return ShareStanding(
        sub_mchid=order_of(share.trade).sub_mchid,
        transaction_id=share.trade.channel_number,
        out_order_no=share.number,
        order_id=share.channel_number,
        state="FINISHED" if finished_at else "PROCESSING",
        receivers=[
            ReceiverStanding(
                type=part.kind,
                account=part.account,
                amount=part.amount_fen,
                description=part.description,
                result=PART_STATES[state],
                detail_id=f"{share.channel_number}{place:02d}",
                fail_reason=share.failure_code if state is PartState.REFUSED else "",
                create_time=china_time(share.opened_at),
                finish_time=china_time(finished_at) if finished_at else None,
            )
            for place, (part, state) in enumerate(zip(share.terms.parts, share.states, strict=True))
        ],
    )


def return_of(share: Share, returned: ShareReturn) -> ReturnStanding:
    """What a receiver gave back, as its calls show it."""
    at = china_time(returned.returned_at)
    return ReturnStanding(
        sub_mchid=order_of(share.trade).sub_mchid,
        order_id=share.channel_number,
        out_order_no=share.number,
        out_return_no=returned.number,
        return_id=returned.channel_number,
        return_mchid=returned.account,
        amount=returned.amount_fen,
        description=returned.description,
        result="SUCCESS",
        create_time=at,
        finish_time=at,
    )


def payment_number(now: datetime) -> str:
    """A transaction id: 28 digits."""
    return f"42000{now:%Y%m%d}{secrets.randbelow(10**15):015d}"


def refund_number(now: datetime) -> str:
    """A refund id: 29 digits."""
    return f"503{now:%Y%m%d}{secrets.randbelow(10**18):018d}"


def transfer_number(now: datetime) -> str:
    """A transfer bill number: 31 digits."""
    return f"133{now:%Y%m%d}{secrets.randbelow(10**20):020d}"


def share_number(now: datetime) -> str:
    """A profit share's id: 28 digits."""
    return f"3008{now:%Y%m%d}{secrets.randbelow(10**16):016d}"


def _payer(order: OrderDocument, payer_id: str) -> Payer:
    if not order.sp_mchid:
        return Payer(openid=payer_id)
    return Payer(sp_openid=payer_id, sub_openid=payer_id if order.sub_appid else "")
