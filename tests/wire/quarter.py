"""A real simulator and a real merchant of the bank and of UnionPay on loopback ports."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from msgspec.structs import replace
from yarl import URL

from handlers.simulator import SimulatorConfig, simulator_app
from handlers.simulator.world import WORLD, FaultOrder, Trade, World
from schema.channels import HttpAnswer, Language, Notice, Order, ProtocolError, Question, Stamp
from schema.channels.languages import LANGUAGES

SWIFT = 10_000
"""A second of the simulator's waits is a tenth of a millisecond."""


class Quarter:
    """One merchant's language at one end, the simulator at the other."""

    def __init__(
        self, language: Language, session: aiohttp.ClientSession, world: World, key: Any
    ) -> None:
        self.language, self.session, self.world = language, session, world
        self.merchant = world.merchants[key]
        self.heard: list[tuple[str, Notice]] = []
        """Notices with their ids, as they came."""
        self.refused: list[str] = []
        self.deaf_for = 0
        """So many notices are not acknowledged."""

    async def ask(self, wish: str, *about: Any) -> Any:
        """What the channel says to a wish, or what the language knows by itself."""
        stamp = Stamp(now=datetime.now(UTC), nonce=secrets.token_hex(16))
        question = getattr(self.language, wish)(*about, stamp)
        if not isinstance(question, Question):
            return question
        request = question.request
        url = URL((request.origin or self.language.base_url) + request.path, encoded=True)
        async with self.session.request(
            request.method, url, headers=request.headers, data=request.body
        ) as answer:
            got = HttpAnswer(status=answer.status, headers=answer.headers, body=await answer.read())
        return question.read(got, datetime.now(UTC))

    def trade(self, order: Order) -> Trade:
        return self.merchant.trades[order.number]

    def order_fault(self, api: Any, kind: Any, **more: Any) -> None:
        wish = FaultOrder(account_no=self.merchant.number, api=api, kind=kind, **more)
        assert self.world.faults.order(self.merchant, wish) is None

    async def take(self, request: web.Request) -> web.Response:
        """The merchant's door for notices."""
        body, language = await request.read(), self.language
        try:
            known = language.prove(request.headers, body, datetime.now(UTC))
        except ProtocolError as error:
            self.refused.append(str(error))
            return _response(language.no_thanks(401, "no"))
        self.heard.append((known, language.read_notice(body)))
        if self.deaf_for:
            self.deaf_for -= 1
            return _response(language.no_thanks(503, "later"))
        return _response(language.thanks())

    async def notices(self, count: int, within_s: float = 5) -> list[tuple[str, Notice]]:
        """The first `count` notices, once they have arrived."""
        await self.until(lambda: len(self.heard) >= count, within_s)
        return self.heard[:count]

    async def until(self, is_so: Any, within_s: float = 5) -> None:
        async with asyncio.timeout(within_s):
            while not is_so():
                await asyncio.sleep(0.005)


def soon() -> dict[str, datetime]:
    """An order's times, from now on."""
    now = datetime.now(UTC).replace(microsecond=0)
    return {"opened_at": now, "expires_at": now + timedelta(minutes=5)}


@asynccontextmanager
async def a_quarter(
    protocol: Any, ours: Any, theirs: Any, **manners: Any
) -> AsyncGenerator[Quarter, None]:
    """Opens both servers for the length of a test; `manners` are those of the simulator."""
    door = web.Application()
    quarter: list[Quarter] = []

    async def take(request: web.Request) -> web.Response:
        return await quarter[0].take(request)

    door.router.add_post("/notices", take)
    usual = {"clock_speed": SWIFT}
    app = simulator_app(SimulatorConfig(accounts=(theirs,), **usual | manners))
    async with TestServer(door) as shop, TestServer(app) as platform:
        account = replace(
            ours,
            base_url=str(platform.make_url("/")).rstrip("/"),
            notify_url=str(shop.make_url("/notices")),
        )
        async with aiohttp.ClientSession() as session:
            world, language = app[WORLD], LANGUAGES[protocol].open(account)
            quarter.append(Quarter(language, session, world, next(iter(world.merchants))))
            yield quarter[0]


def _response(answer: HttpAnswer) -> web.Response:
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
