"""Workers that serve lanes in this process, with the errands' caller or with a sink."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from redis.asyncio import Redis

from bus.broadcasts import Broadcasts
from bus.broker import Arrived, Broker
from bus.caller import CallerRun
from bus.lanes import LaneLook, Lanes
from schema.events import decode_events
from schema.messages.contract import read
from tests.bus.errands import errands
from tests.bus.rooms import VISITS, Visit
from tests.bus.worker import QUICK
from tests.bus.workshop import Workshop


@dataclass(frozen=True, slots=True)
class Served:
    """A worker in this process."""

    broker: Broker
    lanes: Lanes

    async def look(self) -> dict[str, LaneLook]:
        """The lanes by name."""
        return {look.lane: look for look in await self.lanes.look()}

    def attached(self) -> set[str]:
        """The lanes that have a consumer here."""
        return self.lanes.served()


@dataclass
class Sink:
    """Stands for a caller: takes what lanes deliver, and remembers it."""

    seen: Counter[str] = field(default_factory=Counter)
    by_lane: Counter[str] = field(default_factory=Counter)
    hanging: set[str] = field(default_factory=set)
    in_hand: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    takes_s: float = 0.0

    @property
    def intake(self) -> Sink:
        return self

    async def read(self, arrived: Arrived) -> None:
        """Takes one delivery, when its lane does not hang."""
        for event in decode_events(arrived.body, arrived.content_type):
            visit = read(event)
            assert isinstance(visit, Visit)
            self.in_hand[visit.lane] += 1
            self.most[visit.lane] = max(self.most[visit.lane], self.in_hand[visit.lane])
            try:
                await asyncio.sleep(self.takes_s)
                while visit.lane in self.hanging:
                    await asyncio.sleep(0.01)
                self.seen[visit.errand_no] += 1
                self.by_lane[visit.lane] += 1
            finally:
                self.in_hand[visit.lane] -= 1

    async def has(self, *errand_nos: str) -> bool:
        """Whether it has seen all of these."""
        return all(self.seen[number] for number in errand_nos)


@asynccontextmanager
async def serving(
    workshop: Workshop, peer_url: str, url: str = "", *, is_deaf: bool = False, **options: Any
) -> AsyncIterator[Served]:
    """A worker that serves lanes, stopped cleanly at the end. A deaf one hears no broadcast."""
    broker = Broker(url or workshop.site.rabbitmq_url, name="lanes")
    caller = errands(peer_url, inlet=VISITS)
    run = CallerRun(caller, pool=workshop.pool, broker=broker, lanes=True)
    async with _at_work(workshop, broker, run, is_deaf, options) as served:
        yield served


@asynccontextmanager
async def sinking(
    workshop: Workshop, sink: Sink, url: str = "", **options: Any
) -> AsyncIterator[Served]:
    """A worker whose lanes lead into a sink."""
    broker = Broker(url or workshop.site.rabbitmq_url, name="lanes")
    async with _at_work(workshop, broker, cast(Any, sink), False, options) as served:
        try:
            yield served
        finally:
            sink.hanging.clear()


@asynccontextmanager
async def _at_work(
    workshop: Workshop, broker: Broker, run: CallerRun, is_deaf: bool, options: dict[str, Any]
) -> AsyncIterator[Served]:
    await broker.connect()
    await broker.declare()
    broadcasts = Broadcasts(broker)
    redis = Redis.from_url(workshop.site.redis_url, socket_timeout=1, socket_connect_timeout=1)
    options = {"redis": redis, "pace": QUICK, "pool": workshop.pool, **options}
    lanes = Lanes("example", run, broker=broker, broadcasts=broadcasts, **options)
    runs = [run] if isinstance(run, CallerRun) else []
    for part in (*([] if is_deaf else [broadcasts]), *runs, lanes, broker):
        await part.start()
    try:
        yield Served(broker, lanes)
    finally:
        await broker.pause()
        for part in (lanes, *runs, broadcasts, broker):
            await part.stop()
        await redis.aclose()


def visits(lane: str, *numbers: int) -> list[Visit]:
    """Errands of one lane."""
    return [Visit(errand_no=f"{lane}{number}", lane=lane) for number in numbers]
