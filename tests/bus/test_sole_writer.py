"""The one writer of a queue: whoever holds the lease, also when holders die, pause and return."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bus.broker import Broker
from bus.decider import DeciderRun
from bus.lease import Lease, new_holder
from bus.patience import TRIES_ALONE_MAX
from tests.bus.rooms import COUNTER, TALLY, Add, counted, counter, tally
from tests.bus.wire import a_wire
from tests.bus.workshop import Worker, Workshop, at_last

QUEUE = COUNTER.queue
TAKEOVER_S = 5.0


async def _send(workshop: Workshop, adds: int) -> None:
    await workshop.send(*(Add(key=f"k{n % 7}") for n in range(adds)))


async def _adds(workshop: Workshop, table: str = "counter") -> int:
    return sum(adds for _, adds in (await counted(workshop.pool, table)).values())


async def _all_are_counted_once(workshop: Workshop, adds: int) -> None:
    """Nothing lost, nothing doubled, nothing put aside; the next room heard each once."""

    async def tallied() -> bool:
        return await _adds(workshop, "tally") >= adds

    async with workshop.at_work(tally):
        await at_last(tallied, within_s=40)
        await at_last(lambda: workshop.is_empty(TALLY.queue))
    rows = await counted(workshop.pool)
    assert sum(adds for _, adds in rows.values()) == adds
    assert await counted(workshop.pool, "tally") == rows
    assert await workshop.waiting(QUEUE) == []
    assert await workshop.dead(QUEUE) == await workshop.dead(TALLY.queue) == []


async def _holder(workshop: Workshop) -> str:
    return await workshop.pool.fetchval("SELECT holder FROM bus.lease WHERE name = 'example.0'")


async def _takes_over(workshop: Workshop, last: str) -> str:
    """The next holder."""

    async def is_another() -> bool:
        return await _holder(workshop) not in (last, None)

    await at_last(is_another, within_s=TAKEOVER_S)
    return await _holder(workshop)


async def _has_counted(workshop: Workshop, adds: int) -> bool:
    return await _adds(workshop) == adds


async def _is_counting(workshop: Workshop) -> bool:
    return await _adds(workshop) > 0


@asynccontextmanager
async def two_workers(workshop: Workshop) -> AsyncIterator[tuple[Worker, Worker]]:
    """The first has the lease and is in the middle of its work; the second waits."""
    async with workshop.worker("sole") as first:
        await first.is_at_work()
        await at_last(lambda: _holder(workshop))
        async with workshop.worker("sole") as second:
            await second.is_at_work()
            await at_last(lambda: _is_counting(workshop))
            yield first, second


async def test_who_holds_the_lease_is_killed_and_the_other_takes_over(workshop: Workshop) -> None:
    await _send(workshop, 600)
    async with two_workers(workshop) as (first, _):
        last = await _holder(workshop)
        first.process.kill()
        killed_at = time.monotonic()
        await _takes_over(workshop, last)
        done = await _adds(workshop)
        await at_last(lambda: _has_gone_on(workshop, done))
        assert time.monotonic() - killed_at < TAKEOVER_S
        await _all_are_counted_once(workshop, 600)


async def _has_gone_on(workshop: Workshop, done: int) -> bool:
    return await _adds(workshop) > done


async def test_who_is_paused_in_the_middle_of_a_batch_is_fenced_when_it_goes_on(
    workshop: Workshop,
) -> None:
    await _send(workshop, 600)
    async with two_workers(workshop) as (first, second):
        last = await _holder(workshop)
        await at_last(lambda: _has_an_open_transaction(workshop))
        os.kill(first.process.pid, signal.SIGSTOP)
        successor = await _takes_over(workshop, last)
        await _send(workshop, 100)
        done = await _adds(workshop)
        await at_last(lambda: _has_gone_on(workshop, done), within_s=TAKEOVER_S)
        os.kill(first.process.pid, signal.SIGCONT)
        await _all_are_counted_once(workshop, 700)
        assert await _holder(workshop) == successor
        assert await first.stop() == await second.stop() == 0


async def _has_an_open_transaction(workshop: Workshop) -> bool:
    return await workshop.pool.fetchval(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'lease example.0' AND state = 'idle in transaction')"
    )


async def test_a_clean_stop_hands_over_at_once_and_nothing_is_delivered_twice(
    workshop: Workshop,
) -> None:
    await _send(workshop, 400)
    async with (
        a_wire(workshop.site.rabbitmq_url) as wire,
        workshop.worker("sole", url=wire.url) as first,
    ):
        await first.is_at_work()
        await at_last(lambda: _is_counting(workshop))
        async with workshop.worker("sole") as second:
            await second.is_at_work()
            last = await _holder(workshop)
            assert await first.stop() == 0
            await _takes_over(workshop, last)
            assert wire.to_broker["Basic.Ack"] == wire.from_broker["Basic.Deliver"] > 0
            await _all_are_counted_once(workshop, 400)
            assert await second.stop() == 0


@asynccontextmanager
async def a_sole_writer(workshop: Workshop, url: str = "") -> AsyncIterator[Lease]:
    """A counter with a lease, in this process."""
    broker = Broker(url or workshop.site.rabbitmq_url, name="sole")
    await broker.connect()
    lease = Lease("example.0", pool=workshop.pool, holder=new_holder())
    run = DeciderRun(counter, pool=workshop.pool, broker=broker, lease=lease)
    await lease.start()
    await run.start()
    await broker.start()
    try:
        yield lease
    finally:
        await broker.pause()
        await run.stop()
        await lease.stop()
        await broker.stop()


async def test_nothing_is_done_without_the_lease(workshop: Workshop) -> None:
    await workshop.pool.execute(
        "INSERT INTO bus.lease VALUES"
        " ('example.0', 'stranger', 7, clock_timestamp() + interval '1 second')"
    )
    await _send(workshop, 10)
    async with a_sole_writer(workshop) as lease:
        await asyncio.sleep(0.5)
        assert await counted(workshop.pool) == {} and not lease.is_held
        await _all_are_counted_once(workshop, 10)
        assert lease.epoch == 8


async def test_what_is_fenced_off_is_neither_said_nor_acknowledged_nor_put_aside(
    workshop: Workshop,
) -> None:
    async with a_sole_writer(workshop) as lease:
        await _send(workshop, 7)
        await at_last(lambda: _has_counted(workshop, 7))
        assert lease._task is not None
        lease._task.cancel()  # nothing but the fence can notice now
        await workshop.pool.execute(
            "UPDATE bus.lease SET holder = 'stranger', epoch = epoch + 1,"
            " expires_at = clock_timestamp() + interval '1 second'"
        )
        await _send(workshop, TRIES_ALONE_MAX + 1)
        await at_last(lambda: _is_lost(lease), within_s=1)
        await at_last(lambda: _are_unread(workshop, TRIES_ALONE_MAX + 1))
        assert await _adds(workshop) == 7
    async with a_sole_writer(workshop):
        await _all_are_counted_once(workshop, 7 + TRIES_ALONE_MAX + 1)


async def _is_lost(lease: Lease) -> bool:
    return not lease.is_held


async def _are_unread(workshop: Workshop, deliveries: int) -> bool:
    return len(await workshop.waiting(QUEUE)) == deliveries


async def test_a_database_that_hangs_up_costs_the_one_writer_nothing(workshop: Workshop) -> None:
    hang_up = """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
    """
    async with a_sole_writer(workshop):
        for _ in range(5):
            await _send(workshop, 42)
            await workshop.pool.execute(hang_up)
            await asyncio.sleep(0.1)
        await _all_are_counted_once(workshop, 210)


async def test_a_broker_that_hangs_up_has_the_holder_back_as_its_consumer(
    workshop: Workshop,
) -> None:
    async with a_wire(workshop.site.rabbitmq_url) as wire, a_sole_writer(workshop, wire.url):
        for _ in range(3):
            await _send(workshop, 70)
            wire.cut()
            await asyncio.sleep(0.5)
        await _all_are_counted_once(workshop, 210)


async def test_who_loses_the_lease_while_the_broker_is_away_consumes_nothing_afterwards(
    workshop: Workshop,
) -> None:
    async with (
        a_wire(workshop.site.rabbitmq_url) as wire,
        a_sole_writer(workshop, wire.url) as lease,
    ):
        await _send(workshop, 7)
        await at_last(lambda: _is_counting(workshop))
        await wire.tear_down()
        lease.lose("a test")
        await workshop.pool.execute(
            "UPDATE bus.lease SET holder = 'stranger', epoch = epoch + 1,"
            " expires_at = clock_timestamp() + interval '6 seconds'"
        )
        await wire.lay()
        await _send(workshop, 10)
        await asyncio.sleep(3)
        assert (await workshop._look_at(QUEUE)).consumer_count == 0
        await _all_are_counted_once(workshop, 17)


async def test_who_gains_the_lease_while_the_broker_is_away_consumes_when_it_is_back(
    workshop: Workshop,
) -> None:
    async with (
        a_wire(workshop.site.rabbitmq_url) as wire,
        a_sole_writer(workshop, wire.url) as lease,
    ):
        await _send(workshop, 7)
        await at_last(lambda: _has_counted(workshop, 7))
        await wire.tear_down()
        lease.lose("a test")
        await at_last(lambda: _is_held(lease))
        await _send(workshop, 10)
        await asyncio.sleep(1)
        await wire.lay()
        await _all_are_counted_once(workshop, 17)
        assert lease.epoch == 2


async def _is_held(lease: Lease) -> bool:
    return lease.is_held
