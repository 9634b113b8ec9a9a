"""Shops: merchants' programs that order over HTTP, and the street where they are told the end."""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks import Webhook

from actors.merchants.store import Created
from handlers.merchant_api.payments import PATH
from handlers.merchant_api.signing import hmac_authorization
from tests.waiting import at_last


@dataclass(frozen=True, slots=True)
class Answer:
    """What the platform answered to one request."""

    status: int
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Hook:
    """One webhook as it came in."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def document(self) -> dict[str, Any]:
        return msgspec.json.decode(self.body)

    def verified(self, secret: str) -> dict[str, Any]:
        """What it says, checked with the reference library of Standard Webhooks, which wants it
        to be fresh."""
        return Webhook(secret).verify(self.body, self.headers)

    def is_signed_with(self, secret: str) -> bool:
        """The same signature, however long ago it came."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        sent_at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        signature = Webhook(secret).sign(self.id, sent_at, self.body.decode())
        return signature in headers["webhook-signature"].split(" ")


@dataclass
class Shop:
    """One merchant. Its server answers 204, or what `manners` says for the coming webhooks."""

    created: Created
    edge_url: str
    session: aiohttp.ClientSession
    hooks: list[Hook] = field(default_factory=list)
    manners: deque[int] = field(default_factory=deque)
    hangs: bool = False
    is_free: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def merchant_no(self) -> str:
        return self.created.merchant_no

    async def order(self, *, traceparent: str | None = None, **differences: Any) -> Answer:
        """Orders ten yuan of tomatoes, under a number of its own unless told otherwise."""
        usual: dict[str, Any] = {
            "merchant_order_no": os.urandom(8).hex(),
            "amount_fen": 1_000,
            "pay_type": "wechat_native",
            "subject": "两斤番茄",
        }
        body = msgspec.json.encode(usual | differences)
        extra = {"traceparent": traceparent} if traceparent else {}
        return await self._request("POST", PATH, body, extra)

    async def find(self, payment_id: str) -> dict[str, Any]:
        """The payment as the platform shows it now."""
        return await self.look(f"{PATH}/{payment_id}")

    async def ask(self, method: str, path: str, form: Any = None) -> Answer:
        """Any signed request; a form goes as JSON."""
        body = b"" if form is None else msgspec.json.encode(form)
        return await self._request(method, path, body, {})

    async def find_order(self, merchant_order_no: str) -> dict[str, Any] | None:
        """The same by the shop's own number; None where there is no such payment yet."""
        path = f"{PATH}?merchant_order_no={merchant_order_no}"
        answer = await self._request("GET", path, b"", {})
        return answer.document if answer.status == 200 else None

    async def look(self, path: str) -> dict[str, Any]:
        """What the platform shows there now."""
        answer = await self._request("GET", path, b"", {})
        assert answer.status == 200, answer
        return answer.document

    async def is_in_state(self, payment_id: str, state: str) -> dict[str, Any]:
        """The payment, once it is in this state."""

        async def look() -> dict[str, Any] | None:
            payment = await self.find(payment_id)
            return payment if payment["state"] == state else None

        return await at_last(look)

    async def told(self, count: int = 1, *, within_s: float = 30.0) -> list[dict[str, Any]]:
        """The first webhooks, each verified with the reference library of Standard Webhooks."""

        async def all_there() -> bool:
            return len(self.hooks) >= count

        await at_last(all_there, within_s=within_s)
        secret = self.created.webhook_secret
        return [hook.verified(secret) for hook in self.hooks[:count]]

    async def hear(self, request: web.Request) -> web.Response:
        """The shop's server, at its webhook address."""
        self.hooks.append(Hook(dict(request.headers), await request.read()))
        if self.hangs:
            await self.is_free.wait()
        return web.Response(status=self.manners.popleft() if self.manners else 204)

    async def _request(self, method: str, path: str, body: bytes, extra: dict[str, str]) -> Answer:
        authorization = hmac_authorization(
            self.merchant_no,
            self.created.key_id,
            self.created.hmac_secret.encode(),
            method,
            path,
            body,
            int(time.time()),
            os.urandom(16).hex(),
        )
        headers = {"Authorization": authorization, "Content-Type": "application/json"} | extra
        async with self.session.request(
            method, self.edge_url + path, data=body or None, headers=headers
        ) as answer:
            return Answer(answer.status, msgspec.json.decode(await answer.read()))


@dataclass
class Street:
    """All shops, at one server: each hears its webhooks at an address of its own."""

    url: str = ""
    shops: dict[str, Shop] = field(default_factory=dict)

    def address(self, name: str) -> str:
        """Where the shop of this name is told things."""
        return f"{self.url}/hooks/{name}"

    def open(
        self, name: str, created: Created, edge_url: str, session: aiohttp.ClientSession
    ) -> Shop:
        """The shop of a registered merchant."""
        self.shops[name] = shop = Shop(created, edge_url, session)
        return shop

    async def hear(self, request: web.Request) -> web.Response:
        """Hands a webhook to the shop that it is for."""
        return await self.shops[request.match_info["name"]].hear(request)


@asynccontextmanager
async def a_street() -> AsyncIterator[Street]:
    """A street without shops yet."""
    street, app = Street(), web.Application()
    app.router.add_post("/hooks/{name}", street.hear)
    async with TestServer(app) as server:
        street.url = str(server.make_url("/")).rstrip("/")
        yield street
