"""Two workers for one shard: whoever holds the lease is paused, and killed, under load."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from statistics import median

from bench.figures import Figure, Section
from bench.ledger.feed import Feed, a_feed, encoded
from bench.ledger.real_actor import start, wait_until_booked
from bench.ledger.yard import SQL, Yard
from bench.programs import Program
from bench.reconcile import Check

LEASE = "accounting.0"
EVENTS_IN_A_DELIVERY = 10
EVERY_S = 0.01
PAUSED_S = 4.0
"""Longer than a lease lasts, so that the other worker takes it meanwhile."""

TAKEN_OVER_WITHIN_S = 30.0
AT_MOST_S = 5.0


class Watch:
    """Two workers on one shard, and a look at which of them holds it."""

    def __init__(self, yard: Yard) -> None:
        self._yard = yard
        self._started = 0
        self.workers: list[Program] = []
        self.fenced = 0

    async def start_one(self) -> None:
        """Starts a worker and waits until it could work."""
        self._started += 1
        program = start(self._yard, f"accounting{self._started}")
        self.workers.append(program)
        await program.wait_until_ready()

    async def holder(self) -> tuple[Program, int]:
        """Who holds the lease, and under which epoch."""
        while True:
            row = await self._yard.pool.fetchrow(SQL.lease, LEASE)
            for program in self.workers:
                if row is not None and f":{program.process.pid}:" in (row["holder"] or ""):
                    return program, row["epoch"]
            await asyncio.sleep(0.1)

    async def taken_over(self, epoch: int, since: float) -> float:
        """Seconds from a moment until a batch was committed under a later epoch."""
        async with asyncio.timeout(TAKEN_OVER_WITHIN_S):
            while not await self._yard.pool.fetchval(SQL.has_later_epoch, epoch):
                await asyncio.sleep(0.02)
        return time.time() - since

    async def pause_holder(self) -> float:
        """Stops the holder in whatever it is at; it wakes up when another holds its lease."""
        program, epoch = await self.holder()
        stopped_at = time.time()
        program.process.send_signal(signal.SIGSTOP)
        try:
            taken_over_s = await self.taken_over(epoch, stopped_at)
            await asyncio.sleep(max(stopped_at + PAUSED_S - time.time(), 0))
        finally:
            program.process.send_signal(signal.SIGCONT)
        return taken_over_s

    async def kill_holder(self) -> float:
        """Kills the holder and lets another worker take its place beside the new one."""
        program, epoch = await self.holder()
        killed_at = self._yard.crew.kill(program)
        self.workers.remove(program)
        taken_over_s = await self.taken_over(epoch, killed_at)
        self.fenced += times_fenced(program)
        await self.start_one()
        return taken_over_s


def times_fenced(program: Program) -> int:
    """How often a worker found that it holds its lease no longer."""
    return program.log.read_text(errors="replace").count('"lease_lost"')


async def measure(yard: Yard, kills: int) -> tuple[Section, list[Check]]:
    """One pause and some kills of the holder while payments come in all the time."""
    begin, watch, before = await yard.booked(), Watch(yard), yard.register.count
    async with a_feed(yard.services.rabbitmq_url) as feed, dripping(yard, feed):
        await watch.start_one()
        await watch.start_one()
        paused_s = await watch.pause_holder()
        killed_s = [await watch.kill_holder() for _ in range(kills)]
    bookings = yard.register.count - before
    await wait_until_booked(yard, begin + bookings, *watch.workers)
    fenced = watch.fenced + sum(times_fenced(program) for program in watch.workers)
    section = Section(
        title=f"Two workers on one shard: the holder paused once, killed {kills} times",
        figures=[
            Figure(name="kill -9 to the next commit, worst", value=max(killed_s), unit="s",
                   at_most=AT_MOST_S),
            Figure(name="kill -9 to the next commit, median", value=median(killed_s), unit="s"),
            Figure(name="pause to the next commit", value=paused_s, unit="s"),
            Figure(name="times that a worker was fenced", value=fenced, unit="", at_least=1),
            Figure(name="bookings meanwhile", value=bookings, unit=""),
        ],
    )  # fmt: skip
    ends = yard.crew.stop()
    return section, [Check(name="the others ended well", compared=2, differences=ends)]


@asynccontextmanager
async def dripping(yard: Yard, feed: Feed) -> AsyncGenerator[None]:
    """Payments come in steadily until the end of the block."""
    is_over = asyncio.Event()

    async def drip() -> None:
        while not is_over.is_set():
            await feed.publish(encoded(yard.register.lot(EVENTS_IN_A_DELIVERY)))
            await asyncio.sleep(EVERY_S)

    task = asyncio.create_task(drip())
    try:
        yield
    finally:
        is_over.set()
        await task
