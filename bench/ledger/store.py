"""Straight through the store: what one writer books when nothing but the database is before it."""

from __future__ import annotations

from statistics import median

from bench.counters import Database, count_database, refresh_statistics, stored_bytes
from bench.figures import Figure, Section, ratio
from bench.ledger.hands import Hand
from bench.ledger.tasks import BookLot
from bench.ledger.yard import Window, Yard, cpu_figures, run_window
from bench.ledger.yardsticks import Yardsticks

BATCHES = (512, 1_000)
WARM_UP = 5_000
"""After so many bookings every account is open."""

AT_LEAST, AT_MOST_MS = 3.0, 60.0


async def warm_up(yard: Yard, hand: Hand, **lot: object) -> None:
    """Opens the accounts. Plans made from the statistics of empty tables read whole tables."""
    await run_window(yard, {hand: _task(yard, WARM_UP, 256, **lot)})
    await refresh_statistics(yard.database_url)


async def closed(
    yard: Yard, hand: Hand, bookings: int, yardsticks: Yardsticks
) -> tuple[Window, Section]:
    """One full batch after the other, at each size; returns the best window with the figures."""
    bytes_before, before = await _counted(yard)
    windows = {
        size: await run_window(yard, {hand: _task(yard, bookings, size)}) for size in BATCHES
    }
    counted = (await count_database(yard.observer, yard.database)).since(before)
    grown = sum((await stored_bytes(yard.database_url)).values()) - bytes_before
    best = max(windows.values(), key=lambda window: window.per_s)
    total, batches = bookings * len(windows), sum(each.batches for each in windows.values())
    figures = [figure for size, window in windows.items() for figure in _speed(size, window)]
    figures += yardsticks.compared(best.per_s, AT_LEAST)
    figures += cpu_figures(best.used, best.bookings)
    figures += [
        Figure(name="written to the write-ahead log per booking",
               value=sum(each.wal_bytes for each in windows.values()) / total, unit="B"),
        Figure(name="stored per booking, tables and indexes", value=grown / total, unit="B"),
        Figure(name="SQL statements per batch", value=ratio(counted.calls, batches), unit=""),
    ]  # fmt: skip
    return best, Section(title="Through the store, one writer", figures=figures)


async def at_half_load(yard: Yard, hand: Hand, best: Window, seconds: float) -> Section:
    """Bookings that come at random, at half the rate that the writer can do."""
    rate = best.per_s / 2
    task = _task(yard, int(rate * seconds), max(BATCHES), rate_per_s=rate)
    window = await run_window(yard, {hand: task})
    [done] = window.done
    return Section(
        title=f"Through the store, {rate:,.0f} bookings a second at random",
        figures=[
            Figure(name="arrival to commit, p50", value=_ms(done.p50_s), unit="ms"),
            Figure(
                name="arrival to commit, p99",
                value=_ms(done.p99_s),
                unit="ms",
                at_most=AT_MOST_MS,
            ),
            Figure(name="bookings in a batch", value=ratio(done.bookings, done.batches), unit=""),
            *cpu_figures(window.used, window.bookings),
        ],
    )


async def hot_account(yard: Yard, hand: Hand, bookings: int, rounds: int) -> Section:
    """The same load with the fee on one account and on as many as there are merchants, in turn."""
    await warm_up(yard, hand, fee_to="merchants")
    hot, spread = [], []
    for _ in range(rounds):
        hot.append(await run_window(yard, {hand: _task(yard, bookings, 512)}))
        task = _task(yard, bookings, 512, fee_to="merchants")
        spread.append(await run_window(yard, {hand: task}))
    pairs = [100 * (1 - one.per_s / many.per_s) for one, many in zip(hot, spread, strict=True)]
    return Section(
        title=f"The hot fee account, {rounds} rounds in turn",
        figures=[
            Figure(name="fee on one account", value=median(_rates(hot)), unit="1/s"),
            Figure(name="fee on 1,000 accounts", value=median(_rates(spread)), unit="1/s"),
            Figure(name="what the hot account costs", value=median(pairs), unit="%",
                   at_most=10.0, note=_each(pairs)),
        ],
    )  # fmt: skip


async def two_shards(yard: Yard, one: Hand, other: Hand, bookings: int, rounds: int) -> Section:
    """One worker with everything, and two with a shard each, in turn."""
    await warm_up(yard, one, shard=0, shards=2)
    await warm_up(yard, other, shard=1, shards=2)
    alone, together = [], []
    for _ in range(rounds):
        alone.append(await run_window(yard, {one: _task(yard, bookings, 512)}))
        half = bookings // 2
        tasks = {
            hand: _task(yard, half, 512, shard=shard, shards=2)
            for shard, hand in enumerate((one, other))
        }
        together.append(await run_window(yard, tasks))
    pairs = [two.per_s / single.per_s for single, two in zip(alone, together, strict=True)]
    return Section(
        title=f"Two shards, {rounds} rounds in turn",
        figures=[
            Figure(name="one worker, one shard", value=median(_rates(alone)), unit="1/s"),
            Figure(name="two workers, a shard each", value=median(_rates(together)), unit="1/s"),
            Figure(name="two shards for one", value=median(pairs), unit="x", at_least=1.3,
                   note=_each(pairs)),
        ],
    )  # fmt: skip


async def same_shard(yard: Yard, one: Hand, other: Hand, bookings: int) -> Section:
    """Two writers of one shard, and no lease between them: keys and locks must be enough."""
    tasks = {hand: _task(yard, bookings // 2, 128) for hand in (one, other)}
    window = await run_window(yard, tasks)
    clashes = sum(done.clashes for done in window.done)
    return Section(
        title="Two writers on one shard, without a lease",
        figures=[
            Figure(name="bookings", value=window.per_s, unit="1/s"),
            Figure(name="batches", value=window.batches, unit=""),
            Figure(name="turned back by the database and loaded again", value=clashes, unit=""),
        ],
    )


def _task(
    yard: Yard, count: int, batch: int, *, rate_per_s: float | None = None, **lot: object
) -> BookLot:
    return BookLot(lot=yard.register.lot(count, **lot), batch=batch, rate_per_s=rate_per_s)


async def _counted(yard: Yard) -> tuple[int, Database]:
    size = sum((await stored_bytes(yard.database_url)).values())
    return size, await count_database(yard.observer, yard.database)


def _speed(size: int, window: Window) -> list[Figure]:
    [done] = window.done
    return [
        Figure(name=f"bookings, batches of {size}", value=window.per_s, unit="1/s"),
        Figure(name="  a batch, p50", value=_ms(done.p50_s), unit="ms"),
        Figure(name="  a batch, p99", value=_ms(done.p99_s), unit="ms"),
    ]


def _rates(windows: list[Window]) -> list[float]:
    return [window.per_s for window in windows]


def _each(values: list[float]) -> str:
    return "each: " + ", ".join(f"{value:.3g}" for value in values)


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000
