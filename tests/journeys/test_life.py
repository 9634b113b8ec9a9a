"""How payments end otherwise than well: closed, late, paid wrongly, given back. HTTP to webhook."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from handlers.simulator.world import Kind, TradeState
from schema.ids import attempt_id
from tests.journeys.channel import Channel
from tests.journeys.platform import Platform
from tests.journeys.shop import Shop
from tests.journeys.test_payment import paid
from tests.waiting import at_last


async def balances(platform: Platform, *owners: str) -> dict[str, int]:
    """What these owners' accounts stand at, where that is not nothing."""
    rows = await platform.shared.pool.fetch(
        "SELECT role || '.' || kind AS name, standing_fen FROM accounting.standing"
        " WHERE owner = ANY($1) AND standing_fen <> 0",
        owners,
    )
    return {row["name"]: row["standing_fen"] for row in rows}


async def is_told(shop: Shop, count: int, kind: str) -> dict[str, Any]:
    """What the last of so many webhooks says."""
    told = (await shop.told(count))[-1]
    assert told["type"] == kind
    return told["data"]


async def refund(shop: Shop, payment: dict[str, Any], number: str, fen: int | None = None) -> Any:
    wish = {"merchant_refund_no": number, "payment_id": payment["id"]}
    return await shop.ask("POST", "/v1/refunds", wish | ({"amount_fen": fen} if fen else {}))


