"""From a delivery to jobs: every event of it is decoded, settled or buried on its own.

A delivery is acknowledged when each of its events is settled, so that one poisoned event neither
blocks its neighbours nor takes them with it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime

from bus import metrics, tracing
from bus.broker import Arrived
from bus.dead import Graveyard
from bus.gather import Gather
from bus.jobs import Job, Receipt, now_utc
from bus.logs import log
from bus.topology import Inlet
from schema.events import (
    BATCH,
    SINGLE,
    Event,
    UndecodableDelivery,
    decode_events,
    split_batch,
)
from schema.messages.contract import Message, UnreadableMessage, read


class Intake:
    """Reads an inlet's deliveries and hands their events in micro-batches to `flush`."""

    def __init__(
        self,
        inlet: Inlet,
        graveyard: Graveyard,
        flush: Callable[[list[Job]], Awaitable[None]],
        *,
        size_max: int = 256,
        linger_ms: int = 25,
        can_wait: Callable[[Message], bool] | None = None,
    ) -> None:
        self._inlet = inlet
        self._graveyard = graveyard
        self._can_wait = can_wait or _nobody_can_wait
        self._gather = Gather(flush, size_max=size_max, linger_ms=linger_ms, name=inlet.source)
        self._events_in = metrics.EVENTS_IN.labels(inlet.source)
        self._deliveries_in = metrics.DELIVERIES_IN.labels(inlet.source)
        self._in_hand = metrics.IN_HAND.labels(inlet.source)
        self._open: dict[Receipt, datetime] = {}
        metrics.DEAD_LETTERS.labels(inlet.queue)  # zero is shown, so that the first is an increase
        metrics.OLDEST_SECONDS.labels(inlet.source).set_function(self.oldest_s)

    async def start(self) -> None:
        await self._gather.start()

    async def stop(self) -> None:
        await self._gather.stop()

    async def read(self, arrived: Arrived) -> None:
        """Returns when every event of the delivery is settled."""
        self._deliveries_in.inc()
        try:
            events = decode_events(arrived.body, arrived.content_type)
        except UndecodableDelivery:
            events = await self._read_apart(arrived)
        if events:
            await self._settle_all(events, arrived)

    async def _read_apart(self, arrived: Arrived) -> list[Event]:
        """Of a delivery that can't be read as a whole: what can be read; the rest is put aside."""
        events: list[Event] = []
        for alone in _apart(arrived):
            try:
                events += decode_events(alone.body, alone.content_type)
            except UndecodableDelivery as error:
                await self._graveyard.bury_bytes(self._inlet.queue, alone, str(error))
        return events

    async def _settle_all(self, events: Sequence[Event], arrived: Arrived) -> None:
        receipt = Receipt(len(events))
        self._open[receipt] = events[0].time
        self._events_in.inc(len(events))
        self._in_hand.inc(len(events))
        try:
            for event in events:
                await self._take(event, arrived, receipt)
            await receipt.done
            for event in events:
                tracing.settled(self._inlet.queue, event, now_utc())
        finally:
            self._in_hand.dec(len(events))
            del self._open[receipt]

    def oldest_s(self) -> float:
        """Age in seconds of the oldest event in hand; 0 when there is none."""
        oldest = next(iter(self._open.values()), None)
        return 0.0 if oldest is None else (now_utc() - oldest).total_seconds()

    async def _take(self, event: Event, arrived: Arrived, receipt: Receipt) -> None:
        queue, source = self._inlet.queue, arrived.queue
        try:
            message = self._heard(event)
        except UnreadableMessage as error:
            log.error("event_unreadable", queue=source, event_id=event.id, error=str(error))
            await self._graveyard.bury(queue, event, str(error), tries=1, came_from=source)
            receipt.settle_one()
        else:
            job = Job(queue, source, event, message, arrived.redelivered, receipt)
            self._gather.put(job, can_wait=self._can_wait(message))

    def _heard(self, event: Event) -> Message:
        message = read(event)
        if not isinstance(message, self._inlet.hears):
            raise UnreadableMessage(f"type: {self._inlet.queue} does not hear {event.type!r}")
        return message


def _nobody_can_wait(_: Message) -> bool:
    return False


def _apart(arrived: Arrived) -> list[Arrived]:
    """The events of a batch as deliveries of their own; any other delivery as it is."""
    try:
        pieces = split_batch(arrived.body) if arrived.content_type == BATCH else []
    except UndecodableDelivery:
        pieces = []
    return [replace(arrived, body=piece, content_type=SINGLE) for piece in pieces] or [arrived]
