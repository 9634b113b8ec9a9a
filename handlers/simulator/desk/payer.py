"""The pages on which a person pays what they scanned or clicked, or takes a transfer's money."""

from __future__ import annotations

from typing import cast

from aiohttp import web

from handlers.simulator.desk.pages import STYLE, Page
from handlers.simulator.desk.reading import number
from handlers.simulator.desk.words import preferred
from handlers.simulator.simulator import SIMULATOR
from handlers.simulator.world import No, Trade, Transfer
from handlers.simulator.world.faults import Mistake
from schema.channels.language import Protocols

TRADES_PER_PAGE = 50
TRANSFERS_SHOWN_MAX = 50

POLICY = (
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""No script, no picture, nothing from anywhere else."""

_SAFE = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_WORDS = {"code": "no_code", "number": "no_order", "account_no": "which"}


async def show_desk(request: web.Request) -> web.Response:
    """What happened last."""
    world = request.app[SIMULATOR].world
    before = number(request, "before", len(world.trades))
    trades = world.trades.latest(before, TRADES_PER_PAGE)
    waiting = list(world.packages.values())[-TRANSFERS_SHOWN_MAX:]
    faults = len(world.faults.in_force())
    return _html(_page(request).desk(trades, waiting, before - TRADES_PER_PAGE, faults))


async def show_style(_: web.Request) -> web.Response:
    """How the pages look."""
    return web.Response(text=STYLE, content_type="text/css")


async def show_pay_page(request: web.Request) -> web.Response:
    """The payer's view of an order."""
    trade = _chosen(request)
    if isinstance(trade, Mistake):
        return _html(_page(request).message(_WORDS[trade.param]), status=404)
    request.app[SIMULATOR].world.show(trade)
    return _html(_page(request).payer(trade))


async def pay_on_page(request: web.Request) -> web.Response:
    """A button on the page: pay, refuse, or not enough money."""
    trade, world = _chosen(request), request.app[SIMULATOR].world
    if isinstance(trade, Mistake):
        return _html(_page(request).message(_WORDS[trade.param]), status=404)
    match (await request.post()).get("does", "pay"):
        case "refuse":
            done = world.fail(trade, No.PAYER_REFUSED)
        case "poor":
            done = world.fail(trade, No.NOT_ENOUGH_MONEY)
        case _:
            done = world.pay(trade)
    if isinstance(done, No):
        return _html(_page(request).refused(done), status=409)
    raise web.HTTPSeeOther(request.rel_url)


async def show_transfer(request: web.Request) -> web.Response:
    """The payee's view of a transfer that waits for them."""
    transfer = _waiting(request)
    if transfer is None:
        return _html(_page(request).refused(No.NOT_CONFIRMABLE), status=404)
    return _html(_page(request).payee(transfer))


async def take_transfer(request: web.Request) -> web.Response:
    """The payee takes the money."""
    transfer = _waiting(request)
    done = request.app[SIMULATOR].world.confirm_transfer(transfer) if transfer else None
    if transfer is None or isinstance(done, No):
        return _html(_page(request).refused(No.NOT_CONFIRMABLE), status=409)
    return _html(_page(request).payee(transfer))


PAYER_ROUTES = [
    web.get("/", show_desk),
    web.get("/simulator/desk.css", show_style),
    web.get("/pay", show_pay_page),
    web.get("/pay/{number}", show_pay_page),
    web.post("/pay", pay_on_page),
    web.post("/pay/{number}", pay_on_page),
    web.get("/transfers/{package}", show_transfer),
    web.post("/transfers/{package}", take_transfer),
]


def _page(request: web.Request) -> Page:
    wished = request.query.get("lang")
    return Page(preferred(request.headers.get("Accept-Language", ""), wished))


def _chosen(request: web.Request) -> Trade | Mistake:
    """The trade that a page is about, or why there is none."""
    simulator, wished, query = request.app[SIMULATOR], request.match_info, request.query
    if "number" in wished:
        protocol = cast(Protocols | None, query.get("protocol"))
        return simulator.find_trade(wished["number"], query.get("account_no"), protocol)
    trade = simulator.world.trades.find_code(query.get("code", ""))
    return trade or Mistake(param="code", message="no order waits under this code")


def _waiting(request: web.Request) -> Transfer | None:
    return request.app[SIMULATOR].world.packages.get(request.match_info["package"])


def _html(page: str, *, status: int = 200) -> web.Response:
    return web.Response(status=status, text=page, content_type="text/html", headers=_SAFE)
