"""What comes with time: balances booked later, the risk reserve of each day, and the day's end."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from actors.accounting import loading
from bus.database import Pool, connect
from bus.effects import Publish
from deploy.local.services import Services
from schema.bookings import Refund, Settlement, Withdrawal
from schema.days import start_of
from schema.messages.accounting import (
    ApplyPending,
    CloseDay,
    ConfigureAccount,
    OpenAccount,
    ReckonReserve,
)
from tests.actors.books import Books
from tests.sites import a_database

SIGNED = {"operator": "lin", "reason": "agreed"}


@pytest.fixture(scope="module")
async def own_pool(services: Services) -> AsyncIterator[Pool]:
    """A database of its own: these duties go through all accounts there are."""
    async with (
        a_database(services.postgres_url, f"tomato_time_{os.getpid()}") as url,
        await connect(url, name="tests") as pool,
    ):
        yield pool


@pytest.fixture
async def books(own_pool: Pool) -> Books:
    return Books(own_pool)


def april(day: int, hour: int = 12) -> datetime:
    return start_of(date(2026, 4, day)) + timedelta(hours=hour)


async def keep(books: Books, now: datetime, **settings: Any) -> None:
    """Keeps the merchant's account in this way."""
    await books.hear([OpenAccount(owner=books.merchant_no)], now=now)
    order = ConfigureAccount(
        change_no=os.urandom(6).hex(),
        account_no=(await books.account())["account_no"],
        **SIGNED | settings,
    )
    (answer,) = await books.hear([order], now=now)
    assert answer.refusal is None


async def run_through(books: Books, order: ReckonReserve | CloseDay, now: datetime) -> int:
    """A daily duty from its first page to its last; the number of pages."""
    pages, waiting = 0, [order]
    while waiting:
        message = waiting.pop()
        await books.hear([message], now=now)
        pages += 1
        said = [effect.message for effect in books.effects if isinstance(effect, Publish)]
        waiting += [m for m in said if isinstance(m, ReckonReserve | CloseDay)]
    return pages


async def reckon(books: Books, day: int) -> None:
    """The timer of 01:00."""
    order = ReckonReserve(day=date(2026, 4, day))
    await run_through(books, order, april(day, 1))


@pytest.mark.parametrize("mode", ["sync", "async"])
async def test_the_founding_systems_example_comes_out_to_the_fen(books: Books, mode: str) -> None:
    """Reserve one day, fee 10 %: trades of 100 yuan on 17, 18, 19 and 20 April; then a withdrawal
    of 100 with a fee of 40. Also while nothing of it is applied to the balance yet."""
    await keep(books, april(16), reserve_days=1, booking_mode=mode)
    for day in (17, 18, 19, 20):
        await reckon(books, day)
        paid = books.paid(amount_fen=10_000, fee_fen=1_000)
        await books.hear(paid, now=april(day))
    await reckon(books, 20)
    assert await money(books) == (36_000, 27_000)
    wish = Withdrawal(
        no=os.urandom(6).hex(), owner=books.merchant_no, amount_fen=10_000, fee_fen=4_000
    )
    assert (await books.book(wish, now=april(20, 13))).booking is not None
    await books.hear([ApplyPending()], now=april(20, 14))
    assert await money(books) == (22_000, 13_000)
    await reckon(books, 20)
    assert await money(books) == (22_000, 13_000)
    await reckon(books, 21)
    assert await money(books) == (22_000, 22_000)


async def money(books: Books) -> tuple[int, int]:
    account = await books.account()
    return account["balance_fen"], account["out_of_reserve_fen"]


async def test_the_reserve_of_several_days_moves_on_with_them(books: Books) -> None:
    await keep(books, april(1), reserve_days=3)
    for day in range(1, 6):
        await reckon(books, day)
        await books.hear(books.paid(amount_fen=1_000, fee_fen=0), now=april(day))
    await reckon(books, 6)
    assert await money(books) == (5_000, 3_000)  # the trades of the 4th and 5th are in it


async def test_a_reckoning_for_an_earlier_day_changes_nothing_any_more(books: Books) -> None:
    await keep(books, april(1), reserve_days=1)
    await books.hear(books.paid(fee_fen=0), now=april(1))
    await reckon(books, 3)
    await reckon(books, 2)
    assert await money(books) == (1_000, 1_000)


async def test_a_hot_account_gets_entries_at_once_and_its_balance_with_the_next_round(
    books: Books,
) -> None:
    await keep(books, april(1), booking_mode="async")
    await books.hear(books.paid(3), now=april(2))
    await books.hear(books.paid(2), now=april(3))
    account = await books.account()
    assert (account["balance_fen"], account["serial"]) == (0, 0)
    assert await books.derived(account["account_id"]) == (4_970, 5)
    await books.hear([ApplyPending()], now=april(4))
    assert (await books.balances())["payable"] == (4_970, 5)


