"""Micro-batches: who waits for company, how long, and in what order they go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bus.gather import CAN_WAIT_S, Gather

LINGER_MS = 500
"""Long enough that a batch which lingered can be told from one that did not."""


class Batches(list[list[int]]):
    """The batches that were handed out."""

    async def add(self, items: list[int]) -> None:
        self.append(items)

    async def all_of(self, items: int) -> None:
        """Returns when so many items were handed out."""
        async with asyncio.timeout(5):
            while sum(map(len, self)) < items:
                await asyncio.sleep(0.001)


@asynccontextmanager
async def gathering(**options: Any) -> AsyncIterator[tuple[Gather[int], Batches]]:
    """A gather at work, and what it hands out."""
    batches = Batches()
    gather = Gather(batches.add, **options)
    await gather.start()
    yield gather, batches
    await gather.stop()


async def _hurry(gather: Gather[int], batches: Batches) -> None:
    """Makes the line dense: a hundred items within tens of milliseconds."""
    for item in range(100):
        gather.put(item)
        await asyncio.sleep(0)
    await batches.all_of(100)
    batches.clear()


async def _seconds_for(gather: Gather[int], batches: Batches, *items: int) -> float:
    started = asyncio.get_running_loop().time()
    for item in items:
        gather.put(item)
    await batches.all_of(len(items))
    return asyncio.get_running_loop().time() - started


async def test_an_item_on_an_idle_line_waits_for_nobody() -> None:
    async with gathering(linger_ms=LINGER_MS) as (gather, batches):
        for item in range(3):
            await asyncio.sleep(0.25)
            assert await _seconds_for(gather, batches, item) < LINGER_MS / 2000
            batches.clear()


async def test_an_item_on_a_dense_line_waits_for_company() -> None:
    async with gathering(linger_ms=LINGER_MS) as (gather, batches):
        await _hurry(gather, batches)
        assert await _seconds_for(gather, batches, 1) >= LINGER_MS / 1000 * 0.9


async def test_a_full_batch_goes_at_once_on_a_dense_line() -> None:
    async with gathering(linger_ms=LINGER_MS, size_max=10) as (gather, batches):
        await _hurry(gather, batches)
        assert await _seconds_for(gather, batches, *range(10)) < LINGER_MS / 2000
    assert list(batches) == [list(range(10))]


async def test_a_batch_that_fills_while_it_lingers_goes_at_once() -> None:
    async with gathering(linger_ms=LINGER_MS, size_max=10) as (gather, batches):
        await _hurry(gather, batches)
        gather.put(0)
        await asyncio.sleep(0.01)
        assert await _seconds_for(gather, batches, *range(1, 10)) < LINGER_MS / 2000
    assert list(batches) == [list(range(10))]


async def test_what_can_wait_waits_for_its_like() -> None:
    async with gathering(linger_ms=5) as (gather, batches):
        for item in range(5):
            gather.put(item, can_wait=True)
            await asyncio.sleep(CAN_WAIT_S / 10)
        assert not batches
        await batches.all_of(5)
    assert list(batches) == [[0, 1, 2, 3, 4]]


async def test_a_dense_line_of_what_can_wait_keeps_nobody_else_waiting() -> None:
    async with gathering(linger_ms=LINGER_MS, size_max=10) as (gather, batches):
        for item in range(100):
            gather.put(item, can_wait=True)
        await batches.all_of(100)
        assert await _seconds_for(gather, batches, 100) < LINGER_MS / 2000


async def test_what_can_wait_goes_with_the_next_that_can_not_and_before_it() -> None:
    async with gathering(linger_ms=5) as (gather, batches):
        gather.put(0, can_wait=True)
        await asyncio.sleep(CAN_WAIT_S / 10)
        assert await _seconds_for(gather, batches, 1) < CAN_WAIT_S / 2
    assert list(batches) == [[0, 1]]


async def test_a_full_batch_of_what_can_wait_goes_at_once() -> None:
    async with gathering(linger_ms=5, size_max=3) as (gather, batches):
        for item in range(3):
            gather.put(item, can_wait=True)
        await asyncio.sleep(CAN_WAIT_S / 4)
        assert list(batches) == [[0, 1, 2]]


async def test_no_batch_is_larger_than_it_may_be_and_the_order_is_kept() -> None:
    async with gathering(linger_ms=5, size_max=7) as (gather, batches):
        for item in range(100):
            gather.put(item)
            if item % 13 == 0:
                await asyncio.sleep(0.002)
        await batches.all_of(100)
    assert [item for batch in batches for item in batch] == list(range(100))
    assert max(map(len, batches)) <= 7


async def test_what_comes_while_a_batch_is_worked_on_forms_the_next_one() -> None:
    working, go_on, batches = asyncio.Event(), asyncio.Event(), Batches()

    async def work(items: list[int]) -> None:
        await batches.add(items)
        working.set()
        await go_on.wait()

    gather = Gather(work, linger_ms=5)
    await gather.start()
    gather.put(0)
    await working.wait()
    for item in (1, 2, 3):
        gather.put(item)
    go_on.set()
    await batches.all_of(4)
    await gather.stop()
    assert list(batches) == [[0], [1, 2, 3]]


async def test_a_batch_that_fails_unexpectedly_does_not_end_the_work() -> None:
    batches = Batches()

    async def fail_once(items: list[int]) -> None:
        await batches.add(items)
        if items == [0]:
            raise RuntimeError("nobody expected this")

    gather = Gather(fail_once)
    await gather.start()
    gather.put(0)
    await batches.all_of(1)
    gather.put(1)
    await batches.all_of(2)
    await gather.stop()
    assert list(batches) == [[0], [1]]
