"""The reply queue outlives its connection, even one whose end only we have noticed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from yarl import URL

from deploy.local.private import PrivateServers
from deploy.local.services import Services
from tests.doors.street import Merchant, Street, a_street
from tests.sites import rabbitmqctl


async def test_answers_come_again_after_the_connection_was_cut(
    street: Street, merchant: Merchant, services: Services
) -> None:
    if not isinstance(services.keeper, PrivateServers):
        pytest.skip("the broker is not ours to cut connections of")
    async with a_street(street.shared.settings, street.room) as cut:
        assert (await cut.order(merchant)).status == 201
        host = URL(cut.shared.settings.rabbitmq_url).path.lstrip("/")
        await asyncio.to_thread(
            rabbitmqctl, services, "close_all_connections", "--vhost", host, "a test"
        )
        statuses = [(await cut.order(merchant)).status for _ in range(20)]
        assert set(statuses) <= {201, 202, 503}
        assert statuses[-1] == 201


class Wire:
    """A TCP connection to the broker that can be cut at our end only."""

    def __init__(self, host: str, port: int) -> None:
        self._there = (host, port)
        self._our_ends: list[asyncio.StreamWriter] = []
        self._pumps: set[asyncio.Task[None]] = set()

    async def lay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_there = await asyncio.open_connection(*self._there)
        self._our_ends.append(writer)
        for source, sink in ((reader, to_there), (there, writer)):
            self._pumps.add(asyncio.create_task(self._pump(source, sink)))

    def cut(self) -> None:
        """Our end hears that the connection is lost; the broker hears nothing."""
        for end in self._our_ends:
            end.transport.abort()
        self._our_ends.clear()

    def take_away(self) -> None:
        for pump in self._pumps:
            pump.cancel()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while chunk := await source.read(65_536):
                sink.write(chunk)


@asynccontextmanager
async def a_wire_to(broker_url: str) -> AsyncIterator[tuple[Wire, str]]:
    url = URL(broker_url)
    wire = Wire(str(url.host), int(url.port or 5672))
    server = await asyncio.start_server(wire.lay, "127.0.0.1", 0)
    yield wire, str(url.with_host("127.0.0.1").with_port(server.sockets[0].getsockname()[1]))
    wire.take_away()
    server.close()


async def test_answers_come_again_though_the_broker_still_holds_the_old_queue(
    street: Street, merchant: Merchant
) -> None:
    settings = street.shared.settings
    async with (
        a_wire_to(settings.rabbitmq_url) as (wire, url),
        a_street(settings, street.room, rabbitmq_url=url) as far,
    ):
        await far.shared.broadcasts.start()
        assert (await far.order(merchant)).status == 201
        wire.cut()
        statuses = [(await far.order(merchant)).status for _ in range(10)]
        assert statuses[-1] == 201, statuses
        await far.shared.broadcasts.stop()
