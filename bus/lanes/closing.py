"""The end of an idle lane: unbind, wait, look, delete. What comes too late falls into the lobby.

Opening and closing the same lane exclude each other by its row: who opens writes it first, who
closes holds it locked while he looks and deletes, and deletes nothing that was opened since.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bus.database import Pool, queries
from bus.jobs import now_utc
from bus.lanes.consumers import Consumers, Lane
from bus.lanes.lobby import Lobby
from bus.lanes.pace import Pace
from bus.lanes.queues import Queues
from bus.lanes.shares import Shares
from bus.logs import log

SQL = queries(__file__)

LANES_PER_ROUND = 200


class Closing:
    """Closes the lanes of our share that have been idle for so long."""

    def __init__(
        self, actor: str, *, consumers: Consumers, queues: Queues, pool: Pool, shares: Shares,
        lobby: Lobby, pace: Pace,
    ) -> None:  # fmt: skip
        self._actor = actor
        self._consumers = consumers
        self._queues = queues
        self._pool = pool
        self._worker = shares.worker
        self._lobby = lobby
        self._idle_s = pace.idle_close_s
        self._wait_s = pace.close_wait_s

    async def close_once(self) -> int:
        """Closes a bounded number of idle lanes together; returns how many are gone."""
        await self._pool.execute(SQL.forget_closed, self._actor, now_utc())
        lanes = [lane for lane in self._consumers.lanes.values() if self._is_idle(lane)]
        lanes = lanes[:LANES_PER_ROUND]
        for lane in lanes:
            lane.is_closing = True
        try:
            return await self._close(lanes) if lanes else 0
        finally:
            for lane in lanes:
                lane.is_closing = False

    def _is_idle(self, lane: Lane) -> bool:
        return lane.is_attached and lane.idle_s() >= self._idle_s

    async def _close(self, lanes: Sequence[Lane]) -> int:
        names = [lane.name for lane in lanes]
        rows = await self._pool.fetch(
            SQL.begin_closing, self._actor, names, self._worker, now_utc()
        )
        chosen = {row["lane"] for row in rows}
        closing = [lane for lane in lanes if lane.name in chosen]
        await asyncio.gather(*(self._queues.unbind(lane.name) for lane in closing))
        await asyncio.sleep(self._wait_s)
        gone = await asyncio.gather(*(self._end(lane) for lane in closing))
        if any(gone):
            log.info("lanes_closed", actor=self._actor, lanes=sum(gone))
        return sum(gone)

    async def _end(self, lane: Lane) -> bool:
        """Deletes the queue if nothing has come meanwhile; else the lane stays open."""
        if lane.idle_s() >= self._idle_s:
            await self._consumers.detach(lane)
            if lane.idle_s() >= self._idle_s and await self._delete(lane.name):
                self._consumers.forget(lane.name)
                return True
        await self._lobby.open([lane.name])
        return False

    async def _delete(self, lane: str) -> bool:
        async with self._pool.acquire() as connection, connection.transaction():
            if not await connection.fetchval(
                SQL.lock_closing, self._actor, lane, self._worker, now_utc()
            ):
                return False
            if not await self._queues.delete_deserted(lane):
                return False
            await connection.execute(SQL.end_closing, self._actor, lane)
        return True
