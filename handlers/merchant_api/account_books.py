"""Reads a merchant's accounts and their entries; never another merchant's.

Entries never change and an account's serials have no gaps. So whatever lies between two serials is
the same whenever it is read, in however many pages, without a transaction held open.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import asyncpg

from bus.database import Pool, queries
from handlers.merchant_api.account_queries import SERIAL_MAX
from handlers.merchant_api.account_views import (
    Account,
    AccountDay,
    AccountEntry,
    AccountEntryPage,
    DayCollect,
)
from handlers.merchant_api.cursors import cursor_of
from schema.accounts import AccountState, out_of_reserve_fen
from schema.days import day_of, end_of, start_of

SQL = queries(__file__)

PAGE_ENTRIES = 1_000
"""Some 300 kB and three milliseconds of the database."""


class Owned(NamedTuple):
    """An account that is proven to be the merchant's."""

    account_id: int
    account_no: str
    currency: str


class Point(NamedTuple):
    """Where an account stood: its last entry, 0 where there was none, and the balance after it."""

    serial: int
    balance_fen: int


class Sheet(NamedTuple):
    """A day of an account: how it stood before and after."""

    account: Owned
    day: date
    opening: Point
    closing: Point


class Books:
    """The merchants' view of the ledger. It shows what is committed, which is never taken back."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def accounts(
        self, merchant_no: str, now: datetime, account_no: str | None = None
    ) -> list[Account]:
        """The merchant's accounts, or the one with this number if it is his."""
        today = start_of(day_of(now))
        rows = await self._pool.fetch(SQL.find_accounts, merchant_no, account_no, today)
        return [_account(row, await self._out_of_reserve(row)) for row in rows]

    async def owned(self, merchant_no: str, account_no: str) -> Owned | None:
        """The account of this number, where it is the merchant's."""
        row = await self._pool.fetchrow(SQL.find_account_id, account_no, merchant_no)
        return None if row is None else Owned(row["account_id"], account_no, row["currency"])

    async def before(self, account: Owned, *moments: datetime) -> list[Point]:
        """Where the account stood before each of these moments."""
        rows = await self._pool.fetch(SQL.find_balances, account.account_id, moments)
        return [Point(*row) for row in rows]

    async def span(
        self, account: Owned, begin: datetime | None, end: datetime | None
    ) -> tuple[int, int]:
        """The serials next to those of the entries from one moment on and before another."""
        moments = [moment for moment in (begin, end) if moment is not None]
        points = await self.before(account, *moments) if moments else []
        low = 0 if begin is None else points[0].serial
        high = SERIAL_MAX if end is None else points[-1].serial + 1
        return low, high

    async def page(self, account: Owned, low: int, high: int, limit: int) -> AccountEntryPage:
        """Up to `limit` entries with serials above `low` and below `high`, newest first."""
        rows = await self._pool.fetch(SQL.list_entries, account.account_id, low, high, limit + 1)
        items = [AccountEntry(**dict(row)) for row in rows[:limit]]
        return AccountEntryPage(
            items=items,
            next_cursor=cursor_of(str(items[-1].serial)) if len(rows) > limit else None,
        )

    async def sheet(self, account: Owned, day: date) -> Sheet:
        """Between which entries a day of the account lies."""
        return Sheet(account, day, *await self.before(account, start_of(day), end_of(day)))

    async def entries_of(self, sheet: Sheet) -> AsyncIterator[list[AccountEntry]]:
        """The entries of a statement, oldest first, in pages."""
        serial, last = sheet.opening.serial, sheet.closing.serial
        while serial < last:
            rows = await self._pool.fetch(
                SQL.list_statement, sheet.account.account_id, serial, last, PAGE_ENTRIES
            )
            yield [AccountEntry(**dict(row)) for row in rows]
            serial = rows[-1]["serial"]

    async def days(self, account: Owned, first: date, last: date) -> list[AccountDay]:
        """Every day from the first to the last, with what moved the account where it is known."""
        days = [first + timedelta(days=n) for n in range(-1, (last - first).days + 1)]
        ends = [end_of(day) for day in days]
        rows = await self._pool.fetch(SQL.list_days, account.account_id, days, ends)
        collects: dict[date, list[DayCollect]] = {}
        for row in await self._pool.fetch(SQL.list_collects, account.account_id, first, last):
            day, kind, amount, volume, count = row
            collect = DayCollect(kind=kind, amount_fen=amount, volume_fen=volume, count=count)
            collects.setdefault(day, []).append(collect)
        return [
            AccountDay(
                day=row["day"],
                is_closed=row["is_closed"],
                opening_balance_fen=before["balance_fen"],
                closing_balance_fen=row["balance_fen"],
                collects=collects.get(row["day"], []) if row["is_closed"] else None,
            )
            for before, row in pairwise(rows)
        ]

    async def _out_of_reserve(self, row: asyncpg.Record) -> int:
        """What may be paid out, with the entries that the account's own row does not have yet."""
        outside, serial = row["out_of_reserve_fen"], row["serial"]
        while row["kind"] == "payable" and serial < row["newest_serial"]:
            pending = await self._pool.fetch(
                SQL.list_pending, row["account_id"], serial, row["newest_serial"], PAGE_ENTRIES
            )
            for _, kind, amount_fen in pending:
                outside = out_of_reserve_fen(
                    outside, amount_fen, kind=kind, reserve_days=row["reserve_days"]
                )
            serial = pending[-1]["serial"]
        return max(0, outside)


def _account(row: asyncpg.Record, outside_fen: int) -> Account:
    """An account as its newest entry has it."""
    balance_fen = row["newest_balance_fen"]
    in_reserve_fen = max(0, balance_fen) - outside_fen if row["kind"] == "payable" else 0
    return Account(
        account_no=row["account_no"],
        kind=row["kind"],
        currency=row["currency"],
        state=AccountState(row["state"]),
        booking_mode=row["booking_mode"],
        balance_fen=balance_fen,
        pending_fen=balance_fen - row["balance_fen"],
        in_reserve_fen=in_reserve_fen,
        out_of_reserve_fen=outside_fen,
        yesterday_balance_fen=row["past_balance_fen"],
        reserve_days=row["reserve_days"],
        refund_fee_policy=row["refund_fee_policy"],
        opened_at=row["opened_at"],
        moved_at=row["moved_at"],
    )
