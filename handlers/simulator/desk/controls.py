"""Controls for scripts: pay, refuse, order faults, confirm a transfer, move the clock."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated, Literal, cast

from aiohttp import web
from msgspec import Meta, Struct

from handlers.simulator.desk.reading import (
    decoded,
    is_loopback,
    json,
    mistaken,
    number,
    read,
    refusal,
)
from handlers.simulator.desk.views import TradePage, refund_view, trade_view, transfer_view
from handlers.simulator.fronts import ACCOUNT, Account
from handlers.simulator.simulator import SIMULATOR
from handlers.simulator.world import No, World
from handlers.simulator.world.faults import FaultOrder, Mistake
from schema.channels.language import Protocols

PAGE_MAX = 10_000
MOVE_S_MAX = 400 * 24 * 3_600
"""A refund may come a year after its payment; nobody needs to look further."""


class PayWish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody wants to pay this order; whose it is only where two merchants use the number."""

    number: str
    account_no: str | None = None
    protocol: Protocols | None = None
    payer_id: Annotated[str, Meta(max_length=128)] = ""
    """Empty for whoever the order was made for, or else anybody."""


class RefuseWish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The payer does not pay this order, and why."""

    number: str
    account_no: str | None = None
    protocol: Protocols | None = None
    why: Literal["payer_refused", "not_enough_money"] = "payer_refused"


class ConfirmWish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The payee takes the money of this transfer, which they know by its package."""

    package: str


class AccountWish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new merchant, known to the platform by this number."""

    protocol: Protocols
    account_no: Annotated[str, Meta(pattern=r"^[0-9A-Za-z]{1,32}\Z")]
    notify_url: Annotated[str, Meta(max_length=255, pattern=r"^https?://[^?#\s]+\Z")]


class ClockWish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is given is done, in this order."""

    speed: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    move_s: Annotated[int, Meta(ge=0, le=MOVE_S_MAX)] = 0
    close_day: bool = False


async def pay_by_script(request: web.Request) -> web.Response:
    """The payer pays."""
    simulator, wish = request.app[SIMULATOR], read(PayWish, await request.read())
    trade = simulator.find_trade(wish.number, wish.account_no, wish.protocol)
    if isinstance(trade, Mistake):
        return mistaken(trade, "no_such_trade")
    paid = simulator.world.pay(trade, wish.payer_id)
    return _done(paid) if isinstance(paid, No) else json(trade_view(paid))


async def refuse_by_script(request: web.Request) -> web.Response:
    """The payer refuses, or has not the money."""
    simulator, wish = request.app[SIMULATOR], read(RefuseWish, await request.read())
    trade = simulator.find_trade(wish.number, wish.account_no, wish.protocol)
    if isinstance(trade, Mistake):
        return mistaken(trade, "no_such_trade")
    failed = simulator.world.fail(trade, No[wish.why.upper()])
    return _done(failed) if isinstance(failed, No) else json(trade_view(failed))


async def list_trades(request: web.Request) -> web.Response:
    """`?after=0&limit=1000`: what happened, page by page."""
    after, limit = number(request, "after", 0), number(request, "limit", 1000)
    limit = min(limit, PAGE_MAX)
    trades = request.app[SIMULATOR].world.trades.page(after, limit)
    following = after + limit if limit and len(trades) == limit else None
    return json(TradePage(trades=[trade_view(trade) for trade in trades], next=following))


async def list_refunds(request: web.Request) -> web.Response:
    """Every merchant's, in the order of their opening."""
    merchants = request.app[SIMULATOR].world.merchants.values()
    return json([refund_view(one) for each in merchants for one in each.refunds.values()])


async def list_transfers(request: web.Request) -> web.Response:
    """Every merchant's, in the order of their opening."""
    merchants = request.app[SIMULATOR].world.merchants.values()
    return json([transfer_view(one) for each in merchants for one in each.transfers.values()])


async def confirm_transfer(request: web.Request) -> web.Response:
    """The payee confirms."""
    world, wish = request.app[SIMULATOR].world, read(ConfirmWish, await request.read())
    transfer = world.packages.get(wish.package)
    if transfer is None:
        return refusal(404, "no_such_transfer", "nothing waits under this package", "package")
    done = world.confirm_transfer(transfer)
    return _done(done) if isinstance(done, No) else json(transfer_view(done))


