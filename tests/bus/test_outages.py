"""Outages: a service dies under load and comes back. Nothing is lost, doubled or put aside."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from redis.asyncio import Redis

from bus.directory import Directory
from deploy.local.services import Services
from tests.bus.rooms import COUNTER, TALLY, Add, counted, counter, tally
from tests.bus.workshop import Workshop, at_last
from tests.examples import MERCHANT_NO, a_merchant
from tests.sites import remember_the_queues

pytestmark = pytest.mark.faults


async def _outage(services: Services, name: str, *, lasts_s: float) -> None:
    await asyncio.to_thread(services.kill, name)
    await asyncio.sleep(lasts_s)
    await asyncio.to_thread(services.restart, name)


async def _send_all_the_time(workshop: Workshop, rounds: int) -> None:
    for _ in range(rounds):
        await workshop.send(*(Add(key=f"k{n}") for n in range(5)))
        await asyncio.sleep(0.02)


async def _tallied(workshop: Workshop, adds: int) -> bool:
    rows = await counted(workshop.pool, "tally")
    return sum(tallied for _, tallied in rows.values()) == adds


async def _all_settled_once(workshop: Workshop, rounds: int) -> None:
    await at_last(lambda: _tallied(workshop, rounds * 5), within_s=40)
    await at_last(lambda: workshop.is_empty(TALLY.queue))
    expected = {f"k{n}": (rounds, rounds) for n in range(5)}
    assert await counted(workshop.pool) == expected
    assert await counted(workshop.pool, "tally") == expected
    for queue in (COUNTER.queue, TALLY.queue):
        assert await workshop.dead(queue) == []


async def test_a_database_that_dies_under_load_is_waited_for(
    shaky: Workshop, breakable: Services
) -> None:
    async with shaky.at_work(counter, tally):
        sending = asyncio.create_task(_send_all_the_time(shaky, 100))
        await at_last(lambda: counted(shaky.pool))
        await _outage(breakable, "postgres", lasts_s=0.5)
        await asyncio.wait_for(sending, 60)
        await _all_settled_once(shaky, 100)


async def test_a_broker_that_dies_under_load_is_waited_for(
    shaky: Workshop, breakable: Services
) -> None:
    await asyncio.to_thread(remember_the_queues, breakable)
    async with shaky.at_work(counter), shaky.at_work(tally):
        sending = asyncio.create_task(_send_all_the_time(shaky, 60))
        await at_last(lambda: counted(shaky.pool))
        await _outage(breakable, "rabbitmq", lasts_s=0.0)
        await asyncio.wait_for(sending, 60)
        await _all_settled_once(shaky, 60)


async def test_redis_that_dies_is_done_without(shaky: Workshop, breakable: Services) -> None:
    document = msgspec.json.encode(a_merchant()).decode()
    await shaky.pool.execute(
        "INSERT INTO directory.profile VALUES ('merchant', $1, 1, $2)", MERCHANT_NO, document
    )
    async with Redis.from_url(shaky.site.redis_url, socket_timeout=1) as redis:
        directory = Directory(shaky.pool, redis)
        assert await directory.merchants.get(MERCHANT_NO) == a_merchant()
        await asyncio.to_thread(breakable.kill, "redis")
        directory.forget_all()
        assert await directory.merchants.get(MERCHANT_NO) == a_merchant()
        await asyncio.to_thread(breakable.restart, "redis")
        directory.forget_all()
        assert await directory.merchants.get(MERCHANT_NO) == a_merchant()
        assert await redis.exists(f"tomato:profile:merchant:{MERCHANT_NO}")
