"""Deciders: actors whose work is `load → decide → save`, in one transaction per micro-batch.

The order of things is the guarantee: load, decide, save, inbox rows, commit, publish, acknowledge.
Whatever dies in between, the message comes again and either finds nothing done, or finds its
effects in the inbox and says them again under the same ids.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from bus import inbox, metrics
from bus.broker import PREFETCH_DEFAULT, Broker
from bus.database import Connection, Pool
from bus.dead import Graveyard
from bus.effects import Effect, Outgoing, Timer, deliveries, spoken
from bus.errors import Fenced
from bus.intake import Intake
from bus.jobs import Job, now_utc
from bus.lease import Lease
from bus.patience import Patience
from bus.sole import SoleReader
from bus.tasks import Tasks
from bus.topology import Inlet
from schema.messages.contract import Message


class Puts(Protocol):
    """What a batch has loaded: a decision's changes are put into it."""

    def put(self, row: Any) -> None: ...


B = TypeVar("B", bound=Puts)

PUBLISHING_MAX = 4
"""Batches whose effects may wait for confirms while the next one is decided."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What one message changes and causes. Nothing has happened yet."""

    changes: tuple[Any, ...] = ()
    effects: tuple[Effect, ...] = ()


@dataclass(frozen=True, slots=True)
class Decider(Generic[B]):
    """An actor as three functions.

    `load` reads, with rows locked in key order, what the messages of one batch speak of.
    `decide` is pure: book, message and time in, changes and effects out.
    `save` writes what the batch changed. Without it the actor keeps no state of its own: it has
    neither transaction nor inbox, and a repeat says the same effects under the same ids.
    """

    inlet: Inlet
    load: Callable[[Connection, Sequence[Message]], Awaitable[B]]
    decide: Callable[[B, Message, datetime], Decision]
    save: Callable[[Connection, B], Awaitable[None]] | None = None
    keeps_inbox: bool = True
    """False where a unique business key makes a repeat harmless and nothing is published."""
    can_wait: Callable[[Message], bool] | None = None
    """Of what may wait a moment for company, because nobody waits for it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one batch says once its transaction is committed, by the id of the causing message."""

    outgoing: dict[str, list[Outgoing]] = field(default_factory=dict)
    timers: list[Timer] = field(default_factory=list)


class DeciderRun:
    """Runs a decider on its inlet; with a lease, as its one writer, only while that is held."""

    def __init__(
        self,
        decider: Decider[Any],
        *,
        pool: Pool,
        broker: Broker,
        linger_ms: int = 25,
        batch_max: int = 256,
        prefetch: int = PREFETCH_DEFAULT,
        lease: Lease | None = None,
    ) -> None:
        def desk() -> Desk:
            return Desk(
                decider, pool=pool, broker=broker, linger_ms=linger_ms, batch_max=batch_max,
                lease=lease,
            )  # fmt: skip

        self._part: Desk | SoleReader
        if lease is None:
            self._part = desk()
            broker.subscribe(decider.inlet, self._part.read, prefetch=prefetch)
        else:
            assert decider.save is not None, "a lease fences transactions, and there are none"
            self._part = SoleReader(
                decider.inlet, desk, lease=lease, broker=broker, prefetch=prefetch
            )

    async def start(self) -> None:
        await self._part.start()

    async def stop(self) -> None:
        await self._part.stop()


