"""Connections: a cut under load, a backlog from before the start, and the prefetch."""

from __future__ import annotations

import asyncio

import pytest

from bus.broadcasts import Broadcasts
from bus.broker import Arrived, Broker
from bus.effects import Outgoing, deliveries
from bus.origin import new_event
from schema.messages.merchants import ProfileChanged
from tests.bus.rooms import COUNTER, TALLY, Add, counted, counter, tally
from tests.bus.wire import a_wire
from tests.bus.workshop import Workshop, at_last


async def _tallied(workshop: Workshop, adds: int) -> bool:
    rows = await counted(workshop.pool, "tally")
    return sum(tallied for _, tallied in rows.values()) >= adds


async def test_a_connection_that_is_cut_under_load_loses_and_doubles_nothing(
    workshop: Workshop,
) -> None:
    url = workshop.site.rabbitmq_url
    async with a_wire(url) as wire, workshop.at_work(tally, url=wire.url):
        async with workshop.at_work(counter, url=wire.url):
            for _ in range(4):
                await workshop.send(*(Add(key=f"k{n % 7}") for n in range(75)))
                wire.cut()
                await asyncio.sleep(0.5)
            await at_last(lambda: _tallied(workshop, 300), within_s=30)
            await at_last(lambda: workshop.is_empty(COUNTER.queue))
        # What the counter had in hand, it has told by now, some of it twice.
        await at_last(lambda: workshop.is_empty(TALLY.queue))
    rows = await counted(workshop.pool)
    assert sum(adds for _, adds in rows.values()) == 300
    assert await counted(workshop.pool, "tally") == rows
    for queue in (COUNTER.queue, TALLY.queue):
        assert await workshop.waiting(queue) == []
        assert await workshop.dead(queue) == []


async def test_a_database_that_hangs_up_under_load_loses_and_doubles_nothing(
    workshop: Workshop,
) -> None:
    hang_up = """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
    """
    async with workshop.at_work(counter, tally):
        for _ in range(5):
            await workshop.send(*(Add(key=f"k{n % 7}") for n in range(42)))
            await workshop.pool.execute(hang_up)
            await asyncio.sleep(0.1)
        await at_last(lambda: _tallied(workshop, 210))
    rows = await counted(workshop.pool)
    assert rows == await counted(workshop.pool, "tally") == {f"k{n}": (30, 30) for n in range(7)}
    assert await workshop.dead(COUNTER.queue) == await workshop.dead(TALLY.queue) == []


async def test_a_sender_whose_connection_is_cut_has_everything_confirmed_in_the_end(
    workshop: Workshop,
) -> None:
    async with a_wire(workshop.site.rabbitmq_url) as wire, workshop.at_work(counter):
        sender = Broker(wire.url, name="sender")
        await sender.connect()
        commands = [(Add(key="a"), new_event(Add(key="a"))) for _ in range(300)]
        alone = [deliveries([Outgoing.of(*command)])[0] for command in commands]
        sending = asyncio.create_task(sender.publish(alone))
        await asyncio.sleep(0.01)
        wire.cut()
        await asyncio.wait_for(sending, 20)
        await at_last(lambda: _counted(workshop, 300), within_s=30)
        await at_last(lambda: workshop.is_empty(COUNTER.queue))
        await sender.stop()
    assert await counted(workshop.pool) == {"a": (300, 300)}


async def _counted(workshop: Workshop, adds: int) -> bool:
    return (await counted(workshop.pool)).get("a", (0, 0))[1] >= adds


async def test_a_backlog_from_before_the_start_is_consumed_to_the_last_delivery(
    workshop: Workshop,
) -> None:
    """The wire is slow, so that the first deliveries come together with the consent to consume.

    What FastStream gets before it calls itself running, it drops and never settles.
    """
    await workshop.send(*(Add(key="a") for _ in range(500)))
    async with (
        a_wire(workshop.site.rabbitmq_url, lag_s=0.03) as wire,
        workshop.at_work(counter, url=wire.url),
    ):
        await at_last(lambda: _counted(workshop, 500), within_s=30)
    await asyncio.sleep(0.2)  # what had been dropped would come back now
    assert await workshop.waiting(COUNTER.queue) == []
    assert await counted(workshop.pool) == {"a": (500, 500)}


@pytest.mark.parametrize("prefetch", [1, 5])
async def test_a_worker_has_no_more_deliveries_in_hand_than_it_may(
    workshop: Workshop, broker: Broker, prefetch: int
) -> None:
    await workshop.send(*(Add(key="a") for _ in range(40)))
    in_hand, seen, done = 0, set[int](), 0

    async def read(_: Arrived) -> None:
        nonlocal in_hand, done
        in_hand += 1
        seen.add(in_hand)
        await asyncio.sleep(0.02)
        in_hand, done = in_hand - 1, done + 1

    async def all_read() -> bool:
        return done == 40

    broker.subscribe(COUNTER, read, prefetch=prefetch)
    await broker.start()
    await at_last(all_read)
    await broker.pause()
    assert max(seen) == prefetch


async def test_broadcasts_are_heard_again_after_a_cut(workshop: Workshop) -> None:
    heard: list[int] = []

    async def hear(message: ProfileChanged) -> None:
        heard.append(message.version)

    async def is_heard() -> bool:
        heard.clear()
        message = ProfileChanged(kind="merchant", number="1", version=7)
        await workshop.broker.publish(deliveries([Outgoing.of(message, new_event(message))]))
        await asyncio.sleep(0.05)
        return heard == [7]

    async with a_wire(workshop.site.rabbitmq_url) as wire, workshop.at_work(url=wire.url) as broker:
        broadcasts = Broadcasts(broker)
        broadcasts.listen(ProfileChanged, hear)
        await broadcasts.start()
        await at_last(is_heard)
        wire.cut()
        await at_last(is_heard)
        await broadcasts.stop()
