"""One traffic process: orders go out, webhooks come in, and the bench says when.

`python -m bench.traffic` reads a Plan as JSON from standard input.

    POST /hooks/{merchant_no}   a webhook
    POST /load                  begin this load (ClosedLoop or OpenLoop as JSON)
    POST /rest?within_s=30      no more orders; answers when none is in flight, or after that time
    POST /finished?within_s=30  the same, but waits first for the end of a load that has one
    GET  /report                everything that was seen
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

import aiohttp
import msgspec
import uvloop
from aiohttp import web
from msgspec import Struct

from bench.generator import ANSWER_WITHIN_S, Generator, Load
from bench.orders import Merchant, Order, OrderBook
from bench.receiver import Receiver


class Plan(Struct, frozen=True, kw_only=True):
    """What a traffic process needs to know."""

    name: str
    """Begins each of its order numbers, so it differs from process to process and run to run."""
    port: int
    edge_url: str
    merchants: tuple[Merchant, ...]
    verify_every: int


class Rested(Struct, frozen=True, kw_only=True):
    """How a load ended."""

    unfinished: int


class Report(Struct, frozen=True, kw_only=True):
    """Everything that one process has seen."""

    orders: list[Order]
    dropped: int
    strangers: list[str]
    verified: int
    forged: list[str]


PLAN: web.AppKey[Plan] = web.AppKey("plan", Plan)
BOOK: web.AppKey[OrderBook] = web.AppKey("book", OrderBook)
RECEIVER: web.AppKey[Receiver] = web.AppKey("receiver", Receiver)
GENERATOR: web.AppKey[Generator] = web.AppKey("generator", Generator)


def traffic_app(plan: Plan) -> web.Application:
    """The process as a web application."""
    app = web.Application()
    book = OrderBook(plan.name, plan.merchants)
    receiver = Receiver(book, plan.merchants, verify_every=plan.verify_every)
    app[PLAN], app[BOOK], app[RECEIVER] = plan, book, receiver
    app.add_routes(
        [
            web.post("/hooks/{merchant_no}", receiver.take),
            web.post("/load", _load),
            web.post("/rest", _rest),
            web.post("/finished", _finished),
            web.get("/report", _report),
            web.get("/readyz", _ready),
        ]
    )
    app.cleanup_ctx.append(_with_generator)
    return app


async def _with_generator(app: web.Application) -> AsyncIterator[None]:
    plan = app[PLAN]
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
    timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN_S)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        notify_url = f"http://127.0.0.1:{plan.port}/hooks"
        app[GENERATOR] = Generator(session, plan.edge_url, notify_url, app[BOOK])
        yield
        await app[GENERATOR].rest(0.0)


async def _load(request: web.Request) -> web.Response:
    request.app[GENERATOR].start(msgspec.json.decode(await request.read(), type=Load))
    return web.Response(status=204)


async def _rest(request: web.Request) -> web.Response:
    within_s = float(request.query["within_s"])
    return _json(Rested(unfinished=await request.app[GENERATOR].rest(within_s)))


async def _finished(request: web.Request) -> web.Response:
    within_s = float(request.query["within_s"])
    return _json(Rested(unfinished=await request.app[GENERATOR].finished(within_s)))


async def _report(request: web.Request) -> web.Response:
    app = request.app
    return _json(
        Report(
            orders=list(app[BOOK].orders.values()),
            dropped=app[GENERATOR].dropped,
            strangers=app[BOOK].strangers,
            verified=app[RECEIVER].verified,
            forged=app[RECEIVER].forged,
        )
    )


async def _ready(_: web.Request) -> web.Response:
    return web.Response(text="ready\n")


def _json(document: Struct) -> web.Response:
    return web.Response(body=msgspec.json.encode(document), content_type="application/json")


def main() -> None:
    """Serves until SIGTERM."""
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    web.run_app(
        traffic_app(plan),
        host="127.0.0.1",
        port=plan.port,
        access_log=None,
        print=None,
        shutdown_timeout=1.0,
        loop=uvloop.new_event_loop(),
    )


if __name__ == "__main__":
    main()
