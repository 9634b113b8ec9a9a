"""Timers: what is said later is said when it is due, and not lost or doubled on the way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from bus.clock import INBOX_KEPT, Clock
from bus.inbox import SQL
from bus.jobs import now_utc
from tests.bus.rooms import COUNTER, Remind, counted, counter
from tests.bus.workshop import Workshop, at_last

TIMERS = "SELECT count(*) FROM bus.timer"


@asynccontextmanager
async def a_clock(workshop: Workshop) -> AsyncIterator[Clock]:
    """A clock that looks ten times a second."""
    clock = Clock(workshop.pool, workshop.broker, every_s=0.1)
    await clock.start()
    try:
        yield clock
    finally:
        await clock.stop()


async def _set(workshop: Workshop, *keys: str, in_ms: int) -> None:
    """Timers that were set by a worker which is gone again."""
    due_at = now_utc() + timedelta(milliseconds=in_ms)
    async with workshop.worker("counter") as worker:
        await workshop.send(*(Remind(key=key, due_at=due_at) for key in keys))
        await at_last(lambda: _timers(workshop, len(keys)))
        await worker.stop()


async def _timers(workshop: Workshop, number: int) -> bool:
    return await workshop.pool.fetchval(TIMERS) == number


async def test_a_timer_fires_when_it_is_due_and_not_before(workshop: Workshop) -> None:
    due_at = now_utc() + timedelta(milliseconds=600)
    async with workshop.at_work(counter), a_clock(workshop):
        await workshop.send(Remind(key="a", due_at=due_at))
        await at_last(lambda: counted(workshop.pool))
        await at_last(lambda: _timers(workshop, 0))
    (fact,) = await workshop.wire()
    assert timedelta() <= fact.time - due_at < timedelta(seconds=10)
    assert await counted(workshop.pool) == {"a": (1, 1)}


async def test_a_timer_outlives_the_worker_that_set_it(workshop: Workshop) -> None:
    await _set(workshop, "a", "b", in_ms=0)
    async with workshop.at_work(counter), a_clock(workshop):
        await at_last(lambda: _timers(workshop, 0))
        await at_last(lambda: _counted(workshop, 2))
    assert await counted(workshop.pool) == {"a": (1, 1), "b": (1, 1)}


async def _counted(workshop: Workshop, rows: int) -> bool:
    return len(await counted(workshop.pool)) == rows


async def test_two_clocks_share_the_timers(workshop: Workshop) -> None:
    keys = [f"k{n}" for n in range(60)]
    await _set(workshop, *keys, in_ms=0)
    async with workshop.at_work(counter), a_clock(workshop), a_clock(workshop):
        await at_last(lambda: _timers(workshop, 0))
        await at_last(lambda: _counted(workshop, 60))
    assert await counted(workshop.pool) == dict.fromkeys(keys, (1, 1))


async def test_a_clock_passes_over_what_another_one_has_in_hand(workshop: Workshop) -> None:
    await _set(workshop, "a", in_ms=0)
    clock = Clock(workshop.pool, workshop.broker)
    async with workshop.pool.acquire() as another, another.transaction():
        assert len(await another.fetch(SQL.due_timers, now_utc(), 10)) == 1
        assert await clock.fire_once() == 0
    assert await clock.fire_once() == 1


async def test_a_clock_that_dies_before_its_commit_says_the_same_again(workshop: Workshop) -> None:
    await _set(workshop, "a", in_ms=0)
    await workshop.dies("tally", at="after publish")
    assert await _timers(workshop, 1) and len(await workshop.waiting(COUNTER.queue)) == 1
    async with workshop.at_work(counter), a_clock(workshop):
        await at_last(lambda: _timers(workshop, 0))
        await at_last(lambda: _said(workshop, times=2))
    assert await counted(workshop.pool) == {"a": (1, 1)}
    assert len({event.id for event in await workshop.wire()}) == 1


async def _said(workshop: Workshop, *, times: int) -> bool:
    return len(await workshop.wire()) == times


async def test_the_inbox_forgets_what_no_redelivery_can_reach(workshop: Workshop) -> None:
    async with workshop.at_work(counter):
        await workshop.send(Remind(key="a", due_at=now_utc() + timedelta(days=1)))
        await at_last(lambda: _timers(workshop, 1))
    clock = Clock(workshop.pool, workshop.broker)
    assert await clock.trim_once() == 0
    age = "UPDATE bus.inbox SET settled_at = settled_at - $1::interval"
    await workshop.pool.execute(age, INBOX_KEPT + timedelta(minutes=1))
    assert await clock.trim_once() == 1
