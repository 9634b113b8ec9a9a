"""The whole platform in this process, between shops and a simulated WeChat Pay.

Rooms, doors and clock are wired as `runner.py` wires them. Nothing in it knows of tests; only the
time of what is due can be moved forward, in the database.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast
from urllib.parse import parse_qsl

import aiohttp
import msgspec
from aiohttp.test_utils import TestServer

from bus.process import Shared
from bus.topology import dead_queue
from deploy.local.accounts import generate
from deploy.local.enrolment import pay_types
from handlers.edge import Edge
from handlers.simulator import (
    SIMULATOR,
    Simulator,
    SimulatorAccount,
    SimulatorConfig,
    generate_account,
    simulator_app,
)
from handlers.simulator.fronts import merchant_key
from handlers.terminal.payment import Story, tell
from runner import INLETS, ROOMS, keyring_of
from schema.channels.language import Protocols
from schema.channels.wechat import WechatAccount
from schema.ids import attempt_id
from schema.settings import Settings
from tests.journeys.channel import Channel
from tests.journeys.shop import Shop, Street, a_street
from tests.registry import PAY_TYPE, register_channel, register_merchant
from tests.sites import Site
from tests.waiting import at_last

ANSWER_WAIT_MS = 4_000
BothEnds = tuple[WechatAccount, SimulatorAccount]


@dataclass
class Platform:
    """Everything that runs, and ways to look inside."""

    shared: Shared
    edge: Edge
    simulator: Simulator
    street: Street
    session: aiohttp.ClientSession
    both_ends: BothEnds
    """One pair of keys serves the accounts of all channels: making them takes half a second."""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def open_channel(self, *, callbacks: str | None = None, **profile: Any) -> Channel:
        """A channel with an account of its own; `callbacks` is where its notices go instead."""
        number = next(self._numbers)
        channel_no, mchid = f"wechat_{number}", f"19{number:08d}"
        notify_url = callbacks or f"{self.edge.url}/channels/{channel_no}/notify"
        ours, theirs = self.both_ends
        account = msgspec.structs.replace(ours, mchid=mchid, notify_url=notify_url)
        pool, vault = self.shared.pool, self.shared.vault
        await register_channel(pool, vault, channel_no, account, **profile)
        self.simulator.add_account(msgspec.structs.replace(theirs, mchid=mchid))
        return Channel(channel_no, mchid, self.simulator)

    async def open_wallet(self, protocol: Protocols) -> Channel:
        """A channel of this protocol with all its products, and an account of its own."""
        channel_no = f"{protocol}_{next(self._numbers)}"
        notify_url = f"{self.edge.url}/channels/{channel_no}/notify"
        ours, theirs = generate(protocol, self.both_ends[0].base_url, notify_url)
        pool, vault = self.shared.pool, self.shared.vault
        await register_channel(pool, vault, channel_no, ours, pay_types=pay_types(protocol))
        self.simulator.add_account(cast(Any, theirs))
        return Channel(channel_no, merchant_key(cast(Any, theirs))[1], self.simulator, protocol)

    async def follow(self, channel: Channel, pay: dict[str, Any]) -> None:
        """The payer's browser or app takes what it got to the wallet."""
        if pay["kind"] == "form":
            url, fields = pay["url"], pay["fields"]
        elif pay["kind"] == "app_string":
            url = f"{self.both_ends[0].base_url}/gateway.do"
            fields = dict(parse_qsl(pay["text"], keep_blank_values=True))
        else:
            return
        async with self.session.post(url, data=fields) as answer:
            assert answer.status == 200, await answer.text()

    async def open_shop(self, *channels: Channel, pay_type: str = PAY_TYPE) -> Shop:
        """The shop of a merchant who may use these channels, the first of them first."""
        name, numbers = f"shop-{next(self._numbers)}", [each.channel_no for each in channels]
        pool, vault = self.shared.pool, self.shared.vault
        notify_url = self.street.address(name)
        created = await register_merchant(
            pool, vault, *numbers, notify_url=notify_url, pay_type=pay_type
        )
        return self.street.open(name, created, self.edge.url, self.session)

    async def story(self, payment_id: str) -> Story:
        """All that the rooms have stored about a payment."""
        story = await tell(self.shared.pool, payment_id)
        assert story is not None
        return story

    async def whole_story(self, payment_id: str) -> Story:
        """The same, once the last room has stored its part of it."""

        async def told() -> Story | None:
            story = await self.story(payment_id)
            is_told = [row["state"] for row in story.notifications] == ["delivered"]
            is_booked = bool(story.entries) or story.payment["state"] == "failed"
            return story if is_told and is_booked else None

        return await at_last(told)

    async def ask_now(self, payment_id: str) -> None:
        """The time to ask the channel about the first attempt has come."""
        await self._ask(payment_id, "now()")

    async def ask_later(self, payment_id: str) -> None:
        """That time will not come by itself while a test runs, however slow the machine is."""
        await self._ask(payment_id, "now() + interval '1 hour'")

    async def ask_about_refunds(self, payment_id: str) -> None:
        """The time to ask the channel about the payment's refunds has come."""
        await self.shared.pool.execute(
            "UPDATE channels.repayment SET query_at = now() WHERE payment_id = $1", payment_id
        )

    async def expire(self, payment_id: str) -> None:
        """The order's life is over."""
        await self.shared.pool.execute(
            "UPDATE ordering.payment SET expires_at = now(), close_at = now()"
            " WHERE payment_id = $1",
            payment_id,
        )

    async def fire_timers(self) -> None:
        """The time of everything that was put off has come."""
        await self.shared.pool.execute("UPDATE bus.timer SET due_at = now()")

    async def dead_letters(self) -> dict[str, int]:
        """How many lie in each dead-letter queue that is not empty."""
        channel = await self.shared.broker.channel()
        counts: dict[str, int] = {}
        for queue in (*(inlet.queue for inlet in INLETS), "upstream"):
            dead = await channel.get_queue(dead_queue(queue))
            counts[queue] = dead.declaration_result.message_count or 0
        await channel.close()
        return {queue: count for queue, count in counts.items() if count}

    async def _ask(self, payment_id: str, at: str) -> None:
        await self.shared.pool.execute(
            f"UPDATE channels.attempt SET query_at = {at} WHERE attempt_id = $1",
            attempt_id(payment_id, 1),
        )


