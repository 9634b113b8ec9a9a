"""What accounting does by the clock: each round once among all workers, and again after a crash."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from actors.accounting.actor import ACCOUNTING
from actors.accounting.duties import duties, figures
from actors.accounting.duties.calendar import Calendar
from actors.accounting.duties.figures import Figures
from actors.accounting.duties.looks import Looks
from actors.accounting.proof.anchors import Anchors
from bus.broker import Broker
from bus.database import Pool, connect
from deploy.local.services import Services
from schema.bookings import Withdrawal
from schema.events import decode_events
from schema.messages.accounting import (
    ApplyPending,
    ClearAlarm,
    CloseDay,
    LedgerBroken,
    ReckonReserve,
)
from schema.messages.contract import Message, read
from tests.actors.books import Books
from tests.actors.kept_books import BY, Kept, a_copy, kept_books
from tests.examples import NOW
from tests.sites import a_database

DAY = date(2026, 3, 1)
NEXT = datetime(2026, 3, 1, 16, 0, tzinfo=UTC)
"""Midnight in China, after the day of the tests' bookings."""


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: datetime = NEXT) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="module")
async def kept(services: Services) -> AsyncGenerator[Kept]:
    async with kept_books(services.postgres_url) as books:
        yield books


@pytest.fixture
async def copy(services: Services, kept: Kept) -> AsyncGenerator[Kept]:
    async with a_copy(services.postgres_url, kept) as books:
        yield books


@pytest.fixture
async def scratch(services: Services) -> AsyncGenerator[Pool]:
    name = f"tomato_duties_{os.getpid()}"
    async with a_database(services.postgres_url, name) as url, await connect(url) as pool:
        yield pool


@pytest.fixture
async def inbox(broker: Broker) -> AsyncGenerator[Inbox]:
    await broker.declare((ACCOUNTING,))
    made = Inbox(broker)
    await made.said()
    yield made


