"""The simulated world's books: which moves are allowed, and what a repeat gets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import get_args

import pytest

from handlers.simulator.world import No, Trade, TradeState, World
from handlers.simulator.world.trades import MOVES, Wish
from tests.wire.world import a_world, opened, the_merchant


@pytest.fixture
def world() -> World:
    return a_world()


def test_every_state_has_an_answer_to_every_wish() -> None:
    assert set(MOVES) == set(product(TradeState, get_args(Wish)))


async def test_an_identical_create_call_gets_the_same_code(world: World) -> None:
    first, again = opened(world), opened(world)
    assert first is again and len(world.trades) == 1


async def test_the_order_of_the_parameters_does_not_make_another_order(world: World) -> None:
    first = opened(world, everything={"a": 1, "b": 2})
    assert opened(world, everything={"b": 2, "a": 1}) is first


async def test_a_used_number_with_other_content_is_refused_even_in_fields_that_nobody_reads(
    world: World,
) -> None:
    opened(world)
    assert opened(world, everything={"goods_tag": "WXG"}) is No.NUMBER_USED


async def test_a_code_renews_when_it_is_older_than_its_life(world: World) -> None:
    first = the_trade(opened(world))
    old_code = first.code
    world.clock.move(timedelta(hours=2, seconds=1))
    assert world.pay(first) is No.EXPIRED
    renewed = the_trade(opened(world))
    assert renewed is first and renewed.code != old_code
    found = [world.trades.find_code(code) for code in (old_code, f"weixin://x?pr={renewed.code}")]
    assert found == [None, first]


async def test_nobody_pays_after_the_time_to_pay_but_the_order_stays_open_until_it_is_closed(
    world: World,
) -> None:
    trade = the_trade(opened(world, expires_at=datetime.now(UTC) + timedelta(minutes=5)))
    world.clock.move(timedelta(minutes=5, seconds=1))
    assert world.pay(trade) is No.EXPIRED
    assert trade.state is TradeState.WAITING


async def test_a_time_to_pay_of_less_than_a_minute_is_made_a_minute(world: World) -> None:
    trade = the_trade(opened(world, expires_at=datetime.now(UTC) - timedelta(days=1)))
    world.clock.move(timedelta(seconds=59))
    assert world.pay(trade) is trade


async def test_a_closed_order_can_not_be_paid_opened_or_closed_again(world: World) -> None:
    trade = the_trade(opened(world))
    assert world.close(trade) is trade
    assert [world.pay(trade), world.close(trade), opened(world)] == [No.ALREADY_CLOSED] * 3


async def test_a_paid_order_can_not_be_paid_opened_or_closed_again(world: World) -> None:
    trade = the_trade(opened(world))
    assert world.pay(trade) is trade
    number = trade.channel_number
    assert [world.pay(trade), world.close(trade), opened(world)] == [No.ALREADY_PAID] * 3
    assert (trade.channel_number, len(number)) == (number, 28)
    assert the_merchant(world).payments[number] is trade


async def test_a_full_book_turns_new_orders_away_and_still_knows_the_old() -> None:
    world = a_world(trades_max=1)
    first = opened(world)
    assert opened(world, number="another-order") is No.NO_ROOM
    assert opened(world) is first


def the_trade(outcome: Trade | No) -> Trade:
    assert isinstance(outcome, Trade)
    return outcome