@asynccontextmanager
async def a_platform(site: Site) -> AsyncIterator[Platform]:
    """Everything running at a site; stopped as a process stops, with nothing left in hand."""
    simulator = simulator_app(SimulatorConfig(clock_speed=60))
    async with (
        at_work(site) as (shared, edge),
        TestServer(simulator) as bank,
        a_street() as street,
        aiohttp.ClientSession() as session,
    ):
        both_ends = generate_account("1900000000", "wx1234567890", _origin(bank), "")
        yield Platform(shared, edge, simulator[SIMULATOR], street, session, both_ends)


@asynccontextmanager
async def at_work(site: Site) -> AsyncIterator[tuple[Shared, Edge]]:
    """All rooms and doors, started and stopped in the order of `bus/process.py`."""
    settings = Settings.read(site.environment())
    settings = replace(settings, http_port=0, answer_wait_ms=ANSWER_WAIT_MS, pool_size=8)
    shared = await Shared.open(settings, name="journeys")
    rooms = [part for make in ROOMS.values() for part in make(shared)]
    edge = Edge(shared, keyring_of(shared))
    inner = (shared.broadcasts, *rooms, shared.clock)
    await shared.broker.connect()
    await shared.broker.declare()
    for part in (shared.broadcasts, *rooms, shared.broker, shared.clock, edge):
        await part.start()
    try:
        yield shared, edge
    finally:
        await edge.stop()
        await shared.broker.pause()
        for part in reversed(inner):
            await part.stop()
        await shared.close()


def _origin(server: TestServer) -> str:
    return str(server.make_url("/")).rstrip("/")
