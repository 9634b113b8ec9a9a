"""Alipay's calls about money that leaves a merchant: refunds, transfers and profit shares."""

from __future__ import annotations

from handlers.simulator.alipay.hearing import AlipayCall, Done, Method, everything_of, trade_of
from handlers.simulator.alipay.words import (
    OF_REFUNDS,
    OF_SHARES,
    OF_TRANSFERS,
    ORDER_NOT_EXIST,
    TRADE_NOT_EXIST,
    failure_of,
    refund_answer,
    refund_query_answer,
    refusal,
    share_answer,
    transfer_answer,
)
from handlers.simulator.world import (
    No,
    Part,
    RefundTerms,
    ShareTerms,
    TransferTerms,
    World,
)
from schema.channels.alipay.money_documents import (
    REFUND,
    REFUND_QUERY,
    SETTLE,
    SETTLE_QUERY,
    TRANSFER,
    TRANSFER_QUERY,
    SettleAnswer,
)
from schema.channels.alipay.platform import business_refusal
from schema.channels.alipay.sharing import raw_fen
from schema.channels.alipay.texts import fen
from schema.channels.alipay.transferring import TO_BANKCARD
from schema.channels.http import ProtocolError

BANKCARD_TAKES_S = 30
SHARE_TAKES_S = 3
TRANSFER_MIN_FEN = 10

TOO_SMALL = business_refusal("EXCEED_LIMIT_SM_MIN_AMOUNT", "单笔最低转账金额0.1元")
NO_AMOUNT = business_refusal("ACQ.INVALID_PARAMETER", "分账金额错误")
NO_SHARE = business_refusal("ACQ.TRADE_NOT_EXIST", "分账单不存在")


def refund(world: World, call: AlipayCall) -> Done:
    """Gives money back at once; a repeat under its number moves none."""
    asked = call.document
    trade = trade_of(call, number=asked.out_trade_no, theirs=asked.trade_no)
    if trade is None:
        return TRADE_NOT_EXIST
    number = asked.out_request_no or trade.number
    key = f"{trade.number}/{number}"
    is_new = key not in call.merchant.refunds
    terms = RefundTerms(
        number=number,
        amount_fen=fen(asked.refund_amount),
        key=key,
        reason=asked.refund_reason,
        notify_url=trade.terms.notify_url,
        document=asked,
    )
    opened = world.refund(trade, terms)
    if isinstance(opened, No):
        return refusal(opened, OF_REFUNDS)
    return refund_answer(opened, is_new=is_new)


def query_refund(world: World, call: AlipayCall) -> Done:
    """How a refund stands; done even where there is none."""
    asked = call.document
    trade = trade_of(call, number=asked.out_trade_no, theirs=asked.trade_no)
    if trade is None:
        return TRADE_NOT_EXIST
    known = call.merchant.refunds.get(f"{trade.number}/{asked.out_request_no}")
    return refund_query_answer(trade, known)


def transfer(world: World, call: AlipayCall) -> Done:
    """Sends money: to an account at once, to a bank card after a while."""
    asked, account = call.document, call.keys.account
    if fen(asked.trans_amount) < TRANSFER_MIN_FEN:
        return TOO_SMALL
    terms = TransferTerms(
        number=asked.out_biz_no,
        amount_fen=fen(asked.trans_amount),
        payee=asked.payee_info.identity,
        takes_s=BANKCARD_TAKES_S if asked.product_code == TO_BANKCARD else 0,
        notify_url=account.gateway_url,
        document=asked,
    )
    opened = world.transfer(call.merchant, terms, everything_of(call))
    if isinstance(opened, No):
        return refusal(opened, OF_TRANSFERS)
    if failed := failure_of(opened):
        return business_refusal(failed, "转账失败")
    return transfer_answer(opened, is_call=True)


def query_transfer(world: World, call: AlipayCall) -> Done:
    """How a transfer stands."""
    asked, transfers = call.document, call.merchant.transfers
    known = transfers.get(asked.out_biz_no)
    if asked.order_id:
        those = (each for each in transfers.values() if each.channel_number == asked.order_id)
        known = next(those, None)
    return transfer_answer(known) if known else ORDER_NOT_EXIST


def settle(world: World, call: AlipayCall) -> Done:
    """Takes a profit share; who got what, its query tells."""
    asked = call.document
    trade = trade_of(call, theirs=asked.trade_no)
    if trade is None:
        return TRADE_NOT_EXIST
    try:
        parts = tuple(
            Part(kind=each.trans_in_type, account=each.trans_in, amount_fen=raw_fen(each.amount))
            for each in asked.royalty_parameters
        )
    except ProtocolError:
        return NO_AMOUNT
    terms = ShareTerms(
        number=asked.out_request_no,
        parts=parts,
        is_last=bool(asked.extend_params and asked.extend_params.royalty_finish == "true"),
        takes_s=SHARE_TAKES_S,
        document=asked,
    )
    opened = world.share(trade, terms, everything_of(call))
    if isinstance(opened, No):
        return refusal(opened, OF_SHARES)
    return SettleAnswer(trade_no=trade.channel_number, settle_no=opened.channel_number)


def query_settle(world: World, call: AlipayCall) -> Done:
    """What became of each receiver's part."""
    asked, shares = call.document, call.merchant.shares
    known = shares.get(asked.out_request_no)
    if asked.settle_no:
        those = (each for each in shares.values() if each.channel_number == asked.settle_no)
        known = next(those, None)
    return share_answer(known) if known else NO_SHARE


METHODS = {
    "alipay.trade.refund": Method(api="refund", decoder=REFUND, act=refund),
    "alipay.trade.fastpay.refund.query": Method(
        api="query_refund", decoder=REFUND_QUERY, act=query_refund
    ),
    "alipay.fund.trans.uni.transfer": Method(api="transfer", decoder=TRANSFER, act=transfer),
    "alipay.fund.trans.common.query": Method(
        api="query_transfer", decoder=TRANSFER_QUERY, act=query_transfer
    ),
    "alipay.trade.order.settle": Method(api="share", decoder=SETTLE, act=settle),
    "alipay.trade.order.settle.query": Method(
        api="query_share", decoder=SETTLE_QUERY, act=query_settle
    ),
}
