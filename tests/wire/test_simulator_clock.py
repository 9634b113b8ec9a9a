"""The simulated world's clock: it can be hurried and moved, and says the truth otherwise."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from handlers.simulator.world.clock import CHINA, Clock
from tests.wire.street import Accounts, Street, a_street

pytestmark = pytest.mark.usefixtures("one_day")


def is_about(moment: datetime, expected: datetime) -> bool:
    return abs(moment - expected) < timedelta(seconds=5)


async def test_a_hurried_clock_still_says_the_true_time() -> None:
    clock = Clock(speed=100_000)
    before_s = clock.elapsed_s()
    await asyncio.sleep(0.02)
    assert clock.elapsed_s() - before_s >= 2_000
    assert is_about(clock.now(), datetime.now(UTC))


async def test_what_waits_happens_in_order_when_the_clock_is_moved_there() -> None:
    clock, happened = Clock(), list[str]()
    for name, wait_s in (("an hour", 3_600), ("a minute", 60), ("a day", 86_400)):
        clock.later(wait_s, lambda name=name: happened.append(name))
    clock.move(timedelta(hours=2))
    await asyncio.sleep(0.02)
    assert happened == ["a minute", "an hour"]
    assert is_about(clock.now(), datetime.now(UTC) + timedelta(hours=2))


async def test_what_waits_already_is_hurried_too() -> None:
    clock, happened = Clock(), asyncio.Event()
    clock.later(3_600, happened.set)
    clock.hurry(100_000)
    async with asyncio.timeout(5):
        await happened.wait()


async def test_a_clock_that_was_stopped_lets_nothing_happen() -> None:
    clock, happened = Clock(), list[int]()
    clock.later(0.01, lambda: happened.append(1))
    clock.stop()
    await asyncio.sleep(0.05)
    assert happened == []


async def test_closing_the_day_leads_to_ten_the_next_morning_in_china() -> None:
    clock = Clock()
    day = clock.close_day()
    now = clock.now().astimezone(CHINA)
    assert is_about(now, datetime(day.year, day.month, day.day, 10, tzinfo=CHINA) + DAY)
    assert clock.is_bill_time(day) and not clock.is_bill_time(clock.today())


DAY = timedelta(days=1)


async def test_a_script_reads_and_moves_the_clock(street: Street) -> None:
    shown = await street.look("/simulator/clock")
    assert shown["speed"] == 1
    status, told = await street.tell("/simulator/clock", {"speed": 60, "close_day": True})
    assert (status, told["speed"], told["closed_day"]) == (200, 60, shown["day"])
    assert told["day"] > shown["day"]
    status, told = await street.tell("/simulator/clock", {"move_s": -1})
    assert (status, told["param"]) == (400, "move_s")


async def test_days_close_by_themselves_where_the_manners_say_how_long_they_last(
    accounts: Accounts,
) -> None:
    async with a_street(accounts, day_lasts_ms=100) as street:
        first = (await street.look("/simulator/clock"))["day"]
        async with asyncio.timeout(5):
            while (await street.look("/simulator/clock"))["day"] == first:
                await asyncio.sleep(0.02)
