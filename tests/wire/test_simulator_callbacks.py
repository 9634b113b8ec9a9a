"""Callbacks over real HTTP: how often they come, and what they look like when they are bad."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from handlers.simulator.wechat.front import RETRY_AFTER_S
from schema.channels import ProtocolError
from tests.wire.street import Accounts, Street, a_street, total_fen


async def test_a_callback_comes_again_until_it_is_acknowledged(accounts: Accounts) -> None:
    async with a_street(accounts) as street:
        street.answers += [500, 302, 404, 200]
        await street.create()
        await street.pay()
        await street.hurry()
        received = await street.callbacks(4)
        trade = await street.settled()
        await asyncio.sleep(0.05)
        assert (trade["notified_count"], len(street.received)) == (4, 4)
        ids = {msgspec.json.decode(body)["id"] for _, body in received}
        assert len(ids) == 1 and all(total_fen(street.opened(each)) == 1999 for each in received)


async def test_a_callback_that_nobody_takes_is_given_up_after_a_day(accounts: Accounts) -> None:
    async with a_street(accounts) as street:
        street.answers += [500] * 100
        await street.create()
        await street.pay()
        await street.hurry()
        await street.callbacks(16)
        await asyncio.sleep(0.3)
        assert len(street.received) == 1 + len(RETRY_AFTER_S)
        assert sum(RETRY_AFTER_S) == 24 * 3600 + 4 * 60


async def test_a_duplicate_notice_has_the_same_id(street: Street) -> None:
    await street.order_fault("notify", "duplicate_notify", value=2)
    await street.create()
    await street.pay()
    received = await street.callbacks(3)
    assert len({msgspec.json.decode(body)["id"] for _, body in received}) == 1
    assert all(total_fen(street.opened(each)) == 1999 for each in received)


async def test_a_lost_acknowledgement_brings_the_notice_again(accounts: Accounts) -> None:
    async with a_street(accounts) as street:
        await street.order_fault("notify", "lost_answer")
        await street.create()
        await street.pay()
        await street.hurry()
        await street.callbacks(2)
        assert (await street.settled())["notified_count"] == 2


async def test_a_forged_notice_is_seen_through_and_the_true_one_follows(
    accounts: Accounts,
) -> None:
    async with a_street(accounts) as street:
        await street.order_fault("notify", "forged_notify")
        street.answers.append(401)
        await street.create()
        await street.pay()
        await street.hurry()
        forged, true = await street.callbacks(2)
        with pytest.raises(ProtocolError, match="the signature does not fit the content"):
            street.opened(forged)
        assert total_fen(street.opened(true)) == 1999


async def test_a_notice_with_a_wrong_amount_is_signed_all_the_same(accounts: Accounts) -> None:
    async with a_street(accounts) as street:
        await street.order_fault("notify", "wrong_amount_notify", value=-1998)
        street.answers.append(500)
        await street.create()
        await street.pay()
        await street.hurry()
        wrong, true = await street.callbacks(2)
        assert [total_fen(street.opened(each)) for each in (wrong, true)] == [1, 1999]
