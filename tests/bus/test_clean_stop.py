"""A clean stop: SIGTERM ends consuming, what is in hand is finished, nothing comes twice."""

from __future__ import annotations

import asyncio

from bus.broker import Arrived
from schema.events import decode_events
from tests.bus.rooms import COUNTER, Add, counted, counter
from tests.bus.wire import a_wire
from tests.bus.workshop import Workshop, at_last


async def _some_are_counted(workshop: Workshop) -> bool:
    return bool(await counted(workshop.pool))


async def test_a_worker_that_is_stopped_under_load_leaves_nothing_to_deliver_again(
    workshop: Workshop,
) -> None:
    sent: list[str] = []
    async with (
        a_wire(workshop.site.rabbitmq_url) as wire,
        workshop.worker("counter", url=wire.url) as worker,
    ):
        await worker.is_at_work()
        sending = asyncio.create_task(_keep_sending(workshop, sent))
        await at_last(lambda: _some_are_counted(workshop))
        await asyncio.sleep(0.3)
        stopping = asyncio.create_task(worker.stop())
        await asyncio.sleep(0.2)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        assert await stopping == 0
        assert wire.to_broker["Basic.Ack"] == wire.from_broker["Basic.Deliver"]
    left = await _left(workshop)
    done = {str(row["message_id"]) for row in await workshop.pool.fetch("TABLE bus.inbox")}
    assert left and done, "it was stopped in the middle"
    assert not left & done, "what is left nobody has worked on"
    assert left | done >= set(sent)
    causes = [str(event.causationid) for event in await workshop.wire()]
    assert sorted(causes) == sorted(done), "what it did it said, once"


async def _keep_sending(workshop: Workshop, sent: list[str]) -> None:
    while True:
        events = await workshop.send(*(Add(key="a") for _ in range(20)))
        sent += [event.id for event in events]


async def _left(workshop: Workshop) -> set[str]:
    await asyncio.sleep(0.2)  # what a worker had left unacknowledged would come back now
    messages = await workshop.waiting(COUNTER.queue)
    return {event.id for m in messages for event in decode_events(m.body, m.content_type)}


async def test_workers_hand_a_queue_over_and_no_message_comes_to_two_of_them(
    workshop: Workshop,
) -> None:
    """Each stops at another moment; deliveries are on their way to it all the time.

    Those that the broker takes back by itself are not seen here: they never were on the wire.
    """
    seen: list[str] = []

    async def read(arrived: Arrived) -> None:
        await asyncio.sleep(0.001)
        seen.extend(event.id for event in decode_events(arrived.body, arrived.content_type))

    events = await workshop.send(*(Add(key="a") for _ in range(600)))
    async with a_wire(workshop.site.rabbitmq_url) as wire:
        for turn in range(20):
            async with workshop.at_work(url=wire.url) as broker:
                broker.subscribe(COUNTER, read, prefetch=10)
                await broker.start()
                await asyncio.sleep(0.002 * turn)
            assert wire.to_broker["Basic.Ack"] == wire.from_broker["Basic.Deliver"]
    left = await _left(workshop)
    assert len(seen) == len(set(seen)) > 100
    assert left.isdisjoint(seen) and left.union(seen) == {event.id for event in events}


async def test_a_worker_without_a_broker_stops_all_the_same(workshop: Workshop) -> None:
    async with (
        a_wire(workshop.site.rabbitmq_url) as wire,
        asyncio.timeout(20),
        workshop.at_work(counter, url=wire.url),
    ):
        await wire.tear_down()
        await asyncio.sleep(0.3)
