"""What goes wrong in the life of a payment, and that everybody agrees on it afterwards.

After each journey the audit compares orders, attempts, channel, books and webhooks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from actors.accounting.proof.proving import looking, prove_all
from actors.merchants import rules
from actors.merchants.store import change_merchant
from handlers.simulator.world import Kind, Trade
from schema.ids import attempt_id
from tests.faults.audit import differences
from tests.faults.evidence import collect
from tests.journeys.channel import Channel
from tests.journeys.platform import Platform
from tests.journeys.shop import Shop
from tests.journeys.test_life import paid_again, refund
from tests.journeys.test_payment import paid
from tests.registry import made
from tests.waiting import at_last


@pytest.fixture(autouse=True)
async def audited(platform: Platform) -> AsyncIterator[None]:
    """Whatever the journey was, in the end everybody says the same."""
    before = set(platform.street.shops)
    yield
    shops = [shop for name, shop in platform.street.shops.items() if name not in before]
    url, wrong = platform.both_ends[0].base_url, list[str]()

    async def agree() -> bool:
        database_url = platform.shared.settings.postgres_url
        evidence = await collect(database_url, url, platform.session, shops)
        wrong[:] = differences(evidence)
        return not wrong

    try:
        await at_last(agree, within_s=20, every_s=0.2)
    except TimeoutError:
        raise AssertionError("\n".join(wrong)) from None
    async with looking(platform.shared.settings.postgres_url) as connection:
        assert (await prove_all(connection)).breaks == []


async def told(shop: Shop, *types: str) -> None:
    """The shop has heard of these, in whatever order, and of nothing else."""
    assert sorted(each["type"] for each in await shop.told(len(types))) == sorted(types)


async def with_balance(shop: Shop, channel: Channel) -> dict[str, Any]:
    """A payment of ten yuan of a merchant who has a thousand beside it."""
    await paid(shop, channel, amount_fen=100_000)
    return await paid_again(shop, channel)


async def closed_and_paid_late(shop: Shop, channel: Channel) -> dict[str, Any]:
    """An order whose money comes after the channel has confirmed its end."""
    payment = (await shop.order()).document
    channel.trouble("close", "late_success")
    answer = await shop.ask("POST", f"/v1/payments/{payment['id']}/close")
    assert (answer.status, answer.document["state"]) == (200, "closed")
    return payment


async def test_an_order_whose_answer_is_lost_after_it_was_paid_is_paid_once(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    channel.trouble("notify", "lost_notify", times=None)
    channel.trouble("create", "lost_answer")
    payment = (await shop.order()).document
    assert payment["state"] == "unknown"
    await channel.pay(attempt_id(payment["id"], 1))
    await platform.ask_now(payment["id"])
    await told(shop, "payment.succeeded")


async def test_a_notice_before_the_answer_is_one_payment(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    channel.trouble("create", "notify_before_answer")
    answer = await shop.order()
    assert answer.status == 201
    await shop.is_in_state(answer.document["id"], "succeeded")
    await told(shop, "payment.succeeded")


async def test_notices_that_are_lost_for_ever_are_made_up_for_by_the_ladder(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    channel.trouble("notify", "lost_notify", times=None)
    payments = [(await shop.order()).document for _ in range(3)]
    for payment in payments:
        await channel.pay(attempt_id(payment["id"], 1))
    await told(shop, *["payment.succeeded"] * 3)  # after five seconds, by nobody's hand


async def test_duplicate_and_reordered_notices_of_many_payments_are_one_each(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    channel.trouble("notify", "reordered_notify", times=3)
    payments = [(await shop.order()).document for _ in range(6)]
    for payment in payments:
        await channel.pay(attempt_id(payment["id"], 1))
        channel.trouble("notify", "duplicate_notify", value=2, times=3)
    await told(shop, *["payment.succeeded"] * 6)


@pytest.mark.parametrize("kind", ["forged_notify", "wrong_amount_notify", "wrong_currency_notify"])
async def test_a_notice_that_lies_is_no_success_and_the_true_one_counts(
    platform: Platform, channel: Channel, shop: Shop, kind: Kind
) -> None:
    channel.trouble("notify", kind)
    payment = (await shop.order()).document
    await platform.ask_later(payment["id"])
    trade = await channel.pay(attempt_id(payment["id"], 1))

    async def was_told() -> bool:
        return trade.notified_count > 0

    await at_last(was_told)
    await platform.ask_now(payment["id"])
    await told(shop, "payment.succeeded")


async def test_money_after_the_close_goes_back_where_the_merchant_wants_that(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    payment = await closed_and_paid_late(shop, channel)
    await shop.is_in_state(payment["id"], "refunded")
    await told(shop, "payment.closed", "payment.late_paid", "refund.succeeded")


async def test_money_after_the_close_opens_the_order_again_where_the_merchant_wants_that(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    reopen, pool = rules.with_policies(late_payment="reopen"), platform.shared.pool
    made(await change_merchant(pool, shop.merchant_no, reopen, "late payments", "test"))

    async def is_known() -> bool:
        profile = await platform.shared.directory.merchants.find({shop.merchant_no})
        return profile[shop.merchant_no].late_payment == "reopen"

    await at_last(is_known)
    payment = await closed_and_paid_late(shop, channel)
    now = await shop.is_in_state(payment["id"], "succeeded")
    assert now["is_late"]
    await told(shop, "payment.closed", "payment.succeeded")


async def test_an_order_that_two_channels_are_paid_for_is_paid_once_and_the_rest_goes_back(
    platform: Platform,
) -> None:
    first, second = await platform.open_channel(), await platform.open_channel()
    shop, world = await platform.open_shop(first, second), platform.simulator.world
    first.trouble("create", "lost_answer")
    payment = (await shop.order()).document
    trade = first.trade(attempt_id(payment["id"], 1))
    assert trade is not None
    first.trouble("query", "refuse", value="ORDER_NOT_EXIST")
    first.trouble("create", "refuse", value="RULE_LIMIT")
    await platform.ask_now(payment["id"])
    await second.pay(attempt_id(payment["id"], 2))
    await told(shop, "payment.succeeded")
    assert isinstance(world.pay(trade), Trade), "the channel had it all the time"
    await told(shop, "payment.succeeded", "refund.succeeded")
    now = await shop.find(payment["id"])
    assert (now["state"], now["channel_no"]) == ("succeeded", second.channel_no)
    assert trade.refunded_fen == trade.amount_fen


@pytest.mark.parametrize("kind", ["lost_answer", "lost_request", "http_500"])
async def test_a_refund_whose_answer_is_lost_goes_back_once(
    platform: Platform, channel: Channel, shop: Shop, kind: Kind
) -> None:
    payment = await with_balance(shop, channel)
    channel.trouble("refund", kind)
    assert (await refund(shop, payment, "r1", 300)).status == 201
    again = await refund(shop, payment, "r1", 300)
    assert again.status == 201, "a repeat of the merchant is the same refund"
    await platform.ask_about_refunds(payment["id"])
    await told(shop, "payment.succeeded", "payment.succeeded", "refund.succeeded")
    assert (await shop.find(payment["id"]))["refunded_fen"] == 300


async def test_refunds_at_once_never_exceed_the_payment(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    payment = await with_balance(shop, channel)
    wishes = (refund(shop, payment, f"r{number}", 600) for number in range(50))
    statuses = [answer.status for answer in await asyncio.gather(*wishes)]
    assert len([status for status in statuses if status in (201, 202)]) == 1
    await told(shop, "payment.succeeded", "payment.succeeded", "refund.succeeded")


async def test_a_refund_that_does_not_reach_the_payer_gives_nobody_anything_back(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    payment = await with_balance(shop, channel)
    channel.trouble("refund", "ends_abnormal")
    await refund(shop, payment, "r1", 300)
    await told(shop, "payment.succeeded", "payment.succeeded", "refund.abnormal")
    answer = await refund(shop, payment, "r2", 800)
    assert answer.document["code"] == "refund_above_payment", "300 fen are on their way"
    assert (await refund(shop, payment, "r1", 300)).document["state"] == "abnormal"


async def test_a_refund_without_the_money_for_it_leaves_everything_as_it_was(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    payment = await paid(shop, channel)
    await platform.whole_story(payment["id"])
    answer = await refund(shop, payment, "r1")
    assert answer.document["failure"]["code"] == "insufficient_balance"
    await told(shop, "payment.succeeded", "refund.failed")
