"""Heartbeats: each process tells Redis once a second who it is and how it goes, for `top`.

They are for the eye only: nothing is decided by them, and a flushed Redis soon has them back.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
from msgspec import Struct
from prometheus_client import Counter, Gauge
from redis.asyncio import Redis

from bus import metrics
from bus.duty import Duty
from bus.jobs import now_utc

EVERY_S = 1.0
KEPT_S = 5
PREFIX = "tomato:worker:"


class Queue(Struct, frozen=True, kw_only=True):
    """What one process has done with one queue."""

    name: str
    events_in: int
    in_hand: int
    oldest_s: float


class Beat(Struct, frozen=True, kw_only=True):
    """One process, as it was a moment ago."""

    worker: str
    host: str
    pid: int
    actors: tuple[str, ...]
    operations_url: str
    started_at: datetime
    beaten_at: datetime
    cpu_s: float
    queues: tuple[Queue, ...]


def queues() -> tuple[Queue, ...]:
    """The figures of this process's queues, as Prometheus would read them."""
    events_in, oldest_s = _by_queue(metrics.EVENTS_IN), _by_queue(metrics.OLDEST_SECONDS)
    return tuple(
        Queue(
            name=name,
            events_in=int(events_in.get(name, 0)),
            in_hand=int(in_hand),
            oldest_s=round(oldest_s.get(name, 0.0), 3),
        )
        for name, in_hand in sorted(_by_queue(metrics.IN_HAND).items())
    )


def _by_queue(metric: Counter | Gauge) -> dict[str, float]:
    return {
        sample.labels["queue"]: sample.value
        for family in metric.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


class Heartbeat:
    """Beats until it is stopped; then the entry ends by itself."""

    def __init__(
        self, redis: Redis, *, actors: Sequence[str], operations_url: Callable[[], str]
    ) -> None:
        self._redis = redis
        self._actors = tuple(actors)
        self._operations_url = operations_url
        self._started_at = now_utc()
        self._worker = f"{'+'.join(actors)}@{socket.gethostname()}:{os.getpid()}"
        self._duty = Duty("heartbeat", self.beat_once, every_s=EVERY_S)

    async def start(self) -> None:
        await self._duty.start()

    async def stop(self) -> None:
        await self._duty.stop()

    async def beat_once(self) -> int:
        """Tells Redis how this process goes."""
        times = os.times()
        beat = Beat(
            worker=self._worker,
            host=socket.gethostname(),
            pid=os.getpid(),
            actors=self._actors,
            operations_url=self._operations_url(),
            started_at=self._started_at,
            beaten_at=now_utc(),
            cpu_s=round(times.user + times.system, 2),
            queues=queues(),
        )
        await self._redis.set(PREFIX + self._worker, msgspec.json.encode(beat), ex=KEPT_S)
        return 1


async def beats(redis: Redis) -> list[Beat]:
    """The processes that are alive, by name."""
    keys = sorted([key async for key in redis.scan_iter(match=PREFIX + "*", count=1000)])
    found = await redis.mget(keys) if keys else []
    return [msgspec.json.decode(value, type=Beat) for value in found if value is not None]
