"""Shards: one actor's work divided among several writers, each the only one of its shard.

With one shard its writer reads the actor's queue itself. With more, a dispatcher in every worker
moves each event from there to the queue of its shard. Shards divide work and nothing else: what is
true rests on row locks and unique keys, so processes that disagree about the number of shards are
slow together, and never wrong.

A shard's queue is recorded before it is filled for the first time, and is not forgotten. So what
it still holds when there are fewer shards is found by every worker, and dispatched anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import ChannelNotFoundEntity
from msgspec import Raw

from bus import topology
from bus.broker import GRACEFUL_STOP_S, PREFETCH_DEFAULT, Arrived, Broker
from bus.database import Pool, queries
from bus.dead import Graveyard
from bus.duty import Duty
from bus.effects import Outgoing, deliveries
from bus.errors import world_is_down
from bus.intake import Intake
from bus.jobs import Job
from bus.lease import Lease, new_holder
from bus.logs import log
from bus.patience import Patience
from bus.topology import Inlet
from schema.events import encode_events
from schema.messages.contract import Message

SQL = queries(__file__)

BALANCE_EVERY_S = 1.0
SWEEP_EVERY_S = 10.0
HANDFUL = 100
"""Left-over deliveries that are moved together."""

AWAY_WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Shards:
    """How many shards an actor has at present, and which of them a message belongs to."""

    inlet: Inlet
    number: int
    shard_of: Callable[[Message], int]
    """The same number for the same rows, in every process; it is cut down to the shards we have."""

    @property
    def queues(self) -> list[str]:
        """The shards' own; a single shard has none."""
        return self.names if self.number > 1 else []

    @property
    def names(self) -> list[str]:
        """Of the shards' queues and leases."""
        return [topology.shard_queue(self.inlet.queue, shard) for shard in range(self.number)]

    def place_of(self, message: Message) -> str:
        """The queue whose reader writes what this message is about."""
        if self.number == 1:
            return self.inlet.queue
        return topology.shard_queue(self.inlet.queue, self.shard_of(message) % self.number)

    def inlet_of(self, shard: int) -> Inlet:
        """What the writer of a shard reads."""
        return self.inlet if self.number == 1 else replace(self.inlet, shard=shard)

    def leases(self, pool: Pool) -> list[Lease]:
        """One for each shard; they are held by this process."""
        holder = new_holder()
        return [Lease(name, pool=pool, holder=holder) for name in self.names]


class Balance:
    """Asks for leases of a worker that holds at least two more of them than this one."""

    def __init__(self, leases: Sequence[Lease], *, pool: Pool) -> None:
        self._names = [lease.name for lease in leases]
        self._holder = leases[0].holder
        self._pool = pool
        self._duty = Duty("shards.balance", self.ask_once, every_s=BALANCE_EVERY_S)

    async def start(self) -> None:
        if len(self._names) > 1:
            await self._duty.start()

    async def stop(self) -> None:
        await self._duty.stop()

    async def ask_once(self) -> int:
        """How many were asked for: half of the difference."""
        return len(await self._pool.fetch(SQL.ask_for_leases, self._names, self._holder))


class Dispatcher:
    """Moves events to their shard's queue, and back from queues of shards that are no more."""

    def __init__(
        self,
        shards: Shards,
        *,
        pool: Pool,
        broker: Broker,
        linger_ms: int = 5,
        batch_max: int = 256,
        prefetch: int = PREFETCH_DEFAULT,
    ) -> None:
        self._shards = shards
        self._pool = pool
        self._broker = broker
        graveyard = Graveyard(broker)
        patience = Patience(shards.inlet.queue, self._sort, self._move, graveyard.bury_job)
        self._intake = Intake(
            shards.inlet, graveyard, patience.settle, size_max=batch_max, linger_ms=linger_ms
        )
        self._duty = Duty("shards.sweep", self.sweep_once, every_s=SWEEP_EVERY_S)
        self._sweeping = asyncio.Lock()
        self._is_pausing = False
        broker.on_pause(self.pause)
        if shards.number > 1:
            for shard in range(shards.number):
                broker.expect(shards.inlet_of(shard))
            broker.subscribe(shards.inlet, self._intake.read, prefetch=prefetch)

    async def start(self) -> None:
        await self._record_queues()
        await self._intake.start()
        await self._duty.start()

    async def pause(self) -> None:
        """Finishes what is being swept."""
        self._is_pausing = True
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACEFUL_STOP_S), self._sweeping:
                pass

    async def stop(self) -> None:
        await self._duty.stop()
        await self._intake.stop()

    async def sweep_once(self) -> int:
        """Moves what waits in queues of shards that there are no more; returns how much it was."""
        async with self._sweeping:
            rows = await self._pool.fetch(SQL.recorded_queues, f"{self._shards.inlet.queue}.")
            left = [row["name"] for row in rows if row["name"] not in self._shards.queues]
            return sum([await self._sweep(name) for name in left])

    async def _sort(self, jobs: Sequence[Job], _: bool) -> list[Outgoing]:
        return [
            Outgoing(
                topology.DEFAULT_EXCHANGE,
                self._shards.place_of(job.message),
                True,
                Raw(encode_events([job.event])[0]),
            )
            for job in jobs
        ]

    async def _move(self, jobs: Sequence[Job], outgoing: list[Outgoing]) -> None:
        """One batch after the other, so that each shard hears its events in order."""
        await self._broker.publish(deliveries(outgoing))
        for job in jobs:
            job.settle()

    async def _record_queues(self) -> None:
        while True:
            try:
                await self._pool.execute(SQL.record_queues, self._shards.queues)
                return
            except Exception as error:
                if not world_is_down(error):
                    raise
                log.warning("away", queue=self._shards.inlet.queue, error=repr(error))
                await asyncio.sleep(AWAY_WAIT_S)

    async def _sweep(self, name: str) -> int:
        channel = await self._broker.channel()
        moved = 0
        try:
            queue = await channel.get_queue(name, ensure=False)
            while not self._is_pausing and (handful := await _take(queue)):
                await asyncio.gather(*(self._read(message, name) for message in handful))
                moved += len(handful)
        except ChannelNotFoundEntity:
            log.info("shard_queue_gone", queue=name)  # somebody has deleted it
        finally:
            await channel.close()
        if moved:
            log.info("shard_swept", queue=name, deliveries=moved)
        return moved

    async def _read(self, message: AbstractIncomingMessage, name: str) -> None:
        await self._intake.read(Arrived.of(message, name))
        await message.ack()


async def _take(queue: Any) -> list[AbstractIncomingMessage]:
    taken: list[AbstractIncomingMessage] = []
    while len(taken) < HANDFUL and (message := await queue.get(fail=False)) is not None:
        taken.append(message)
    return taken
