"""A lease has one holder at a time, and who holds it no more can't commit under it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest

from bus import database
from bus.database import Pool
from bus.errors import Fenced, world_is_down
from bus.lease import EVERY_S, IDLE_MAX_S, TTL_S, Lease, new_holder
from tests.bus.wire import a_wire
from tests.bus.workshop import Workshop, at_last

NAME = "example.0"
SOON_S = 3 * EVERY_S


@asynccontextmanager
async def a_lease(pool: Pool, holder: str = "") -> AsyncIterator[Lease]:
    """A lease that is asked for; given back at the end."""
    lease = Lease(NAME, pool=pool, holder=holder or new_holder())
    await lease.start()
    try:
        yield lease
    finally:
        await lease.stop()


async def is_held(lease: Lease) -> bool:
    return lease.is_held


async def is_lost(lease: Lease) -> bool:
    return not lease.is_held


async def taken_by_a_stranger(pool: Pool) -> None:
    """As if the holder had been paused for longer than its lease lasts."""
    await pool.execute(
        "UPDATE bus.lease SET holder = 'stranger', epoch = epoch + 1,"
        " expires_at = clock_timestamp() + interval '1 minute' WHERE name = $1",
        NAME,
    )


async def test_a_free_lease_is_taken_and_told(workshop: Workshop) -> None:
    told: list[str] = []
    lease = Lease(NAME, pool=workshop.pool, holder="me")
    lease.on_gained(_noting(told, "gained"))
    lease.on_lost(_noting(told, "lost"))
    await lease.start()
    await at_last(lambda: is_held(lease))
    assert lease.epoch == 1
    await asyncio.sleep(TTL_S + EVERY_S)
    assert lease.is_held and lease.epoch == 1, "it is renewed"
    await lease.stop()
    assert not lease.is_held
    assert told == ["gained", "lost"]


def _noting(told: list[str], what: str) -> Callable[[], Awaitable[None]]:
    async def note() -> None:
        told.append(what)

    return note


async def test_two_who_want_a_lease_have_it_one_after_the_other(workshop: Workshop) -> None:
    async with a_lease(workshop.pool) as first:
        await at_last(lambda: is_held(first))
        async with a_lease(workshop.pool) as second:
            await asyncio.sleep(TTL_S + EVERY_S)
            assert first.is_held and not second.is_held
            await first.stop()
            await at_last(lambda: is_held(second), within_s=SOON_S)
            assert second.epoch == 2


async def test_a_fence_passes_while_the_lease_is_held(workshop: Workshop) -> None:
    async with a_lease(workshop.pool) as lease:
        await at_last(lambda: is_held(lease))
        async with workshop.pool.acquire() as connection, connection.transaction():
            await lease.fence(connection)
            await asyncio.sleep(TTL_S)
            assert lease.is_held, "a transaction under way does not hold up its own lease"
        async with workshop.pool.acquire() as connection:
            timeout = await connection.fetchval("SHOW idle_in_transaction_session_timeout")
        assert timeout == "0", "only that transaction is in a hurry"


async def test_a_fence_does_not_pass_without_the_lease(workshop: Workshop) -> None:
    lease = Lease(NAME, pool=workshop.pool, holder="me")
    async with workshop.pool.acquire() as connection, connection.transaction():
        with pytest.raises(Fenced, match=r"example\.0: not held"):
            await lease.fence(connection)


async def test_a_fence_notices_that_another_has_taken_the_lease(workshop: Workshop) -> None:
    async with a_lease(workshop.pool) as lease:
        await at_last(lambda: is_held(lease))
        await taken_by_a_stranger(workshop.pool)
        assert lease.is_held, "it can't know yet"
        async with workshop.pool.acquire() as connection, connection.transaction():
            with pytest.raises(Fenced, match="taken after epoch 1"):
                await lease.fence(connection)
        await at_last(lambda: is_lost(lease), within_s=SOON_S)


async def test_a_transaction_that_does_not_go_on_gives_its_rows_free(workshop: Workshop) -> None:
    """Nobody else may want the lease; others may well want the rows."""
    async with a_lease(workshop.pool) as lease:
        await at_last(lambda: is_held(lease))
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)) as caught:
            async with workshop.pool.acquire() as connection, connection.transaction():
                await lease.fence(connection)
                await asyncio.sleep(IDLE_MAX_S + 0.5)
                await connection.execute("SELECT 1")
        assert world_is_down(caught.value), "no message's fault"
        async with workshop.pool.acquire() as connection, connection.transaction():
            await lease.fence(connection)


async def test_an_open_transaction_of_the_last_holder_is_ended_by_the_next(
    workshop: Workshop,
) -> None:
    """Even in the middle of a COPY, where the server's own timeout does not count."""
    old = Lease(NAME, pool=workshop.pool, holder="old")
    await old.start()
    await at_last(lambda: is_held(old))

    goes_on = asyncio.Event()

    async def copied() -> AsyncIterator[bytes]:
        yield b"a\t1\t1\n"
        old._is_stopping = True  # as if it were paused: no renewal, no good-bye
        await goes_on.wait()

    async def work() -> None:
        async with workshop.pool.acquire() as connection, connection.transaction():
            await old.fence(connection)
            await connection.copy_to_table("counter", source=copied(), schema_name="example")

    working = asyncio.create_task(work())
    async with a_lease(workshop.pool) as new:
        await at_last(lambda: is_held(new), within_s=TTL_S + SOON_S + 1)
        assert new.epoch == 2
    goes_on.set()
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await working
    await old.stop()


async def test_who_can_not_reach_the_database_believes_in_its_lease_no_longer_than_it_lasts(
    workshop: Workshop,
) -> None:
    async with (
        a_wire(workshop.site.postgres_url) as wire,
        await database.connect(wire.url) as far,
        a_lease(far) as lease,
    ):
        await at_last(lambda: is_held(lease))
        await wire.tear_down()
        await asyncio.sleep(TTL_S)
        assert not lease.is_held
        async with a_lease(workshop.pool) as successor:
            await at_last(lambda: is_held(successor), within_s=SOON_S)
            await wire.lay()
            await asyncio.sleep(TTL_S)
            assert successor.is_held and not lease.is_held
