"""The stall guard: a lane that should deliver and does not gets a new consumer.

A queue that crashes and is restarted by the broker has lost its consumers, and nobody is told. So
a lane that has been quiet for ten seconds is looked at; one that stays quiet is looked at less and
less often, down to once a minute, because looking costs the broker something.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from bus.lanes.bell import Bell
from bus.lanes.consumers import Consumers, Lane
from bus.lanes.pace import Pace
from bus.lanes.queues import Queues
from bus.lanes.shares import Shares
from bus.logs import log

QUIET_FACTOR_MAX = 6
"""A lane that has been quiet for long is looked at six times less often."""


class Watch:
    """Looks at quiet lanes. Without Redis it also looks at lanes of others, who may be dead."""

    def __init__(
        self, consumers: Consumers, queues: Queues, shares: Shares, pace: Pace,
        *, others: Callable[[], Iterable[str]], bell: Bell,
    ) -> None:  # fmt: skip
        self._consumers = consumers
        self._queues = queues
        self._shares = shares
        self._after_s = pace.stalled_after_s
        self._others = others
        self._bell = bell
        self._looked_at_others_at = 0.0

    async def watch_once(self) -> int:
        """Gives stalled lanes a new consumer; returns how many."""
        now = asyncio.get_running_loop().time()
        due = [lane for lane in self._consumers.lanes.values() if self._is_due(lane, now)]
        stalled = await asyncio.gather(*(self._revive(lane, now) for lane in due))
        if not self._shares.has_redis and now - self._looked_at_others_at >= self._after_s:
            self._looked_at_others_at = now
            stalled += await asyncio.gather(*(self._adopt(name) for name in self._others()))
        return sum(stalled)

    def _is_due(self, lane: Lane, now: float) -> bool:
        if not lane.is_attached or lane.is_full:
            return False
        quiet_s = now - lane.active_at
        wait_s = min(max(quiet_s / 2, self._after_s), self._after_s * QUIET_FACTOR_MAX)
        return quiet_s >= self._after_s and now - lane.looked_at >= wait_s

    async def _revive(self, lane: Lane, now: float) -> bool:
        lane.looked_at = now
        depth = await self._queues.look(lane.name)
        if depth is None:
            await self._consumers.detach(lane)
        elif depth.consumers and (not depth.messages or lane.is_full or lane.active_at > now):
            return False
        else:
            await self._consumers.renew(lane)
        log.warning("lane_stalled", lane=lane.name, depth=depth and depth.messages)
        self._bell.ring_for([lane.name])
        return True

    async def _adopt(self, name: str) -> bool:
        depth = await self._queues.look(name)
        if depth is None or depth.consumers:
            return False
        log.warning("lane_adopted", lane=name)
        self._shares.adopt(name)
        self._bell.ring_for([name])
        return True
