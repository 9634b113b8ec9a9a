"""What can be looked at: rows of the books as they are shown."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import asyncpg
import msgspec
from msgspec import Struct

from bus.database import Pool, queries
from bus.terminal import refuse
from schema.days import end_of, start_of

SQL = queries(__file__)

Row = Mapping[str, Any]

PAGE_ENTRIES = 1_000
NEWEST = 2**62
"""No account has so many entries."""


class Line(Struct, frozen=True):
    """An entry as a statement has it."""

    serial: int
    booked_at: datetime
    kind: str
    booking_key: str | None
    subject: str | None
    amount_fen: int
    balance_after_fen: int
    fee_fen: int | None
    rate_ppm: int | None
    rate_no: str | None
    booking_id: int


async def account(pool: Pool, number: str) -> Row:
    """An account in full."""
    row = await pool.fetchrow(SQL.find_account, number)
    return dict(row) if row else no_account(number)


async def beside(pool: Pool, number: str) -> Row:
    """What the owner has on his other accounts, by kind."""
    return {row["kind"]: row["balance_fen"] for row in await pool.fetch(SQL.beside, number)}


async def balance_at(pool: Pool, number: str, moment: datetime) -> Row:
    """The balance right before a moment."""
    row = await pool.fetchrow(SQL.balance_before, number, moment)
    return dict(row) if row else no_account(number)


async def accounts(pool: Pool, after: str, limit: int, **only: str | None) -> list[Row]:
    """A page of accounts; `only` may name owner, role, kind and state."""
    named = [only.get(name) for name in ("owner", "role", "kind", "state")]
    return await rows(pool, SQL.list_accounts, after, *named, limit)


async def history(pool: Pool, number: str, limit: int) -> list[Row]:
    """What was done to an account."""
    await account(pool, number)
    return await rows(pool, SQL.history, number, limit)


async def holds(pool: Pool, owner: str | None, with_ended: bool, limit: int) -> list[Row]:
    """What is set aside."""
    return await rows(pool, SQL.list_holds, owner, with_ended, limit)


async def rates(pool: Pool, number: str, limit: int) -> list[Row]:
    """What an account costs."""
    await account(pool, number)
    found = await rows(pool, SQL.list_rates, number, limit)
    return [{**row, "plan": msgspec.json.decode(row["plan"])} for row in found]


async def adjustments(pool: Pool, with_decided: bool, limit: int) -> list[Row]:
    """What somebody proposed."""
    return await rows(pool, SQL.list_adjustments, with_decided, limit)


async def alarms(pool: Pool, with_cleared: bool, limit: int) -> list[Row]:
    """What was found wrong."""
    return await rows(pool, SQL.list_alarms, with_cleared, limit)


async def days(pool: Pool, limit: int) -> list[Row]:
    """The days that are closed."""
    return await rows(pool, SQL.list_days, limit)


async def entries(
    pool: Pool, number: str, after: int, limit: int, last: int = NEWEST
) -> list[Line]:
    """A page of an account's entries after a serial."""
    found = await pool.fetch(SQL.entries_after, number, after, last, limit)
    if not found:
        await account(pool, number)
    return [Line(*row) for row in found]


async def entries_of_day(pool: Pool, number: str, day: date) -> AsyncIterator[list[Line]]:
    """All entries of a day, a page at a time."""
    span = await pool.fetchrow(SQL.serials_of_day, number, start_of(day), end_of(day))
    after, last = (span["before"], span["last"]) if span else no_account(number)
    while after < last:
        page = await entries(pool, number, after, PAGE_ENTRIES, last)
        if not page:
            break
        yield page
        after = page[-1].serial


async def rows(pool: Pool, statement: str, *arguments: object) -> list[Row]:
    """Rows as they are shown."""
    found: Sequence[asyncpg.Record] = await pool.fetch(statement, *arguments)
    return [dict(row) for row in found]


def no_account(number: str) -> Any:
    """Nobody has this number."""
    refuse(f"unknown_account: no account {number} (account_no)")
