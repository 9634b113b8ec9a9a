"""The archive: what Redis forgets is kept by minutes, then by hours, then not for ever."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from redis.asyncio import Redis

from actors.monitoring import archive
from actors.monitoring.archive import HOURS_KEPT, MINUTES_KEPT, Archive, Span
from bus.database import Pool
from tests.actors.monitoring import Lookout, a_lookout

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
async def lookout(pool: Pool, redis: Redis) -> AsyncIterator[Lookout]:
    """Five seconds into a minute, so that a test's calls are in one."""
    async with a_lookout(pool, redis) as made:
        made.now = made.now.replace(second=5, microsecond=0)
        yield made


def an_archive(lookout: Lookout) -> Archive:
    return Archive(lookout.pool, lookout.redis, now=lambda: lookout.now)


async def kept(lookout: Lookout, span_s: int = 60) -> list[Span]:
    """All that is archived of the channel."""
    ever = datetime(2000, 1, 1, tzinfo=UTC)
    return await archive.read(
        lookout.pool, "wechat_a", span_s, ever, lookout.now + HOUR, limit=1_000
    )


async def calls(lookout: Lookout) -> list[int]:
    return [span.counts.get("ok", 0) for span in await kept(lookout)]


async def a_minute_row(lookout: Lookout, begun_at: datetime, ok: int = 1) -> None:
    """A minute that was archived long ago."""
    counts = msgspec.json.encode({"ok": ok, "b3": ok, "ms": 40 * ok}).decode()
    await lookout.pool.execute(
        "INSERT INTO monitoring.tally VALUES (60, $1, 'wechat_a', 'balance', 'create', $2, $3)",
        begun_at, ok, counts,
    )  # fmt: skip


async def test_a_minute_is_kept_when_it_is_over(lookout: Lookout) -> None:
    await lookout.hear("wechat_a", "ok", "no_answer")
    lookout.later(50)
    assert await an_archive(lookout).keep_minutes() == 0
    lookout.later(25)
    assert await an_archive(lookout).keep_minutes() == 1
    [span] = await kept(lookout)
    assert span.begun_at == lookout.now.replace(second=0) - MINUTE
    assert span.counts == {"ok": 1, "no_answer": 1, "b3": 2, "ms": 100}


async def test_each_round_is_run_by_one_worker(lookout: Lookout) -> None:
    await lookout.hear("wechat_a", "ok")
    lookout.later(75)
    assert [await an_archive(lookout).keep_minutes() for _ in range(3)] == [1, 0, 0]


async def test_what_is_counted_late_is_added_and_what_was_flushed_is_not_taken_away(
    lookout: Lookout,
) -> None:
    at = lookout.now
    await lookout.hear("wechat_a", "ok")
    lookout.later(75)
    await an_archive(lookout).keep_minutes()
    lookout.now = at
    await lookout.hear("wechat_a", "ok", "ok")
    lookout.later(135)
    await an_archive(lookout).keep_minutes()
    assert await calls(lookout) == [3]
    await lookout.redis.flushdb()
    lookout.now = at
    await lookout.hear("wechat_a", "ok")
    lookout.later(195)
    await an_archive(lookout).keep_minutes()
    assert await calls(lookout) == [3]


async def test_minutes_in_which_nobody_archived_are_made_up_for(lookout: Lookout) -> None:
    await an_archive(lookout).keep_minutes()
    for _ in range(6):
        await lookout.hear("wechat_a", "ok")
        lookout.later(60)
    lookout.later(15)
    await an_archive(lookout).keep_minutes()
    assert await calls(lookout) == [1] * 6


async def test_minutes_become_hours_also_after_a_day_without_anybody(lookout: Lookout) -> None:
    hour = lookout.now.replace(minute=0, second=0, microsecond=0)
    for hours, minute in ((-26, 0), (-26, 59), (-2, 30), (0, 0)):
        await a_minute_row(lookout, hour + hours * HOUR + minute * MINUTE, ok=3)
    lookout.now = hour + timedelta(minutes=10)
    assert await an_archive(lookout).keep_hours() == 2
    assert await an_archive(lookout).keep_hours() == 0
    found = [(span.begun_at - hour, span.counts) for span in await kept(lookout, 3_600)]
    assert found == [
        (-26 * HOUR, {"ok": 6, "b3": 6, "ms": 240}),
        (-2 * HOUR, {"ok": 3, "b3": 3, "ms": 120}),
    ]
    total = "SELECT calls FROM monitoring.tally WHERE span_s = 3600 ORDER BY begun_at"
    assert [row["calls"] for row in await lookout.pool.fetch(total)] == [6, 3]


async def test_an_hour_whose_worker_died_is_made_up_for(lookout: Lookout) -> None:
    hour = lookout.now.replace(minute=0, second=0, microsecond=0)
    await a_minute_row(lookout, hour - HOUR, ok=3)
    lookout.now = hour + timedelta(minutes=10)
    worker = an_archive(lookout)
    await worker._begin("hours", hour)  # and then it was killed
    lookout.later(3_600)
    await an_archive(lookout).keep_hours()
    assert [span.counts["ok"] for span in await kept(lookout, 3_600)] == [3]


async def test_old_minutes_go_when_their_hours_are_kept_and_old_hours_go_too(
    lookout: Lookout,
) -> None:
    lookout.now = lookout.now.replace(minute=30)
    long_ago = lookout.now - MINUTES_KEPT - HOUR
    await a_minute_row(lookout, long_ago)
    await a_minute_row(lookout, lookout.now - 2 * HOUR)
    await lookout.pool.execute(
        "INSERT INTO monitoring.tally VALUES (3600, $1, 'wechat_a', 'balance', 'create', 1, '{}')",
        lookout.now - HOURS_KEPT - HOUR,
    )
    await an_archive(lookout).keep_hours()
    assert len(await kept(lookout)) == 1
    assert [span.counts["ok"] for span in await kept(lookout, 3_600)] == [1]