async def test_what_is_not_applied_yet_counts_when_money_is_to_go_out(books: Books) -> None:
    await keep(books, april(1), booking_mode="async")
    await books.hear(books.paid(2), now=april(2))
    wishes = [
        Withdrawal(no=os.urandom(6).hex(), owner=books.merchant_no, amount_fen=1_500)
        for _ in range(2)
    ]
    assert (await books.book(wishes[0], now=april(2))).booking is not None
    refusal = (await books.book(wishes[1], now=april(2))).refusal
    assert refusal is not None and refusal.code == "insufficient_balance"


async def test_an_account_may_change_its_way_of_booking_in_the_middle(books: Books) -> None:
    for day, mode in enumerate(("async", "sync", "async", "sync"), start=1):
        await keep(books, april(day), booking_mode=mode)
        await books.hear(books.paid(2), now=april(day, 13))
    await books.hear([ApplyPending()], now=april(9))
    assert (await books.balances())["payable"] == (994 * 8, 8)


@pytest.mark.parametrize("reserve_days", [0, 1])
async def test_both_ways_of_booking_end_with_the_same_books(
    own_pool: Pool, reserve_days: int
) -> None:
    ends = []
    for mode in ("sync", "async"):
        books = Books(own_pool)
        await keep(books, april(1), booking_mode=mode, reserve_days=reserve_days)
        paid = books.paid(3)
        await books.hear(paid, now=april(2))
        await reckon(books, 3)
        refund = Refund(
            no=os.urandom(6).hex(),
            payment_id=paid[0].payment.id,
            merchant_no=books.merchant_no,
            channel_no=books.channel_no,
            funds_flow="platform",
            amount_fen=500,
        )
        await books.book(refund, now=april(3))
        await books.book(Settlement(no=os.urandom(6).hex(), owner=books.merchant_no), now=april(3))
        await books.hear([ApplyPending()], now=april(4))
        entries = await own_pool.fetch(
            "SELECT serial, amount_fen, balance_after_fen, booked_at, kind FROM accounting.entry"
            " WHERE account_id = $1 ORDER BY serial",
            (await books.account())["account_id"],
        )
        ends.append((await money(books), [tuple(entry) for entry in entries]))
    assert ends[0] == ends[1]


async def test_a_days_end_writes_balances_down_and_what_moved_them(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "PAGE_ACCOUNTS", 2)
    await books.hear(books.paid(2), now=april(10, 0))
    await books.hear(books.paid(1), now=april(10, 23))
    wish = Withdrawal(no=os.urandom(6).hex(), owner=books.merchant_no, amount_fen=100)
    await books.book(wish, now=april(10, 23))
    await books.hear(books.paid(5), now=april(11, 0))  # the first moment of the next day
    pages = await run_through(books, CloseDay(day=date(2026, 4, 10)), april(11, 1))
    assert pages >= 2
    account = (await books.account())["account_id"]
    line = await books.pool.fetchrow(
        "SELECT serial, balance_fen FROM accounting.balance_day"
        " WHERE account_id = $1 AND day = '2026-04-10'",
        account,
    )
    assert tuple(line) == (4, 3 * 994 - 100)
    rows = await books.pool.fetch(
        "SELECT kind, amount_fen, volume_fen, count FROM accounting.collect_day"
        " WHERE account_id = $1 AND day = '2026-04-10' ORDER BY kind",
        account,
    )
    assert [tuple(row) for row in rows] == [
        ("trade", 3 * 994, 3_000, 3),
        ("withdrawal", -100, 100, 1),
    ]
    closed = "SELECT count(*) FROM accounting.closed_day WHERE day = '2026-04-10'"
    assert await books.pool.fetchval(closed) == 1


async def test_a_day_that_is_closed_twice_is_closed_once(books: Books) -> None:
    await books.hear(books.paid(2), now=april(12))
    for _ in range(2):
        await run_through(books, CloseDay(day=date(2026, 4, 12)), april(13, 1))
    count = await books.pool.fetchval(
        "SELECT count(*) FROM accounting.collect_day WHERE account_id = $1",
        (await books.account())["account_id"],
    )
    assert count == 1


@pytest.mark.parametrize(
    ("hour", "minute", "serial"), [(0, 0, 0), (12, 0, 0), (12, 1, 2), (13, 0, 2), (13, 1, 3)]
)
async def test_a_balance_at_a_past_moment_is_found_by_halving(
    books: Books, hour: int, minute: int, serial: int
) -> None:
    await books.hear(books.paid(2), now=april(14, 12))
    await books.hear(books.paid(1), now=april(14, 13))
    found = await books.pool.fetchval(
        "SELECT accounting.serial_before($1, $2)",
        (await books.account())["account_id"],
        april(14, hour) + timedelta(minutes=minute),
    )
    assert found == serial
