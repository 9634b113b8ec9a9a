"""Repeats and company: the same event again, in any way it can come, and two workers at one row."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from bus.database import Connection
from bus.origin import new_event
from schema.messages.contract import Message
from tests.bus.rooms import COUNTER, TALLY, Add, Counts, counted, counter, load_counter, tally
from tests.bus.workshop import Workshop, at_last


async def _adds(workshop: Workshop, key: str, table: str = "counter") -> int:
    return (await counted(workshop.pool, table)).get(key, (0, 0))[1]


def _loading_together(workers: int) -> Callable[[Connection, Sequence[Message]], Awaitable[Counts]]:
    """A load whose first calls, one per worker, go on only when all have loaded."""
    together, calls = asyncio.Barrier(workers), 0

    async def load(connection: Connection, messages: Sequence[Message]) -> Counts:
        nonlocal calls
        calls += 1
        book, is_first = await load_counter(connection, messages), calls <= workers
        if is_first:
            await together.wait()
        return book

    return load


async def test_what_a_dead_worker_had_in_hand_is_done_by_another(workshop: Workshop) -> None:
    await workshop.send(*(Add(key="a") for _ in range(30)))
    async with workshop.worker("counter", dies_at="before save") as doomed, workshop.at_work(tally):
        await doomed.ended()
        async with workshop.worker("counter") as another:
            await at_last(lambda: _done(workshop, 30))
            assert await another.stop() == 0
    assert await counted(workshop.pool) == await counted(workshop.pool, "tally") == {"a": (30, 30)}


async def _done(workshop: Workshop, adds: int) -> bool:
    return await _adds(workshop, "a", "tally") == adds


async def test_two_workers_lose_no_update_of_one_row(workshop: Workshop) -> None:
    async with workshop.at_work(counter), workshop.at_work(counter), workshop.at_work(tally):
        await workshop.send(*(Add(key="a", amount=3) for _ in range(200)))
        await at_last(lambda: _done(workshop, 200))
    assert await counted(workshop.pool) == {"a": (600, 200)}
    assert await counted(workshop.pool, "tally") == {"a": (600, 200)}


async def test_two_workers_that_both_make_the_same_row_clash_and_one_loads_again(
    workshop: Workshop,
) -> None:
    room = replace(counter, load=_loading_together(2))
    async with workshop.at_work(room, prefetch=1), workshop.at_work(room, prefetch=1):
        await workshop.send(Add(key="a", amount=1), Add(key="a", amount=2))
        await at_last(lambda: _counted_twice(workshop))
    assert await counted(workshop.pool) == {"a": (3, 2)}
    assert await workshop.dead("example.counter") == []


async def _counted_twice(workshop: Workshop) -> bool:
    return await _adds(workshop, "a") == 2


async def test_an_event_that_two_workers_take_at_once_is_settled_by_one(workshop: Workshop) -> None:
    event = new_event(Add(key="a", amount=5))
    room = replace(counter, load=_loading_together(2))
    async with workshop.at_work(room, prefetch=1), workshop.at_work(room, tally, prefetch=1):
        await workshop.put(COUNTER.queue, event)
        await workshop.put(COUNTER.queue, event)
        await at_last(lambda: _said(workshop, times=2))
        await at_last(lambda: _heard_all(workshop))
    assert await counted(workshop.pool) == {"a": (5, 1)}
    assert await counted(workshop.pool, "tally") == {"a": (5, 1)}
    assert await workshop.dead("example.counter") == []


async def _heard_all(workshop: Workshop) -> bool:
    """Whether the tally has taken every fact, repeats included."""
    return await workshop.is_empty(TALLY.queue) and bool(await counted(workshop.pool, "tally"))


async def _said(workshop: Workshop, *, times: int) -> bool:
    return len(await workshop.wire()) >= times


async def test_an_event_that_is_published_twice_has_its_effect_once(workshop: Workshop) -> None:
    event = new_event(Add(key="a", amount=5))
    async with workshop.at_work(counter, tally):
        await workshop.put(COUNTER.queue, event)
        await at_last(lambda: _said(workshop, times=1))
        await workshop.put(COUNTER.queue, event)
        await at_last(lambda: _said(workshop, times=2))
        await at_last(lambda: _heard_all(workshop))
    first, again = await workshop.wire()
    assert again.id == first.id and again.data == first.data
    assert await counted(workshop.pool) == await counted(workshop.pool, "tally") == {"a": (5, 1)}


async def test_an_event_that_stands_twice_in_one_batch_has_its_effect_once(
    workshop: Workshop,
) -> None:
    event, other = new_event(Add(key="a", amount=5)), new_event(Add(key="a", amount=1))
    await workshop.put(COUNTER.queue, event, event, other, event)
    async with workshop.at_work(counter, tally):
        await at_last(lambda: _done(workshop, 2))
    assert await counted(workshop.pool) == await counted(workshop.pool, "tally") == {"a": (6, 2)}
    assert len(await workshop.wire()) == 2
    assert await workshop.waiting(COUNTER.queue) == []
