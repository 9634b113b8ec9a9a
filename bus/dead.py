"""Dead letters: what a person has to look at, with the reason, until it is replayed or dropped."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aio_pika.abc import AbstractIncomingMessage, AbstractRobustQueue

from bus import metrics, topology
from bus.broker import Arrived, Broker
from bus.effects import Delivery
from bus.jobs import Job
from bus.logs import log
from schema.events import SINGLE, Event, encode_events

REASON_LENGTH_MAX = 4_000
"""Headers must fit into one AMQP frame of 128 kB together; a traceback's end tells the most."""


CAME_FROM = "x-came-from"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message in a dead-letter queue."""

    number: int
    event_id: str | None
    type: str | None
    reason: str
    died_at: str
    body: bytes


def reason_of(error: BaseException) -> str:
    """The error and where it was raised, for the header of a dead letter."""
    lines = traceback.format_exception(error)
    return "".join(lines)[-REASON_LENGTH_MAX:]


class Graveyard:
    """Buries, shows, replays and drops the dead letters of any queue."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def bury_job(self, job: Job, error: Exception, tries: int) -> None:
        """Puts a job aside that can't be settled, and settles its place in the delivery."""
        log.error("event_buried", queue=job.queue, event_id=job.event.id, error=repr(error))
        reason = reason_of(error)
        await self.bury(job.queue, job.event, reason, tries=tries, came_from=job.came_from)
        job.settle()

    async def bury(
        self, queue: str, event: Event, reason: str, *, tries: int, came_from: str = ""
    ) -> None:
        """Puts one event aside; returns when the broker has it.

        It is replayed to where it `came_from`: a lane's letters lie in its actor's dead queue.
        """
        body, content_type = encode_events([event])
        headers = {"x-tries": tries, "x-event-id": event.id, "x-event-type": event.type}
        headers[CAME_FROM] = came_from or queue
        await self._put(queue, body, content_type, reason, headers)

    async def bury_bytes(self, queue: str, arrived: Arrived, reason: str) -> None:
        """Puts a delivery aside that nobody can read."""
        headers = {CAME_FROM: arrived.queue}
        await self._put(queue, arrived.body, arrived.content_type, reason, headers)

    async def _put(
        self,
        queue: str,
        body: bytes,
        content_type: str | None,
        reason: str,
        headers: dict[str, Any],
    ) -> None:
        metrics.DEAD_LETTERS.labels(queue).inc()
        headers["x-reason"] = reason[-REASON_LENGTH_MAX:]
        headers["x-died-at"] = datetime.now(UTC).isoformat(timespec="seconds")
        await self._broker.publish([
            Delivery(
                topology.DEFAULT_EXCHANGE, topology.dead_queue(queue), True, body,
                content_type or "application/octet-stream", headers=headers,
            )
        ])  # fmt: skip

    async def list(self, queue: str, limit: int = 100) -> list[DeadLetter]:
        """The oldest dead letters; looking changes nothing."""
        channel = await self._broker.channel()
        try:
            dead = await _dead_queue(channel, queue)
            letters: list[DeadLetter] = []
            while len(letters) < limit and (message := await dead.get(fail=False)) is not None:
                letters.append(_letter(len(letters) + 1, message))
            return letters
        finally:
            await channel.close()

    async def replay(self, queue: str, event_id: str | None = None) -> int:
        """Puts dead letters (all, or one) back where they came from; returns how many.

        Raises PublishError, and keeps the letter, where there is no such queue any more.
        """
        return await self._each(queue, event_id, again=True)

    async def drop(self, queue: str, event_id: str | None = None) -> int:
        """Removes dead letters (all, or one) for good; returns how many."""
        return await self._each(queue, event_id, again=False)

    async def _each(self, queue: str, event_id: str | None, *, again: bool) -> int:
        channel = await self._broker.channel()
        done = 0
        try:
            dead = await _dead_queue(channel, queue)
            for _ in range(dead.declaration_result.message_count or 0):
                message = await dead.get(fail=False)
                if message is None:
                    break
                if event_id in (None, _header(message, "x-event-id")):
                    await self._replay_one(queue, message, again)
                    done += 1
            return done
        finally:
            await channel.close()

    async def _replay_one(self, queue: str, message: AbstractIncomingMessage, again: bool) -> None:
        if again:
            place = _header(message, CAME_FROM) or _header(message, "x-first-death-queue") or queue
            content_type = message.content_type or SINGLE
            await self._broker.publish_once(
                Delivery(*topology.way_to(place), True, message.body, content_type)
            )
        await message.ack()


async def _dead_queue(channel: Any, queue: str) -> AbstractRobustQueue:
    return await channel.declare_queue(
        topology.dead_queue(queue), durable=True, arguments=topology.DEAD_ARGUMENTS, robust=False
    )


def _header(message: AbstractIncomingMessage, name: str) -> str | None:
    value = message.headers.get(name)
    return None if value is None else str(value)


def _letter(number: int, message: AbstractIncomingMessage) -> DeadLetter:
    reason = _header(message, "x-reason") or _header(message, "x-first-death-reason") or "unknown"
    return DeadLetter(
        number=number,
        event_id=_header(message, "x-event-id"),
        type=_header(message, "x-event-type"),
        reason=reason,
        died_at=_header(message, "x-died-at") or "",
        body=message.body,
    )