async def test_an_order_that_nobody_pays_is_closed_at_the_channel_when_its_life_is_over(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    payment = (await shop.order()).document
    await platform.expire(payment["id"])
    told = await is_told(shop, 1, "payment.closed")
    assert (told["state"], told["close_reason"]) == ("closed", "expired")
    trade = channel.trade(attempt_id(payment["id"], 1))
    assert trade is not None and trade.state is TradeState.CLOSED


async def test_a_merchant_closes_an_order_and_a_repeat_is_harmless(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    payment = (await shop.order()).document
    for _ in range(2):
        answer = await shop.ask("POST", f"/v1/payments/{payment['id']}/close")
        assert (answer.status, answer.document["state"]) == (200, "closed")
    assert (await is_told(shop, 1, "payment.closed"))["close_reason"] == "merchant"


async def test_a_paid_order_is_not_closed(platform: Platform, channel: Channel, shop: Shop) -> None:
    payment = await paid(shop, channel)
    answer = await shop.ask("POST", f"/v1/payments/{payment['id']}/close")
    assert (answer.status, answer.document["code"]) == (409, "payment_already_paid")


async def test_an_order_whose_payer_was_faster_than_the_close_is_paid(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    channel.trouble("notify", "lost_notify", times=None)
    payment = (await shop.order()).document
    await channel.pay(attempt_id(payment["id"], 1))
    answer = await shop.ask("POST", f"/v1/payments/{payment['id']}/close")
    assert answer.status in (202, 409)
    assert (await is_told(shop, 1, "payment.succeeded"))["id"] == payment["id"]


async def test_money_that_comes_after_the_close_goes_back_and_everybody_is_told(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    payment = (await shop.order()).document
    channel.trouble("close", "late_success")
    await shop.ask("POST", f"/v1/payments/{payment['id']}/close")
    kinds = [told["type"] for told in await shop.told(3)]
    assert sorted(kinds) == ["payment.closed", "payment.late_paid", "refund.succeeded"]
    now = await shop.is_in_state(payment["id"], "refunded")
    assert (now["refunded_fen"], now["is_late"]) == (1_000, True)

    async def is_even() -> bool:
        return await balances(platform, shop.merchant_no, channel.channel_no) == {}

    await at_last(is_even)


async def test_a_payment_is_refunded_in_parts_booked_and_told(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    await paid(shop, channel, amount_fen=100_000)
    payment = await paid_again(shop, channel)
    answer = await refund(shop, payment, "r1", 300)
    assert (answer.status, answer.document["state"]) == (201, "asked")
    told = await is_told(shop, 3, "refund.succeeded")
    assert (told["amount_fen"], told["merchant_refund_no"]) == (300, "r1")
    assert (await shop.find(payment["id"]))["state"] == "partially_refunded"
    await refund(shop, payment, "r2")  # too soon after the first one for the channel
    await asyncio.sleep(1)  # its minute
    await platform.ask_about_refunds(payment["id"])
    assert (await is_told(shop, 4, "refund.succeeded"))["amount_fen"] == 700
    assert (await shop.find(payment["id"]))["state"] == "refunded"
    listed = await shop.look(f"/v1/refunds?payment_id={payment['id']}")
    assert [each["merchant_refund_no"] for each in listed["items"]] == ["r2", "r1"]
    assert (await shop.look("/v1/refunds?merchant_refund_no=r1"))["id"] == told["id"]

    async def is_booked() -> bool:
        return (await balances(platform, shop.merchant_no)) == {"merchant.payable": 99_394}

    await at_last(is_booked)


async def paid_again(shop: Shop, channel: Channel) -> dict[str, Any]:
    """A further payment of ten yuan."""
    payment = (await shop.order()).document
    await channel.pay(attempt_id(payment["id"], 1))
    return await shop.is_in_state(payment["id"], "succeeded")


async def test_fifty_refunds_at_once_of_sixty_percent_are_one(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    await paid(shop, channel, amount_fen=100_000)
    payment = await paid_again(shop, channel)
    wishes = (refund(shop, payment, f"r{number}", 600) for number in range(50))
    answers = await asyncio.gather(*wishes)
    taken = [answer for answer in answers if answer.status in (201, 202)]
    refused = {a.document["code"] for a in answers if a not in taken}
    assert (len(taken), refused) == (1, {"refund_above_payment"})
    assert (await is_told(shop, 3, "refund.succeeded"))["amount_fen"] == 600
    assert (await shop.find(payment["id"]))["refunded_fen"] == 600


async def test_a_refund_whose_answer_was_lost_is_made_once(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    await paid(shop, channel, amount_fen=100_000)
    payment = await paid_again(shop, channel)
    channel.trouble("refund", "lost_answer")
    await refund(shop, payment, "r1", 300)
    await platform.ask_about_refunds(payment["id"])
    assert (await is_told(shop, 3, "refund.succeeded"))["amount_fen"] == 300
    assert (await shop.find(payment["id"]))["refunded_fen"] == 300


async def test_a_refund_that_the_channel_refuses_leaves_the_money_where_it_was(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    await paid(shop, channel, amount_fen=100_000)
    payment = await paid_again(shop, channel)
    channel.trouble("refund", "refuse", value="NOT_ENOUGH")
    await refund(shop, payment, "r1", 300)
    assert (await is_told(shop, 3, "refund.failed"))["failure"]["code"] == "channel_refused"
    assert (await shop.find(payment["id"]))["state"] == "succeeded"
    assert (await refund(shop, payment, "r2", 1_000)).status == 201, "all of it is free again"


async def test_a_refund_without_the_money_for_it_is_refused(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    payment = await paid(shop, channel)
    await platform.whole_story(payment["id"])
    answer = await refund(shop, payment, "r1")
    assert answer.document["state"] == "failed"
    assert answer.document["failure"]["code"] == "insufficient_balance"


async def alarm(platform: Platform, payment: dict[str, Any]) -> Any:
    """The alarm about other money than was asked for."""
    return await platform.shared.pool.fetchrow(
        "SELECT * FROM accounting.alarm WHERE alarm_no = $1",
        f"mispaid.{attempt_id(payment['id'], 1)}",
    )


@pytest.mark.parametrize(
    ("kind", "kinds"),
    [
        ("wrong_amount_notify", ["unexplained", "unexplained_retracted"]),
        ("wrong_currency_notify", []),
    ],
)
async def test_a_lie_of_a_notice_leaves_nothing_once_the_channel_was_asked(
    platform: Platform, channel: Channel, shop: Shop, kind: Kind, kinds: list[str]
) -> None:
    channel.trouble("notify", kind)
    payment = (await shop.order()).document
    number = attempt_id(payment["id"], 1)
    await channel.pay(number)
    raised = await at_last(lambda: alarm(platform, payment))
    assert raised["cleared_at"] is None
    await shop.is_in_state(payment["id"], "succeeded")  # by the ladder, after five seconds
    even = {"channel.clearing": -1_000, "merchant.payable": 994}

    async def is_settled() -> bool:
        cleared = (await alarm(platform, payment))["cleared_by"] == "system"
        return cleared and await balances(platform, shop.merchant_no, channel.channel_no) == even

    await at_last(is_settled)
    booked = "SELECT kind FROM accounting.booking WHERE subject = $1 ORDER BY kind"
    assert [
        row["kind"] for row in await platform.shared.pool.fetch(booked, raised["alarm_no"])
    ] == kinds
    assert await platform.dead_letters() == {}


async def test_where_the_channel_confirms_the_wrong_amount_a_person_has_to_look(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    payment = (await shop.order()).document
    trade = channel.trade(attempt_id(payment["id"], 1))
    assert trade is not None
    trade.terms = replace(trade.terms, amount_fen=999)  # whatever went wrong there
    await channel.pay(trade.number)
    await at_last(lambda: alarm(platform, payment))

    async def was_asked() -> bool:
        await platform.ask_now(payment["id"])
        return (await platform.story(payment["id"])).attempts[0]["queries"] >= 3

    await at_last(was_asked, every_s=0.5)
    assert (await shop.find(payment["id"]))["state"] == "pending"
    assert (await alarm(platform, payment))["cleared_at"] is None
    assert await balances(platform, channel.channel_no) == {"channel.clearing": -999}
    assert await platform.dead_letters() == {}
