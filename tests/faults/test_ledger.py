"""Workers of the books, and services under them, are killed while work comes in by thousands."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator

import pytest

from deploy.local.services import Services
from tests.faults.counting_house import House, a_counting_house
from tests.sites import a_site
from tests.waiting import at_last

pytestmark = pytest.mark.faults

TAKEN_OVER_WITHIN_S = 5.0


@pytest.fixture(scope="module")
async def house(
    breakable: Services, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("books")
    async with (
        a_site(breakable, "books") as site,
        a_counting_house(breakable, site, folder) as running,
    ):
        yield running


async def test_a_worker_killed_in_mid_batch_again_and_again_loses_and_doubles_nothing(
    house: House,
) -> None:
    async with house.busy():
        for _ in range(4):
            await asyncio.sleep(random.uniform(0.2, 0.6))
            worker, epoch = await house.leader()
            worker.kill()
            worker.start()
            await at_last(lambda since=epoch: house.is_booked_after(since))
            await worker.is_ready()
    await house.all_ends_well()


async def test_when_the_leader_is_killed_the_other_worker_books_within_five_seconds(
    house: House,
) -> None:
    async with house.busy():
        await asyncio.sleep(0.5)
        worker, epoch = await house.leader()
        worker.kill()
        killed_at = time.monotonic()
        await at_last(lambda: house.is_booked_after(epoch))
        taken_s = time.monotonic() - killed_at
        worker.start()
        await worker.is_ready()
    assert taken_s < TAKEN_OVER_WITHIN_S
    await house.all_ends_well()


async def test_a_leader_who_wakes_up_when_another_leads_writes_nothing(house: House) -> None:
    async with house.busy():
        await asyncio.sleep(0.5)
        worker, epoch = await house.leader()
        assert worker.process is not None
        worker.process.send_signal(signal.SIGSTOP)
        try:
            await at_last(lambda: house.is_booked_after(epoch))
        finally:
            worker.process.send_signal(signal.SIGCONT)
        other, _ = await house.leader()
        assert other is not worker
        await asyncio.sleep(1.0)
    await house.all_ends_well()


@pytest.mark.parametrize("service", ["postgres", "rabbitmq"])
async def test_the_books_hold_when_a_service_is_killed_under_load(
    house: House, service: str
) -> None:
    async with house.busy():
        await asyncio.sleep(1.0)
        await asyncio.to_thread(house.services.kill, service)
        await asyncio.to_thread(house.services.restart, service)
        await asyncio.gather(*(worker.is_ready() for worker in house.workers))
        await asyncio.sleep(0.5)
    await house.all_ends_well()
