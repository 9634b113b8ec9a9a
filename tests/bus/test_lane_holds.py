"""Lanes that are paused, drained, resumed and limited at work, and lose nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from bus.jobs import now_utc
from bus.lanes import CONCURRENCY_DEFAULT, INLETS, Lanes, desk
from schema.messages.doors import DrainLane, PauseLane, ResumeLane
from tests.bus.serving import Served, Sink, sinking, visits
from tests.bus.worker import QUICK
from tests.bus.workshop import Workshop, at_last

KINDS = pytest.mark.parametrize("kind", ["classic", "quorum"])


async def _is(served: Served, lane: str, **expected: Any) -> bool:
    look = (await served.look()).get(lane)
    return look is not None and all(getattr(look, k) == v for k, v in expected.items())


async def _busy(sink: Sink, lane: str, count: int) -> bool:
    return sink.in_hand[lane] == count


@KINDS
async def test_a_pause_leaves_messages_where_they_are_and_a_resume_goes_on(
    workshop: Workshop, kind: str
) -> None:
    sink = Sink()
    async with sinking(workshop, sink, queue_type=kind) as served:
        await workshop.send(*visits("a", 1))
        await at_last(lambda: sink.has("a1"))
        await served.lanes.pause("a", until=None, reason="the merchant asked")
        await workshop.send(*visits("a", *range(2, 30)), *visits("b", 1))
        await at_last(lambda: sink.has("b1"))
        await asyncio.sleep(0.2)
        assert sink.by_lane["a"] == 1
        look = (await served.look())["a"]
        assert (look.state, look.depth, look.reason) == ("paused", 28, "the merchant asked")
        await served.lanes.resume("a")
        await at_last(lambda: sink.has(*(f"a{n}" for n in range(1, 30))))
    assert set(sink.seen.values()) == {1}, "nothing was delivered again"


async def test_a_lane_is_one_workers_to_tell_unless_it_is_held_or_unknown(
    workshop: Workshop,
) -> None:
    async with sinking(workshop, Sink()) as one, sinking(workshop, Sink()) as other:
        both = (one.lanes, other.lanes)
        assert [lanes.is_ours("nobody_knows_of_it") for lanes in both] == [True, True]
        await one.lanes.open("a")
        await at_last(lambda: _whose(both, 1))
        await one.lanes.pause("a", until=None, reason="the merchant asked")
        await at_last(lambda: _whose(both, 0))
        await other.lanes.resume("a")
        await at_last(lambda: _whose(both, 1))


async def _whose(both: Sequence[Lanes], owners: int) -> bool:
    return sum(lanes.is_ours("a") for lanes in both) == owners


async def test_a_pause_ends_by_itself_when_it_is_time(workshop: Workshop) -> None:
    sink = Sink()
    async with sinking(workshop, sink) as served:
        await served.lanes.open("a")
        until = now_utc() + timedelta(seconds=0.8)
        await served.lanes.pause("a", until=until, reason="no answer")
        await workshop.send(*visits("a", 1))
        await at_last(lambda: sink.has("a1"))
        late_s = (now_utc() - until).total_seconds()
    assert 0 <= late_s < 0.4


async def test_a_pause_takes_effect_in_every_worker(workshop: Workshop) -> None:
    sink, other = Sink(), Sink()
    async with sinking(workshop, sink) as served, sinking(workshop, other) as second:
        for lane in ("a", "b", "c", "d"):
            await served.lanes.open(lane)
            await served.lanes.pause(lane, until=None, reason="test")
        await at_last(lambda: _nothing_attached(served, second))
        await workshop.send(*(v for lane in "abcd" for v in visits(lane, 1)))
        await asyncio.sleep(0.7)  # a comparison at least
        assert not sink.seen and not other.seen
        for lane in ("a", "b", "c", "d"):
            await second.lanes.resume(lane)
        await at_last(lambda: (Sink(sink.seen + other.seen)).has("a1", "b1", "c1", "d1"))


async def _nothing_attached(*workers: Served) -> bool:
    return not any(worker.attached() for worker in workers)


async def test_a_pause_in_the_middle_of_a_call_waits_for_nobody(workshop: Workshop) -> None:
    """A room pauses a lane from within a call of that lane."""
    sink = Sink(hanging={"a"})
    async with sinking(workshop, sink) as served:
        await workshop.send(*visits("a", *range(20)))
        await at_last(lambda: _busy(sink, "a", CONCURRENCY_DEFAULT))
        async with asyncio.timeout(1):
            await served.lanes.pause("a", until=None, reason="it hangs")
        sink.hanging.clear()
        await at_last(lambda: _busy(sink, "a", 0))
        await asyncio.sleep(0.2)
        assert sink.by_lane["a"] == CONCURRENCY_DEFAULT
        assert await _is(served, "a", depth=20 - CONCURRENCY_DEFAULT, in_hand=0)


async def test_a_draining_lane_finishes_what_is_in_hand_and_begins_nothing(
    workshop: Workshop,
) -> None:
    sink = Sink(hanging={"a"})
    async with sinking(workshop, sink) as served:
        await workshop.send(*visits("a", *range(10)))
        await at_last(lambda: _busy(sink, "a", CONCURRENCY_DEFAULT))
        await served.lanes.drain("a")
        await at_last(lambda: _is(served, "a", state="draining", in_hand=CONCURRENCY_DEFAULT))
        sink.hanging.clear()
        await at_last(lambda: _is(served, "a", state="drained", in_hand=0))
        assert sink.by_lane["a"] == CONCURRENCY_DEFAULT
        await served.lanes.resume("a")
        await at_last(lambda: sink.has(*(f"a{n}" for n in range(10))))


async def test_while_a_hold_is_being_stored_nothing_more_is_taken(workshop: Workshop) -> None:
    """A comparison that meets a hold half way would attach the lane, and take what is to stay."""
    sink = Sink(hanging={"a"})
    async with sinking(workshop, sink) as served:
        await workshop.send(*visits("a", *range(10)))
        await at_last(lambda: _busy(sink, "a", CONCURRENCY_DEFAULT))
        async with workshop.pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT FROM bus.lane WHERE lane = 'a' FOR UPDATE")
            drained = asyncio.create_task(served.lanes.drain("a"))
            await at_last(lambda: _nothing_attached(served))
            await asyncio.sleep(2 * QUICK.compare_s)
            assert not served.attached()
        await drained
        await at_last(lambda: _is(served, "a", state="draining", in_hand=CONCURRENCY_DEFAULT))


async def test_what_an_operator_holds_no_pause_of_a_room_lets_go(workshop: Workshop) -> None:
    sink = Sink()
    async with sinking(workshop, sink) as served:
        await served.lanes.drain("a")
        soon = now_utc() + timedelta(seconds=0.2)
        await served.lanes.pause("a", until=soon, reason="no answer")
        await workshop.send(*visits("a", 1))
        await asyncio.sleep(0.8)
        assert not sink.seen
        assert await _is(served, "a", state="drained", depth=1)


async def test_a_hold_outlives_every_worker(workshop: Workshop) -> None:
    sink = Sink()
    async with sinking(workshop, sink) as served:
        await served.lanes.pause("a", until=None, reason="test")
    async with sinking(workshop, sink) as served:
        await workshop.send(*visits("a", 1), *visits("b", 1))
        await at_last(lambda: sink.has("b1"))
        await at_last(lambda: _is(served, "a", state="paused", depth=1))
        await served.lanes.resume("a")
        await at_last(lambda: sink.has("a1"))


@KINDS
async def test_a_limit_is_never_passed_and_changes_nothing_in_hand(
    workshop: Workshop, kind: str
) -> None:
    sink = Sink(hanging={"a"})
    async with sinking(workshop, sink, queue_type=kind) as served:
        await workshop.send(*visits("a", *range(60)))
        for limit in (4, 9, 2, 32):
            served.lanes.limit("a", limit)
            sink.hanging.clear()
            await asyncio.sleep(0.05)
            sink.hanging.add("a")
            sink.most.clear()
            await workshop.send(*visits("a", *range(60)))
            await at_last(lambda limit=limit: _busy(sink, "a", limit))
            await asyncio.sleep(0.2)
            assert sink.in_hand["a"] == limit
        served.lanes.limit("a", 1)
        sink.hanging.clear()
        await at_last(lambda: workshop.is_empty("example.lane.a"))
        await at_last(lambda: _busy(sink, "a", 0))
    assert set(sink.seen.values()) == {5}, "each of five rounds once: nothing was delivered again"


async def test_a_lane_that_is_limited_to_one_is_served_one_after_the_other(
    workshop: Workshop,
) -> None:
    sink = Sink(takes_s=0.005)
    async with sinking(workshop, sink) as served:
        await served.lanes.open("a")
        served.lanes.limit("a", 1)
        await workshop.send(*visits("a", *range(20)))
        await at_last(lambda: sink.has(*(f"a{n}" for n in range(20))))
    assert sink.most["a"] == 1


async def test_an_operator_holds_a_lane_by_a_command(workshop: Workshop) -> None:
    await workshop.broker.declare(INLETS)
    sink = Sink()
    async with sinking(workshop, sink) as served, workshop.at_work(desk()):
        await served.lanes.open("a")
        until = now_utc() + timedelta(hours=1)
        await workshop.send(PauseLane(actor="example", lane="a", reason="audit", until=until))
        await at_last(lambda: _is(served, "a", state="paused", reason="audit", held_until=until))
        await at_last(lambda: _nothing_attached(served))
        await workshop.send(DrainLane(actor="example", lane="a", reason="moving"))
        await at_last(lambda: _is(served, "a", state="drained", reason="moving"))
        await workshop.send(*visits("a", 1), ResumeLane(actor="example", lane="a"))
        await at_last(lambda: sink.has("a1"))
        assert await _is(served, "a", state="open", reason=None)
    assert await workshop.dead("lanes") == []


async def test_a_look_tells_how_a_lane_goes(workshop: Workshop) -> None:
    sink = Sink(hanging={"a"})
    rates = {"a": 0.25}
    async with sinking(workshop, sink, success_rate=rates.get) as served:
        await workshop.send(*visits("a", *range(10)))
        await at_last(lambda: _is(served, "a", in_hand=CONCURRENCY_DEFAULT, success_rate=0.25))
        look = (await served.look())["a"]
        assert (look.depth, look.concurrency) == (10 - CONCURRENCY_DEFAULT, CONCURRENCY_DEFAULT)
        assert look.owner == served.lanes._shares.worker
        assert look.oldest_s is not None and 0 < look.oldest_s < 10
        await served.lanes.pause("a", until=None, reason="test")
        sink.hanging.clear()
        await at_last(lambda: _is(served, "a", in_hand=0))
        look = (await served.look())["a"]
        assert look.oldest_s is not None and 0 < look.oldest_s < 10, "what waits is looked at"
