"""Accounting's SQL: hot accounts cost one UPDATE a batch, whatever is booked on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from actors.accounting.rules import Account, Ledger, accounts_of, booking_key
from bus.database import Connection, queries
from bus.errors import OurMistake
from bus.rows import to_rows
from schema.messages.contract import Message
from schema.messages.ordering import PaymentSucceeded

SQL = queries(__file__)


async def load_ledger(connection: Connection, messages: Sequence[Message]) -> Ledger:
    """Locks the accounts that a batch touches, then looks which of it is booked already."""
    paid = [message for message in messages if isinstance(message, PaymentSucceeded)]
    touched = {a.account_id: a for message in paid for a in accounts_of(message)}
    rows = await connection.fetch(SQL.lock_accounts, list(touched))
    if len(rows) < len(touched):
        await _open_accounts(connection, touched.values())
        rows = await connection.fetch(SQL.lock_accounts, list(touched))
    keys = [booking_key(message) for message in paid]
    booked = await connection.fetch(SQL.find_bookings, keys)
    accounts = [msgspec.convert(dict(row), Account) for row in rows]
    return Ledger(accounts, (row["booking_key"] for row in booked))


async def _open_accounts(connection: Connection, accounts: Iterable[Account]) -> None:
    ordered = sorted(accounts, key=lambda account: account.account_id)
    await connection.execute(
        SQL.open_accounts,
        [account.account_id for account in ordered],
        [account.kind for account in ordered],
        [account.owner for account in ordered],
        [account.currency for account in ordered],
    )


async def save_ledger(connection: Connection, ledger: Ledger) -> None:
    """Writes bookings and entries, and moves each account once by all of its entries."""
    if not ledger.bookings:
        return
    await connection.execute(SQL.add_bookings, to_rows(ledger.bookings))
    await connection.execute(SQL.add_entries, to_rows(ledger.entries))
    entries = Counter(entry.account_id for entry in ledger.entries)
    moved = ledger.changed
    rows = await connection.fetch(
        SQL.move_accounts,
        [account.account_id for account in moved],
        [account.balance_fen for account in moved],
        [account.serial for account in moved],
        [account.serial - entries[account.account_id] for account in moved],
    )
    if len(rows) != len(moved):
        raise OurMistake("an account moved under its lock")
