"""Lanes through outages: the broker, the database or Redis dies under load, and nothing is lost."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from deploy.local.services import Services
from tests.bus.serving import Sink, sinking, visits
from tests.bus.workshop import Workshop, at_last
from tests.sites import remember_the_queues

pytestmark = pytest.mark.faults

LANES = [f"m{number}x" for number in range(20)]
ROUNDS = 30


async def _send_all_the_time(workshop: Workshop) -> None:
    for number in range(ROUNDS):
        await workshop.send(*(visit for lane in LANES for visit in visits(lane, number)))
        await asyncio.sleep(0.1)


async def _all_arrived(sink: Sink) -> None:
    sent = [f"{lane}{number}" for lane in LANES for number in range(ROUNDS)]
    await at_last(lambda: sink.has(*sent), within_s=60)


@pytest.mark.parametrize("service", ["rabbitmq", "postgres", "redis"])
async def test_a_service_that_dies_under_load_costs_no_message_of_any_lane(
    shaky: Workshop, breakable: Services, service: str
) -> None:
    """Half of the lanes open before the outage, half of them only after it."""
    sink = Sink(takes_s=0.01)
    async with sinking(shaky, sink) as first, sinking(shaky, sink) as second:
        for lane in LANES[::2]:
            await first.lanes.open(lane)
        sending = asyncio.create_task(_send_all_the_time(shaky))
        await asyncio.sleep(0.5)
        await asyncio.to_thread(remember_the_queues, breakable)
        await asyncio.to_thread(breakable.kill, service)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(breakable.restart, service)
        await asyncio.wait_for(sending, 60)
        await _all_arrived(sink)
        await at_last(lambda: _all_served(first.lanes.served() | second.lanes.served()))
    if service != "rabbitmq":
        assert set(sink.seen.values()) == {1}


async def _all_served(served: set[str]) -> bool:
    return served == set(LANES)


async def test_redis_that_is_flushed_and_dies_leaves_lanes_where_they_are(
    shaky: Workshop, breakable: Services
) -> None:
    sink = Sink()
    async with sinking(shaky, sink) as first, sinking(shaky, sink) as second:
        sending = asyncio.create_task(_send_all_the_time(shaky))
        async with Redis.from_url(shaky.site.redis_url) as redis:
            for _ in range(5):
                await redis.flushall()
                await asyncio.sleep(0.3)
        await asyncio.to_thread(breakable.kill, "redis")
        kept = first.lanes.served(), second.lanes.served()
        await sending
        assert (first.lanes.served(), second.lanes.served()) == kept
        await _all_arrived(sink)
        await asyncio.to_thread(breakable.restart, "redis")
    assert set(sink.seen.values()) == {1}
