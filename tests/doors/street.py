"""The street before the doors: merchants with keys, and requests signed as they would sign them."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from bus.process import Shared
from handlers.edge import Edge
from handlers.merchant_api.signing import hmac_authorization
from runner import keyring_of, notification_room
from schema.profiles import ApiKey, ChannelProfile, MerchantProfile
from schema.settings import Settings
from tests.doors.room import Room

PATH = "/v1/payments"
KEY_ID = "key_1"

_numbers = itertools.count(1020260100000001)


@dataclass(frozen=True)
class Merchant:
    """A merchant and the secret that it signs with."""

    merchant_no: str
    secret: bytes = field(repr=False)

    def authorization(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        key_id: str = KEY_ID,
        timestamp: int | None = None,
        nonce: str | None = None,
    ) -> str:
        """The header of a request of this moment, unless told otherwise."""
        timestamp = int(time.time()) if timestamp is None else timestamp
        nonce = secrets.token_urlsafe(12) if nonce is None else nonce
        return hmac_authorization(
            self.merchant_no, key_id, self.secret, method, path, body, timestamp, nonce
        )


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def code(self) -> str:
        """The code of a problem, which must look like one."""
        assert self.headers["Content-Type"] == "application/problem+json"
        assert self.json["request_id"] == self.headers["X-Request-Id"]
        assert self.json["status"] == self.status
        return self.json["code"]


@dataclass(frozen=True)
class Street:
    """A running edge, the rooms behind it, and somebody who walks from door to door."""

    shared: Shared
    edge: Edge
    room: Room
    session: aiohttp.ClientSession

    async def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request, its path sent as it stands."""
        url = URL(self.edge.url + path, encoded=True)
        async with self.session.request(method, url, data=body or None, headers=headers) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def get(self, merchant: Merchant, path: str) -> Answer:
        """A signed GET."""
        return await self.send(
            "GET", path, headers={"Authorization": merchant.authorization("GET", path)}
        )

    async def ask(self, merchant: Merchant, method: str, path: str, form: Any = None) -> Answer:
        """Any signed request; a form goes as JSON."""
        body = b"" if form is None else msgspec.json.encode(form)
        authorization = merchant.authorization(method, path, body)
        return await self.send(method, path, body, {"Authorization": authorization})

    async def post(self, merchant: Merchant, body: bytes, **headers: str) -> Answer:
        """A signed order with exactly this body."""
        authorization = merchant.authorization("POST", PATH, body)
        return await self.send("POST", PATH, body, {"Authorization": authorization, **headers})

    async def order(self, merchant: Merchant, **fields: Any) -> Answer:
        """A signed order, right but for these fields."""
        return await self.post(merchant, order(**fields))

    async def open_merchant(self, **fields: Any) -> Merchant:
        """A new merchant with one HMAC key, right but for these fields."""
        number, secret = str(next(_numbers)), f"sk_{secrets.token_urlsafe(8)}".encode()
        sealed = self.shared.vault.seal(secret, f"hmac:{number}:{KEY_ID}")
        profile = {
            "name": "番茄小店",
            "api_keys": (ApiKey(key_id=KEY_ID, hmac_secret=sealed),),
            "rates_ppm": {"wechat_native": 6000},
            "requests_per_s_max": 10_000,
        }
        await self.publish(MerchantProfile(merchant_no=number, **profile | fields))
        return Merchant(number, secret)

    async def publish(self, profile: MerchantProfile | ChannelProfile) -> None:
        """Stores a profile as the registry does, and has everybody forget the old one."""
        is_merchant = isinstance(profile, MerchantProfile)
        kind = "merchant" if is_merchant else "channel"
        number = profile.merchant_no if is_merchant else profile.channel_no
        await self.shared.pool.execute(
            "INSERT INTO directory.profile (kind, number, version, document)"
            " VALUES ($1, $2, $3, $4) ON CONFLICT (kind, number)"
            " DO UPDATE SET version = EXCLUDED.version, document = EXCLUDED.document",
            kind, number, profile.version, msgspec.json.encode(profile).decode(),
        )  # fmt: skip
        directory = self.shared.directory
        await (directory.merchants if is_merchant else directory.channels).forget(number)


def order(**fields: Any) -> bytes:
    """The body of an order, right but for these fields; ... leaves a field out."""
    right = {
        "merchant_order_no": f"order-{secrets.token_hex(8)}",
        "amount_fen": 1999,
        "pay_type": "wechat_native",
        "subject": "两斤番茄",
    }
    return msgspec.json.encode({n: v for n, v in (right | fields).items() if v is not ...})


@asynccontextmanager
async def a_street(settings: Settings, room: Room, **changes: Any) -> AsyncIterator[Street]:
    """A street whose edge runs with these settings changed."""
    shared = await Shared.open(replace(settings, **changes), name="doors")
    await shared.broker.connect()
    edge, rooms = Edge(shared, keyring_of(shared)), notification_room(shared)
    inner = (shared.broadcasts, *rooms)
    for part in (*inner, shared.broker, edge):
        await part.start()
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            yield Street(shared, edge, room, session)
    finally:
        await edge.stop()
        await shared.broker.pause()
        for part in reversed(inner):
            await part.stop()
        await shared.close()
