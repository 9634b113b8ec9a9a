"""A decider's crash points: whatever dies in between, every message has its effect exactly once.

A worker process kills itself at the point; a second worker finishes. The wire may carry an event
twice, under the same id: the next actor's inbox absorbs it, which the tally shows.
"""

from __future__ import annotations

import pytest

from tests.bus.rooms import COUNTER, TALLY, Add, counted, counter, tally
from tests.bus.workshop import Workshop, at_last


async def _finished_once(workshop: Workshop, *, words: int) -> None:
    """Another worker does what is left; so many facts were on the wire in the end."""
    async with workshop.at_work(counter, tally):
        await at_last(lambda: _said(workshop, words))
        await at_last(lambda: _tallied(workshop, 2))
        await at_last(lambda: workshop.is_empty(TALLY.queue))
    assert await counted(workshop.pool) == {"a": (5, 2)}
    assert await counted(workshop.pool, "tally") == {"a": (5, 2)}
    assert len({event.id for event in await workshop.wire()}) == 2
    assert await workshop.waiting(COUNTER.queue) == []
    assert await workshop.waiting(TALLY.queue) == []


async def _said(workshop: Workshop, words: int) -> bool:
    return len(await workshop.wire()) == words


async def _tallied(workshop: Workshop, adds: int) -> bool:
    return (await counted(workshop.pool, "tally")).get("a", (0, 0))[1] == adds


@pytest.mark.parametrize("point", ["before load", "before decide", "before save"])
async def test_a_worker_that_dies_before_the_commit_has_done_nothing(
    workshop: Workshop, point: str
) -> None:
    await workshop.send(Add(key="a", amount=2), Add(key="a", amount=3))
    await workshop.dies("counter", at=point)
    assert await counted(workshop.pool) == {}
    assert await workshop.waiting(TALLY.queue) == []
    await _finished_once(workshop, words=2)


async def test_a_worker_that_dies_between_commit_and_publish_is_spoken_for_by_the_next(
    workshop: Workshop,
) -> None:
    await workshop.send(Add(key="a", amount=2), Add(key="a", amount=3))
    await workshop.dies("counter", at="before publish")
    assert await counted(workshop.pool) != {}, "it had committed"
    assert await workshop.waiting(TALLY.queue) == [], "and said nothing"
    await _finished_once(workshop, words=2)


async def test_what_was_published_before_the_acknowledgement_is_said_again_under_the_same_id(
    workshop: Workshop,
) -> None:
    await workshop.send(Add(key="a", amount=2), Add(key="a", amount=3))
    await workshop.dies("counter", at="after publish")
    said = [event.id for event in await workshop.wire()]
    assert said, "it had spoken"
    await _finished_once(workshop, words=len(said) + 2)
    said_in_all = [event.id for event in await workshop.wire()]
    assert all(said_in_all.count(id) == 2 for id in said)
