"""Shards divide one actor's work among writers; whatever their number, each message counts once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec.structs import replace

from bus.broker import Broker
from bus.dead import Graveyard
from bus.lease import TTL_S
from bus.origin import new_event
from bus.process import Part
from bus.shards import Dispatcher, Shards
from schema.events import BATCH, SINGLE, Event, decode_events
from schema.messages.contract import read
from tests.bus.rooms import COUNTER, TALLY, Add, Added, counted, tally
from tests.bus.worker import by_key, sharded
from tests.bus.workshop import SHARD_QUEUES, Workshop, at_last

QUEUE = COUNTER.queue
KEYS = [f"k{n}" for n in range(12)]


def _divided(number: int) -> Shards:
    return Shards(COUNTER, number, by_key)


@asynccontextmanager
async def a_worker(workshop: Workshop, number: int) -> AsyncIterator[None]:
    """A worker in this process that believes in so many shards."""
    broker = Broker(workshop.site.rabbitmq_url, name="sharded")
    await broker.connect()
    async with at_work(broker, *sharded(_divided(number), pool=workshop.pool, broker=broker)):
        yield


@asynccontextmanager
async def a_dispatcher(workshop: Workshop, number: int) -> AsyncIterator[Dispatcher]:
    """A dispatcher without any writer."""
    broker = Broker(workshop.site.rabbitmq_url, name="dispatcher")
    await broker.connect()
    dispatcher = Dispatcher(_divided(number), pool=workshop.pool, broker=broker)
    async with at_work(broker, dispatcher):
        yield dispatcher


@asynccontextmanager
async def at_work(broker: Broker, *parts: Part) -> AsyncIterator[None]:
    """Parts on a connection of their own; a clean stop at the end."""
    for part in parts:
        await part.start()
    await broker.start()
    try:
        yield
    finally:
        await broker.pause()
        for part in reversed(parts):
            await part.stop()
        await broker.stop()


async def _send(workshop: Workshop, adds: int) -> list[Event]:
    return await workshop.send(*(Add(key=KEYS[n % len(KEYS)]) for n in range(adds)))


async def _in_shards(workshop: Workshop, number: int) -> list[list[Event]]:
    """What waits in each shard's queue, in order. To look twice would mix it up."""
    waiting = [await workshop.waiting(queue) for queue in SHARD_QUEUES[:number]]
    return [
        [event for m in messages for event in decode_events(m.body, m.content_type)]
        for messages in waiting
    ]


async def _dispatch(workshop: Workshop, number: int) -> None:
    """A dispatcher moves all there is. Its clean stop finishes what it has in hand."""
    async with a_dispatcher(workshop, number):
        await at_last(lambda: workshop.is_empty(QUEUE))


async def _all_are_counted_once(workshop: Workshop, adds: int) -> None:
    async def tallied() -> bool:
        return sum(n for _, n in (await counted(workshop.pool, "tally")).values()) >= adds

    async with workshop.at_work(tally):
        await at_last(tallied, within_s=40)
        await at_last(lambda: workshop.is_empty(TALLY.queue))
    rows = await counted(workshop.pool)
    assert sum(n for _, n in rows.values()) == adds
    assert await counted(workshop.pool, "tally") == rows
    assert await workshop.dead(QUEUE) == []


async def _held(workshop: Workshop) -> Counter[str]:
    """How many leases each worker holds."""
    rows = await workshop.pool.fetch("SELECT holder FROM bus.lease WHERE holder IS NOT NULL")
    return Counter(row["holder"] for row in rows)


async def _are_spread(workshop: Workshop, *shares: int) -> bool:
    return sorted((await _held(workshop)).values()) == sorted(shares)


async def test_two_workers_share_two_shards_whichever_starts_first(workshop: Workshop) -> None:
    async with workshop.worker("two shards") as first:
        await first.is_at_work()
        await at_last(lambda: _are_spread(workshop, 2))
        async with workshop.worker("two shards") as second:
            await second.is_at_work()
            await at_last(lambda: _are_spread(workshop, 1, 1), within_s=5)
            await asyncio.sleep(TTL_S + 1)
            assert await _are_spread(workshop, 1, 1), "and it stays so"
            await _send(workshop, 120)
            await _all_are_counted_once(workshop, 120)
            await second.stop()
        await at_last(lambda: _are_spread(workshop, 2), within_s=5)


async def test_a_worker_that_dies_under_load_leaves_its_shard_to_the_other(
    workshop: Workshop,
) -> None:
    async with workshop.worker("two shards") as first, workshop.worker("two shards") as second:
        await at_last(lambda: _are_spread(workshop, 1, 1))
        await _send(workshop, 600)
        await at_last(lambda: counted(workshop.pool))
        second.process.kill()
        await at_last(lambda: _are_spread(workshop, 2), within_s=5)
        await _all_are_counted_once(workshop, 600)
        assert await first.stop() == 0


