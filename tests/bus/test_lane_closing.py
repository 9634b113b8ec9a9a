"""Lanes that are idle go, and nothing is lost with them, whenever the next message comes."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest

from bus import topology
from bus.origin import new_event
from schema.events import encode_events
from schema.settings import Settings
from tests.bus.rooms import Visit
from tests.bus.serving import Served, Sink, sinking, visits
from tests.bus.worker import QUICK
from tests.bus.workshop import Workshop, at_last

BRIEF = replace(QUICK, idle_close_s=0.3, close_wait_s=0.1)
SLOW = replace(BRIEF, close_wait_s=1.0)
KINDS = pytest.mark.parametrize("kind", ["classic", "quorum"])


async def _has_gone(workshop: Workshop, served: Served, lane: str) -> bool:
    row = await workshop.pool.fetchval("SELECT true FROM bus.lane WHERE lane = $1", lane)
    return row is None and await served.lanes._queues.look(lane) is None


async def _state(workshop: Workshop, lane: str, state: str) -> bool:
    return await workshop.pool.fetchval("SELECT state FROM bus.lane WHERE lane = $1", lane) == state


@KINDS
async def test_an_idle_lane_goes_and_comes_back_with_its_next_message(
    workshop: Workshop, kind: str
) -> None:
    sink = Sink()
    async with sinking(workshop, sink, queue_type=kind, pace=BRIEF) as served:
        for number in (1, 2, 3):
            await workshop.send(*visits("a", number))
            await at_last(lambda number=number: sink.has(f"a{number}"))
            await at_last(lambda: _has_gone(workshop, served, "a"))
        assert served.attached() == set() and served.lanes._consumers.lanes == {}
    assert sink.seen == {"a1": 1, "a2": 1, "a3": 1}


def test_a_lane_can_not_be_set_to_go_while_a_call_may_last() -> None:
    needed = {"postgres_url": "", "rabbitmq_url": "", "redis_url": "", "master_key": ""}
    with pytest.raises(ValueError, match="TOMATO_LANE_IDLE_CLOSE_S"):
        Settings(**needed, lane_idle_close_s=59)
    with pytest.raises(ValueError, match="TOMATO_LANE_QUEUE_TYPE"):
        Settings(**needed, lane_queue_type="stream")


async def test_a_message_for_a_lane_that_has_gone_waits_in_the_lobby(workshop: Workshop) -> None:
    sink = Sink()
    async with sinking(workshop, sink, pace=BRIEF) as served:
        await workshop.send(*visits("a", 1))
        await at_last(lambda: sink.has("a1"))
        await at_last(lambda: _has_gone(workshop, served, "a"))
    await workshop.send(*visits("a", 2))
    assert len(await workshop.waiting("example.lobby")) == 1
    async with sinking(workshop, sink):
        await at_last(lambda: sink.has("a2"))


@KINDS
async def test_a_message_that_comes_between_unbinding_and_deleting_opens_the_lane_again(
    workshop: Workshop, kind: str
) -> None:
    sink = Sink()
    async with sinking(workshop, sink, queue_type=kind, pace=SLOW):
        await workshop.send(*visits("a", 1))
        await at_last(lambda: _state(workshop, "a", "closing"))
        await asyncio.sleep(0.2)
        await workshop.send(*visits("a", 2))
        await at_last(lambda: sink.has("a2"))
        assert await _state(workshop, "a", "open")
        await asyncio.sleep(1.0)
        await workshop.send(*visits("a", 3))
        await at_last(lambda: sink.has("a3"))
    assert set(sink.seen.values()) == {1}


async def test_a_message_that_was_on_its_way_before_the_unbinding_keeps_the_lane_open(
    workshop: Workshop,
) -> None:
    sink = Sink()
    pace = replace(BRIEF, idle_close_s=1.5, close_wait_s=0.5)
    async with sinking(workshop, sink, pace=pace):
        await workshop.send(*visits("a", 1))
        await at_last(lambda: _state(workshop, "a", "closing"))
        (late,) = visits("a", 2)
        await _put_past_the_exchange(workshop, late)
        await at_last(lambda: sink.has("a2"))
        await at_last(lambda: _state(workshop, "a", "open"))
        await workshop.send(*visits("a", 3))
        await at_last(lambda: sink.has("a3"))


async def _put_past_the_exchange(workshop: Workshop, visit: Visit) -> None:
    body, content_type = encode_events([new_event(visit)])
    await workshop.put_bytes(topology.lane_queue("example", "a"), body, content_type)


async def test_a_lane_that_its_worker_left_half_closed_is_opened_by_the_next_one(
    workshop: Workshop,
) -> None:
    sink = Sink()
    async with sinking(workshop, sink) as served:
        await workshop.send(*visits("a", 1))
        await at_last(lambda: sink.has("a1"))
        await served.lanes._queues.unbind("a")
        await workshop.pool.execute("UPDATE bus.lane SET state = 'closing', closing_by = 'ghost'")
    async with sinking(workshop, sink):
        await at_last(lambda: _state(workshop, "a", "open"))
        await workshop.send(*visits("a", 2))
        await at_last(lambda: sink.has("a2"))
    assert await workshop.waiting("example.lobby") == []


async def test_a_lane_that_is_held_or_busy_does_not_go(workshop: Workshop) -> None:
    sink = Sink(hanging={"b"})
    async with sinking(workshop, sink, pace=BRIEF) as served:
        await served.lanes.pause("a", until=None, reason="test")
        await workshop.send(*visits("a", 1), *visits("b", 1), *visits("c", 1))
        await at_last(lambda: _has_gone(workshop, served, "c"))
        await asyncio.sleep(0.5)
        assert await _state(workshop, "a", "open") and await _state(workshop, "b", "open")
        sink.hanging.clear()
        await served.lanes.resume("a")
        await at_last(lambda: sink.has("a1", "b1"))
        await at_last(lambda: _has_gone(workshop, served, "a"))
        await at_last(lambda: _has_gone(workshop, served, "b"))


@KINDS
async def test_messages_that_come_while_lanes_close_and_open_all_the_time_all_arrive(
    workshop: Workshop, kind: str
) -> None:
    """Gaps are about as long as an idle lane lives, so that most messages meet a lane that is just
    closing, gone, or opening, with two workers who share the lanes."""
    pace = replace(QUICK, idle_close_s=0.1, close_wait_s=0.05)
    sink, lots = Sink(), random.Random(7)
    async with (
        sinking(workshop, sink, queue_type=kind, pace=pace) as served,
        sinking(workshop, sink, queue_type=kind, pace=pace),
    ):
        streams = [_trickle(workshop, lane, lots) for lane in "abcdef"]
        sent = [number for numbers in await asyncio.gather(*streams) for number in numbers]
        await at_last(lambda: sink.has(*sent))
        for lane in "abcdef":
            await at_last(lambda lane=lane: _has_gone(workshop, served, lane))
    assert len(sent) == len(sink.seen) == 6 * 25
    assert await workshop.waiting("example.lobby") == []


async def _trickle(workshop: Workshop, lane: str, lots: random.Random) -> list[str]:
    for number in range(25):
        await workshop.send(*visits(lane, number))
        await asyncio.sleep(lots.uniform(0, 0.4))
    return [f"{lane}{number}" for number in range(25)]
