"""What channels do wrong, and that no payment is lost, doubled or guessed at because of it."""

from __future__ import annotations

from typing import Any

import pytest

from handlers.simulator.wechat.words import CODE_URL
from handlers.simulator.world import Kind
from schema.ids import attempt_id
from tests.journeys.channel import Channel
from tests.journeys.platform import ANSWER_WAIT_MS, Platform
from tests.journeys.shop import Shop
from tests.waiting import at_last

NOWHERE = "http://127.0.0.1:9/callbacks"
"""Port 9 discards: what is sent there is lost for ever."""


async def attempt(platform: Platform, payment_id: str) -> dict[str, Any]:
    """The last attempt as it stands now."""
    return (await platform.story(payment_id)).attempts[-1]


async def is_paid_once(platform: Platform, shop: Shop, payment_id: str) -> None:
    """The payment ends well: one booking, one notification, one webhook."""
    assert (await shop.is_in_state(payment_id, "succeeded"))["fee_fen"] == 6
    story = await platform.whole_story(payment_id)
    assert sum(entry["amount_fen"] for entry in story.entries) == 0
    assert len({entry["booking_key"] for entry in story.entries}) == 1
    assert len(story.entries) == 3
    assert [hook["type"] for hook in await shop.told()] == ["payment.succeeded"]
    assert len(shop.hooks) == 1


async def test_where_the_first_channel_refuses_the_second_takes_the_payment(
    platform: Platform,
) -> None:
    first, second = await platform.open_channel(), await platform.open_channel()
    shop = await platform.open_shop(first, second)
    first.trouble("create", "refuse")
    answer = await shop.order()
    payment = answer.document
    assert (answer.status, payment["state"]) == (201, "pending")
    assert payment["channel_no"] == second.channel_no
    await second.pay(attempt_id(payment["id"], 2))
    await is_paid_once(platform, shop, payment["id"])
    attempts = (await platform.story(payment["id"])).attempts
    tried = [(each["state"], each["channel_code"]) for each in attempts]
    assert tried == [("failed", "RULE_LIMIT"), ("succeeded", None)]
    assert first.trade(attempt_id(payment["id"], 1)) is None


async def test_where_every_channel_refuses_the_payment_fails_with_the_last_ones_words(
    platform: Platform,
) -> None:
    channels = [await platform.open_channel() for _ in range(2)]
    shop = await platform.open_shop(*channels)
    for channel, code in zip(channels, ("RULE_LIMIT", "NO_AUTH"), strict=True):
        channel.trouble("create", "refuse", value=code)
    payment = (await shop.order()).document
    assert payment["state"] == "failed"
    assert payment["failure"]["code"] == "channel_refused"
    assert payment["failure"]["reason"].startswith("NO_AUTH: ")
    assert [hook["type"] for hook in await shop.told()] == ["payment.failed"]


@pytest.mark.parametrize("kind", ["lost_answer", "http_500"])
async def test_an_unknown_payment_is_asked_about_shown_and_paid(
    platform: Platform, kind: Kind
) -> None:
    first, second = await platform.open_channel(), await platform.open_channel()
    shop = await platform.open_shop(first, second)
    first.trouble("create", kind)
    answer = await shop.order()
    payment = answer.document
    assert (answer.status, payment["state"]) == (201, "unknown")
    assert "pay" not in payment
    await platform.ask_now(payment["id"])
    shown = await shop.is_in_state(payment["id"], "pending")
    trade = await first.pay(attempt_id(payment["id"], 1))
    assert shown["pay"]["url"] == CODE_URL + trade.code, (
        "the channel has one order, and this is its code"
    )
    await is_paid_once(platform, shop, payment["id"])
    assert second.trade(attempt_id(payment["id"], 2)) is None, "nobody tried another channel"


async def test_an_answer_that_takes_too_long_is_there_for_the_repeat(
    channel: Channel, shop: Shop
) -> None:
    channel.trouble("create", "slow", value=ANSWER_WAIT_MS + 500)
    number = {"merchant_order_no": "slow-1"}
    answer = await shop.order(**number)
    assert (answer.status, answer.document) == (202, number | {"state": "processing"})

    async def has_code() -> dict[str, Any] | None:
        payment = await shop.find_order("slow-1")
        return payment if payment and "pay" in payment else None

    payment = await at_last(has_code)
    again = await shop.order(**number)
    assert (again.status, again.document) == (201, payment)