class Inbox:
    """What was said to accounting."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker

    async def said(self) -> list[Message]:
        """Everything that was said since the last look."""
        channel = await self.broker.channel()
        queue, said = await channel.get_queue(ACCOUNTING.queue, ensure=False), list[Message]()
        while (message := await queue.get(fail=False, no_ack=True)) is not None:
            said += map(read, decode_events(message.body, message.content_type))
        await channel.close()
        return said


@asynccontextmanager
async def looks_at(
    copy: Kept, broker: Broker, folder: Path, clock: Clock
) -> AsyncGenerator[tuple[Looks, Pool]]:
    """The running proof of these books."""
    async with await connect(copy.url) as pool:
        url = str(folder / "anchors")
        yield Looks(pool, broker, postgres_url=copy.url, anchor_url=url, now=clock), pool


async def test_a_day_is_closed_once_it_is_over_and_every_worker_may_ask(
    scratch: Pool, inbox: Inbox
) -> None:
    books, clock = Books(scratch), Clock(NEXT + timedelta(minutes=9))
    await books.hear(books.paid())
    await scratch.execute("UPDATE accounting.account SET opened_at = $1", NOW)
    one, two = (Calendar(scratch, inbox.broker, now=clock) for _ in range(2))
    assert await one.close_day() == 0
    clock.now = NEXT + timedelta(minutes=10)
    assert (await one.close_day(), await two.close_day(), await one.close_day()) == (1, 0, 0)
    assert await inbox.said() == [CloseDay(day=DAY)]


async def test_a_day_whose_closing_was_lost_is_asked_for_again(scratch: Pool, inbox: Inbox) -> None:
    books, clock = Books(scratch), Clock(NEXT + timedelta(hours=1))
    await books.hear(books.paid())
    await scratch.execute("UPDATE accounting.account SET opened_at = $1", NOW)
    calendar = Calendar(scratch, inbox.broker, now=clock)
    assert await calendar.close_day() == 1
    clock.now += timedelta(minutes=11)
    assert await calendar.close_day() == 1
    assert await inbox.said() == [CloseDay(day=DAY)] * 2


async def test_days_that_were_missed_are_closed_one_after_the_other(
    scratch: Pool, inbox: Inbox
) -> None:
    books, clock = Books(scratch), Clock(NEXT + timedelta(days=2, hours=1))
    await books.hear(books.paid())
    await scratch.execute("UPDATE accounting.account SET opened_at = $1", NOW)
    calendar = Calendar(scratch, inbox.broker, now=clock)
    closed: list[Message] = []
    while await calendar.close_day():
        (order,) = await inbox.said()
        await books.hear([order], now=clock.now)
        closed.append(order)
    assert closed == [CloseDay(day=DAY + timedelta(days=n)) for n in range(3)]


async def test_the_reserve_is_reckoned_once_a_day_from_one_oclock_on(
    scratch: Pool, inbox: Inbox
) -> None:
    clock = Clock(NEXT + timedelta(minutes=59))
    calendar = Calendar(scratch, inbox.broker, now=clock)
    assert await calendar.reckon_reserve() == 0
    for _ in range(3):
        clock.now += timedelta(hours=1)
        await calendar.reckon_reserve()
    clock.now += timedelta(days=1)
    assert await calendar.reckon_reserve() == 1
    days = (DAY + timedelta(days=1), DAY + timedelta(days=2))
    assert await inbox.said() == [ReckonReserve(day=day) for day in days]


async def test_balances_are_brought_up_only_where_some_lag_behind(copy: Kept, inbox: Inbox) -> None:
    async with await connect(copy.url) as pool:
        calendar, books = Calendar(pool, inbox.broker), Books(pool)
        assert await calendar.apply_pending() == 1
        assert await inbox.said() == [ApplyPending()]
        await books.hear([ApplyPending()])
        assert await calendar.apply_pending() == 0
        assert await inbox.said() == []


async def test_a_break_stops_the_payouts_of_its_owner_alone_until_somebody_clears_it(
    copy: Kept, inbox: Inbox, tmp_path: Path
) -> None:
    await copy.tamper("UPDATE accounting.hold SET remaining_fen = remaining_fen - 1")
    clock = Clock(NEXT + timedelta(hours=2))
    async with looks_at(copy, inbox.broker, tmp_path, clock) as (looks, pool):
        assert await looks.prove_all() == 29
        (alarm,) = await inbox.said()
        assert isinstance(alarm, LedgerBroken)
        assert (alarm.check_name, alarm.owner) == ("holds", copy.one)
        books = Books(pool)
        await books.hear([alarm])
        assert await refusal(books, copy.one) == "payouts_stopped"
        assert await refusal(books, copy.two) is None
        clock.now += timedelta(days=1)
        assert await looks.prove_all() and await inbox.said() == []  # it is known
        await books.hear([ClearAlarm(alarm_no=alarm.alarm_no, **BY)])
        assert await refusal(books, copy.one) is None
        clock.now += timedelta(days=1)
        assert await looks.prove_all() and await inbox.said() == []  # somebody has looked


async def refusal(books: Books, owner: str) -> str | None:
    """Why a withdrawal of one fen is refused."""
    wish = Withdrawal(no=os.urandom(8).hex(), owner=owner, amount_fen=1)
    answer = await books.book(wish, now=NEXT)  # the day before is closed
    return answer.refusal.code if answer.refusal else None


async def test_what_is_new_is_proved_every_minute_by_one_worker(
    copy: Kept, inbox: Inbox, tmp_path: Path
) -> None:
    clock = Clock()
    async with looks_at(copy, inbox.broker, tmp_path, clock) as (looks, pool):
        other = Looks(
            pool, inbox.broker, postgres_url=copy.url, anchor_url=str(tmp_path), now=clock
        )
        assert (await looks.prove_new(), await other.prove_new()) == (29, 0)
        clock.now += timedelta(minutes=1)
        books = Books(pool)
        await books.hear(books.paid())
        assert (await other.prove_new(), await looks.prove_new()) == (3, 0)


async def test_a_look_that_was_broken_off_begins_again(
    copy: Kept, inbox: Inbox, tmp_path: Path
) -> None:
    clock = Clock()
    async with looks_at(copy, inbox.broker, tmp_path, clock) as (looks, pool):
        await pool.execute(
            "INSERT INTO accounting.duty VALUES ('prove_new', '2026-03-01T16:00', $1)", NEXT
        )
        clock.now += timedelta(minutes=9)
        assert await looks.prove_new() == 0
        clock.now += timedelta(minutes=2)
        assert await looks.prove_new() == 29


async def test_a_break_that_could_not_be_told_is_found_again(
    copy: Kept, inbox: Inbox, tmp_path: Path
) -> None:
    await copy.tamper("UPDATE accounting.booking SET amount_fen = 8 WHERE kind = 'charge'")
    clock = Clock()
    away = Broker("amqp://nobody@127.0.0.1:1/", name="away")
    async with looks_at(copy, away, tmp_path, clock) as (looks, _):
        with pytest.raises(Exception):  # noqa: B017 - whatever a broker that is away comes to
            await looks.prove_new()
    clock.now += timedelta(minutes=11)
    async with looks_at(copy, inbox.broker, tmp_path, clock) as (looks, _):
        assert await looks.prove_new() == 29
    (alarm,) = await inbox.said()
    assert isinstance(alarm, LedgerBroken) and alarm.check_name == "chain"


async def test_heads_are_anchored_once_a_day_after_the_day_before_is_closed(
    copy: Kept, inbox: Inbox, tmp_path: Path
) -> None:
    clock = Clock(NEXT + timedelta(days=1))
    async with looks_at(copy, inbox.broker, tmp_path, clock) as (looks, _):
        assert await looks.anchor() == 0  # the day before is not closed
        clock.now = NEXT + timedelta(minutes=11)
        assert (await looks.anchor(), await looks.anchor()) == (1, 0)
    (head,) = await Anchors(str(tmp_path / "anchors"), copy.url).read()
    assert (head.shard, head.no) == (0, 8)


async def test_everything_else_is_proved_where_the_anchors_are_out_of_reach(
    copy: Kept, inbox: Inbox
) -> None:
    clock = Clock(NEXT + timedelta(hours=2))
    async with looks_at(copy, inbox.broker, Path("/proc"), clock) as (looks, pool):
        assert await looks.prove_all() == 29
        row = await pool.fetchrow("SELECT * FROM accounting.duty WHERE name = 'prove_all'")
    assert row is not None and (row["done_at"], row["good_at"]) == (clock.now, None)


async def test_how_the_books_stand_can_be_watched(copy: Kept) -> None:
    async with await connect(copy.url) as pool:
        await Figures(pool).refresh()
    values = [metric.collect() for metric in (figures.PENDING, figures.ALARMS, figures.IN_TRANSIT)]
    pending, alarms, seconds = (family.samples[0].value for (family,) in values)
    assert (pending, alarms) == (1, 0) and seconds > 0


async def test_all_duties_run_and_end(copy: Kept, broker: Broker, tmp_path: Path) -> None:
    async with await connect(copy.url) as pool:
        running = duties(pool, broker, postgres_url=copy.url, anchor_url=str(tmp_path))
        for duty in running:
            await duty.start()
        for duty in running:
            await duty.stop()