async def order_fault(request: web.Request) -> web.Response:
    """Puts a fault in force, or ends it with `times: 0`."""
    wish = read(FaultOrder, await request.read())
    if mistake := request.app[SIMULATOR].order_fault(wish):
        return mistaken(mistake, "bad_fault")
    return json(wish)


async def list_faults(request: web.Request) -> web.Response:
    """What is in force."""
    return json({"faults": request.app[SIMULATOR].world.faults.in_force()})


async def clear_faults(request: web.Request) -> web.Response:
    """Ends all faults, or with `?account_no=` those of one merchant."""
    world, account_no = request.app[SIMULATOR].world, request.query.get("account_no")
    if account_no is None:
        world.faults.clear()
    for merchant in world.named(account_no or ""):
        world.faults.clear(merchant)
    return web.Response(status=204)


async def show_clock(request: web.Request) -> web.Response:
    """What time it is in the world."""
    return json(_clock(request.app[SIMULATOR].world))


async def set_clock(request: web.Request) -> web.Response:
    """Hurries it, moves it forward, closes the day."""
    world, wish = request.app[SIMULATOR].world, read(ClockWish, await request.read())
    if wish.speed:
        world.clock.hurry(wish.speed)
    world.clock.move(timedelta(seconds=wish.move_s))
    closed = world.clock.close_day() if wish.close_day else None
    return json(_clock(world) | {"closed_day": closed})


async def add_account(request: web.Request) -> web.Response:
    """Serves one more merchant. The body holds keys, so it may only come from this machine.

    A web page in a browser on this machine can't send it either: it may not send JSON elsewhere
    without asking first, and nobody here answers such a question.
    """
    if not is_loopback(request.remote) or request.content_type != "application/json":
        return refusal(403, "only_local", "only from this machine, as application/json")
    account = decoded(ACCOUNT, await request.read())
    try:
        request.app[SIMULATOR].add_account(account)
    except ValueError as error:
        return refusal(400, "bad_account", str(error))
    return web.Response(status=204)


async def make_account(request: web.Request) -> web.Response:
    """Makes both ends of a new account, serves it, and answers with the merchant's end: all that a
    client needs. That holds a private key, so it may only be asked for from this machine."""
    if not is_loopback(request.remote) or request.content_type != "application/json":
        return refusal(403, "only_local", "only from this machine, as application/json")
    wish, simulator = read(AccountWish, await request.read()), request.app[SIMULATOR]
    front = simulator.world.fronts.get(wish.protocol)
    if front is None:
        return refusal(404, "no_such_platform", "this platform is not simulated", "protocol")
    ours, theirs = await asyncio.to_thread(
        front.new_account, wish.account_no, str(request.url.origin()), wish.notify_url
    )
    simulator.add_account(cast(Account, theirs))
    return json(ours, status=201)


async def list_accounts(request: web.Request) -> web.Response:
    """Who is served, by platform and number; keys are not shown."""
    keys = request.app[SIMULATOR].world.merchants
    return json({"accounts": [{"protocol": each[0], "account_no": each[1]} for each in keys]})


async def is_healthy(request: web.Request) -> web.Response:
    """Answers as long as the event loop turns, which is all that this service needs."""
    return json({"status": "ok"})


CONTROL_ROUTES = [
    web.post("/simulator/pay", pay_by_script),
    web.post("/simulator/refuse", refuse_by_script),
    web.get("/simulator/trades", list_trades),
    web.get("/simulator/refunds", list_refunds),
    web.get("/simulator/transfers", list_transfers),
    web.post("/simulator/transfers/confirm", confirm_transfer),
    web.get("/simulator/faults", list_faults),
    web.post("/simulator/faults", order_fault),
    web.delete("/simulator/faults", clear_faults),
    web.get("/simulator/clock", show_clock),
    web.post("/simulator/clock", set_clock),
    web.get("/simulator/accounts", list_accounts),
    web.post("/simulator/accounts", add_account),
    web.post("/simulator/accounts/new", make_account),
    web.get("/healthz", is_healthy),
    web.get("/readyz", is_healthy),
]


def _done(no: No) -> web.Response:
    return refusal(409, no.name.lower(), no.value)


def _clock(world: World) -> dict[str, object]:
    clock = world.clock
    return {"now": clock.now(), "day": clock.today(), "speed": clock.speed}
