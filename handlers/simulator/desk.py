"""What the real platform does not have: a page on which a person pays, and controls for scripts."""

from __future__ import annotations

from datetime import datetime
from ipaddress import ip_address
from typing import Annotated, TypeVar

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from handlers.simulator.faults import FaultOrder
from handlers.simulator.pages import message_page, pay_page
from handlers.simulator.simulator import SIMULATOR
from handlers.simulator.trades import PAYER_ID, Trade
from schema.channels.wechat import SimulatorAccount
from schema.channels.wechat.platform import CallRefused

PAGE_MAX = 10_000

T = TypeVar("T")


class PayWish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody wants to pay this order; `mchid` only where two merchants use the same number."""

    out_trade_no: str
    mchid: str | None = None
    payer_id: Annotated[str, Meta(min_length=1, max_length=128)] = PAYER_ID


class TradeView(Struct, frozen=True, kw_only=True):
    """What happened to one order, for comparing with what others believe."""

    mchid: str
    out_trade_no: str
    transaction_id: str
    state: str
    amount_fen: int
    notified_count: int
    is_acknowledged: bool
    opened_at: datetime
    paid_at: datetime | None


class TradePage(Struct, frozen=True, kw_only=True):
    """Trades in the order of their opening; `next` is the `after` of the following page."""

    trades: list[TradeView]
    next: int | None


async def show_pay_page(request: web.Request) -> web.Response:
    """The payer's view of an order, by what they scanned or by the merchant's number."""
    trade = _chosen(request)
    if isinstance(trade, str):
        return _html(message_page(trade), status=404)
    return _html(pay_page(trade))


async def pay_on_page(request: web.Request) -> web.Response:
    """The button on the page."""
    trade = _chosen(request)
    if isinstance(trade, str):
        return _html(message_page(trade), status=404)
    paid = request.app[SIMULATOR].pay(trade)
    if isinstance(paid, CallRefused):
        return _html(message_page(paid.message), status=409)
    raise web.HTTPSeeOther(request.rel_url)


async def pay_by_script(request: web.Request) -> web.Response:
    """The same for scripts."""
    wish = _read(PayWish, await request.read())
    trade = _only(request, wish.out_trade_no, wish.mchid)
    if isinstance(trade, str):
        return _refusal(404, "no_such_trade", trade)
    paid = request.app[SIMULATOR].pay(trade, wish.payer_id)
    if isinstance(paid, CallRefused):
        return _refusal(409, paid.code, paid.message)
    return _json(_view(paid))


async def list_trades(request: web.Request) -> web.Response:
    """`?after=0&limit=1000`: what happened, page by page."""
    after, limit = _number(request, "after", 0), _number(request, "limit", 1000)
    limit = min(limit, PAGE_MAX)
    trades = request.app[SIMULATOR].trades.page(after, limit)
    following = after + limit if limit and len(trades) == limit else None
    return _json(TradePage(trades=[_view(trade) for trade in trades], next=following))


async def order_fault(request: web.Request) -> web.Response:
    """Puts a fault in force, or ends it with `times: 0`."""
    wish = _read(FaultOrder, await request.read())
    simulator = request.app[SIMULATOR]
    if wish.mchid not in simulator.merchants:
        return _refusal(404, "no_such_merchant", "this merchant is not served here")
    if wrong := simulator.faults.order(wish):
        return _refusal(400, "bad_fault", wrong)
    return _json(wish)


async def add_account(request: web.Request) -> web.Response:
    """Serves one more merchant. The body holds keys, so it may only come from this machine.

    A web page in a browser on this machine can't send it either: it may not send JSON elsewhere
    without asking first, and nobody here answers such a question.
    """
    if not is_loopback(request.remote) or request.content_type != "application/json":
        return _refusal(403, "only_local", "only from this machine, as application/json")
    account = _read(SimulatorAccount, await request.read())
    try:
        request.app[SIMULATOR].add_account(account)
    except ValueError as error:
        return _refusal(400, "bad_account", str(error))
    return web.Response(status=204)


async def is_healthy(request: web.Request) -> web.Response:
    """Answers as long as the event loop turns, which is all that this service needs."""
    return web.json_response({"status": "ok"})


ROUTES = [
    web.get("/pay", show_pay_page),
    web.get("/pay/{out_trade_no}", show_pay_page),
    web.post("/pay", pay_on_page),
    web.post("/pay/{out_trade_no}", pay_on_page),
    web.post("/simulator/pay", pay_by_script),
    web.get("/simulator/trades", list_trades),
    web.post("/simulator/faults", order_fault),
    web.post("/simulator/accounts", add_account),
    web.get("/healthz", is_healthy),
    web.get("/readyz", is_healthy),
]


def _chosen(request: web.Request) -> Trade | str:
    """The trade that a page is about, or why there is none."""
    number = request.match_info.get("out_trade_no")
    if number is not None:
        return _only(request, number, request.query.get("mchid"))
    trade = request.app[SIMULATOR].trades.find_code(request.query.get("code", ""))
    return trade or "No order waits under this code."


def _only(request: web.Request, out_trade_no: str, mchid: str | None) -> Trade | str:
    found = request.app[SIMULATOR].find_trades(out_trade_no, mchid)
    if len(found) == 1:
        return found[0]
    return "Two merchants use this number: name the mchid." if found else "No such order."


def _view(trade: Trade) -> TradeView:
    return TradeView(
        mchid=trade.order.mchid,
        out_trade_no=trade.order.out_trade_no,
        transaction_id=trade.transaction_id,
        state=trade.state.name,
        amount_fen=trade.order.amount.total,
        notified_count=trade.notified_count,
        is_acknowledged=trade.acknowledged_at is not None,
        opened_at=trade.opened_at,
        paid_at=trade.paid_at,
    )


def is_loopback(remote: str | None) -> bool:
    """Whether a peer's address is this machine's own."""
    try:
        address = ip_address(remote or "")
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)  # ::ffff:127.0.0.1 on a dual-stack socket
    return (mapped or address).is_loopback


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, str(default))
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise _bad_request(f"{name} is not a number from 0")
    return int(text)


def _read(kind: type[T], body: bytes) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _bad_request(str(error)) from error


def _bad_request(message: str) -> web.HTTPBadRequest:
    text = msgspec.json.encode({"code": "bad_request", "message": message}).decode()
    return web.HTTPBadRequest(text=text, content_type="application/json")


def _refusal(status: int, code: str, message: str) -> web.Response:
    return _json({"code": code, "message": message}, status=status)


def _json(document: object, *, status: int = 200) -> web.Response:
    body = msgspec.json.encode(document)
    return web.Response(status=status, body=body, content_type="application/json")


def _html(page: str, *, status: int = 200) -> web.Response:
    policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store"}
    return web.Response(status=status, text=page, content_type="text/html", headers=headers)
