"""Dead letters: a person looks at them, and then replays or drops them."""

from __future__ import annotations

from bus.dead import Graveyard
from bus.origin import new_event
from tests.bus.rooms import COUNTER, TALLY, Add, Added, counted, tally
from tests.bus.workshop import Workshop, at_last

QUEUE = TALLY.queue


async def _bury(workshop: Workshop, *keys: str) -> list[str]:
    """Dead letters of the tally, in this order; returns their ids."""
    graveyard = Graveyard(workshop.broker)
    events = [new_event(Added(key=key, amount=1, total=1), subject=key) for key in keys]
    for event in events:
        await graveyard.bury(QUEUE, event, f"{event.subject} was too much", tries=3)
    return [event.id for event in events]


async def _keys_left(workshop: Workshop) -> list[str]:
    return [letter.reason.split()[0] for letter in await workshop.dead(QUEUE)]


async def test_looking_at_dead_letters_changes_nothing(workshop: Workshop) -> None:
    ids = await _bury(workshop, "a", "b", "c")
    first, second = await workshop.dead(QUEUE), await workshop.dead(QUEUE)
    assert first == second
    assert [letter.event_id for letter in first] == ids
    assert [letter.number for letter in first] == [1, 2, 3]
    assert {letter.type for letter in first} == {"example.added"}
    assert first[0].reason == "a was too much" and first[0].died_at.endswith("+00:00")
    assert len(await Graveyard(workshop.broker).list(QUEUE, limit=2)) == 2


async def test_one_dead_letter_is_replayed_and_the_others_stay(workshop: Workshop) -> None:
    _, chosen, _ = await _bury(workshop, "a", "b", "c")
    assert await Graveyard(workshop.broker).replay(QUEUE, chosen) == 1
    async with workshop.at_work(tally):
        await at_last(lambda: counted(workshop.pool, "tally"))
    assert await counted(workshop.pool, "tally") == {"b": (1, 1)}
    assert await _keys_left(workshop) == ["a", "c"]


async def test_all_dead_letters_are_replayed_and_count_once(workshop: Workshop) -> None:
    await _bury(workshop, "a", "a", "a")
    graveyard = Graveyard(workshop.broker)
    assert await graveyard.replay(QUEUE) == 3
    async with workshop.at_work(tally):
        await at_last(lambda: _tallied(workshop, 3))
    assert await workshop.dead(QUEUE) == [] and await graveyard.replay(QUEUE) == 0


async def _tallied(workshop: Workshop, adds: int) -> bool:
    return await counted(workshop.pool, "tally") == {"a": (adds, adds)}


async def test_dropped_letters_are_gone(workshop: Workshop) -> None:
    first, *_ = await _bury(workshop, "a", "b", "c")
    graveyard = Graveyard(workshop.broker)
    assert await graveyard.drop(QUEUE, first) == 1
    assert await _keys_left(workshop) == ["b", "c"]
    assert await graveyard.drop(QUEUE) == 2
    assert await _keys_left(workshop) == []
    assert await workshop.waiting(QUEUE) == []


async def test_a_letter_that_the_broker_gave_up_on_can_be_replayed(workshop: Workshop) -> None:
    """Redelivered too often, a message comes to the dead queue by the broker's own hand."""
    await workshop.send(Add(key="a"))
    channel = await workshop.broker.channel()
    queue = await channel.get_queue(COUNTER.queue, ensure=False)
    message = await queue.get()
    await message.reject(requeue=False)
    await channel.close()
    (letter,) = await at_last(lambda: workshop.dead(COUNTER.queue))
    assert letter.reason == "rejected"
    assert await Graveyard(workshop.broker).replay(COUNTER.queue) == 1
    assert len(await workshop.waiting(COUNTER.queue)) == 1
