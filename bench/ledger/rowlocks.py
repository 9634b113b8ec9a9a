"""The reference: a ledger as everybody writes it at first, one transaction a booking, rows locked.

It has the same accounts, the same four entries and a unique key; neither batches, chain nor checks.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count

from asyncpg.pool import PoolConnectionProxy

from bench.ledger.lots import CHANNELS, MERCHANTS
from bench.ledger.tasks import Done
from bus.database import Pool, queries

SQL = queries(__file__)

FEE_ACCOUNT = 1
FIRST_CHANNEL, FIRST_MERCHANT = 10, 1_000

Connections = Sequence[PoolConnectionProxy]


@asynccontextmanager
async def connected(pool: Pool, clients: int) -> AsyncGenerator[Connections]:
    """Empty tables, and so many connections."""
    await pool.execute(SQL.make_naive_tables)
    last_merchant = FIRST_MERCHANT + MERCHANTS - 1
    await pool.execute(SQL.open_naive_accounts, 2 * CHANNELS, FIRST_MERCHANT, last_merchant)
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(pool.acquire()) for _ in range(clients)]


async def lock_rows(connections: Connections, seconds: float) -> Done:
    """All clients side by side, each one booking after the other."""
    began_at = time.monotonic()
    numbers = count(1)

    async def client(connection: PoolConnectionProxy, draw: random.Random) -> int:
        bookings = 0
        while time.monotonic() < began_at + seconds:
            await _book(connection, next(numbers), draw)
            bookings += 1
        return bookings

    clients = (client(each, random.Random(seed)) for seed, each in enumerate(connections))
    bookings = sum(await asyncio.gather(*clients))
    return Done(began_at=began_at, ended_at=time.monotonic(), bookings=bookings, batches=bookings)


async def _book(connection: PoolConnectionProxy, number: int, draw: random.Random) -> None:
    amount_fen = draw.randrange(1_000, 20_000)
    clearing = FIRST_CHANNEL + 2 * draw.randrange(CHANNELS)
    legs = {
        FEE_ACCOUNT: 6,
        clearing: -amount_fen + 4,
        clearing + 1: -4,
        FIRST_MERCHANT + draw.randrange(MERCHANTS): amount_fen - 6,
    }
    async with connection.transaction():
        rows = await connection.fetch(SQL.lock_naive_accounts, list(legs))
        accounts = [row["account_id"] for row in rows]
        moves = [legs[account] for account in accounts]
        after = [row["balance_fen"] + legs[row["account_id"]] for row in rows]
        await connection.execute(SQL.add_naive_booking, number, f"trade:{number}", amount_fen)
        await connection.execute(SQL.add_naive_entries, number, accounts, moves, after)
        await connection.execute(SQL.move_naive_accounts, accounts, after)
