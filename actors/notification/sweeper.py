"""Finds notifications that the broker has lost, and says their wishes again.

PostgreSQL is the truth and the broker only the schedule: a message may be lost with a disk, an
emptied queue or a lane that was deleted. What is overdue for a minute, tried by nobody, and not
waiting in its lane, is said again. To say too much does no harm: each try is claimed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from aio_pika.exceptions import ChannelNotFoundEntity
from msgspec.structs import replace

from actors.notification import store
from actors.notification.notification import Notification, lane_of
from actors.notification.relay import wish_of
from actors.notification.store import Place
from bus import topology
from bus.broker import Broker
from bus.database import Pool
from bus.duty import Duty
from bus.effects import deliveries
from bus.jobs import now_utc
from bus.logs import log

ACTOR = "notification"
EVERY_S = 30.0
OVERDUE = timedelta(seconds=60)
LANES_PER_ROUND = 200
ROWS_PER_LANE = 500


class Sweeper:
    """Any number may run beside each other: rows that one has in hand are passed over."""

    def __init__(self, pool: Pool, broker: Broker, *, every_s: float = EVERY_S) -> None:
        self._pool = pool
        self._broker = broker
        self._duty = Duty("notification.sweep", self.sweep_once, every_s=every_s)

    async def start(self) -> None:
        await self._duty.start()

    async def stop(self) -> None:
        await self._duty.stop()

    async def sweep_once(self) -> int:
        """Says what was lost again; returns how many."""
        before = now_utc() - OVERDUE
        async with self._pool.acquire() as connection:
            places = await store.overdue_lanes(connection, before, LANES_PER_ROUND)
        swept = [await self._sweep(place, before) for place in places]
        return sum(swept) + await self._free(before)

    async def _sweep(self, place: Place, before: datetime) -> int:
        """What waits in its lane is not lost, only late: the lane is slow, or paused."""
        if await self._depth(lane_of(*place)) > 0:
            return 0
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await store.take_overdue(connection, place, before, ROWS_PER_LANE)
            await store.change_notifications(connection, await self._say(rows))
        return len(rows)

    async def _free(self, before: datetime) -> int:
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await store.take_held(connection, before, ROWS_PER_LANE)
            await store.change_notifications(connection, await self._say(rows))
        return len(rows)

    async def _say(self, rows: Sequence[Notification]) -> list[Notification]:
        """The rows as they are once their wishes are on their way."""
        if rows:
            log.warning("notifications_said_again", count=len(rows), lane=rows[0].lane)
            await self._broker.publish(deliveries(map(wish_of, rows)))
        now = now_utc()
        return [replace(row, due_at=now) for row in rows]

    async def _depth(self, lane: str) -> int:
        """Messages that wait in a lane; a lane without a queue holds none."""
        channel = await self._broker.channel()
        try:
            name = topology.lane_queue(ACTOR, lane)
            queue = await channel.declare_queue(name, passive=True, robust=False)
            return queue.declaration_result.message_count or 0
        except ChannelNotFoundEntity:
            return 0
        finally:
            await channel.close()
