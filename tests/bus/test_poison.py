"""Poison: what can't be settled is put aside with the reason, and its neighbours never notice."""

from __future__ import annotations

import msgspec
import pytest
from msgspec import Raw
from msgspec.structs import replace

from bus.origin import new_event
from bus.patience import TRIES_ALONE_MAX
from schema.events import BATCH, SINGLE, Event, encode_events
from tests.bus.rooms import COUNTER, TALLY, Add, Added, counted, counter, tally
from tests.bus.workshop import Workshop, at_last

QUEUE = COUNTER.queue
POISON = Add(key="poison")


def _with_data(document: str) -> Event:
    return replace(new_event(Add(key="a")), data=Raw(document.encode()))


async def _buried(workshop: Workshop, *, letters: int = 1) -> bool:
    return len(await workshop.waiting(f"{QUEUE}.dead")) == letters


async def _settle(workshop: Workshop, *events: Event) -> str:
    """The reason on the one dead letter that this delivery leaves behind."""
    await workshop.put(QUEUE, *events)
    async with workshop.at_work(counter):
        await at_last(lambda: _buried(workshop))
    assert await workshop.waiting(QUEUE) == []
    (letter,) = await workshop.dead(QUEUE)
    return letter.reason


@pytest.mark.parametrize("place", [0, 2, 4], ids=["first", "middle", "last"])
async def test_neighbours_of_poison_in_one_delivery_are_settled(
    workshop: Workshop, place: int
) -> None:
    events = [new_event(Add(key=key, amount=2)) for key in "abcd"]
    events.insert(place, new_event(POISON))
    async with workshop.at_work(tally):
        reason = await _settle(workshop, *events)
        await at_last(lambda: counted(workshop.pool, "tally"))
    assert await counted(workshop.pool) == dict.fromkeys("abcd", (2, 1))
    assert await counted(workshop.pool, "tally") == dict.fromkeys("abcd", (2, 1))
    assert "ValueError: this key is poison" in reason


async def test_poison_is_tried_alone_before_it_is_given_up(workshop: Workshop) -> None:
    event = new_event(POISON)
    await _settle(workshop, new_event(Add(key="a")), event)
    (letter,) = await workshop.waiting(f"{QUEUE}.dead")
    assert letter.headers["x-tries"] == TRIES_ALONE_MAX
    assert letter.headers["x-event-id"] == event.id
    assert letter.headers["x-event-type"] == "example.add"
    assert msgspec.json.decode(letter.body, type=Event) == event


async def test_a_number_that_the_database_can_not_hold_blocks_nobody(workshop: Workshop) -> None:
    """asyncpg refuses it before it is sent: no lost connection, which would be waited for."""
    reason = await _settle(workshop, _with_data('{"key": "a", "amount": 9223372036854775808}'))
    assert "out of int64 range" in reason
    async with workshop.at_work(counter):
        await workshop.send(Add(key="a"))
        await at_last(lambda: counted(workshop.pool))


async def test_bytes_that_are_no_event_are_put_aside_as_they_came(workshop: Workshop) -> None:
    await workshop.put_bytes(QUEUE, b"\xff\x00 no JSON", SINGLE)
    await workshop.put_bytes(QUEUE, b"{}", "text/plain")
    async with workshop.at_work(counter):
        await at_last(lambda: _buried(workshop, letters=2))
    broken, foreign = await workshop.dead(QUEUE)
    assert broken.body == b"\xff\x00 no JSON" and "byte 0" in broken.reason
    assert foreign.reason.startswith("content type 'text/plain' is not")
    assert await workshop.waiting(QUEUE) == []


async def test_an_event_that_is_nested_too_deep_is_put_aside_with_the_reason(
    workshop: Workshop,
) -> None:
    depth = 100_000
    reason = await _settle(workshop, _with_data("[" * depth + "]" * depth))
    assert "nested too deep" in reason


async def test_one_broken_envelope_does_not_take_its_batch_with_it(workshop: Workshop) -> None:
    good, other = new_event(Add(key="a")), new_event(Add(key="b"))
    batch = msgspec.json.decode(encode_events([good, other, other])[0])
    del batch[1]["source"]
    await workshop.put_bytes(QUEUE, msgspec.json.encode(batch), BATCH)
    async with workshop.at_work(counter):
        await at_last(lambda: _buried(workshop))
        await at_last(lambda: counted(workshop.pool))
    (letter,) = await workshop.dead(QUEUE)
    assert "missing required field `source`" in letter.reason
    assert await counted(workshop.pool) == {"a": (1, 1), "b": (1, 1)}


async def test_an_event_of_a_type_that_nobody_knows_is_put_aside(workshop: Workshop) -> None:
    stranger = replace(new_event(Add(key="a")), type="example.unheard_of")
    reason = await _settle(workshop, stranger)
    assert reason == "type: no contract is named 'example.unheard_of'"


async def test_an_event_that_the_queue_does_not_hear_is_put_aside(workshop: Workshop) -> None:
    reason = await _settle(workshop, new_event(Added(key="a", amount=1, total=1)))
    assert reason == "type: example.counter does not hear 'example.added'"


async def test_an_event_whose_id_is_no_message_id_is_put_aside(workshop: Workshop) -> None:
    reason = await _settle(workshop, replace(new_event(Add(key="a")), id="order 7"))
    assert "badly formed hexadecimal UUID string" in reason


async def test_a_newer_writers_field_is_passed_over(workshop: Workshop) -> None:
    newer = '{"key": "a", "amount": 2, "total": 2, "colour": "red", "nested": {"x": [1]}}'
    event = replace(new_event(Added(key="a", amount=2, total=2)), data=Raw(newer.encode()))
    await workshop.put(TALLY.queue, event)
    async with workshop.at_work(tally):
        await at_last(lambda: counted(workshop.pool, "tally"))
    assert await counted(workshop.pool, "tally") == {"a": (2, 1)}


async def test_a_field_of_the_wrong_type_is_named(workshop: Workshop) -> None:
    reason = await _settle(workshop, _with_data('{"key": "a", "amount": "7"}'))
    assert reason == "data: Expected `int`, got `str` - at `$.amount`"
