"""Alipay's bills, out of what happened: where one lies, and the file itself."""

from __future__ import annotations

from datetime import date, datetime

from aiohttp import web

from handlers.simulator.alipay.hearing import AlipayCall, Done, Method
from handlers.simulator.alipay.words import LOGON_ID
from handlers.simulator.endpoint import Call, Speech, endpoint
from handlers.simulator.world import Movement, Trade, TradeEntry, World
from handlers.simulator.world.transfers import TransferReturn
from schema.channels.alipay.bill_files import FundRow, TradeRow, fund_bill, trade_bill
from schema.channels.alipay.documents import BILL, BillPlaceDocument
from schema.channels.alipay.platform import business_refusal
from schema.channels.http import HttpAnswer

FETCH_WITHIN_S = 30
PATH = "/alipay/bill/{app_id}/{word}"

NO_BILL = business_refusal("isp.bill_not_exist", "账单不存在")
NO_SUCH_KIND = business_refusal("invalid_arguments", "入参不合法")
GONE = HttpAnswer(status=404, headers={}, body=b"")

BUSINESS: dict[str, str] = {
    "payment": "在线支付",
    "refund": "交易退款",
    "fee": "收费",
    "transfer": "转账",
    "transfer_back": "转账退回",
}
FEE_BACK = "收费退回"


class FetchCall(Call, kw_only=True):
    """Whoever has the address may fetch the file."""

    word: str


def find_bill(world: World, call: AlipayCall) -> Done:
    """Where the bill of a day lies, for half a minute."""
    asked, account = call.document, call.keys.account
    try:
        day = date.fromisoformat(asked.bill_date)
    except ValueError:
        return NO_SUCH_KIND
    if world.bills.state(call.merchant, day) != "ready":
        return NO_BILL
    seller, now = account.seller_id or account.app_id, world.clock.now()
    if asked.bill_type == "trade":
        rows = [_trade_row(entry) for entry in world.bills.trades(call.merchant, day)]
        content = trade_bill(seller, day, rows, now)
    elif asked.bill_type == "signcustomer":
        moves = [_fund_row(movement) for movement in world.bills.funds(call.merchant, day)]
        content = fund_bill(seller, day, moves, now)
    else:
        return NO_SUCH_KIND
    # The world's waits may be hurried; a merchant's download is not.
    word = world.bills.keep(content, FETCH_WITHIN_S * world.clock.speed)
    path = PATH.format(app_id=call.merchant.number, word=word)
    return BillPlaceDocument(bill_download_url=f"{call.origin}{path}")


def hear_fetch(
    world: World, request: web.Request, body: bytes, now: datetime
) -> FetchCall | HttpAnswer:
    """A plain GET; the word in its address is all that it proves itself by."""
    merchant = world.merchant("alipay", request.match_info["app_id"])
    if merchant is None:
        return GONE
    return FetchCall(merchant=merchant, api="fetch_bill", now=now, word=request.match_info["word"])


def fetch_bill(world: World, call: FetchCall) -> HttpAnswer:
    """The file, while it lies there."""
    content = world.bills.kept(call.word)
    if content is None:
        return GONE
    return HttpAnswer(status=200, headers={"Content-Type": "application/zip"}, body=content)


def _broken(call: FetchCall) -> HttpAnswer:
    return HttpAnswer(status=502, headers={}, body=b"")


def _trade_row(entry: TradeEntry) -> TradeRow:
    """What Alipay takes is below zero, and so is what goes back to a payer."""
    trade, refund = entry.trade, entry.refund
    return TradeRow(
        trade_no=trade.channel_number,
        out_trade_no=trade.number,
        subject=trade.terms.subject,
        created_at=trade.opened_at,
        finished_at=entry.happened_at,
        payer=LOGON_ID,
        amount_fen=-entry.amount_fen if refund else entry.amount_fen,
        fee_fen=-entry.fee_fen,
        request_no=refund.number if refund else "",
        store_id=trade.terms.document.order.store_id,
    )


def _fund_row(movement: Movement) -> FundRow:
    about = movement.about
    number = about.transfer.number if isinstance(about, TransferReturn) else about.number
    is_fee_back = movement.kind == "fee" and movement.amount_fen > 0
    return FundRow(
        number=movement.number,
        business_no=about.channel_number,
        out_trade_no=number,
        subject=about.terms.subject if isinstance(about, Trade) else "",
        happened_at=movement.happened_at,
        account=LOGON_ID,
        amount_fen=movement.amount_fen,
        balance_fen=movement.balance_fen,
        business=FEE_BACK if is_fee_back else BUSINESS[movement.kind],
    )


METHODS = {
    "alipay.data.dataservice.bill.downloadurl.query": Method(
        api="find_bill", decoder=BILL, act=find_bill
    ),
}
ROUTES = [
    web.get(
        PATH,
        endpoint(
            Speech(
                hear=hear_fetch,
                act=fetch_bill,
                refuse=lambda call, _: _broken(call),
                break_down=_broken,
                refusal_code="",
                busy_code="",
            )
        ),
    ),
]
