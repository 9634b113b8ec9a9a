"""Callers: actors that speak to the outside world in three beats, `open → call → record`.

`open` commits what we are about to ask, under a request number of our own. `call` asks, with no
transaction open. `record` commits the outcome and its effects together with the inbox row. A crash
between the beats brings the message again; `open` then says that the ticket was opened before, and
the call queries before it sends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from bus import inbox, metrics
from bus.broker import PREFETCH_DEFAULT, Broker
from bus.database import Connection, Pool
from bus.dead import Graveyard
from bus.effects import Effect, Outgoing, Timer, deliveries, spoken
from bus.errors import world_is_down
from bus.gather import Gather
from bus.intake import Intake
from bus.jobs import Job, UnderWay, now_utc
from bus.limit import Limit
from bus.logs import log
from bus.patience import Patience
from bus.tasks import Tasks
from bus.topology import Inlet
from schema.messages.contract import Message

T = TypeVar("T")
O = TypeVar("O")  # noqa: E741 - an outcome

AWAY_WAIT_S = 1.0
"""How long a call waits for a service of ours that is away, before its ticket is opened again."""


@dataclass(frozen=True, slots=True)
class Recorded(Generic[T]):
    """What recording one outcome causes; `again` is a further ticket, opened by the same commit."""

    effects: tuple[Effect, ...] = ()
    again: T | None = None


@dataclass(frozen=True, slots=True)
class Caller(Generic[T, O]):
    """An actor as three beats.

    `open` returns a ticket per message, in order, or None where there is nothing (left) to do.
    `call` never raises for what the peer does: an outcome is a value, and "unknown" is one.
    `record` saves outcomes, in order, and says what they cause.
    `lane` names whose concurrency limit a ticket counts against, and how many may be in flight.
    """

    inlet: Inlet
    open: Callable[[Connection, Sequence[Message], datetime], Awaitable[list[T | None]]]
    call: Callable[[T], Awaitable[O]]
    record: Callable[[Connection, Sequence[tuple[T, O]], datetime], Awaitable[list[Recorded[T]]]]
    lane: Callable[[T], tuple[str, int]]
    turn_away: Callable[[T], O | None] | None = None
    """Asked before each call. Where there is no room for it now, it says so as an outcome, which is
    recorded at once; else it answers None, and the call takes the place that was kept for it."""
    can_wait: Callable[[Message], bool] | None = None
    """Of what may wait a moment for company, before its ticket is opened and before its outcome is
    recorded."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """A job whose call has come back; without a ticket there was nothing to call for."""

    job: Job
    ticket: Any | None = None
    outcome: Any | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """What one opening transaction found: tickets to call for, and repeats with their effects."""

    tickets: list[tuple[Job, Any | None]]
    repeats: list[tuple[Job, list[Outgoing]]]


@dataclass(frozen=True, slots=True)
class Batch:
    """What one recording transaction did."""

    outgoing: dict[str, list[Outgoing]] = field(default_factory=dict)
    timers: list[Timer] = field(default_factory=list)
    again: list[tuple[Job, Any]] = field(default_factory=list)


class CallerRun:
    """Runs a caller on its inlet: opens in batches, calls side by side, records in batches."""

    def __init__(
        self,
        caller: Caller[Any, Any],
        *,
        pool: Pool,
        broker: Broker,
        linger_ms: int = 25,
        batch_max: int = 256,
        prefetch: int = PREFETCH_DEFAULT,
        lanes: bool = False,
    ) -> None:
        self._caller = caller
        self._queue = caller.inlet.queue
        self._pool = pool
        self._broker = broker
        self._graveyard = graveyard = Graveyard(broker)
        self._under_way = UnderWay()
        self._opening = Patience(self._queue, self._open, self._opened, self._bury)
        recording = Patience(self._queue, self._record, self._recorded, self._bury_answer)
        self._answers = Gather(
            recording.settle,
            size_max=batch_max,
            linger_ms=linger_ms,
            name=f"{self._queue}.record",
        )
        self.intake = Intake(
            caller.inlet, graveyard, self._begin, size_max=batch_max, linger_ms=linger_ms,
            can_wait=caller.can_wait,
        )  # fmt: skip
        self._limits: dict[str, Limit] = {}
        self._tasks = Tasks(self._queue)
        if not lanes:
            broker.subscribe(caller.inlet, self.intake.read, prefetch=prefetch)

    async def start(self) -> None:
        await self._answers.start()
        await self.intake.start()

    async def stop(self) -> None:
        await self.intake.stop()
        await self._answers.stop()
        await self._tasks.cancel()

    async def _begin(self, jobs: Sequence[Job]) -> None:
        """An event that comes again while its call is in flight waits for that call.

        After a cut connection all deliveries come again. To ask the channel about a request that
        is still on its way to it would find nothing, and send it twice.
        """
        fresh = self._under_way.take(jobs)
        if fresh:
            await self._opening.settle(fresh)

    async def _open(self, jobs: Sequence[Job], suspicious: bool) -> Opened:
        async with self._pool.acquire() as connection, connection.transaction():
            settled = await self._settled(connection, jobs, suspicious)
            fresh = [job for job in jobs if job.event.id not in settled]
            messages = [job.message for job in fresh]
            tickets = await self._caller.open(connection, messages, now_utc()) if fresh else []
        repeats = [(job, settled[job.event.id]) for job in jobs if job.event.id in settled]
        return Opened(list(zip(fresh, tickets, strict=True)), repeats)

    async def _settled(
        self, connection: Connection, jobs: Sequence[Job], suspicious: bool
    ) -> dict[str, list[Outgoing]]:
        if not suspicious and not any(job.redelivered for job in jobs):
            return {}
        settled = await inbox.find_settled(connection, self._queue, [job.event.id for job in jobs])
        metrics.REPEATS.labels(self._queue).inc(len(settled))
        return settled

    async def _opened(self, _: Sequence[Job], opened: Opened) -> None:
        if opened.repeats:
            self._tasks.spawn(self._publish(opened.repeats))
        for job, ticket in opened.tickets:
            if ticket is None:
                self._answers.put(Answer(job))
            else:
                self._begin_call(job, ticket)

    def _begin_call(self, job: Job, ticket: Any) -> None:
        away = self._caller.turn_away(ticket) if self._caller.turn_away is not None else None
        if away is None:
            self._tasks.spawn(self._call(job, ticket))
        else:
            self._answers.put(Answer(job, ticket, away))

    async def _call(self, job: Job, ticket: Any) -> None:
        lane, in_flight_max = self._caller.lane(ticket)
        limit = self._limits.get(lane)
        if limit is None:
            limit = self._limits[lane] = Limit(in_flight_max)
        try:
            async with limit:
                outcome = await self._caller.call(ticket)
        except Exception as error:
            await self._open_again_or_bury(job, error)
        else:
            can_wait = self._caller.can_wait is not None and self._caller.can_wait(job.message)
            self._answers.put(Answer(job, ticket, outcome), can_wait=can_wait)

    async def _open_again_or_bury(self, job: Job, error: Exception) -> None:
        """A service of ours that is away is no message's fault: its ticket is opened once more, so
        that the call queries before it sends. Anything else is a bug in an adapter."""
        if not world_is_down(error):
            await self._bury(job, error, 1)
            return
        log.warning("away", queue=self._queue, error=repr(error))
        await asyncio.sleep(AWAY_WAIT_S)
        await self._opening.settle([job])

    async def _record(self, answers: Sequence[Answer], suspicious: bool) -> Batch:
        now = now_utc()
        async with self._pool.acquire() as connection, connection.transaction():
            settled = await self._settled(connection, [a.job for a in answers], suspicious)
            fresh = [answer for answer in answers if answer.job.event.id not in settled]
            batch = await self._change(connection, fresh, now)
            await inbox.set_timers(connection, batch.timers)
            await inbox.settle(connection, self._queue, batch.outgoing)
        batch.outgoing.update(settled)
        return batch

    async def _change(
        self, connection: Connection, answers: Sequence[Answer], now: datetime
    ) -> Batch:
        batch = Batch()
        called = [answer for answer in answers if answer.ticket is not None]
        pairs = [(answer.ticket, answer.outcome) for answer in called]
        recorded = await self._caller.record(connection, pairs, now) if pairs else []
        for answer, result in zip(called, recorded, strict=True):
            _note(batch, answer.job, result, self._queue, now)
        for answer in answers:
            if answer.ticket is None:
                batch.outgoing[answer.job.event.id] = []
        return batch

    async def _recorded(self, answers: Sequence[Answer], batch: Batch) -> None:
        for job, ticket in batch.again:
            self._begin_call(job, ticket)
        said = [
            (answer.job, batch.outgoing[answer.job.event.id])
            for answer in answers
            if answer.job.event.id in batch.outgoing
        ]
        self._tasks.spawn(self._publish(said))
        metrics.BATCHES.labels(self._queue).inc()

    async def _publish(self, said: Sequence[tuple[Job, list[Outgoing]]]) -> None:
        await self._broker.publish(deliveries(item for _, outgoing in said for item in outgoing))
        for job, _ in said:
            job.settle()
            self._under_way.settle_others(job)

    async def _bury(self, job: Job, error: Exception, tries: int) -> None:
        await self._graveyard.bury_job(job, error, tries)
        self._under_way.settle_others(job)

    async def _bury_answer(self, answer: Answer, error: Exception, tries: int) -> None:
        await self._bury(answer.job, error, tries)


def _note(batch: Batch, job: Job, result: Recorded[Any], actor: str, now: datetime) -> None:
    if result.again is not None:
        assert not result.effects, "effects are said once, with the last outcome"
        batch.again.append((job, result.again))
        return
    outgoing, timers = spoken(result.effects, job.event, actor, now)
    batch.outgoing[job.event.id] = outgoing
    batch.timers.extend(timers)
