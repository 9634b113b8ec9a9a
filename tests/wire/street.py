"""A real simulator and a real merchant on loopback ports, for tests that go over HTTP."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer
from msgspec.structs import replace
from yarl import URL

from handlers.simulator import SimulatorAccount, SimulatorConfig, simulator_app
from schema.channels import HttpAnswer, HttpRequest, Order, Question, Stamp, Verdict
from schema.channels.reading import read
from schema.channels.wechat import WechatAccount, WechatKeys, WechatLanguage
from schema.channels.wechat.callbacks import opened_notice
from schema.channels.wechat.documents import NOTICE, TRANSACTION, Transaction
from tests.wire.wechat_pair import ORDER_NO, an_order

Accounts = tuple[WechatAccount, SimulatorAccount]
Received = tuple[dict[str, str], bytes]


class Street:
    """The simulator at one end, a merchant who is called back at the other."""

    def __init__(
        self,
        account: WechatAccount,
        session: aiohttp.ClientSession,
        received: list[Received],
        answers: list[int],
    ) -> None:
        self.keys = WechatKeys.of(account)
        self.began_at = datetime.now(UTC)
        self.session = session
        self.received = received
        self.answers = answers
        """Statuses for the coming callbacks, in order; 204 when there are none left."""

    @property
    def origin(self) -> str:
        return self.keys.account.base_url

    @property
    def language(self) -> WechatLanguage:
        return WechatLanguage(self.keys)

    async def send(self, request: HttpRequest) -> HttpAnswer:
        url = URL((request.origin or self.origin) + request.path, encoded=True)
        async with self.session.request(
            request.method, url, headers=request.headers, data=request.body
        ) as answer:
            headers, body = answer.headers, await answer.read()
            return HttpAnswer(status=answer.status, headers=headers, body=body)

    async def ask(self, question: Question[Any] | Any) -> Any:
        """The answer of the platform, understood; a verdict that needs no answer as it is."""
        if not isinstance(question, Question):
            return question
        return question.read(await self.send(question.request), datetime.now(UTC))

    async def create(self, **changed: Any) -> Verdict:
        return await self.ask(self.language.create(self.order(**changed), fresh()))

    async def query(self, number: str = ORDER_NO) -> Verdict:
        return await self.ask(self.language.query(self.order(number=number), fresh()))

    async def close(self, number: str = ORDER_NO) -> Verdict:
        return await self.ask(self.language.close(self.order(number=number), fresh()))

    def order(self, **changed: Any) -> Order:
        """The usual order, to be paid within a quarter of an hour of the test's beginning."""
        return an_order(**{"expires_at": self.began_at + timedelta(minutes=15)} | changed)

    async def tell(self, path: str, document: object) -> tuple[int, Any]:
        """A call of the simulator's own controls."""
        headers = {"Content-Type": "application/json"}
        body = msgspec.json.encode(document)
        url = self.origin + path
        async with self.session.post(url, data=body, headers=headers) as answer:
            text = await answer.read()
            return answer.status, msgspec.json.decode(text) if text else None

    async def order_fault(
        self, api: str, kind: str, times: int | None = 1, **conditions: Any
    ) -> None:
        wish = {"account_no": self.keys.account.mchid, "api": api, "kind": kind, "times": times}
        status, told = await self.tell("/simulator/faults", wish | conditions)
        assert status == 200, told

    async def look(self, path: str) -> Any:
        """What the simulator's own controls say."""
        async with self.session.get(self.origin + path) as answer:
            return await answer.json()

    async def pay(self, out_trade_no: str = ORDER_NO) -> int:
        return (await self.tell("/simulator/pay", {"number": out_trade_no}))[0]

    async def hurry(self) -> None:
        """From now on the whole schedule of callbacks, a day, takes less than a second."""
        assert (await self.tell("/simulator/clock", {"speed": 100_000}))[0] == 200

    def opened(self, received: Received) -> Transaction:
        """What a callback says; ProtocolError if it is not the platform's."""
        headers, body = received
        self.language.prove(headers, body, datetime.now(UTC))
        return read(TRANSACTION, opened_notice(self.keys, read(NOTICE, body)))

    async def settled(self, within_s: float = 5) -> dict[str, Any]:
        """The first trade as the simulator lists it, once its callback was acknowledged."""
        async with asyncio.timeout(within_s):
            while True:
                async with self.session.get(f"{self.origin}/simulator/trades") as answer:
                    trade = (await answer.json())["trades"][0]
                if trade["is_acknowledged"]:
                    return trade
                await asyncio.sleep(0.005)

    async def callbacks(self, count: int, within_s: float = 5) -> list[Received]:
        """The first `count` callbacks, once they have arrived."""
        async with asyncio.timeout(within_s):
            while len(self.received) < count:
                await asyncio.sleep(0.005)
        return self.received[:count]


def total_fen(transaction: Transaction) -> int:
    """The amount that a callback tells of."""
    assert transaction.amount
    return transaction.amount.total


def fresh() -> Stamp:
    """The moment and the nonce of a request."""
    return Stamp(now=datetime.now(UTC), nonce=secrets.token_hex(16))


@asynccontextmanager
async def a_street(
    accounts: Accounts,
    config_path: Path | None = None,
    **manners: Any,
) -> AsyncGenerator[Street, None]:
    """Opens both servers for the length of a test; `manners` are those of the simulator."""
    received, answers = list[Received](), list[int]()

    async def take(request: web.Request) -> web.Response:
        received.append((dict(request.headers), await request.read()))
        return web.Response(status=answers.pop(0) if answers else 204)

    merchant = web.Application()
    merchant.router.add_post("/notices/1", take)
    config = SimulatorConfig(accounts=(accounts[1],), **manners)
    async with (
        TestServer(merchant) as shop,
        TestServer(simulator_app(config, config_path)) as platform,
        aiohttp.ClientSession() as session,
    ):
        base_url = str(platform.make_url("/")).rstrip("/")
        notify_url = str(shop.make_url("/notices/1"))
        account = replace(accounts[0], base_url=base_url, notify_url=notify_url)
        yield Street(account, session, received, answers)