async def test_four_shards_spread_over_three_workers(workshop: Workshop) -> None:
    async with (
        a_worker(workshop, 4),
        a_worker(workshop, 4),
        a_worker(workshop, 4),
    ):
        await at_last(lambda: _are_spread(workshop, 1, 1, 2))
        await asyncio.sleep(TTL_S + 1)
        assert await _are_spread(workshop, 1, 1, 2)


async def test_a_dispatched_event_is_the_same_event_in_the_queue_of_its_shard(
    workshop: Workshop,
) -> None:
    event = replace(
        new_event(Add(key="a", amount=3), subject="s", correlationid="c", replyto="reply.x"),
        causationid="the-cause",
    )
    await workshop.put(QUEUE, event)
    await _dispatch(workshop, 2)
    assert await workshop.waiting(QUEUE) == []
    shards = await _in_shards(workshop, 2)
    assert shards[by_key(Add(key="a")) % 2] == [event]


async def test_each_shard_gets_its_events_in_order_and_in_few_deliveries(
    workshop: Workshop,
) -> None:
    events = await _send(workshop, 300)
    await _dispatch(workshop, 2)
    deliveries = [await _deliveries(workshop, queue) for queue in SHARD_QUEUES[:2]]
    assert sum(deliveries) < 60
    for shard, seen in enumerate(await _in_shards(workshop, 2)):
        assert seen == [event for event in events if by_key(read(event)) % 2 == shard]


async def _deliveries(workshop: Workshop, queue: str) -> int:
    return (await workshop._look_at(queue)).message_count or 0


async def test_a_dispatcher_that_dies_before_it_acknowledges_has_said_nothing_new(
    workshop: Workshop,
) -> None:
    events = await _send(workshop, 20)
    await workshop.dies("dispatcher", at="after publish")
    assert any(await _in_shards(workshop, 2)), "it had moved some"
    async with a_worker(workshop, 2):
        await _all_are_counted_once(workshop, 20)
        await at_last(lambda: _are_read(workshop))
    assert {str(e.causationid) for e in await workshop.wire()} == {e.id for e in events}


async def _are_read(workshop: Workshop) -> bool:
    return all([await workshop.is_empty(queue) for queue in (QUEUE, *SHARD_QUEUES[:2])])


async def test_a_dispatcher_that_stops_cleanly_leaves_nothing_to_deliver_again(
    workshop: Workshop,
) -> None:
    for turn in range(5):
        sending = asyncio.create_task(_send(workshop, 200))
        async with a_dispatcher(workshop, 2):
            await asyncio.sleep(0.01 * turn)
        await sending
    await _dispatch(workshop, 2)
    moved = [event.id for shard in await _in_shards(workshop, 2) for event in shard]
    assert len(moved) == len(set(moved)) == 1000


async def test_what_a_dispatcher_can_not_read_is_put_aside(workshop: Workshop) -> None:
    await workshop.put_bytes(QUEUE, b"\xff\x00 no JSON", SINGLE)
    await workshop.put(QUEUE, new_event(Add(key="a")), new_event(Added(key="a", amount=1, total=1)))
    await workshop.put_bytes(QUEUE, b"[{}]", BATCH)
    async with a_dispatcher(workshop, 2):
        await at_last(lambda: _are_dead(workshop, 3))
    assert await workshop.waiting(QUEUE) == []


async def _are_dead(workshop: Workshop, letters: int) -> bool:
    return len(await workshop.dead(QUEUE)) == letters


async def test_poison_in_a_shard_lies_with_its_actors_dead_and_is_replayed_to_the_shard(
    workshop: Workshop,
) -> None:
    (event,) = await workshop.send(Add(key="poison"))
    async with a_worker(workshop, 2):
        await at_last(lambda: _are_dead(workshop, 1))
    (letter,) = await workshop.dead(QUEUE)
    assert letter.event_id == event.id and "this key is poison" in letter.reason
    assert await Graveyard(workshop.broker).replay(QUEUE) == 1
    assert (await _in_shards(workshop, 2))[by_key(Add(key="poison")) % 2] == [event]


async def test_what_waits_in_shards_that_are_no_more_is_dispatched_anew(
    workshop: Workshop,
) -> None:
    await _send(workshop, 100)
    await _dispatch(workshop, 4)
    async with a_worker(workshop, 2):
        await _all_are_counted_once(workshop, 100)


async def test_a_single_shard_finds_what_waits_in_queues_of_former_shards(
    workshop: Workshop,
) -> None:
    await _send(workshop, 250)
    await _dispatch(workshop, 2)
    async with a_worker(workshop, 1):
        await _all_are_counted_once(workshop, 250)
    assert await _are_read(workshop)


async def test_workers_that_disagree_about_the_number_of_shards_count_each_message_once(
    workshop: Workshop,
) -> None:
    async with a_worker(workshop, 1), a_worker(workshop, 2), a_worker(workshop, 3):
        await _send(workshop, 300)
        await _all_are_counted_once(workshop, 300)
    async with a_worker(workshop, 1):
        await at_last(lambda: _are_read(workshop))
