"""Where the ledger is measured: services, a database of its own, workers, and what they use."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

from bench.backing import own_room
from bench.figures import Figure
from bench.ledger.hands import Hand
from bench.ledger.lots import Register
from bench.ledger.tasks import Done, Task
from bench.programs import Crew
from bench.usage import Usage, usage
from bus.database import Pool, connect, queries
from deploy.local.services import Services

SQL = queries(__file__)

MICROSECONDS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Yard:
    """Everything that a part of the scenario works with."""

    services: Services
    crew: Crew
    database_url: str
    pool: Pool
    observer: asyncpg.Connection
    """A session in another database, which counts without being counted."""
    register: Register = field(default_factory=Register)

    @property
    def database(self) -> str:
        """The name of the run's own database."""
        return self.database_url.rpartition("/")[2]

    @property
    def environment(self) -> dict[str, str]:
        """What a program of the platform needs to work here."""
        return self.services.environment() | {"TOMATO_POSTGRES_URL": self.database_url}

    def roots(self, **ours: int) -> dict[str, int]:
        """The main process of each component: ours, and the services that run here."""
        pids = {name: self.services.pid(name) for name in ("postgres", "rabbitmq")}
        return ours | {name: pid for name, pid in pids.items() if pid is not None}

    async def wal_bytes(self) -> int:
        """How much has been written to the log so far."""
        return int(await self.pool.fetchval(SQL.wal_bytes))

    async def booked(self) -> int:
        """How many bookings are in the books."""
        return await self.pool.fetchval(SQL.booked)


@asynccontextmanager
async def a_yard(services: Services) -> AsyncGenerator[Yard]:
    """A migrated database, gone at the end; so are all programs that were started in it."""
    async with own_room(services) as url:
        crew = Crew(services.folder)
        pool = await connect(url, name="bench")
        observer = await asyncpg.connect(services.postgres_url)
        try:
            yield Yard(services=services, crew=crew, database_url=url, pool=pool, observer=observer)
        finally:
            crew.stop()
            await observer.close()
            await pool.close()


@dataclass(frozen=True, kw_only=True)
class Window:
    """What was done between two looks at everybody's clocks."""

    done: Sequence[Done]
    used: Usage
    wal_bytes: int

    @property
    def bookings(self) -> int:
        return sum(done.bookings for done in self.done)

    @property
    def batches(self) -> int:
        return sum(done.batches for done in self.done)

    @property
    def per_s(self) -> float:
        """Bookings a second, from the first worker's begin to the last one's end."""
        began_at = min(done.began_at for done in self.done)
        return self.bookings / (max(done.ended_at for done in self.done) - began_at)


async def run_window(yard: Yard, tasks: Mapping[Hand, Task]) -> Window:
    """Has workers do their tasks side by side; what they need is prepared before."""
    await asyncio.gather(*(hand.prepare(task) for hand, task in tasks.items()))
    roots = yard.roots(**{hand.name: hand.pid for hand in tasks})
    written, before = await yard.wal_bytes(), usage(roots, time.monotonic())
    done = await asyncio.gather(*(hand.work() for hand in tasks))
    used = usage(roots, time.monotonic()).since(before)
    return Window(done=done, used=used, wal_bytes=await yard.wal_bytes() - written)


def cpu_figures(used: Usage, bookings: int) -> list[Figure]:
    """CPU of each component per booking, and how far it can be trusted."""
    parts = [
        Figure(name=f"CPU per booking, {name}", value=cpu_s * MICROSECONDS / bookings, unit="us")
        for name, cpu_s in used.by_component.items()
    ]
    return [*parts, Figure(name="kept busy by strangers", value=used.foreign_cores, unit="cores")]