async def test_a_notice_that_never_comes_is_made_up_for_by_asking(platform: Platform) -> None:
    channel = await platform.open_channel(callbacks=NOWHERE)
    shop = await platform.open_shop(channel)
    payment = (await shop.order()).document
    await platform.ask_later(payment["id"])
    trade = await channel.pay(attempt_id(payment["id"], 1))

    async def was_sent() -> bool:
        return trade.notified_count > 0

    await at_last(was_sent)
    assert (await shop.find(payment["id"]))["state"] == "pending"
    await platform.ask_now(payment["id"])
    await is_paid_once(platform, shop, payment["id"])
    assert trade.acknowledged_at is None


async def test_an_unpaid_order_is_asked_about_less_and_less_often(
    platform: Platform, shop: Shop
) -> None:
    payment = (await shop.order()).document
    waits: list[int] = []
    for asked in range(4):
        row = await attempt(platform, payment["id"])
        assert (row["state"], row["queries"]) == ("pending", asked)
        waits.append(round((row["query_at"] - row["updated_at"]).total_seconds()))
        await platform.ask_now(payment["id"])

        async def was_asked(asked: int = asked) -> bool:
            return (await attempt(platform, payment["id"]))["queries"] > asked

        await at_last(was_asked)
    assert waits == [5, 10, 20, 40]


async def test_a_notice_that_comes_four_times_is_one_payment(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    channel.trouble("notify", "duplicate_notify", value=3)
    payment = (await shop.order()).document
    trade = await channel.pay(attempt_id(payment["id"], 1))
    await is_paid_once(platform, shop, payment["id"])

    async def all_came() -> bool:
        return trade.notified_count == 4 and trade.acknowledged_at is not None

    await at_last(all_came)
    kept = "SELECT count(*) FROM channels.notice WHERE channel_no = $1"
    assert await platform.shared.pool.fetchval(kept, channel.channel_no) == 1
    await is_paid_once(platform, shop, payment["id"])


async def test_a_notice_whose_thanks_are_lost_comes_again_and_changes_nothing(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    channel.trouble("notify", "lost_answer")
    payment = (await shop.order()).document
    trade = await channel.pay(attempt_id(payment["id"], 1))

    async def came_again() -> bool:
        return trade.acknowledged_at is not None

    await at_last(came_again)
    assert trade.notified_count == 2
    await is_paid_once(platform, shop, payment["id"])


async def test_a_forged_notice_is_not_let_in_and_the_true_one_after_it_is(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    channel.trouble("notify", "forged_notify", times=None)
    payment = (await shop.order()).document
    await platform.ask_later(payment["id"])
    trade = await channel.pay(attempt_id(payment["id"], 1))

    async def was_tried_twice() -> bool:
        return trade.notified_count == 2

    await at_last(was_tried_twice)
    assert (await shop.find(payment["id"]))["state"] == "pending"
    kept = "SELECT count(*) FROM channels.notice WHERE channel_no = $1"
    assert await platform.shared.pool.fetchval(kept, channel.channel_no) == 0
    channel.trouble("notify", "forged_notify", times=0)
    await is_paid_once(platform, shop, payment["id"])


async def test_a_notice_of_a_wrong_amount_pays_nothing_and_the_channel_is_asked(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    channel.trouble("notify", "wrong_amount_notify", value=-1)
    payment = (await shop.order()).document
    await platform.ask_later(payment["id"])
    await channel.pay(attempt_id(payment["id"], 1))

    async def was_heard() -> bool:
        row = await attempt(platform, payment["id"])
        return row["channel_code"] == "amount_mismatch"

    await at_last(was_heard)
    assert (await shop.find(payment["id"]))["state"] == "pending"
    assert (await platform.story(payment["id"])).entries == []
    await platform.ask_now(payment["id"])
    await is_paid_once(platform, shop, payment["id"])