class Desk:
    """Where deliveries become batches, and batches transactions and effects."""

    def __init__(
        self,
        decider: Decider[Any],
        *,
        pool: Pool,
        broker: Broker,
        linger_ms: int,
        batch_max: int,
        lease: Lease | None,
    ) -> None:
        self._decider = decider
        self._queue = decider.inlet.queue
        self._pool = pool
        self._broker = broker
        self._lease = lease
        graveyard = Graveyard(broker)
        self._patience = Patience(self._queue, self._transact, self._speak, graveyard.bury_job)
        self._intake = Intake(
            decider.inlet,
            graveyard,
            self._patience.settle if lease is None else self._settle_fenced,
            size_max=batch_max,
            linger_ms=linger_ms,
            can_wait=decider.can_wait,
        )
        self.read = self._intake.read
        self._publishing = asyncio.Semaphore(PUBLISHING_MAX)
        self._tasks = Tasks(self._queue)
        self._seconds = metrics.BATCH_SECONDS.labels(self._queue)

    async def start(self) -> None:
        await self._intake.start()

    async def stop(self) -> None:
        await self._intake.stop()
        await self._tasks.cancel()

    async def _settle_fenced(self, jobs: Sequence[Job]) -> None:
        """What another holds the lease for now is left unacknowledged: it comes to them."""
        assert self._lease is not None
        try:
            await self._patience.settle(jobs)
        except Fenced as error:
            self._lease.lose(str(error))

    async def _transact(self, jobs: Sequence[Job], suspicious: bool) -> Outcome:
        """Everything that one batch changes, in one transaction."""
        with self._seconds.time():
            async with self._pool.acquire() as connection:
                if self._decider.save is None:
                    return await self._decide(connection, jobs)
                async with connection.transaction():
                    if self._lease is not None:
                        await self._lease.fence(connection)
                    settled = await self._settled(connection, jobs, suspicious)
                    fresh = [job for job in jobs if job.event.id not in settled]
                    outcome = await self._change(connection, fresh) if fresh else Outcome()
        outcome.outgoing.update(settled)
        return outcome

    async def _settled(
        self, connection: Connection, jobs: Sequence[Job], suspicious: bool
    ) -> dict[str, list[Outgoing]]:
        """Repeats are rare: they are looked up only where the broker or a clash points to one."""
        if not self._decider.keeps_inbox or not (suspicious or any(j.redelivered for j in jobs)):
            return {}
        settled = await inbox.find_settled(connection, self._queue, [job.event.id for job in jobs])
        metrics.REPEATS.labels(self._queue).inc(len(settled))
        return settled

    async def _change(self, connection: Connection, jobs: Sequence[Job]) -> Outcome:
        assert self._decider.save is not None
        book = await self._load(connection, jobs)
        outcome = self._fold(book, jobs)
        await self._decider.save(connection, book)
        await inbox.set_timers(connection, outcome.timers)
        if self._decider.keeps_inbox:
            await inbox.settle(connection, self._queue, outcome.outgoing)
        return outcome

    async def _decide(self, connection: Connection, jobs: Sequence[Job]) -> Outcome:
        outcome = self._fold(await self._load(connection, jobs), jobs)
        assert not outcome.timers, f"{self._queue} saves nothing, so it can't set timers"
        return outcome

    async def _load(self, connection: Connection, jobs: Sequence[Job]) -> Any:
        return await self._decider.load(connection, [job.message for job in jobs])

    def _fold(self, book: Any, jobs: Iterable[Job]) -> Outcome:
        now, outcome = now_utc(), Outcome()
        for job in jobs:
            if job.event.id in outcome.outgoing:
                continue  # the same event twice in one batch
            decision = self._decider.decide(book, job.message, now)
            for change in decision.changes:
                book.put(change)
            outgoing, timers = spoken(decision.effects, job.event, self._queue, now)
            outcome.outgoing[job.event.id] = outgoing
            outcome.timers.extend(timers)
        return outcome

    async def _speak(self, jobs: Sequence[Job], outcome: Outcome) -> None:
        """Publishes beside the next batch's transaction, a bounded number of batches at a time."""
        await self._publishing.acquire()
        self._tasks.spawn(self._publish(jobs, outcome))

    async def _publish(self, jobs: Sequence[Job], outcome: Outcome) -> None:
        try:
            said = (item for outgoing in outcome.outgoing.values() for item in outgoing)
            await self._broker.publish(deliveries(said))
        finally:
            self._publishing.release()
        for job in jobs:
            job.settle()
        metrics.BATCHES.labels(self._queue).inc()
