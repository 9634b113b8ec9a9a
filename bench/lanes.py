"""The scenario `lanes`: what a thousand lanes cost, and how fast they come, move and go.

Two workers in this process share the lanes of an actor of the bench's own, whose messages go into a
sink: what is measured is the pipes, with nobody at the other end.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from redis.asyncio import Redis

from bench.backing import own_room
from bench.figures import Figure, Section, latency_figures
from bench.machine import machine
from bench.reconcile import Check
from bench.result import Result
from bench.usage import Roots, memory, usage
from bus import database, topology
from bus.broadcasts import Broadcasts
from bus.broker import Arrived, Broker
from bus.database import Pool
from bus.effects import Delivery
from bus.lanes import Lanes, Pace
from deploy.local.services import Services

NAME = "lanes"
ACTOR = "bench"
LANES = 1_000
QUORUM_LANES = 200
"""RabbitMQ 3.10 reserves three file handles for a quorum queue: 309 of them at its usual limit."""
SMOKE_LANES = 30
WORKERS = 2
REST_S = 10.0
WITHIN_S = 120.0
PACE = Pace(idle_close_s=86_400.0)
HASTE = Pace(idle_close_s=0.5, close_wait_s=1.0)


@dataclass
class Sink:
    """Takes what lanes deliver and notes when."""

    late_s: list[float] = field(default_factory=list)
    seen: Counter[bytes] = field(default_factory=Counter)

    @property
    def intake(self) -> Sink:
        return self

    async def read(self, arrived: Arrived) -> None:
        name, _, sent_at = arrived.body.rpartition(b" ")
        self.late_s.append(time.monotonic() - float(sent_at))
        self.seen[name] += 1


@dataclass(frozen=True)
class Hall:
    """What all workers of one run share."""

    services: Services
    broker: Broker
    pool: Pool
    redis: Redis
    roots: Roots
    sink: Sink


def knobs() -> tuple[int, int]:
    """How fast lanes come, move and go, and what each of them weighs."""
    return LANES, QUORUM_LANES


async def run(services: Services, knobs: tuple[int, int]) -> Result:
    """Both kinds of queue, one after the other."""
    return await _both(services, *knobs, REST_S)


async def smoke(services: Services) -> Result:
    """A few lanes of both kinds and every comparison; nothing about speed."""
    return await _both(services, SMOKE_LANES, SMOKE_LANES, 0.5)


async def _both(services: Services, classic: int, quorum: int, rest_s: float) -> Result:
    sections: list[Section] = []
    checks: list[Check] = []
    for kind, count in (("classic", classic), ("quorum", quorum)):
        async with _hall(services) as hall:
            sections += await _of_a_kind(hall, kind, count, rest_s)
            checks += await _checks(hall, kind, count)
    return Result(scenario=NAME, machine=await machine(services), sections=sections, checks=checks)


async def _of_a_kind(hall: Hall, kind: str, count: int, rest_s: float) -> list[Section]:
    names = [f"m{number}" for number in range(count)]
    async with _worker(hall, kind, PACE) as first:
        async with _worker(hall, kind, PACE) as second:
            before, files = memory(hall.roots), _files(hall.roots)
            cold = await _one_to_each(hall, names, f"Cold start of {count} {kind} lanes")
            warm = await _one_to_each(hall, names, f"One more message to each of {count}")
            weight = _weight(hall, before, files, count)
            rest = await _rest(hall, count, rest_s)
        moved_s = await _until(lambda: _serves(first, names))
    assert second is not first
    async with _worker(hall, kind, HASTE):
        gone_s = await _until(lambda: _none_is_left(hall))
        await _one_to_each(hall, names[:3], "late")
    moves = [
        Figure(name="a worker that stops: until its half is served", value=moved_s, unit="s"),
        Figure(name="all idle at once: until all are closed", value=gone_s, unit="s",
               note=f"{HASTE.idle_close_s + HASTE.close_wait_s:g} s of it are waited"),
    ]  # fmt: skip
    return [
        cold,
        warm,
        weight,
        rest,
        Section(title=f"Moves of {count} {kind} lanes", figures=moves),
    ]


async def _one_to_each(hall: Hall, names: Sequence[str], title: str) -> Section:
    """A message to every lane at once, until the last has arrived."""
    sink, before = hall.sink, usage(hall.roots, time.monotonic())
    sink.late_s.clear()
    for start in range(0, len(names), 200):
        await hall.broker.publish([_message(name) for name in names[start : start + 200]])
    await _until(lambda: _arrived(sink, len(names)))
    used = usage(hall.roots, time.monotonic()).since(before)
    per_lane = [
        Figure(name=f"CPU of {name}", value=cpu_s * 1000 / len(names), unit="ms/lane")
        for name, cpu_s in used.by_component.items()
    ]
    figures = [
        Figure(name="lanes a second", value=len(names) / max(sink.late_s), unit="1/s"),
        *latency_figures("publish to arrival", sink.late_s),
        Figure(name="the last one", value=max(sink.late_s) * 1000, unit="ms"),
        *per_lane,
    ]
    return Section(title=title, figures=figures)


def _message(lane: str) -> Delivery:
    body = f"{lane} {time.monotonic()}".encode()
    return Delivery(topology.LANES, topology.lane_key(ACTOR, lane), True, body, "text/plain")


def _weight(hall: Hall, before: Any, files: dict[str, int], count: int) -> Section:
    now, held = memory(hall.roots), _files(hall.roots)
    figures = [
        Figure(name=f"memory of {name}", unit="kB/lane",
               value=(now[name].pss_bytes - before[name].pss_bytes) / 1024 / count)
        for name in hall.roots
    ] + [
        Figure(name=f"open files of {name}", value=(held[name] - files[name]) / count,
               unit="1/lane")
        for name in hall.roots
    ]  # fmt: skip
    return Section(title=f"What one of {count} lanes weighs", figures=figures)


async def _rest(hall: Hall, count: int, rest_s: float) -> Section:
    before = usage(hall.roots, time.monotonic())
    await asyncio.sleep(rest_s)
    used = usage(hall.roots, time.monotonic()).since(before)
    figures = [
        Figure(name=f"CPU of {name}", value=cpu_s / used.at_s * 100, unit="% of a core")
        for name, cpu_s in used.by_component.items()
    ]
    return Section(title=f"{count} lanes at rest, {WORKERS} workers", figures=figures)


async def _checks(hall: Hall, kind: str, count: int) -> list[Check]:
    """Each message arrived, and once: nobody was killed."""
    expected = {f"m{number}".encode(): 3 if number < 3 else 2 for number in range(count)}
    wrong = [
        f"{name.decode()}: {hall.sink.seen[name]} arrived, {times} sent"
        for name, times in expected.items()
        if hall.sink.seen[name] != times
    ]
    channel = await hall.broker.channel()
    lobby = await channel.declare_queue(topology.lobby_queue(ACTOR), passive=True, robust=False)
    left = lobby.declaration_result.message_count
    await channel.close()
    return [
        Check(name=f"{kind}: every message arrived once", compared=count, differences=wrong),
        Check(name=f"{kind}: the lobby is empty", compared=1,
              differences=[f"{left} messages"] if left else []),
    ]  # fmt: skip


# The hall and its workers.


@asynccontextmanager
async def _hall(services: Services) -> AsyncGenerator[Hall]:
    pids = {name: services.pid(name) for name in ("rabbitmq", "postgres", "redis")}
    roots = {"workers": os.getpid(), **{name: pid for name, pid in pids.items() if pid}}
    async with (
        own_room(services) as url,
        await database.connect(url, size_max=8, name="bench") as pool,
        Redis.from_url(services.redis_url) as redis,
    ):
        broker = Broker(services.rabbitmq_url, name="bench")
        await broker.connect()
        await broker.declare()
        try:
            yield Hall(services, broker, pool, redis, roots, Sink())
        finally:
            await broker.stop()


@asynccontextmanager
async def _worker(hall: Hall, kind: str, pace: Pace) -> AsyncGenerator[Lanes]:
    broker = Broker(hall.services.rabbitmq_url, name="bench-worker")
    await broker.connect()
    broadcasts = Broadcasts(broker)
    lanes = Lanes(
        ACTOR, cast(Any, hall.sink), broker=broker, broadcasts=broadcasts, pool=hall.pool,
        redis=hall.redis, queue_type=kind, pace=pace,
    )  # fmt: skip
    for part in (broadcasts, lanes, broker):
        await part.start()
    try:
        yield lanes
    finally:
        await broker.pause()
        for part in (lanes, broadcasts, broker):
            await part.stop()


async def _until(true: Callable[[], Awaitable[bool]]) -> float:
    """Seconds until it is so."""
    begun_at = time.monotonic()
    async with asyncio.timeout(WITHIN_S):
        while not await true():
            await asyncio.sleep(0.01)
    return time.monotonic() - begun_at


async def _arrived(sink: Sink, count: int) -> bool:
    return len(sink.late_s) >= count


async def _serves(lanes: Lanes, names: Sequence[str]) -> bool:
    return lanes.served() == set(names)


async def _none_is_left(hall: Hall) -> bool:
    return not await hall.pool.fetchval("SELECT count(*) FROM bus.lane WHERE actor = $1", ACTOR)


def _files(roots: Roots) -> dict[str, int]:
    """Open files of each process; 0 where the kernel does not let us look."""
    counts: dict[str, int] = {}
    for name, pid in roots.items():
        try:
            counts[name] = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        except OSError:
            counts[name] = 0
    return counts
