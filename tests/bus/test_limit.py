"""A limit of things under way: how many are inside, in what order, and who leaves the line."""

from __future__ import annotations

import asyncio

from bus.limit import Limit


async def test_no_more_are_inside_than_the_limit_says_and_all_have_their_turn() -> None:
    limit, inside, seen, order = Limit(3), 0, set[int](), list[int]()

    async def visit(number: int) -> None:
        nonlocal inside
        async with limit:
            inside += 1
            seen.add(inside)
            order.append(number)
            await asyncio.sleep(0.001)
            inside -= 1

    await asyncio.gather(*(visit(number) for number in range(20)))
    assert max(seen) == 3 and inside == 0
    assert order == list(range(20)), "first come, first served"


async def test_who_gives_up_waiting_takes_no_place_with_him() -> None:
    limit, gone = Limit(1), asyncio.Event()

    async def wait() -> None:
        async with limit:
            gone.set()

    async with limit:
        impatient, patient = asyncio.create_task(wait()), asyncio.create_task(wait())
        await asyncio.sleep(0)
        impatient.cancel()
    await asyncio.wait_for(patient, 1)
    assert impatient.cancelled() and gone.is_set()


async def test_a_place_that_comes_to_somebody_who_is_leaving_goes_to_the_next() -> None:
    limit = Limit(1)

    async def wait() -> bool:
        async with limit:
            return True

    async with limit:
        leaving, next_one = asyncio.create_task(wait()), asyncio.create_task(wait())
        await asyncio.sleep(0)
    leaving.cancel()  # its turn has come in this very moment
    assert await asyncio.wait_for(next_one, 1)
    async with asyncio.timeout(1), limit:
        assert leaving.cancelled()
