"""One process: what its rooms and doors share, started in order and stopped in reverse."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from typing import Protocol

from redis.asyncio import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from bus import database
from bus.broadcasts import Broadcasts
from bus.broker import Broker
from bus.clock import Clock
from bus.database import Pool
from bus.directory import Directory
from bus.logs import log
from bus.vault import Vault
from schema.messages.merchants import ProfileChanged
from schema.messages.monitoring import StandingChanged
from schema.settings import Settings


class Part(Protocol):
    """Whatever is started and stopped."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class Door(Part, Protocol):
    """A part that answers HTTP."""

    @property
    def url(self) -> str: ...


class Shared:
    """The pool, the broker, the caches: one of each in a process."""

    def __init__(self, settings: Settings, pool: Pool, *, name: str) -> None:
        self.settings = settings
        self.pool = pool
        self.broker = Broker(settings.rabbitmq_url, name=name)
        self.redis: Redis = Redis.from_url(
            settings.redis_url, socket_timeout=1.0, socket_connect_timeout=1.0,
            retry=Retry(NoBackoff(), 1),
        )  # fmt: skip
        self.vault = Vault(settings.master_key)
        self.directory = Directory(pool, self.redis)
        self.broadcasts = Broadcasts(self.broker)
        self.broadcasts.listen(ProfileChanged, self.directory.hear)
        self.broadcasts.listen(StandingChanged, self.directory.hear_standing)
        self.broker.on_reconnect(self.directory.forget_all)
        self.clock = Clock(pool, self.broker)

    @classmethod
    async def open(cls, settings: Settings, *, name: str) -> Shared:
        """With a pool that is connected; waits for a PostgreSQL that is not there yet."""
        pool = await database.connect_patiently(
            settings.postgres_url, size_max=settings.pool_size, name=name
        )
        return cls(settings, pool, name=name)

    async def close(self) -> None:
        await self.broker.stop()
        await self.redis.aclose()
        await self.pool.close()


async def serve(shared: Shared, rooms: Sequence[Part], doors: Sequence[Part]) -> None:
    """Runs until SIGTERM or SIGINT, then ends so that nothing has to be delivered again.

    On the way up: rooms, consumers, doors. On the way down: doors first, so that no new work comes
    in; then the consumers, while everything in hand is finished; then the rest.
    """
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    started: list[Part] = []
    asked = asyncio.create_task(stopped.wait())
    begun = asyncio.create_task(_begin(shared, rooms, doors, started))
    try:
        # Also while it still waits for a broker that is away, it can be told to end.
        await asyncio.wait({asked, begun}, return_when=asyncio.FIRST_COMPLETED)
        if begun.done():
            begun.result()
            await asked
    finally:
        log.info("stopping")
        begun.cancel()
        await asyncio.wait({begun})
        await _stop(shared, started, doors)


async def _begin(
    shared: Shared, rooms: Sequence[Part], doors: Sequence[Part], started: list[Part]
) -> None:
    await shared.broker.connect()
    await shared.broker.declare()
    for part in (shared.broadcasts, *rooms, shared.broker, shared.clock, *doors):
        await part.start()
        started.append(part)
    log.info("started")


async def _stop(shared: Shared, started: list[Part], doors: Sequence[Part]) -> None:
    closing = [part for part in started if part in doors]
    inner = [part for part in started if part not in doors and part is not shared.broker]
    for part in reversed(closing):
        await part.stop()
    await shared.broker.pause()
    for part in reversed(inner):
        await part.stop()
    await shared.close()
