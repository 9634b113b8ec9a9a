"""Routing on a real directory: it sees the merchant's bindings and the channels behind them."""

from __future__ import annotations

from typing import Any

from actors.routing.actor import routing
from actors.routing.rules import Board
from bus.database import Pool
from bus.directory import Directory
from schema.messages.risk import PaymentCleared
from schema.profiles import Binding
from tests.actors.profiles import new_channel_no, new_merchant_no, register
from tests.examples import PASSED, a_channel, a_merchant, some_terms


async def seen(pool: Pool, directory: Directory, *merchant_nos: str) -> Board:
    """What routing looks into for payments of these merchants."""
    cleared = [
        PaymentCleared(terms=some_terms(merchant_no=number), risk=PASSED) for number in merchant_nos
    ]
    async with pool.acquire() as connection:
        return await routing(directory).load(connection, cleared)


def bound(channel_no: str) -> Binding:
    return Binding(pay_type="wechat_native", channel_no=channel_no)


async def test_routing_sees_every_bound_channel_and_no_other(
    pool: Pool, directory: Directory
) -> None:
    channels = [a_channel(channel_no=new_channel_no()) for _ in range(3)]
    numbers = [channel.channel_no for channel in channels]
    both = a_merchant(merchant_no=new_merchant_no(), bindings=tuple(map(bound, numbers[:2])))
    one = a_merchant(merchant_no=new_merchant_no(), bindings=(bound(numbers[1]),))
    await register(pool, *channels, both, one)
    board = await seen(pool, directory, both.merchant_no, one.merchant_no)
    assert board.merchants == {both.merchant_no: both, one.merchant_no: one}
    assert board.channels == dict(zip(numbers[:2], channels[:2], strict=True))


async def test_a_binding_to_a_channel_that_is_not_registered_is_no_obstacle(
    pool: Pool, directory: Directory
) -> None:
    bindings: Any = (bound(new_channel_no()),)
    merchant = a_merchant(merchant_no=new_merchant_no(), bindings=bindings)
    await register(pool, merchant)
    board = await seen(pool, directory, merchant.merchant_no)
    assert (board.merchants, board.channels) == ({merchant.merchant_no: merchant}, {})


async def test_a_merchant_that_nobody_knows_leaves_an_empty_board(
    pool: Pool, directory: Directory
) -> None:
    board = await seen(pool, directory, new_merchant_no())
    assert (board.merchants, board.channels) == ({}, {})
