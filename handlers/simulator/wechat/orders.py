"""The platform's calls about orders: create, query, close, reverse, for both kinds of merchant."""

from __future__ import annotations

from aiohttp import web
from msgspec import Struct

from handlers.simulator.wechat.hearing import (
    NOT_YOURS,
    Done,
    Read,
    WechatCall,
    may_speak_for,
    trade_of,
    wechat,
)
from handlers.simulator.wechat.words import (
    CODE_URL,
    NO_ORDER,
    REFUSALS,
    TRADE_TYPES,
    order_of,
    transaction_of,
)
from handlers.simulator.world import No, Trade, TradeState, TradeTerms, World
from schema.channels.wechat.documents import (
    ANYTHING,
    ORDER,
    WHOSE,
    OrderDocument,
    Prepared,
    Transaction,
    WhoseDocument,
)
from schema.channels.wechat.payments import Kind
from schema.channels.wechat.platform import (
    CallRefused,
    order_fault,
    param_error,
    read_parameters,
    typing_answer,
    whose_fault,
)

H5_LIFE_S = 300
CODE_LIFE_S = 7_200
NOT_REVERSIBLE = CallRefused(code="INVALID_REQUEST", message="仅付款码支付订单支持撤销")


class Ordered(Struct, frozen=True, kw_only=True):
    """A create call, read."""

    kind: Kind
    order: OrderDocument
    everything: object
    """The whole call, in what we do not read, too."""


def read_order(kind: Kind, is_partner: bool) -> Read:
    """What is ordered, and that it is the merchant's to order."""

    def read(call: WechatCall) -> CallRefused | None:
        order, everything = read_parameters(ORDER, call.body), read_parameters(ANYTHING, call.body)
        if isinstance(order, CallRefused):
            return order
        if isinstance(everything, CallRefused):  # malformed in a part that the order does not read
            return everything
        fault = whose_fault(call.keys.account, order, is_partner=is_partner)
        if fault := fault or order_fault(kind, order):
            return fault
        call.document = Ordered(kind=kind, order=order, everything=everything)
        call.number, call.amount_fen = order.out_trade_no, order.amount.total
        return None

    return read


def create(world: World, call: WechatCall) -> Done:
    """Opens an order, or finds the one that an identical call opened; a code is charged at once."""
    ordered: Ordered = call.document
    trade = world.open_trade(call.merchant, terms_of(ordered), ordered.everything)
    if isinstance(trade, No):
        return REFUSALS[trade]
    if ordered.kind == "codepay":
        return _charged(world, call, trade)
    return _prepared(ordered.kind, call, trade)


def terms_of(ordered: Ordered) -> TradeTerms:
    """The order in the world's words."""
    order, payer, settle = ordered.order, ordered.order.payer, ordered.order.settle_info
    payer_id = (payer.openid or payer.sub_openid or payer.sp_openid) if payer else ""
    return TradeTerms(
        number=order.out_trade_no,
        amount_fen=order.amount.total,
        subject=order.description,
        product=TRADE_TYPES[ordered.kind],
        notify_url=order.notify_url or "",
        expires_at=order.time_expire,
        code_life_s=H5_LIFE_S if ordered.kind == "h5" else CODE_LIFE_S,
        payer_id=payer_id,
        shares_profit=bool(settle and settle.profit_sharing),
        document=order,
    )


def query_by_number(world: World, call: WechatCall) -> Done:
    """How the merchant's order stands."""
    return _queried(call, number=call.number)


def query_by_transaction(world: World, call: WechatCall) -> Done:
    """How the order with the platform's number stands."""
    return _queried(call, theirs=call.names["theirs"])


def read_whose(is_partner: bool) -> Read:
    """That it is the merchant's to end."""

    def read(call: WechatCall) -> CallRefused | None:
        wish = read_parameters(WHOSE, call.body)
        if isinstance(wish, CallRefused):
            return wish
        call.document = wish
        return whose_fault(call.keys.account, wish, is_partner=is_partner)

    return read


def close(world: World, call: WechatCall) -> Done:
    """Ends an order that nobody has paid."""
    wish: WhoseDocument = call.document
    trade = trade_of(call, wish.sub_mchid, number=call.number)
    closed = world.close(trade) if trade else None
    if closed is None:
        return NO_ORDER
    return REFUSALS[closed] if isinstance(closed, No) else None


def reverse(world: World, call: WechatCall) -> Done:
    """Takes back what was asked of a payment code, paid or not."""
    wish: WhoseDocument = call.document
    trade = trade_of(call, wish.sub_mchid, number=call.number)
    if trade is None:
        return NO_ORDER
    if trade.terms.product != TRADE_TYPES["codepay"]:
        return NOT_REVERSIBLE
    reversed_ = world.reverse(trade)
    if isinstance(reversed_, No):
        return REFUSALS[reversed_]
    order = order_of(trade)
    return WhoseDocument(
        appid=order.appid,
        mchid=order.mchid,
        sp_appid=order.sp_appid,
        sp_mchid=order.sp_mchid,
        sub_mchid=order.sub_mchid,
        out_trade_no=order.out_trade_no,
    )


def _charged(world: World, call: WechatCall, trade: Trade) -> Done:
    scanned = world.scan(trade)
    if isinstance(scanned, No):
        return REFUSALS[scanned]
    if trade.state is TradeState.CONFIRMING:
        return typing_answer(call.keys, now=call.now, nonce=call.nonce(), serial=call.serial)
    if trade.state is TradeState.FAILED:
        return REFUSALS[trade.failure or No.ALREADY_FAILED]
    return transaction_of(trade)


def _prepared(kind: Kind, call: WechatCall, trade: Trade) -> Prepared:
    if kind == "native":
        return Prepared(code_url=CODE_URL + trade.code)
    if kind == "h5":
        return Prepared(h5_url=f"{call.origin}/pay?code={trade.code}")
    return Prepared(prepay_id=f"wx{trade.opened_at:%d%H%M%S}{trade.code}")


def _queried(call: WechatCall, *, number: str = "", theirs: str = "") -> Transaction | CallRefused:
    is_partner = "/partner/" in call.path
    name = "sp_mchid" if is_partner else "mchid"
    mchid, sub_mchid = call.query.get(name), call.query.get("sub_mchid", "")
    if mchid is None:
        return param_error(f"/{name}", "missing", location="query")
    if mchid != call.keys.account.mchid:
        return CallRefused(code="NO_AUTH", message="not the merchant who signed")
    if not may_speak_for(call, sub_mchid):
        return NOT_YOURS
    trade = trade_of(call, sub_mchid if is_partner else "", number=number, theirs=theirs)
    return transaction_of(trade) if trade else NO_ORDER


def _routes(base: str, is_partner: bool) -> list[web.RouteDef]:
    order, whose = f"{base}/out-trade-no/{{number}}", read_whose(is_partner)
    return [
        *(
            web.post(f"{base}/{kind}", wechat("create", create, read_order(kind, is_partner)))
            for kind in TRADE_TYPES
        ),
        web.get(order, wechat("query", query_by_number)),
        web.get(f"{base}/id/{{theirs}}", wechat("query", query_by_transaction)),
        web.post(f"{order}/close", wechat("close", close, whose)),
        web.post(f"{order}/reverse", wechat("reverse", reverse, whose)),
    ]


ROUTES = [
    *_routes("/v3/pay/transactions", is_partner=False),
    *_routes("/v3/pay/partner/transactions", is_partner=True),
]
