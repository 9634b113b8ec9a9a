"""A job: one event in the hands of an actor, and the receipt of the delivery that it came in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from schema.events import Event
from schema.messages.contract import Message


class Receipt:
    """Counts the events of one delivery that are still open."""

    __slots__ = ("_open", "done")

    def __init__(self, events: int) -> None:
        self._open = events
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def settle_one(self) -> None:
        """One event is settled; after the last, the delivery may be acknowledged."""
        self._open -= 1
        if self._open == 0 and not self.done.done():
            self.done.set_result(None)


@dataclass(slots=True, eq=False)
class Job:
    """One event in the hands of an actor, until it is settled."""

    queue: str
    """The actor's; a lane's name is in `came_from`."""
    came_from: str
    event: Event
    message: Message
    redelivered: bool
    receipt: Receipt

    def settle(self) -> None:
        """What this event causes is done, or it lies in the dead-letter queue."""
        self.receipt.settle_one()


class UnderWay:
    """Events that are being worked on. One that comes again meanwhile waits for the first."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Job]] = {}

    def take(self, jobs: Iterable[Job]) -> list[Job]:
        """Those of the jobs whose event is not under way yet; from now on it is."""
        fresh: list[Job] = []
        for job in jobs:
            if job.event.id in self._waiting:
                self._waiting[job.event.id].append(job)
            else:
                self._waiting[job.event.id] = []
                fresh.append(job)
        return fresh

    def settle_others(self, job: Job) -> None:
        """The job is settled, and with it those that came with the same event and waited."""
        for waiting in self._waiting.pop(job.event.id, ()):
            waiting.settle()


def now_utc() -> datetime:
    """The present moment; rules get it as an argument."""
    return datetime.now(UTC)
