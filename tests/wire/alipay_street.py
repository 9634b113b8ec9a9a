"""A real simulator with two apps of Alipay, and a merchant of both, on loopback ports."""

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
from handlers.simulator.alipay.accounts import Accounts
from handlers.simulator.world import WORLD, Trade, World
from handlers.simulator.world.faults import FaultOrder
from schema.channels import HttpAnswer, HttpRequest, Order, Question, Stamp
from schema.channels.alipay import AlipayLanguage
from schema.channels.alipay.keys import Authorisation
from tests.wire.alipay_pair import ORDER_NO, an_order, by_certificates, by_keys

CERTIFIED_APP_ID = "2021000000000002"
TOKEN = "202603BB0000000000000000000000000"
"""A merchant's leave for the first app to speak for theirs."""
LEAVE = Authorisation(app_auth_token=TOKEN, auth_app_id="2021000000000003")


class AlipayStreet:
    """The simulator at one end, a merchant who is called back at the other."""

    def __init__(
        self, accounts: Accounts, certified: Accounts, world: World, session: aiohttp.ClientSession
    ) -> None:
        self.accounts, self.certified = accounts, certified
        self.world, self.session = world, session
        self.ours = AlipayLanguage.of(accounts[0])
        self.by_certificates = AlipayLanguage.of(certified[0])
        self.began_at = datetime.now(UTC)
        self.received: list[bytes] = []
        self.answers: list[bytes] = []
        """Bodies for the coming notices, in order; `success` when there are none left."""

    @property
    def origin(self) -> str:
        return self.accounts[0].base_url

    async def send(self, request: HttpRequest) -> HttpAnswer:
        url = URL((request.origin or self.origin) + request.path, encoded=True)
        async with self.session.request(
            request.method, url, headers=request.headers, data=request.body, allow_redirects=False
        ) as answer:
            body = await answer.read()
            return HttpAnswer(status=answer.status, headers=answer.headers, body=body)

    async def ask(self, question: Any) -> Any:
        """The answer of the platform, understood; a verdict that needs no answer as it is."""
        if not isinstance(question, Question):
            return question
        return question.read(await self.send(question.request), datetime.now(UTC))

    def order(self, **changed: Any) -> Order:
        """The usual order, to be paid within a quarter of an hour of the test's beginning."""
        return an_order(**{"expires_at": self.began_at + timedelta(minutes=15)} | changed)

    def trade(self, number: str = ORDER_NO, app_id: str = "") -> Trade:
        """What the platform knows under our number."""
        merchant = self.world.merchant("alipay", app_id or self.accounts[0].app_id)
        assert merchant
        return merchant.trades[number]

    def fault(self, **wish: Any) -> None:
        """Something goes wrong from now on."""
        merchant = self.world.merchant("alipay", self.accounts[0].app_id)
        assert merchant
        order = FaultOrder(account_no=self.accounts[0].app_id, **wish)
        assert self.world.faults.order(merchant, order) is None

    async def notices(self, count: int, within_s: float = 5) -> list[bytes]:
        """The first `count` notices, once they have arrived."""
        async with asyncio.timeout(within_s):
            while len(self.received) < count:
                await asyncio.sleep(0.005)
        return self.received[:count]


def fresh() -> Stamp:
    """The moment and the nonce of a request."""
    return Stamp(now=datetime.now(UTC), nonce=secrets.token_hex(16))


@asynccontextmanager
async def an_alipay_street(**manners: Any) -> AsyncGenerator[AlipayStreet, None]:
    """Opens both servers for the length of a test; `manners` are those of the simulator."""

    async def take(request: web.Request) -> web.Response:
        street.received.append(await request.read())
        return web.Response(body=street.answers.pop(0) if street.answers else b"success")

    merchant = web.Application()
    merchant.router.add_post("/notices/a1", take)
    async with TestServer(merchant) as shop, aiohttp.ClientSession() as session:
        notify_url = str(shop.make_url("/notices/a1"))
        theirs = [
            replace(by_keys().accounts[1], gateway_url=notify_url, authorisations=(LEAVE,)),
            replace(by_certificates().accounts[1], app_id=CERTIFIED_APP_ID, gateway_url=notify_url),
        ]
        app = simulator_app(SimulatorConfig(accounts=tuple(theirs), **manners), None)
        async with TestServer(app) as platform:
            here = {"base_url": str(platform.make_url("/")).rstrip("/"), "notify_url": notify_url}
            ours = replace(by_keys().accounts[0], **here)
            certified = replace(by_certificates().accounts[0], app_id=CERTIFIED_APP_ID, **here)
            street = AlipayStreet((ours, theirs[0]), (certified, theirs[1]), app[WORLD], session)
            yield street
