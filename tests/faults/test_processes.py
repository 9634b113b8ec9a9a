"""A process dies, or is restarted, while payments are in flight."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

import pytest

from tests.faults.orders import Flow
from tests.faults.settling import all_ends_well
from tests.faults.town import ACTORS, Town

pytestmark = pytest.mark.faults

IN_FLIGHT = 200
KILLS = 2
WORKS_WITHIN_S = 1.0


@pytest.mark.parametrize("actor", ACTORS)
async def test_no_payment_is_lost_or_doubled_when_a_process_is_killed(
    town: Town, actor: str
) -> None:
    """Again and again, in whatever it is doing then: two hundred orders are on their way."""
    program, flow = town.programs[actor], Flow(town.street, IN_FLIGHT)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(flow.run())
        await flow.is_running()
        for _ in range(KILLS):
            await has_something_in_hand(town, actor)
            program.kill()
            program.start()
            await program.is_ready()
    await all_ends_well(town, flow)


async def has_something_in_hand(town: Town, actor: str) -> None:
    """Returns at some moment of its work, or when there is none left for it."""
    with suppress(TimeoutError):
        async with asyncio.timeout(WORKS_WITHIN_S):
            program = town.programs[actor]
            while not await program.counted("tomato_events_in_hand", town.session):
                await asyncio.sleep(0.01)
    await asyncio.sleep(random.uniform(0, 0.05))


async def test_whoever_is_asked_to_end_leaves_nothing_that_has_to_be_done_again(
    town: Town, flow: Flow
) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(flow.run())
        await flow.is_running()
        codes = await asyncio.gather(*(town.programs[actor].stop() for actor in ACTORS))
        assert codes == [0] * len(ACTORS)
        for actor in ACTORS:
            town.programs[actor].start()
        await town.are_ready()
    await all_ends_well(town, flow)
    assert await town.counted("tomato_repeats_total") == 0
