"""A process dies, or is restarted, while payments are in flight."""

from __future__ import annotations

import asyncio

import pytest

from tests.faults.audit import all_ends_well
from tests.faults.orders import Flow
from tests.faults.town import ACTORS, Town

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("actor", ACTORS)
async def test_no_payment_is_lost_or_doubled_when_a_process_is_killed(
    town: Town, flow: Flow, actor: str
) -> None:
    program = town.programs[actor]
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(flow.run())
        await flow.is_running()
        program.kill()
        program.start()
        await program.is_ready()
    await all_ends_well(town, flow)


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
