"""A real simulator and a real merchant on loopback ports, for tests that go over HTTP."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer
from msgspec.structs import replace
from yarl import URL

from handlers.simulator import SimulatorAccount, SimulatorConfig, simulator_app
from schema.channels import HttpAnswer, HttpRequest, Verdict
from schema.channels.wechat import (
    NoticeRefused,
    Transaction,
    WechatAccount,
    WechatKeys,
    close,
    create_native,
    decode_close,
    decode_create,
    decode_query,
    decrypt_notice,
    query,
    verify_notice,
)
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
        self.session = session
        self.received = received
        self.answers = answers
        """Statuses for the coming callbacks, in order; 204 when there are none left."""

    @property
    def origin(self) -> str:
        return self.keys.account.base_url

    async def send(self, request: HttpRequest) -> HttpAnswer:
        url = URL(self.origin + request.path, encoded=True)
        async with self.session.request(
            request.method, url, headers=request.headers, data=request.body
        ) as answer:
            headers, body = answer.headers, await answer.read()
            return HttpAnswer(status=answer.status, headers=headers, body=body)

    async def create(self, **changed: Any) -> Verdict:
        request = create_native(self.keys, an_order(**changed), **fresh())
        return decode_create(self.keys, await self.send(request), datetime.now(UTC))

    async def query(self, out_trade_no: str = ORDER_NO) -> Verdict:
        answer = await self.send(query(self.keys, out_trade_no, **fresh()))
        return decode_query(self.keys, out_trade_no, answer, datetime.now(UTC))

    async def close(self, out_trade_no: str = ORDER_NO) -> Verdict:
        answer = await self.send(close(self.keys, out_trade_no, **fresh()))
        return decode_close(self.keys, answer, datetime.now(UTC))

    async def tell(self, path: str, document: object) -> tuple[int, Any]:
        """A call of the simulator's own controls."""
        headers = {"Content-Type": "application/json"}
        body = msgspec.json.encode(document)
        url = self.origin + path
        async with self.session.post(url, data=body, headers=headers) as answer:
            text = await answer.read()
            return answer.status, msgspec.json.decode(text) if text else None

    async def order_fault(self, api: str, kind: str, times: int = 1, value: Any = None) -> None:
        wish = {"account_no": self.keys.account.mchid, "api": api, "kind": kind, "times": times}
        status, told = await self.tell("/simulator/faults", wish | {"value": value})
        assert status == 200, told

    async def pay(self, out_trade_no: str = ORDER_NO) -> int:
        return (await self.tell("/simulator/pay", {"number": out_trade_no}))[0]

    def opened(self, received: Received) -> Transaction | NoticeRefused:
        """What a callback says, if it is the platform's."""
        notice = verify_notice(self.keys, *received, datetime.now(UTC))
        return notice if isinstance(notice, NoticeRefused) else decrypt_notice(self.keys, notice)

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


def total_fen(transaction: Transaction | NoticeRefused) -> int:
    """The amount of a callback that is the platform's."""
    assert isinstance(transaction, Transaction) and transaction.amount
    return transaction.amount.total


def fresh() -> Any:
    """The moment and the nonce of a request."""
    return {"now": datetime.now(UTC), "nonce": secrets.token_hex(16)}


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
