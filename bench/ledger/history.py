"""Ten million entries, made by the database itself, and how long it takes to look far back."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.counters import refresh_statistics
from bench.figures import Figure, Section, percentile
from bench.ledger.yard import SQL, Yard
from bench.reconcile import Check
from bus.database import read_queries
from deploy.local.folders import CHECKOUT

MERCHANTS, CHANNELS = 1_000, 5
AMOUNT_FEN, FEE_FEN, COST_FEN = 10_000, 60, 38
ENTRIES_A_BOOKING = 4
BOOKINGS_A_STATEMENT = 50_000
BEGAN_AT = datetime(2025, 1, 1, tzinfo=UTC)
EVERY = timedelta(seconds=10)

ASKED = read_queries(CHECKOUT / "handlers" / "merchant_api" / "queries.sql")
"""What the doors ask for when a merchant looks."""

READS = 400
PAGE = 50
AT_MOST_MS = 5.0
TIMEOUT_S = 120.0

Draw = Callable[[random.Random, Any], tuple[object, ...]]


async def make(yard: Yard, bookings: int) -> float:
    """Books so many trades of one amount, all four entries each, as if carried over from before
    there were batches; returns the seconds that it took."""
    began_at = time.monotonic()
    execute = yard.pool.execute
    await execute(SQL.open_accounts, MERCHANTS, CHANNELS, BEGAN_AT)
    for first in range(0, bookings, BOOKINGS_A_STATEMENT):
        last = min(first + BOOKINGS_A_STATEMENT, bookings) - 1
        numbers = (first, last, MERCHANTS, CHANNELS)
        amounts = (AMOUNT_FEN, FEE_FEN, COST_FEN)
        when = (BEGAN_AT, EVERY)
        await execute(SQL.make_bookings, first, last, *amounts[:2], *when, timeout=TIMEOUT_S)
        await execute(SQL.make_entries, *numbers, *amounts, *when, timeout=TIMEOUT_S)
    await execute(SQL.stand_where_entries_end, timeout=TIMEOUT_S)
    await refresh_statistics(yard.database_url)
    return time.monotonic() - began_at


async def measure(yard: Yard, entries: int) -> tuple[Section, list[Check]]:
    """Makes the entries, and reads at random accounts, moments and pages."""
    bookings = entries // ENTRIES_A_BOOKING
    took_s = await make(yard, bookings)
    accounts = await yard.pool.fetch(SQL.longest_accounts)
    hot, until = accounts[:1], BEGAN_AT + bookings * EVERY
    figures = [Figure(name="made in", value=took_s, unit="s")]
    for who, among in (("any account", accounts), ("the hot account", hot)):
        moments = await _timed(yard, ASKED["find_balances"], among, lambda draw, _: (
            [BEGAN_AT + draw.random() * (until - BEGAN_AT)],
        ))  # fmt: skip
        figures += _figures(f"balance at a past instant, {who}", moments)
        pages = await _timed(yard, ASKED["list_entries"], among, lambda draw, account: (
            0, draw.randint(1, account["serial"] + 1), PAGE,
        ))  # fmt: skip
        figures += _figures(f"page of 50 entries, {who}", pages)
    sums = await yard.pool.fetchrow(SQL.sums, timeout=TIMEOUT_S)
    assert sums is not None
    wrong = [f"{name}: {value} fen" for name, value in sums.items() if name != "entries" and value]
    title = f"At {sums['entries']:,} entries"
    check = Check(name="the made entries sum to zero", compared=sums["entries"], differences=wrong)
    return Section(title=title, figures=figures), [check]


async def _timed(yard: Yard, statement: str, among: Sequence[Any], drawn: Draw) -> list[float]:
    """Seconds of each of some hundred reads, one after the other."""
    draw, took_s = random.Random(READS), []
    async with yard.pool.acquire() as connection:
        for _ in range(READS):
            account = draw.choice(among)
            arguments = drawn(draw, account)
            began_at = time.perf_counter()
            await connection.fetch(statement, account["account_id"], *arguments)
            took_s.append(time.perf_counter() - began_at)
    return took_s


def _figures(name: str, seconds: Sequence[float]) -> list[Figure]:
    return [
        Figure(
            name=f"{name}, {label}",
            value=1000 * (percentile(seconds, percent) or 0.0),
            unit="ms",
            at_most=AT_MOST_MS,
        )
        for label, percent in (("median", 50), ("p99", 99))
    ]
