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


async def test_a_limit_that_grows_lets_those_who_wait_in_at_once() -> None:
    limit, inside = Limit(1), set[int]()
    leave = asyncio.Event()

    async def visit(number: int) -> None:
        async with limit:
            inside.add(number)
            await leave.wait()

    visits = [asyncio.create_task(visit(number)) for number in range(5)]
    await asyncio.sleep(0)
    assert inside == {0} and limit.is_full
    limit.change(3)
    await asyncio.sleep(0)
    assert inside == {0, 1, 2}
    leave.set()
    await asyncio.gather(*visits)
    assert not limit.is_full


async def test_a_limit_that_shrinks_throws_nobody_out_and_lets_nobody_in() -> None:
    limit, inside = Limit(3), dict[int, asyncio.Event]()

    async def visit(number: int) -> None:
        async with limit:
            inside[number] = asyncio.Event()
            await inside[number].wait()

    visits = [asyncio.create_task(visit(number)) for number in range(5)]
    await asyncio.sleep(0)
    limit.change(1)
    for number in (0, 1):
        assert set(inside) == {0, 1, 2}
        inside[number].set()
        await asyncio.sleep(0)
    assert set(inside) == {0, 1, 2}
    inside[2].set()
    await asyncio.sleep(0.001)
    assert set(inside) == {0, 1, 2, 3}, "the last of three has made room for one"
    inside[3].set()
    await asyncio.sleep(0.001)
    inside[4].set()
    await asyncio.gather(*visits)
    limit.change(2)
    async with limit, limit:
        assert limit.is_full
