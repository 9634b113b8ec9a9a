"""Addresses that may not be called, however they are written and wherever their names lead."""

from __future__ import annotations

import socket
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from actors.notification.sender import WebhookSender
from bus.outbound import GuardedResolver, NotAllowed, guarded_connector, names_objection
from schema.reach import Reach
from tests.actors.test_notification_sending import (
    LOOPBACK,
    Server,
    a_post,
    a_sender,
    sender,
    server,
)

assert sender and server, "the fixtures"


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "[::ffff:127.0.0.1]"])
async def test_nobody_knocks_at_our_own_door_however_it_is_written(
    server: Server, host: str
) -> None:
    port = URL(server.url).port
    open_to_all = Reach(ports=frozenset({port or 0}), plain_http=True)
    async with a_sender(open_to_all) as sender:
        answer = await sender.post(a_post(f"http://{host}:{port}/"))
    assert server.seen == [] and answer.tried.status is None
    assert "not" in (answer.tried.error or "")
    assert "127.0.0.1" not in (answer.tried.error or "") or host in (answer.tried.error or "")


@pytest.mark.parametrize("host", ["0x7f000001", "2130706433", "127.1", "0177.0.0.1"])
async def test_a_number_in_disguise_is_refused_before_anybody_is_asked(
    server: Server, sender: WebhookSender, host: str
) -> None:
    answer = await sender.post(a_post(f"http://{host}:{URL(server.url).port}/"))
    assert server.seen == []
    assert "unusual" in (answer.tried.error or "")


async def test_even_without_the_first_look_the_socket_is_not_opened(server: Server) -> None:
    """The gate alone: as if the resolver and the rules for URLs had a hole."""
    for url in (server.url, server.url.replace("127.0.0.1", "localhost")):
        for reach in (Reach(), LOOPBACK):
            async with aiohttp.ClientSession(
                connector=guarded_connector(reach, aiohttp.ThreadedResolver())
            ) as session:
                if reach is LOOPBACK:
                    async with session.post(url) as answer:
                        assert answer.status == 204
                else:
                    with pytest.raises(aiohttp.ClientConnectorError):
                        await session.post(url)
    assert len(server.seen) == 2


class Rebinding(AbstractResolver):
    """A name server that shows a public address first and ours to whoever asks again."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = list(addresses)
        self.asked = 0

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        self.asked += 1
        address = self._addresses.pop(0) if len(self._addresses) > 1 else self._addresses[0]
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=socket.AF_INET, proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]  # fmt: skip

    async def close(self) -> None:
        """Nothing is open."""


async def test_a_name_that_leads_somewhere_else_the_second_time_leads_nowhere(
    server: Server,
) -> None:
    resolver = Rebinding("8.8.8.8", "127.0.0.1")
    reach = Reach(plain_http=True)
    await resolver.resolve("shop.example")  # the look when it was saved: public
    async with aiohttp.ClientSession(connector=guarded_connector(reach, resolver)) as session:
        with pytest.raises(aiohttp.ClientConnectorError) as refused:
            await session.post(f"http://shop.example:{URL(server.url).port}/")
    assert isinstance(refused.value.os_error, NotAllowed)
    assert resolver.asked == 2 and server.seen == []


async def test_what_is_said_when_an_address_is_saved_is_what_holds_when_it_is_called() -> None:
    closed, resolver = GuardedResolver(Reach()), GuardedResolver(LOOPBACK)
    try:
        assert await names_objection("localhost", closed) == (
            "The address is not one that may be called."
        )
        assert await names_objection("localhost", resolver) is None
        assert await names_objection("no-such-host.invalid", resolver) == (
            "The name of the host leads nowhere."
        )
    finally:
        await closed.close()
        await resolver.close()
