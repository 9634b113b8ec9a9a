"""The lobby: what found no lane waits here until its lane is open, and is then sent once more."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import msgspec
from aiormq.abc import AbstractChannel, DeliveredMessage

from bus import topology
from bus.broker import CANCEL_TIMEOUT_S, Arrived, Broker
from bus.database import Pool, queries
from bus.dead import Graveyard
from bus.effects import Delivery, Outgoing, deliveries
from bus.gather import Gather
from bus.lanes.bell import Bell
from bus.lanes.consumers import GONE
from bus.lanes.line import Line
from bus.lanes.queues import Queues
from bus.logs import log
from bus.origin import new_event
from bus.patience import Patience
from bus.tasks import Tasks
from schema.messages.bus import LaneOpened
from schema.text import LaneName

SQL = queries(__file__)

PREFETCH = 200
"""First messages of so many lanes may be admitted together: that divides the fixed cost."""


@dataclass(frozen=True, slots=True, eq=False)
class Guest:
    """A message in the lobby."""

    lane: str
    message: DeliveredMessage
    channel: AbstractChannel
    done: asyncio.Future[None]


class Lobby:
    """Opens lanes for what waits in the lobby. Every worker of the actor reads it."""

    def __init__(
        self, actor: str, *, line: Line, queues: Queues, broker: Broker, pool: Pool,
        bell: Bell,
    ) -> None:  # fmt: skip
        self._actor = actor
        self._line = line
        self._queues = queues
        self._broker = broker
        self._pool = pool
        self._bell = bell
        self._graveyard = Graveyard(broker)
        self._channel: AbstractChannel | None = None
        self._tag = ""
        self._patience = Patience(self._queue, self._open_lanes, self._send_on, self._refuse)
        self._guests = Gather(
            self._patience.settle, size_max=PREFETCH, linger_ms=5, name=f"{actor}.lobby"
        )
        self._waiting = Tasks(f"{actor}.lobby")

    async def start(self) -> None:
        await self._guests.start()

    async def stop(self) -> None:
        await self._guests.stop()
        await self._waiting.cancel()

    async def attach(self) -> None:
        """Reads the lobby; attaching twice is attaching once."""
        if self._channel is not None and not self._channel.is_closed and self._tag:
            return
        self._tag = ""
        self._channel = channel = await self._line.channel()
        channel.closing.add_done_callback(lambda _: self._bell.ring())
        channel.on_consumer_cancel_callbacks.add(self._cancelled)
        await channel.basic_qos(prefetch_count=PREFETCH)
        consuming = await channel.basic_consume(self._queue, self._enter)
        self._tag = consuming.consumer_tag or ""

    async def detach(self) -> None:
        """Reads nothing more; what is in hand is finished."""
        if self._channel is not None and self._tag:
            with suppress(*GONE, TimeoutError):
                async with asyncio.timeout(CANCEL_TIMEOUT_S):
                    await self._channel.basic_cancel(self._tag)

    async def finish(self) -> None:
        """Waits for what is in hand."""
        await self._waiting.finish()

    async def open(self, lanes: Sequence[str]) -> None:
        """Makes lanes' queues, remembers them and has their owners serve them.

        The row comes before the queue, where it stops whoever is about to close the lane, and is
        changed after it, since nobody should consume from a queue that is not there yet.
        """
        names = sorted(set(lanes))
        new = await self._pool.fetch(SQL.begin_opening, self._actor, names)
        await asyncio.gather(*(self._queues.make(lane) for lane in names))
        await self._pool.execute(SQL.end_opening, self._actor, names)
        if new:
            await self._announce([row["lane"] for row in new])
        self._bell.ring_for(names)

    async def _enter(self, message: DeliveredMessage) -> None:
        assert self._channel is not None
        lane = (message.routing_key or "").removeprefix(f"{self._actor}.")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        guest = Guest(lane, message, self._channel, done)
        self._guests.put(guest)
        self._waiting.spawn(_wait(done))

    async def _open_lanes(self, guests: Sequence[Guest], _: bool) -> None:
        lanes = {guest.lane for guest in guests}
        for lane in lanes:
            msgspec.convert(
                lane, LaneName
            )  # one that is none stands alone in the end, and is buried
        await self.open(sorted(lanes))

    async def _send_on(self, guests: Sequence[Guest], _: None) -> None:
        """By the exchange and not into the queue: a lane that has closed again has a lobby."""
        await self._broker.publish([
            Delivery(
                topology.LANES, topology.lane_key(self._actor, guest.lane), True,
                guest.message.body, guest.message.header.properties.content_type or "",
            )
            for guest in guests
        ])  # fmt: skip
        for guest in guests:
            await self._settle(guest)

    async def _refuse(self, guest: Guest, error: Exception, _: int) -> None:
        arrived = Arrived.of_delivered(guest.message, self._queue)
        await self._graveyard.bury_bytes(
            f"{self._actor}.lanes", arrived, f"{guest.lane[:100]!r} can't be a lane: {error}"
        )
        await self._settle(guest)

    async def _settle(self, guest: Guest) -> None:
        with suppress(*GONE):
            await guest.channel.basic_ack(guest.message.delivery_tag or 0, wait=False)
        guest.done.set_result(None)

    async def _announce(self, lanes: Sequence[str]) -> None:
        messages = [LaneOpened(actor=self._actor, lane=lane) for lane in lanes]
        said = [Outgoing.of(each, new_event(each, subject=each.lane)) for each in messages]
        await self._broker.publish(deliveries(said))
        log.info("lanes_opened", actor=self._actor, lanes=len(lanes), first=lanes[0])

    def _cancelled(self, _: object) -> None:
        self._tag = ""
        self._bell.ring()

    @property
    def _queue(self) -> str:
        return topology.lobby_queue(self._actor)


async def _wait(done: asyncio.Future[None]) -> None:
    await done
