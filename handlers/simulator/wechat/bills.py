"""The platform's bills, written when they are asked for, and its certificates."""

from __future__ import annotations

import gzip
import secrets
from datetime import date
from hashlib import sha1

from aiohttp import web

from handlers.simulator.wechat.hearing import NOT_YOURS, Done, WechatCall, may_speak_for, wechat
from handlers.simulator.wechat.words import NO_SUCH_THING, order_of
from handlers.simulator.world import (
    Movement,
    Refund,
    RefundState,
    Trade,
    TradeEntry,
    TransferReturn,
    World,
)
from handlers.simulator.world.bills import MoveKind
from schema.channels import HttpAnswer
from schema.channels.wechat.documents import BillPlaceDocument
from schema.channels.wechat.platform import CallRefused, certificate_list, param_error
from schema.channels.wechat.platform_bills import (
    BillType,
    FundRow,
    RefundRow,
    TradeRow,
    write_fund_bill,
    write_trade_bill,
)

FETCH_WITHIN_S = 300
ACCOUNT_TYPES = ("BASIC", "OPERATION", "FEES")
BILL_TYPES: dict[str, BillType] = {"ALL": "ALL", "SUCCESS": "SUCCESS", "REFUND": "REFUND"}
REFUND_WORDS: dict[RefundState, str] = {
    RefundState.PROCESSING: "PROCESSING",
    RefundState.REFUNDED: "SUCCESS",
    RefundState.ABNORMAL: "CHANGE",
    RefundState.CLOSED: "FAIL",
}
"""The bill's words are not those of the calls."""

CREATING = CallRefused(code="STATEMENT_CREATING", message="账单生成中")
NOTHING = CallRefused(code="NO_STATEMENT_EXIST", message="账单不存在")
NO_CERTIFICATES = CallRefused(code="RESOURCE_NOT_EXISTS", message="无可用的平台证书")

# The name of the business and its kind, in the fund flow bill.
MOVES: dict[MoveKind, tuple[str, str]] = {
    "payment": ("交易", "交易"),
    "refund": ("退款", "退款"),
    "fee": ("交易手续费", "扣除交易手续费"),
    "transfer": ("商家转账", "商家转账"),
    "transfer_back": ("商家转账", "商家转账退回"),
}
FEE_BACK = ("交易手续费", "退还交易手续费")


def trade_bill(world: World, call: WechatCall) -> Done:
    """Where the trades of a day lie; of one sub-merchant where it is named."""
    day, kind = _day(call), BILL_TYPES.get(call.query.get("bill_type", "ALL"))
    sub_mchid = call.query.get("sub_mchid", "")
    if isinstance(day, CallRefused):
        return day
    if kind is None:
        return param_error("/bill_type", "not a kind of bill", location="query")
    if not may_speak_for(call, sub_mchid):
        return NOT_YOURS
    if none := _without(world, call, day):
        return none
    rows = [_trade_row(call, entry) for entry in world.bills.trades(call.merchant, day)]
    wanted = [row for row in rows if not sub_mchid or row.sub_mchid == sub_mchid]
    return _placed(world, call, write_trade_bill(wanted, kind)) if wanted else NOTHING


def fund_bill(world: World, call: WechatCall) -> Done:
    """Where the movements of a day lie; all of them are on the basic account."""
    day, account = _day(call), call.query.get("account_type", "BASIC")
    if isinstance(day, CallRefused):
        return day
    if account not in ACCOUNT_TYPES:
        return param_error("/account_type", "not an account", location="query")
    if none := _without(world, call, day):
        return none
    if account != "BASIC":
        return NOTHING
    rows = [_fund_row(movement) for movement in world.bills.funds(call.merchant, day)]
    return _placed(world, call, write_fund_bill(rows))


def fetch_bill(world: World, call: WechatCall) -> Done:
    """The bill itself; this answer is not signed."""
    content = world.bills.kept(call.query.get("token", ""))
    if content is None:
        return NO_SUCH_THING
    headers = {"Content-Type": "application/octet-stream"}
    return HttpAnswer(status=200, headers=headers, body=content)


def certificates(world: World, call: WechatCall) -> Done:
    """All certificates of the platform, sealed for the merchant."""
    nonces = [secrets.token_urlsafe(9) for _ in call.keys.signers]
    listed = certificate_list(call.keys, nonces)
    return listed if listed.data else NO_CERTIFICATES


def _day(call: WechatCall) -> date | CallRefused:
    try:
        return date.fromisoformat(call.query.get("bill_date", ""))
    except ValueError:
        return param_error("/bill_date", "not a date", location="query")


def _without(world: World, call: WechatCall, day: date) -> CallRefused | None:
    match world.bills.state(call.merchant, day):
        case "not_ready":
            return CREATING
        case "nothing":
            return NOTHING
        case "ready":
            return None


def _placed(world: World, call: WechatCall, content: bytes) -> BillPlaceDocument:
    is_packed = call.query.get("tar_type") == "GZIP"
    file = gzip.compress(content, mtime=0) if is_packed else content
    # The world's waits may be hurried; a merchant's download is not.
    word = world.bills.keep(file, FETCH_WITHIN_S * world.clock.speed)
    return BillPlaceDocument(
        hash_type="SHA1",
        hash_value=sha1(content, usedforsecurity=False).hexdigest(),
        download_url=f"{call.origin}/v3/billdownload/file?token={word}",
    )


def _trade_row(call: WechatCall, entry: TradeEntry) -> TradeRow:
    trade = entry.trade
    order = order_of(trade)
    return TradeRow(
        at=entry.happened_at,
        appid=order.appid or order.sp_appid,
        mchid=call.merchant.number,
        sub_mchid=order.sub_mchid,
        transaction_id=trade.channel_number,
        out_trade_no=trade.number,
        openid=trade.payer_id,
        trade_type=trade.terms.product,
        amount_fen=entry.amount_fen,
        subject=order.description,
        attach=order.attach,
        fee_fen=entry.fee_fen,
        fee_ppm=entry.fee_ppm,
        refund=_refund_row(entry, entry.refund) if entry.refund else None,
    )


def _refund_row(entry: TradeEntry, refund: Refund) -> RefundRow:
    return RefundRow(
        refund_id=refund.channel_number,
        out_refund_no=refund.number,
        amount_fen=entry.amount_fen,
        state=REFUND_WORDS[refund.state],
        asked_at=refund.opened_at,
        refunded_at=refund.refunded_at,
        is_reversal=refund.terms.document is None,  # nobody called for this refund
    )


def _fund_row(movement: Movement) -> FundRow:
    about = movement.about
    is_fee_back = movement.kind == "fee" and movement.amount_fen > 0
    name, business = FEE_BACK if is_fee_back else MOVES[movement.kind]
    number = about.transfer.number if isinstance(about, TransferReturn) else about.number
    theirs = about.channel_number
    return FundRow(
        at=movement.happened_at,
        business_number=theirs,
        number=movement.number,
        name=name,
        business=business,
        amount_fen=movement.amount_fen,
        balance_fen=movement.balance_fen,
        remark=about.terms.subject if isinstance(about, Trade) else "",
        voucher=number,
    )


ROUTES = [
    web.get("/v3/bill/tradebill", wechat("find_bill", trade_bill)),
    web.get("/v3/bill/fundflowbill", wechat("find_bill", fund_bill)),
    web.get("/v3/billdownload/file", wechat("fetch_bill", fetch_bill)),
    web.get("/v3/certificates", wechat("certificates", certificates)),
]
