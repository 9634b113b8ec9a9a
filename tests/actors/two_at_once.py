"""Two workers on the same rows: who waits for whom, seen from a third connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from bus.database import Connection, Pool

T = TypeVar("T")
Work = Callable[[Connection], Awaitable[T]]

BATCH = 200
"""About what a busy actor has in one transaction."""


async def in_line_behind(
    pool: Pool, first: Work[Any], second: Work[T], *, meanwhile: Work[Any] | None = None
) -> T:
    """What `second` gets, having had to wait for the locks of `first` until that one commits;
    `meanwhile` is what the first one does besides while it is waited for."""
    async with pool.acquire() as holder, pool.acquire() as waiting, waiting.transaction():
        async with holder.transaction():
            await first(holder)
            standing_in_line = asyncio.create_task(second(waiting))
            await _waits_for(pool, waiting, holder)
            if meanwhile is not None:
                await meanwhile(holder)
        return await standing_in_line


async def against_each_other(pool: Pool, *works: Work[Any]) -> list[BaseException]:
    """Runs all at once, each in a transaction of its own; what they raised."""

    async def run(work: Work[Any]) -> None:
        async with pool.acquire() as connection, connection.transaction():
            await work(connection)

    results = await asyncio.gather(*(run(work) for work in works), return_exceptions=True)
    return [result for result in results if isinstance(result, BaseException)]


async def _waits_for(pool: Pool, waiting: Connection, holder: Connection) -> None:
    numbers = waiting.get_server_pid(), holder.get_server_pid()
    async with asyncio.timeout(5):
        while numbers[1] not in await pool.fetchval("SELECT pg_blocking_pids($1)", numbers[0]):
            await asyncio.sleep(0.005)
