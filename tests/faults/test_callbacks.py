"""Two hundred merchants are told things while workers, connections and services die."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from deploy.local.services import Services
from tests.faults.merchants import MERCHANTS, Square, a_square
from tests.sites import a_site, rabbitmqctl

pytestmark = pytest.mark.faults

ROUNDS = 6


@pytest.fixture(scope="module")
async def square(
    breakable: Services, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Square]:
    """Three workers and two hundred lanes, on services that may be killed."""
    folder = tmp_path_factory.mktemp("square")
    async with a_site(breakable, "square") as site, a_square(breakable, site, folder) as running:
        yield running


async def keep_saying(square: Square) -> None:
    """Some seconds of traffic, to each merchant in turn."""
    for _ in range(ROUNDS):
        await square.say(MERCHANTS)


async def is_under_way(square: Square) -> None:
    """Returns when a good part of it has arrived."""
    before = len(square.heard)
    while len(square.heard) < before + MERCHANTS:
        await asyncio.sleep(0.02)


async def test_a_worker_that_is_killed_in_the_middle_of_a_post_loses_nothing(
    square: Square,
) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(keep_saying(square))
        await is_under_way(square)
        square.workers[0].kill()
        square.workers[0].start()
    duplicates = await square.all_are_told()
    print(f"killed worker: {len(square.said)} told, {duplicates} came twice")
    assert duplicates <= MERCHANTS * 4, "at most what one worker had in hand"


async def test_connections_that_are_closed_by_force_lose_nothing(square: Square) -> None:
    host = square.site.rabbitmq_url.rpartition("/")[2]
    before = await square.all_are_told()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(keep_saying(square))
        await is_under_way(square)
        words = ("close_all_connections", "--vhost", host, "a test")
        await asyncio.to_thread(rabbitmqctl, square.services, *words)
    duplicates = await square.all_are_told() - before
    print(f"closed connections: {len(square.said)} told, {duplicates} came twice")
    assert duplicates == 0, "who makes a try has claimed it, and lives to record it"


async def test_a_broker_that_is_killed_and_comes_back_loses_nothing(square: Square) -> None:
    before = await square.all_are_told()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(keep_saying(square))
        await is_under_way(square)
        await asyncio.to_thread(square.services.kill, "rabbitmq")
        await asyncio.to_thread(square.services.restart, "rabbitmq")
    duplicates = await square.all_are_told() - before
    print(f"killed broker: {len(square.said)} told, {duplicates} came twice")
    assert duplicates == 0


async def test_an_empty_cache_loses_nothing(square: Square) -> None:
    before = await square.all_are_told()
    async with asyncio.TaskGroup() as tasks, Redis.from_url(square.site.redis_url) as redis:
        tasks.create_task(keep_saying(square))
        await is_under_way(square)
        await redis.flushall()
    assert await square.all_are_told() == before


async def test_a_database_that_is_killed_and_comes_back_loses_nothing(square: Square) -> None:
    before = await square.all_are_told()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(keep_saying(square))
        await is_under_way(square)
        await asyncio.to_thread(square.services.kill, "postgres")
        await asyncio.to_thread(square.services.restart, "postgres")
    duplicates = await square.all_are_told() - before
    print(f"killed database: {len(square.said)} told, {duplicates} came twice")
    assert duplicates == 0, "a claim holds until its try can be recorded"
