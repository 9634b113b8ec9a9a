"""The workshop: example rooms at work in this process or in others, and a look into every queue."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from multiprocessing.synchronize import Event as Flag
from typing import Any, TypeVar

from aio_pika.abc import AbstractIncomingMessage
from pamqp.commands import Queue
from redis.asyncio import Redis

from bus import topology
from bus.broker import Broker
from bus.caller import Caller, CallerRun
from bus.database import Pool
from bus.dead import DeadLetter, Graveyard
from bus.decider import Decider, DeciderRun
from bus.effects import Delivery, Outgoing, deliveries
from bus.origin import new_event
from schema.events import Event, decode_events, encode_events
from schema.messages.contract import Message
from tests.bus.rooms import COUNTER, ERRANDS, TABLES, TALLY, Visit
from tests.bus.worker import PROCESSES, run_worker
from tests.sites import Site

T = TypeVar("T")

WIRE = "example.wire"
LANES = ("a", "b", "c", "d")
READ_BY = {
    "counter": COUNTER.queue,
    "tally": TALLY.queue,
    "errands": ERRANDS.queue,
    "lanes": "example.lobby",
    "sole": COUNTER.queue,
    "dispatcher": COUNTER.queue,
}
SHARD_QUEUES = tuple(topology.shard_queue(COUNTER.queue, shard) for shard in range(4))
QUEUES = (
    *(inlet.queue for inlet in (COUNTER, TALLY, ERRANDS)),
    *SHARD_QUEUES,
    *("example.lobby", *(f"example.lane.{lane}" for lane in LANES)),
)
DEAD_QUEUES = tuple(topology.dead_queue(queue) for queue in (*QUEUES, "example.lanes"))


@dataclass(frozen=True, slots=True)
class Worker:
    """A process with a room at work in it."""

    process: Any
    _at_work: Flag

    @classmethod
    def start(cls, room: str, dies_at: str, peer: str, site: Site) -> Worker:
        """Starts to start."""
        at_work = PROCESSES.Event()
        arguments = (room, dies_at, peer, site.environment(), at_work)
        process = PROCESSES.Process(target=run_worker, args=arguments, daemon=True)
        process.start()
        return cls(process, at_work)

    async def is_at_work(self) -> None:
        """Returns when it consumes."""
        await at_last(self._started)

    async def stop(self) -> int:
        """Asks it to end, as whoever runs it would; returns its exit code."""
        self.process.terminate()
        return await self.ended()

    async def ended(self) -> int:
        """Its exit code, once it has one."""
        await at_last(self._gone, within_s=40)
        return self.process.exitcode

    async def _started(self) -> bool:
        return self._at_work.is_set()

    async def _gone(self) -> bool:
        return self.process.exitcode is not None


@dataclass(frozen=True, slots=True)
class Workshop:
    """Empty tables, empty queues, and hands to put things in and take them out."""

    site: Site
    pool: Pool
    broker: Broker

    async def clear(self) -> None:
        """Makes the rooms' tables and queues anew."""
        lanes = await self.pool.fetch("SELECT lane FROM bus.lane WHERE actor = 'example'")
        opened = [topology.lane_queue("example", row["lane"]) for row in lanes]
        await self.pool.execute(TABLES)
        async with Redis.from_url(self.site.redis_url) as redis:
            await redis.flushdb()
        channel = await self.broker.channel()
        for queue in (*QUEUES, *DEAD_QUEUES, *opened, WIRE):
            await channel.queue_delete(queue)
        await self.broker.declare((COUNTER, TALLY, ERRANDS))
        wire = await channel.declare_queue(WIRE, durable=True, robust=False)
        await wire.bind(topology.FACTS, routing_key="example.#", robust=False)
        await channel.close()

    async def send(self, *messages: Message, **attributes: Any) -> list[Event]:
        """Sends each message as a delivery of its own; returns their events."""
        events = [new_event(message, **attributes) for message in messages]
        await self.broker.publish(
            [d for event, m in zip(events, messages, strict=True) for d in _alone(event, m)]
        )
        return events

    async def put(self, queue: str, *events: Event) -> None:
        """Puts events into a queue as one delivery."""
        await self.put_bytes(queue, *encode_events(events))

    async def put_bytes(self, queue: str, body: bytes, content_type: str) -> None:
        """Puts a delivery into a queue that may be readable or not."""
        await self.broker.publish(
            [Delivery(topology.DEFAULT_EXCHANGE, queue, True, body, content_type)]
        )

    @asynccontextmanager
    async def at_work(
        self, *rooms: Decider[Any] | Caller[Any, Any], url: str = "", **options: Any
    ) -> AsyncIterator[Broker]:
        """Rooms in this process, on a connection of their own; a clean stop at the end."""
        broker = Broker(url or self.site.rabbitmq_url, name="worker")
        await broker.connect()
        runs = [_run(room, self.pool, broker, options) for room in rooms]
        for run in runs:
            await run.start()
        await broker.start()
        try:
            yield broker
        finally:
            await broker.pause()
            for run in runs:
                await run.stop()
            await broker.stop()

    @asynccontextmanager
    async def worker(
        self, room: str, *, dies_at: str = "", peer: str = "", url: str = ""
    ) -> AsyncIterator[Worker]:
        """A room in a process of its own; gone at the end."""
        site = replace(self.site, rabbitmq_url=url or self.site.rabbitmq_url)
        started = Worker.start(room, dies_at, peer, site)
        try:
            yield started
        finally:
            started.process.kill()
            await started.ended()

    async def dies(self, room: str, *, at: str, peer: str = "") -> None:
        """A worker takes what is in its queue, and dies at that point as by a power cut."""
        async with self.worker(room, dies_at=at, peer=peer) as worker:
            assert await worker.ended() == -signal.SIGKILL, "it was to die where it was told to"
        await self.broker_knows_of_death(room)

    async def broker_knows_of_death(self, room: str) -> None:
        """Returns when what the dead worker had in hand is back in its queue."""
        await at_last(lambda: self._is_unread(READ_BY[room]))

    async def wire(self) -> list[Event]:
        """Every fact that was published, repeats included."""
        taken = await self.waiting(WIRE)
        return [e for t in taken for e in decode_events(t.body, t.content_type)]

    async def waiting(self, queue: str) -> list[AbstractIncomingMessage]:
        """What is in a queue and not in anybody's hands; looking takes nothing away."""
        channel = await self.broker.channel()
        looked_at = await channel.get_queue(queue, ensure=False)
        taken: list[AbstractIncomingMessage] = []
        while (message := await looked_at.get(fail=False)) is not None:
            taken.append(message)
        await channel.close()
        return taken

    async def is_empty(self, queue: str) -> bool:
        """Whether nothing waits to be delivered; what is in a worker's hands does not count."""
        return (await self._look_at(queue)).message_count == 0

    async def dead(self, queue: str) -> list[DeadLetter]:
        """The dead letters of a queue."""
        return await Graveyard(self.broker).list(queue)

    async def _is_unread(self, queue: str) -> bool:
        return (await self._look_at(queue)).consumer_count == 0

    async def _look_at(self, queue: str) -> Queue.DeclareOk:
        channel = await self.broker.channel()
        looked_at = await channel.declare_queue(queue, passive=True, robust=False)
        await channel.close()
        return looked_at.declaration_result


async def at_last(check: Callable[[], Awaitable[T]], *, within_s: float = 15.0) -> T:
    """The first true answer; the test fails where none comes."""
    async with asyncio.timeout(within_s):
        while not (answer := await check()):
            await asyncio.sleep(0.02)
    return answer


def _run(
    room: Decider[Any] | Caller[Any, Any], pool: Pool, broker: Broker, options: dict[str, Any]
) -> DeciderRun | CallerRun:
    kind: Any = DeciderRun if isinstance(room, Decider) else CallerRun
    return kind(room, pool=pool, broker=broker, **options)


def _alone(event: Event, message: Message) -> Sequence[Delivery]:
    lane = message.lane if isinstance(message, Visit) else None
    return deliveries([Outgoing.of(message, event, lane)])
