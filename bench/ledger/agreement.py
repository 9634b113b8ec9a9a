"""After the loads: the books must hold every trade of every lot once, and add up to it exactly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bench.ledger.lots import Lot, Owner, amounts, balances
from bench.ledger.yard import SQL
from bench.reconcile import Check
from bench.truths import AccountRow
from bus.database import Pool

TIMEOUT_S = 120.0


async def agreement(pool: Pool, lots: Sequence[Lot]) -> list[Check]:
    """All comparisons, in one snapshot of the database."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
        rows = await connection.fetch(SQL.bookings, timeout=TIMEOUT_S)
        booked = [(row["booking_key"], row["amount_fen"]) for row in rows]
        rows = await connection.fetch(SQL.balances, timeout=TIMEOUT_S)
        accounts = [AccountRow(**dict(row)) for row in rows]
        unbalanced = await connection.fetch(SQL.unbalanced, timeout=TIMEOUT_S)
        broken = await connection.fetch(SQL.broken_folds, timeout=TIMEOUT_S)
    return [
        Check(
            name="every trade is booked once",
            compared=len(booked),
            differences=list(not_once(booked, amounts(lots))),
        ),
        Check(
            name="each booking sums to zero in four entries",
            compared=len(booked),
            differences=[f"{key}: {n} entries, sum {fen}" for key, n, fen in unbalanced],
        ),
        Check(
            name="balances are what was booked",
            compared=len(accounts),
            differences=list(not_standing(accounts, balances(lots))),
        ),
        Check(
            name="each entry follows the one before",
            compared=4 * len(booked),
            differences=[f"account {account}, entry {serial}" for account, serial in broken],
        ),
    ]


def not_once(booked: Sequence[tuple[str, int]], should: Mapping[str, int]) -> Iterator[str]:
    """Bookings that are missing, double, of another amount, or of nobody's asking."""
    missing = dict(should)
    for key, amount_fen in booked:
        wanted = missing.pop(key, None)
        if wanted is None:
            yield f"{key}: booked again" if key in should else f"{key}: nobody asked for it"
        elif wanted != amount_fen:
            yield f"{key}: {amount_fen} fen, should be {wanted}"
    yield from (f"{key}: not booked" for key in missing)


def not_standing(accounts: Sequence[AccountRow], should: Mapping[Owner, int]) -> Iterator[str]:
    """Accounts that stand at something else than what was booked on them."""
    missing = dict(should)
    for account in accounts:
        name = f"{account.kind} of {account.owner}"
        wanted = missing.pop((account.kind, account.owner), 0)
        if account.balance_fen != wanted:
            yield f"{name}: {account.balance_fen} fen, should be {wanted}"
        if account.posted_fen != account.balance_fen:
            yield f"{name}: {account.balance_fen} fen, entries add up to {account.posted_fen}"
    yield from (f"{kind} of {owner}: no account" for kind, owner in missing)
