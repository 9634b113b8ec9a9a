"""Lanes: queues that appear while running, one per merchant (or channel), so that one that hangs
delays nobody else.

A message for a lane without a queue falls, by the exchange's alternate, into the actor's lobby.
Whoever reads the lobby opens the lane, moves the message there and tells all workers of the actor
to serve it. So publishers need not know which lanes exist, and nothing is lost while they appear.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

from aio_pika.abc import AbstractIncomingMessage

from bus import topology
from bus.broadcasts import Broadcasts
from bus.broker import GRACEFUL_STOP_S, Arrived, Broker, end_consuming
from bus.caller import CallerRun
from bus.database import Pool, queries
from bus.effects import Delivery, Outgoing, deliveries
from bus.errors import is_broker_trouble, world_is_down
from bus.logs import log
from bus.origin import new_event
from bus.tasks import Tasks
from schema.messages.bus import LaneOpened

SQL = queries(__file__)

LANES_PER_CHANNEL = 100
"""One consume on a queue that is gone closes its channel, and every other consumer on it."""

PREFETCH_PER_LANE = 4
AWAY_WAIT_S = 1.0


class Lanes:
    """Opens an actor's lanes on demand and has their messages read by its caller."""

    def __init__(
        self, actor: str, run: CallerRun, *, broker: Broker, broadcasts: Broadcasts, pool: Pool
    ) -> None:
        self._actor = actor
        self._run = run
        self._broker = broker
        self._pool = pool
        self._served: set[str] = set()
        self._serving = asyncio.Lock()
        self._channels: list[Any] = []
        self._consumers: list[tuple[Any, str]] = []
        self._reading = Tasks(f"{actor}.lanes")
        broadcasts.listen(LaneOpened, self._hear)
        broker.on_pause(self.pause)
        broker.on_reconnect(self._catch_up)

    async def start(self) -> None:
        """Serves every lane that is open and waits in the lobby for new ones."""
        await self._declare()
        await self._serve_open_lanes()
        channel = await self._broker.channel(prefetch=PREFETCH_PER_LANE)
        lobby = await channel.declare_queue(
            self._lobby, durable=True, arguments=topology.queue_arguments(self._queue)
        )
        self._consumers.append((lobby, await lobby.consume(self._enter)))

    async def pause(self) -> None:
        """Stops new deliveries and waits for those in hand."""
        await end_consuming(self._consumers)
        self._consumers.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACEFUL_STOP_S):
                await self._reading.finish()

    async def stop(self) -> None:
        await self._reading.cancel()
        for channel in self._channels:
            await channel.close()

    async def open(self, lane: str) -> None:
        """Makes the lane's queue, remembers it and has every worker serve it."""
        channel = await self._broker.channel()
        try:
            queue = await channel.declare_queue(
                self._queue_of(lane),
                durable=True,
                arguments=topology.queue_arguments(self._queue),
                robust=False,
            )
            await queue.bind(topology.LANES, routing_key=f"{self._actor}.{lane}", robust=False)
        finally:
            await channel.close()
        await self._pool.execute(SQL.open_lane, self._actor, lane)
        await self._announce(lane)
        log.info("lane_opened", actor=self._actor, lane=lane)

    def _catch_up(self) -> None:
        """While the connection was lost, lanes may have been opened by others."""
        self._reading.spawn(self._patiently(self._serve_open_lanes))

    async def _serve_open_lanes(self) -> None:
        for row in await self._pool.fetch(SQL.open_lanes, self._actor):
            await self.serve(row["lane"])

    async def _patiently(self, work: Callable[[], Awaitable[None]]) -> None:
        """Works until it succeeds: a service that is away is no lane's fault."""
        while True:
            try:
                await work()
                return
            except Exception as error:
                if not (world_is_down(error) or is_broker_trouble(error)):
                    raise
                log.warning("away", actor=self._actor, error=repr(error))
                await asyncio.sleep(AWAY_WAIT_S)

    async def serve(self, lane: str) -> None:
        """Consumes from a lane; serving twice is serving once."""
        async with self._serving:  # one after the other: they share channels opened on demand
            if lane not in self._served:
                await self._consume(lane)
                self._served.add(lane)

    async def _consume(self, lane: str) -> None:
        channel = await self._channel_for_one_more()
        queue = await channel.declare_queue(
            self._queue_of(lane), durable=True, arguments=topology.queue_arguments(self._queue)
        )
        await queue.bind(topology.LANES, routing_key=f"{self._actor}.{lane}")
        read = partial(self._read, self._queue_of(lane))
        self._consumers.append((queue, await queue.consume(read)))

    async def _read(self, queue: str, delivery: AbstractIncomingMessage) -> None:
        self._reading.spawn(self._settle(queue, delivery))

    async def _settle(self, queue: str, delivery: AbstractIncomingMessage) -> None:
        await self._run.intake.read(Arrived.of(delivery, queue))
        await delivery.ack()

    async def _enter(self, delivery: AbstractIncomingMessage) -> None:
        self._reading.spawn(self._admit(delivery))

    async def _admit(self, delivery: AbstractIncomingMessage) -> None:
        """A message without a lane: opens the lane, serves it and moves the message into it."""
        lane = (delivery.routing_key or "").removeprefix(f"{self._actor}.")
        await self._patiently(partial(self.open, lane))
        await self._patiently(partial(self.serve, lane))
        await self._broker.publish([
            Delivery(
                topology.DEFAULT_EXCHANGE, self._queue_of(lane), True, delivery.body,
                delivery.content_type or "",
            )
        ])  # fmt: skip
        await delivery.ack()

    async def _hear(self, message: LaneOpened) -> None:
        if message.actor == self._actor:
            await self.serve(message.lane)

    async def _announce(self, lane: str) -> None:
        message = LaneOpened(actor=self._actor, lane=lane)
        event = new_event(message, subject=lane)
        await self._broker.publish(deliveries([Outgoing.of(message, event)]))

    async def _declare(self) -> None:
        channel = await self._broker.channel()
        try:
            await topology.declare_lanes(channel, self._actor, self._lobby, self._queue)
        finally:
            await channel.close()

    async def _channel_for_one_more(self) -> Any:
        if len(self._served) % LANES_PER_CHANNEL == 0:
            self._channels.append(await self._broker.channel(prefetch=PREFETCH_PER_LANE))
        return self._channels[-1]

    @property
    def _queue(self) -> str:
        return f"{self._actor}.lanes"

    @property
    def _lobby(self) -> str:
        return f"{self._actor}.lobby"

    def _queue_of(self, lane: str) -> str:
        return f"{self._actor}.lane.{lane}"
