"""Keys that rotate: asked for when an account is first used, and when a signature is new."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from msgspec import Struct

from actors.channels.talk.account import Account
from actors.channels.talk.keyring import Keyring
from actors.channels.talk.sender import Sender
from schema.channels import HttpAnswer, HttpRequest, Question, Stamp
from tests.examples import a_channel


class Rotating(Struct):
    """A language whose only word is its newest key, which its server counts up."""

    base_url: str
    key: int = 0

    def renew(self, stamp: Stamp) -> Question[Rotating | None]:
        request = HttpRequest(method="GET", path="/keys", headers={}, body=b"")
        return Question(request=request, read=self._read)

    def _read(self, answer: HttpAnswer, now: datetime) -> Rotating | None:
        return Rotating(self.base_url, int(answer.body)) if answer.status == 200 else None


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Place:
    """A server with keys, and our keyring."""

    def __init__(self, server: TestServer, keyring: Keyring, clock: Clock) -> None:
        self.keyring, self.clock = keyring, clock
        language: Any = Rotating(str(server.make_url("/")).rstrip("/"))
        self.account = Account(profile=a_channel(), language=language)

    async def key(self) -> int:
        language: Any = await self.keyring.newest(self.account)
        return language.key


@pytest.fixture
async def calls() -> list[str]:
    return []


@pytest.fixture
async def place(calls: list[str]) -> AsyncIterator[Place]:
    async def answer(_: web.Request) -> web.Response:
        calls.append("keys")
        return web.Response(text=str(len(calls)))

    app, clock = web.Application(), Clock()
    app.router.add_get("/keys", answer)
    async with TestServer(app) as server:
        keyring = Keyring(None, Sender(), clock=clock)
        await keyring.start()
        yield Place(server, keyring, clock)
        await keyring.stop()


async def test_keys_are_asked_for_once_when_an_account_is_first_used(
    place: Place, calls: list[str]
) -> None:
    assert await asyncio.gather(*(place.key() for _ in range(20))) == [1] * 20
    assert len(calls) == 1


async def test_a_new_signature_has_the_keys_renewed_once_a_minute_at_the_most(
    place: Place, calls: list[str]
) -> None:
    assert await place.key() == 1
    assert await place.keyring.newer(place.account) is None, "they were asked for just now"
    place.clock.now += 61
    renewed = await asyncio.gather(*(place.keyring.newer(place.account) for _ in range(20)))
    assert len(calls) == 2, "whoever sends bad signatures makes us ask once"
    assert all(renewed) and await place.key() == 2


async def test_all_keys_are_renewed_twice_a_day(place: Place) -> None:
    await place.key()
    place.clock.now += 12 * 3600
    assert await place.keyring.renew_all() == 1
    assert await place.key() == 2


async def test_keys_that_can_not_be_had_leave_the_old_ones(place: Place, calls: list[str]) -> None:
    assert await place.key() == 1
    place.clock.now += 61
    language: Any = place.account.language
    language.base_url = "http://127.0.0.1:9"
    place.keyring._rings[place.account.profile.channel_no].language = Rotating(  # type: ignore[assignment]
        "http://127.0.0.1:9", 1
    )
    assert await place.keyring.newer(place.account) is None
    assert await place.key() == 1
