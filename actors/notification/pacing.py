"""How fast each lane's tries go out: its rate, its share of the sockets, its pauses.

One owner serves a lane at a time, so what is known of a server lives in this process. A new owner
begins with what is known of nobody, and a pause is kept by the lane itself.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from prometheus_client import Counter, Histogram

from actors.notification.health import NEW, SLOW_MS, Health, Verdict, heard
from bus.errors import is_broker_trouble, world_is_down
from bus.jobs import now_utc
from bus.limit import Limit
from bus.logs import log
from bus.tasks import Tasks

SOCKETS_MAX = 300
"""Tries at once with servers that are well, as far as is known. A try that lasts for seconds gives
its place here back: those who hang for the first time hold nobody up for longer than that."""

SLOW_SOCKETS_MAX = 100
"""The same with servers that are slow, silent, or on probation."""

SLOW_AFTER_S = SLOW_MS / 1_000

LANE_PER_S_MAX = 100
"""Of a lane whose owner asks for no other rate. A lane that goes as fast as its server answers
would take all that this process has; 100,000 are told in less than seventeen minutes. They start
one by one: thirty-two that start together answer together, and all other lanes wait meanwhile."""

LANES_KEPT_MAX = 20_000
"""Of a lane that nobody has heard of for long, nothing worth knowing is forgotten."""

NOW_PER_LANE_MAX = 2
"""Tries beside the lane, for those who wait for the answer; more than that go into the lane."""


TRIES = Counter("tomato_webhook_tries_total", "Tries to deliver webhooks", ["verdict"])
TRY_SECONDS = Histogram(
    "tomato_webhook_seconds",
    "Time of one try, its answer included",
    buckets=(0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30),
)
PAUSES = Counter("tomato_webhook_pauses_total", "Pauses of lanes whose server is unwell")


class LaneControl(Protocol):
    """What pacing asks of `bus/lanes`."""

    async def pause(self, lane: str, *, until: datetime | None, reason: str) -> None: ...

    def limit(self, lane: str, concurrency: int) -> None: ...


@dataclass(slots=True)
class Pace:
    """One lane, as this process knows it."""

    health: Health = NEW
    under_way: int = 0
    beside: int = 0
    """Of those under way, the tries that are not in the lane's hands."""
    hung: int = 0
    """Of those under way, the tries that have lasted for seconds."""
    next_free_s: float = 0.0
    """When the rate limit lets the next try out, on the loop's clock."""

    @property
    def is_slow(self) -> bool:
        """Whether its server is known to be slow, or shows it just now."""
        return self.hung > 0 or self.health.is_slow


class _Place:
    """A place among the sockets, which a try that lasts for seconds gives back to the others."""

    def __init__(self, sockets: Limit, pace: Pace) -> None:
        self._sockets = sockets
        self._pace = pace
        self._has_hung = False

    async def __aenter__(self) -> None:
        await self._sockets.__aenter__()
        self._alarm = asyncio.get_running_loop().call_later(SLOW_AFTER_S, self._leave)

    async def __aexit__(self, *_: object) -> None:
        self._alarm.cancel()
        if self._has_hung:
            self._pace.hung -= 1
        else:
            self._sockets.leave()

    def _leave(self) -> None:
        self._has_hung = True
        self._pace.hung += 1
        self._sockets.leave()


@dataclass(slots=True)
class Pacing:
    """Learns from every try and drives the lanes accordingly."""

    lanes: LaneControl | None = None
    """Set once they exist: lanes need the caller, and the caller needs this."""
    _paces: OrderedDict[str, Pace] = field(default_factory=OrderedDict[str, Pace])
    _sockets: Limit = field(default_factory=lambda: Limit(SOCKETS_MAX))
    _slow_sockets: Limit = field(default_factory=lambda: Limit(SLOW_SOCKETS_MAX))
    _driving: Tasks = field(default_factory=lambda: Tasks("notification.pacing"))

    async def start(self) -> None:
        """Nothing: it wakes with the first try."""

    async def stop(self) -> None:
        await self._driving.cancel()

    def takes_more_beside(self, lane: str) -> bool:
        """Whether a try may be made at once, beside the lane and what waits there."""
        pace = self._pace(lane)
        return pace.beside < NOW_PER_LANE_MAX and not pace.is_slow

    @asynccontextmanager
    async def turn(
        self, lane: str, per_s: int | None, *, beside: bool = False
    ) -> AsyncGenerator[None]:
        """Waits until one more try may go out; it is under way meanwhile."""
        pace = self._pace(lane)
        pace.under_way += 1
        pace.beside += beside
        try:
            await self._wait_for_rate(pace, per_s or LANE_PER_S_MAX)
            async with self._slow_sockets if pace.is_slow else _Place(self._sockets, pace):
                yield
        finally:
            pace.under_way -= 1
            pace.beside -= beside

    def is_crowded(self, lane: str) -> bool:
        """Whether more waits for its turn in a lane than its rate lets out."""
        return self._pace(lane).next_free_s > asyncio.get_running_loop().time()

    def learn(self, lane: str, verdict: Verdict, cost_ms: int) -> None:
        """Takes one more try into account."""
        TRIES.labels(verdict.value).inc()
        TRY_SECONDS.observe(cost_ms / 1_000)
        pace = self._pace(lane)
        before = pace.health
        is_busy = pace.under_way + 1 >= before.concurrency
        pace.health = heard(before, verdict, cost_ms, now_utc(), is_busy=is_busy)
        if self.lanes is not None:
            self._drive(self.lanes, lane, before, pace.health)

    def success_rate(self, lane: str) -> float | None:
        """Share of the remembered tries that were acknowledged; None for an unknown lane."""
        pace = self._paces.get(lane)
        return None if pace is None else pace.health.acknowledged_percent / 100

    def _drive(self, lanes: LaneControl, lane: str, before: Health, after: Health) -> None:
        if after.concurrency != before.concurrency:
            lanes.limit(lane, after.concurrency)
        until = after.paused_until
        if until is not None and until != before.paused_until:
            PAUSES.inc()
            log.warning("lane_paused", lane=lane, until=until.isoformat(), pauses=after.pauses)
            reason = f"{after.acknowledged_percent} % of the last tries were acknowledged"
            self._driving.spawn(self._pause(lanes, lane, until, reason))

    async def _pause(self, lanes: LaneControl, lane: str, until: datetime, reason: str) -> None:
        """Where it can't be made now, the lane goes on with one try at a time."""
        try:
            await lanes.pause(lane, until=until, reason=reason)
        except Exception as error:
            if not (world_is_down(error) or is_broker_trouble(error)):
                raise
            log.warning("lane_not_paused", lane=lane, error=repr(error))

    async def _wait_for_rate(self, pace: Pace, per_s: int) -> None:
        now_s = asyncio.get_running_loop().time()
        at_s = max(pace.next_free_s, now_s)
        pace.next_free_s = at_s + 1 / per_s
        if at_s > now_s:
            await asyncio.sleep(at_s - now_s)

    def _pace(self, lane: str) -> Pace:
        pace = self._paces.get(lane)
        if pace is None:
            pace = self._paces[lane] = Pace()
            if len(self._paces) > LANES_KEPT_MAX:
                self._forget_one()
        self._paces.move_to_end(lane)
        return pace

    def _forget_one(self) -> None:
        lane, pace = next(iter(self._paces.items()))
        if pace.under_way == 0:
            del self._paces[lane]
