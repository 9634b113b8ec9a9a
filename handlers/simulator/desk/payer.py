"""The page on which a person pays, by what they scanned or clicked, or by the merchant's number."""

from __future__ import annotations

from aiohttp import web

from handlers.simulator.desk.pages import message_page, pay_page
from handlers.simulator.simulator import SIMULATOR
from handlers.simulator.world import No, Trade
from handlers.simulator.world.faults import Mistake


async def show_pay_page(request: web.Request) -> web.Response:
    """The payer's view of an order."""
    trade = _chosen(request)
    if isinstance(trade, Mistake):
        return _html(message_page(trade.message), status=404)
    return _html(pay_page(trade))


async def pay_on_page(request: web.Request) -> web.Response:
    """The button on the page."""
    trade = _chosen(request)
    if isinstance(trade, Mistake):
        return _html(message_page(trade.message), status=404)
    paid = request.app[SIMULATOR].world.pay(trade)
    if isinstance(paid, No):
        return _html(message_page(paid.value), status=409)
    raise web.HTTPSeeOther(request.rel_url)


PAYER_ROUTES = [
    web.get("/pay", show_pay_page),
    web.get("/pay/{number}", show_pay_page),
    web.post("/pay", pay_on_page),
    web.post("/pay/{number}", pay_on_page),
]


def _chosen(request: web.Request) -> Trade | Mistake:
    """The trade that a page is about, or why there is none."""
    simulator, number = request.app[SIMULATOR], request.match_info.get("number")
    if number is not None:
        return simulator.find_trade(number, request.query.get("account_no"), None)
    trade = simulator.world.trades.find_code(request.query.get("code", ""))
    return trade or Mistake(param="code", message="No order waits under this code.")


def _html(page: str, *, status: int = 200) -> web.Response:
    policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store"}
    return web.Response(status=status, text=page, content_type="text/html", headers=headers)
