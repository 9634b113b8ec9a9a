"""Keeping lanes: what is served here is compared with what should be, and the difference mended.

The rows in PostgreSQL say which lanes there are and what holds them, the shares whose they are. All
of them are compared every two seconds and when a connection or a worker was lost; those of which
something was heard, at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence, Set
from datetime import datetime
from functools import partial

from aiormq.exceptions import ChannelNotFoundEntity

from bus.broker import CANCEL_TIMEOUT_S
from bus.database import Pool
from bus.errors import is_broker_trouble, world_is_down
from bus.jobs import now_utc
from bus.lanes.bell import Bell
from bus.lanes.consumers import Consumers
from bus.lanes.holds import LaneRow, lanes_of
from bus.lanes.lobby import Lobby
from bus.lanes.pace import Pace
from bus.lanes.queues import Queues
from bus.lanes.shares import Shares
from bus.logs import log

AWAY_WAIT_S = 1.0

COMPANY_S = 0.02
"""A word waits so long for others: a thousand lanes that open together are a few comparisons."""


class Keeper:
    """Attaches the lanes of our share, lets go of all others, mends what is missing."""

    def __init__(
        self, actor: str, *, consumers: Consumers, queues: Queues, lobby: Lobby, shares: Shares,
        pool: Pool, pace: Pace, bell: Bell,
    ) -> None:  # fmt: skip
        self._actor = actor
        self._consumers = consumers
        self._queues = queues
        self._lobby = lobby
        self._shares = shares
        self._pool = pool
        self._pace = pace
        self._bell = bell
        self._rows: dict[str, LaneRow] = {}
        self._released: set[str] = set()
        """Lanes whose hold has ended by itself."""
        self._is_stopping = False
        self._comparing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when our share is attached, however long the services take to appear."""
        await self._patiently(self.compare_once)
        self._comparing = asyncio.create_task(self._keep_comparing(), name=f"{self._actor}.lanes")

    async def stop(self) -> None:
        """Lets a comparison finish: aiormq closes a channel on which a call is cancelled, and then
        all that is in hand there would come again."""
        self._is_stopping = True
        self._bell.ring()
        if self._comparing is not None:
            await asyncio.wait([self._comparing], timeout=CANCEL_TIMEOUT_S)
            self._comparing.cancel()
            await asyncio.wait([self._comparing])

    def others(self) -> Sequence[str]:
        """Lanes that should be served, and not by us."""
        now = now_utc()
        return [
            row.lane
            for row in self._rows.values()
            if _has_queue(row) and not row.is_held(now) and not self._shares.is_mine(row.lane)
        ]

    def knows(self, lane: str) -> bool:
        """Whether there is such a lane, as far as we know."""
        return lane in self._rows

    async def compare_once(self) -> None:
        """Attaches the lanes of our share, lets go of all others, mends what is missing."""
        await self._lobby.attach()
        known_at = asyncio.get_running_loop().time()
        self._rows = await lanes_of(self._pool, self._actor)
        await self._mend({*self._rows, *self._consumers.lanes}, known_at)

    async def _compare(self, names: Set[str]) -> None:
        """The same for a few lanes, of which something was heard."""
        known_at = asyncio.get_running_loop().time()
        rows = await lanes_of(self._pool, self._actor, names)
        for name in names:
            self._rows.pop(name, None)
        self._rows |= rows
        await self._mend(names, known_at)

    async def _mend(self, names: Set[str], known_at: float) -> None:
        """`known_at` is when the rows were asked for: what was held since is not attached."""
        now, lanes = now_utc(), self._consumers.lanes
        rows = [row for name in names if (row := self._rows.get(name)) is not None]
        wanted = {row.lane: row for row in rows if self._is_to_serve(row, now)}
        attached = [lanes[name] for name in names if name in lanes and lanes[name].is_attached]
        await _all(self._consumers.detach(lane) for lane in attached if lane.name not in wanted)
        await _all(self._serve(row, known_at) for row in wanted.values() if self._differs(row))
        for name in names:
            if name not in self._rows:
                self._consumers.forget(name)

    def _is_to_serve(self, row: LaneRow, now: datetime) -> bool:
        return _has_queue(row) and not row.is_held(now) and self._shares.is_mine(row.lane)

    def _differs(self, row: LaneRow) -> bool:
        lane = self._consumers.lane(row.lane)
        return not lane.is_closing and (row.state == "closing" or not lane.is_attached)

    async def _serve(self, row: LaneRow, known_at: float) -> None:
        lane = self._consumers.lane(row.lane)
        if row.state == "closing":  # its owner died or lost it while he closed it
            await self._lobby.open([row.lane])
        try:
            await self._consumers.attach(lane, known_at=known_at)
        except ChannelNotFoundEntity:
            # The broker has lost it, or another lane of the same channel: making it again is safe.
            await self._queues.make(lane.name)
            log.warning("lane_made_again", actor=self._actor, lane=lane.name)
            self._bell.ring_for([lane.name])

    async def _keep_comparing(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._is_stopping:
            self._bell.is_for_all = False
            whole_at = loop.time() + self._pace.compare_s
            await self._patiently(self.compare_once)
            while not self._is_stopping and loop.time() < whole_at:
                await self._bell.wait(self._until_next_s(whole_at), company_s=COMPANY_S)
                if self._bell.is_for_all:
                    break
                if names := self._bell.take() | self._just_released():
                    await self._patiently(partial(self._compare, names))

    def _until_next_s(self, whole_at: float) -> float:
        """Until the whole comparison is due, or the next hold ends."""
        now = now_utc()
        ends = (row.held_until for row in self._rows.values() if row.held_until is not None)
        waits = [(end - now).total_seconds() for end in ends if end > now]
        return min([whole_at - asyncio.get_running_loop().time(), *waits])

    def _just_released(self) -> set[str]:
        """The lanes whose hold has ended by itself since the last time."""
        now = now_utc()
        ended = {row.lane for row in self._rows.values() if row.hold and not row.is_held(now)}
        just, self._released = ended - self._released, ended
        return just

    async def _patiently(self, work: Callable[[], Awaitable[None]]) -> None:
        """Works until it succeeds: a service that is away is no lane's fault."""
        while not self._is_stopping:
            try:
                await work()
                return
            except Exception as error:
                away = world_is_down(error) or is_broker_trouble(error)
                (log.warning if away else log.error)(
                    "lanes_compared_in_vain", actor=self._actor, error=repr(error)
                )
                await asyncio.sleep(AWAY_WAIT_S)


def _has_queue(row: LaneRow) -> bool:
    return row.state in ("open", "closing")


async def _all(work: Iterable[Awaitable[None]]) -> None:
    """Does all of it, then raises what was raised first: one lane's trouble is no other's."""
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
