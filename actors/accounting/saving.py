"""Writes what a batch has decided: bookings and entries once and for all, accounts once a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import astuple

from actors.accounting.account import Account, Keeping
from actors.accounting.chain import hash_of
from actors.accounting.ledger import Booking, ClosedDay, DayBalance, DayCollect, Entry, Ledger
from bus.books import Book
from bus.database import Connection, queries
from bus.errors import Clash
from bus.rows import narrowed, to_rows

SQL = queries(__file__)

SCHEMA = "accounting"


async def save_ledger(connection: Connection, ledger: Ledger, epoch: int) -> None:
    """All that the batch changes; the database refuses what is unbalanced or below a limit."""
    if ledger.bookings:
        await _add_batch(connection, ledger, epoch)
    await _write_accounts(connection, ledger)
    await _write_papers(connection, ledger)
    await _write_days(connection, ledger)


async def _add_batch(connection: Connection, ledger: Ledger, epoch: int) -> None:
    """Bookings and entries in bulk, chained to the batch before. A key that exists fails it all."""
    bookings = [astuple(booking) for booking in ledger.bookings]
    entries = sorted(astuple(entry) for entry in ledger.entries)
    booked_at = ledger.bookings[0].booked_at
    link = hash_of(ledger.shard, ledger.batch_no, epoch, ledger.previous, bookings, entries)
    await connection.execute(
        SQL.add_batch, ledger.shard, ledger.batch_no, epoch, len(bookings), len(entries),
        ledger.previous, link, booked_at,
    )  # fmt: skip
    await _copy(connection, "booking", Booking, bookings)
    if entries:
        await _copy(connection, "entry", Entry, entries)


async def _copy(
    connection: Connection, table: str, kind: type[Struct], rows: Sequence[tuple[Any, ...]]
) -> None:
    await connection.copy_records_to_table(
        table, schema_name=SCHEMA, columns=kind.__struct_fields__, records=rows
    )


async def _write_accounts(connection: Connection, ledger: Ledger) -> None:
    """Each account in one statement: a limit and the balance that it allows come together."""
    kept = [account for account in ledger.written if account.account_id in ledger.applied]
    moved = [account for account in ledger.written if account.account_id not in ledger.applied]
    rows: list[Any] = []
    if moved:
        rows += await connection.fetch(
            SQL.move_accounts,
            [account.account_id for account in moved],
            [account.balance_fen for account in moved],
            [account.serial for account in moved],
            [account.out_of_reserve_fen for account in moved],
            [account.moved_at for account in moved],
            _serials_before(ledger, moved),
        )
    if kept:
        keeping = to_rows(narrowed(kept, Keeping))
        rows += await connection.fetch(SQL.keep_accounts, keeping, _serials_before(ledger, kept))
    if len(rows) != len(moved) + len(kept):
        raise Clash("an account moved meanwhile")


def _serials_before(ledger: Ledger, accounts: Sequence[Account]) -> list[int]:
    return [ledger.serials[account.account_id] for account in accounts]


async def _write_papers(connection: Connection, ledger: Ledger) -> None:
    await _write(connection, ledger.holds, SQL.add_holds, SQL.change_holds)
    await _write(connection, ledger.payouts, SQL.add_payouts, SQL.change_payouts)
    await _write(connection, ledger.refunds, SQL.add_refunds, SQL.change_refunds)
    await _write(connection, ledger.trades, SQL.add_trade_uses, SQL.change_trade_uses)
    await _write(connection, ledger.adjustments, SQL.add_adjustments, SQL.change_adjustments)
    await _write(connection, ledger.alarms, SQL.add_alarms, SQL.change_alarms)
    await _write(connection, ledger.changes, SQL.add_changes)
    await _write(connection, ledger.rates, SQL.add_rates)


async def _write(
    connection: Connection, book: Book[Any, Any], add: str, change: str | None = None
) -> None:
    if book.added:
        await connection.execute(add, to_rows(book.added))
    if book.changed:
        assert change is not None, "these lines are never changed"
        await connection.execute(change, to_rows(book.changed))


async def _write_days(connection: Connection, ledger: Ledger) -> None:
    kinds: dict[type, str] = {
        DayBalance: SQL.add_day_balances,
        DayCollect: SQL.add_day_collects,
        ClosedDay: SQL.add_closed_days,
    }
    for kind, statement in kinds.items():
        rows = [row for row in ledger.days if isinstance(row, kind)]
        if rows:
            await connection.execute(statement, to_rows(rows))
