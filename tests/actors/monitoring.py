"""Monitoring at work on real services, and channels of a test's own to watch."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from redis.asyncio import Redis

from actors.monitoring import store
from actors.monitoring.board import Alarm, Standing
from actors.monitoring.counters import TURN, Counters
from actors.monitoring.measures import count
from actors.monitoring.rules import AlarmRule
from actors.monitoring.watch import Watch
from bus.database import Pool
from bus.directory import Directory
from bus.jobs import now_utc
from tests.actors.profiles import new_channel_no, register
from tests.channel_calls import a_call
from tests.examples import a_channel

PAY_TYPE = "wechat_native"

CLEAR = """
TRUNCATE monitoring.alarm, monitoring.standing, monitoring.change, monitoring.tally,
    monitoring.duty, bus.timer;
DELETE FROM directory.profile WHERE kind IN ('channel', 'standing');
DELETE FROM monitoring.rule WHERE operator <> 'system';
UPDATE monitoring.rule SET document = document - 'is_enabled';
"""

ONLY_OURS = """
UPDATE monitoring.rule SET document = document || '{"is_enabled": false}'
WHERE operator = 'system'
"""


@dataclass
class Lookout:
    """A time that only we move, and whoever watches at that time."""

    pool: Pool
    redis: Redis
    now: datetime

    def watch(self) -> Watch:
        """One more worker's eye."""
        return Watch(self.pool, self.redis, now=lambda: self.now)

    def later(self, seconds: float) -> None:
        """Time passes."""
        self.now += timedelta(seconds=seconds)

    async def hear(self, channel_no: str, *outcomes: str, **differences: Any) -> None:
        """The channel is called so often, just now, and this comes of it."""
        calls = [
            a_call(each, channel_no=channel_no, called_at=self.now, cost_ms=50, **differences)
            for each in outcomes
        ]
        await Counters(self.redis).add(count(calls, self.now))

    async def look(self, watch: Watch) -> int:
        """A round of this worker, whoever had the turn before."""
        await self.redis.delete(TURN)
        return await watch.run_once()

    async def standing(self, channel_no: str) -> Standing | None:
        """How the channel stands for the usual pay type, or as a whole."""
        standings = (await store.load_board(self.pool)).standings
        return next((s for s in standings.values() if s.channel_no == channel_no), None)

    async def state(self, channel_no: str) -> str:
        """Up, unless something else is known."""
        standing = await self.standing(channel_no)
        return "up" if standing is None else standing.state

    async def alarms(self, *, with_recovered: bool = True) -> list[Alarm]:
        """Newest first."""
        return await store.alarms(
            self.pool, with_recovered=with_recovered, channel_no="", limit=100
        )

    async def said(self) -> list[str]:
        """The names of what will be said, in no order that counts."""
        keys = await self.pool.fetch("SELECT key FROM bus.timer")
        return sorted(row["key"] for row in keys)


@asynccontextmanager
async def a_lookout(pool: Pool, redis: Redis) -> AsyncIterator[Lookout]:
    """Nothing was seen yet, and the rules that come with the platform."""
    await pool.execute(CLEAR)
    yield Lookout(pool, redis, now_utc())
    await pool.execute(CLEAR)


async def channels(pool: Pool, number: int = 2) -> list[str]:
    """New channels that take the usual pay type."""
    numbers = [new_channel_no() for _ in range(number)]
    await register(pool, *(a_channel(channel_no=each) for each in numbers))
    return numbers


async def a_rule(pool: Pool, rule_no: str = "strict", **fields: Any) -> AlarmRule:
    """The only rule takes down, at half of ten calls in a minute, unless told otherwise."""
    await pool.execute(ONLY_OURS)
    usual: dict[str, Any] = {
        "metric": "failure_percent", "threshold": 50, "volume_min": 10, "window_s": 60,
        "cool_down_s": 60, "down_s": 30, "action": "take_down",
    }  # fmt: skip
    rule = await store.save_rule(pool, rule_no, usual | fields, operator="carol", now=now_utc())
    assert isinstance(rule, AlarmRule), rule
    return rule


async def barred_by(directory: Directory, channel_nos: Sequence[str]) -> dict[str, list[str]]:
    """What those who choose channels find: the states by channel."""
    for channel_no in channel_nos:
        await directory.standings.forget(channel_no)
    found = await directory.standings.find(channel_nos)
    return {no: [each.state for each in one.take_downs] for no, one in found.items()}
