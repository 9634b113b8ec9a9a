"""The archive: counters become rows of a minute, minutes become hours, and old rows are trimmed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from actors.monitoring.counters import Counters
from actors.monitoring.measures import KEPT_S, OUTCOMES, Slice, Tally, add_up, calls
from actors.monitoring.store import SQL
from bus.database import Pool
from bus.jobs import now_utc
from bus.rows import from_row

SETTLED_AFTER = timedelta(seconds=15)
"""By then the calls of a minute are counted, unless a worker is behind."""

AGAIN = 2
"""Each minute is read again twice, for workers that are behind; each hour, for one that died when
its round was begun and nothing of it was done."""

MINUTES_MAX = KEPT_S // 60 - 1
"""What Redis still has, after nobody was there to archive."""

MINUTES_KEPT = timedelta(days=7)
HOURS_KEPT = timedelta(days=400)
"""The same days of last year, to compare with."""

HOURS_BACK_MAX = MINUTES_KEPT // timedelta(hours=1)
TRIMMED_MAX = 10_000


class Span(Struct, frozen=True, kw_only=True):
    """What was counted of one series in one minute or hour."""

    begun_at: datetime
    channel_no: str
    pay_type: str
    operation: str
    counts: Tally


class Archive:
    """Writes and trims it; one worker among all does each round."""

    def __init__(self, pool: Pool, redis: Redis, *, now: Callable[[], datetime] = now_utc) -> None:
        self._pool = pool
        self._counters = Counters(redis)
        self._now = now

    async def keep_minutes(self) -> int:
        """Writes the minutes that are over since the last round; returns how many rows."""
        ends = _minute(self._now() - SETTLED_AFTER)
        last = await self._pool.fetchval(SQL.last_round, "minutes")
        if not await self._begin("minutes", ends):
            return 0
        missed = MINUTES_MAX if last is None else (ends - datetime.fromisoformat(last)) // _MINUTE
        minutes = min(missed + AGAIN, MINUTES_MAX)
        rows = [
            row
            for back in range(minutes, 0, -1)
            for row in await self._rows(int(ends.timestamp()) - 60 * back)
        ]
        if rows:
            await self._pool.execute(SQL.archive_minutes, msgspec.json.encode(rows).decode())
        return len(rows)

    async def _rows(self, begins_s: int) -> list[dict[str, Any]]:
        seconds = await self._counters.read(range(begins_s, begins_s + 60))
        return archived_rows(add_up(seconds.values()), datetime.fromtimestamp(begins_s, UTC))

    async def keep_hours(self) -> int:
        """Adds up the hours that are over, then forgets what is old; returns the rows."""
        ends = _hour(self._now() - _MINUTE * (AGAIN + 2))
        last = await self._pool.fetchval(SQL.last_round, "hours")
        if not await self._begin("hours", ends):
            return 0
        missed = HOURS_BACK_MAX if last is None else (ends - datetime.fromisoformat(last)) // _HOUR
        begins = ends - _HOUR * min(missed + AGAIN, HOURS_BACK_MAX)
        rolled = await self._pool.execute(SQL.roll_hours, begins, ends, list(OUTCOMES))
        trimmed = [
            await self._pool.execute(SQL.trim_tallies, span_s, self._now() - kept, TRIMMED_MAX)
            for span_s, kept in ((60, MINUTES_KEPT), (3_600, HOURS_KEPT))
        ]
        return sum(int(status.split()[-1]) for status in (rolled, *trimmed))

    async def _begin(self, name: str, turn: datetime) -> bool:
        row = await self._pool.fetchval(SQL.begin_round, name, turn.isoformat(), self._now())
        return row is not None


_counts = msgspec.json.Decoder(Tally)
_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)


def _minute(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(second=0, microsecond=0)


def _hour(moment: datetime) -> datetime:
    return _minute(moment).replace(minute=0)


def archived_rows(counted: Slice, begun_at: datetime) -> list[dict[str, Any]]:
    """The rows of one minute."""
    return [
        {
            "span_s": 60, "begun_at": begun_at, "channel_no": series.channel_no,
            "pay_type": series.pay_type, "operation": series.operation, "calls": calls(tally),
            "counts": tally,
        }
        for series, tally in counted.items()
    ]  # fmt: skip


async def read(
    pool: Pool, channel_no: str, span_s: int, since: datetime, until: datetime, limit: int
) -> list[Span]:
    """What was counted of a channel, oldest first."""
    rows = await pool.fetch(SQL.archived, channel_no, span_s, since, until, limit)
    return [from_row(row, Span, {"counts": _counts}) for row in rows]
