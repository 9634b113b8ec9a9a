"""From an order to a webhook, when everybody does what they should."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec import json

from actors.routing.record import again
from bus.effects import decode_outgoing
from bus.origin import new_traceparent
from handlers.terminal.payment import Story
from schema.events import Event
from schema.ids import attempt_id, derived_id
from schema.payments import RoutingDecision
from tests.journeys.channel import Channel
from tests.journeys.platform import Platform
from tests.journeys.shop import Shop
from tests.waiting import at_last


async def paid(shop: Shop, channel: Channel, **differences: Any) -> dict[str, Any]:
    """The payment of an order, once the shop was told of it."""
    answer = await shop.order(**differences)
    assert (answer.status, answer.document["state"]) == (201, "pending")
    await channel.pay(attempt_id(answer.document["id"], 1))
    (told,) = await shop.told()
    assert told["type"] == "payment.succeeded"
    return told["data"]


async def test_a_paid_order_is_answered_shown_booked_and_told(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    answer = await shop.order(metadata={"till": "7"})
    payment = answer.document
    assert payment["pay"]["url"].startswith("weixin://wxpay/bizpayurl?pr=")
    trade = await channel.pay(attempt_id(payment["id"], 1))
    (told,) = await shop.told()
    assert told["data"] == await shop.find(payment["id"])
    assert told["data"] == payment | {
        "state": "succeeded",
        "channel_trade_no": trade.channel_number,
        "paid_at": told["data"]["paid_at"],
        "fee_fen": 6,
    }
    story = await platform.whole_story(payment["id"])
    entries = {(entry["account"], entry["owner"]): entry["amount_fen"] for entry in story.entries}
    assert entries == {
        ("channel.clearing", channel.channel_no): -1_000,
        ("merchant.payable", shop.merchant_no): 994,
        ("platform.fee_income", "platform"): 6,
    }


async def test_the_story_of_a_payment_names_every_room_in_the_order_of_time(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    payment = await paid(shop, channel)
    story = await platform.whole_story(payment["id"])
    told = [(step["room"], step["step"]) for step in story.steps]
    told.remove(("channels.calls", "says channel.called"))
    assert told[:-3] == [
        ("ordering", "says payment.placed"),
        ("risk", "pass"),
        ("routing", f"ranks {channel.channel_no}"),
        ("channels.calls", f"asks {channel.channel_no}"),
        ("channels.calls", "says attempt.pending"),
        ("ordering", "says payment.answered"),
        ("channels.notices", "says attempt.succeeded"),
        ("ordering", "says payment.succeeded"),
    ]
    assert sorted(told[-3:]) == [
        ("accounting", f"books trade:{payment['id']}"),
        ("notification", "posts try 1: 204"),
        ("notification", "says notification.deliver"),
    ]


async def test_every_word_about_a_payment_has_its_cause(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    payment = await paid(shop, channel)
    said = await words_about(platform, payment["id"])
    cleared = derived_id(said["payment.placed"].id, "risk", 0)
    assert said["attempt.pending"].causationid == derived_id(cleared, "routing", 0)
    for word, cause in [
        ("payment.answered", "attempt.pending"),
        ("payment.succeeded", "attempt.succeeded"),
        ("notification.deliver", "payment.succeeded"),
    ]:
        assert said[word].causationid == said[cause].id


async def test_the_merchants_trace_runs_through_every_room_to_the_answer(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    trace = new_traceparent()
    answer = await shop.order(traceparent=trace)
    said = await words_about(platform, answer.document["id"])
    for word in ("payment.placed", "attempt.pending", "payment.answered"):
        assert trace_of(said[word]) == trace.split("-")[1]


async def test_the_channels_notice_has_one_trace_up_to_the_webhook(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    said = await words_about(platform, (await paid(shop, channel))["id"])
    words = ("attempt.succeeded", "payment.succeeded", "notification.deliver")
    assert len({trace_of(said[word]) for word in words}) == 1


async def words_about(platform: Platform, payment_id: str) -> dict[str, Event]:
    """Every event about a payment that the inboxes hold, by its type."""
    rows = await platform.shared.pool.fetch("SELECT effects FROM bus.inbox")
    events = [
        json.decode(outgoing.event, type=Event)
        for row in rows
        for outgoing in decode_outgoing(row["effects"])
    ]
    return {event.type: event for event in events if event.subject == payment_id}


def trace_of(event: Event) -> str:
    assert event.traceparent is not None
    return event.traceparent.split("-")[1]


async def test_the_routing_record_leads_to_the_same_channels_again(
    platform: Platform, shop: Shop
) -> None:
    (attempt,) = (await story_of_an_order(platform, shop)).attempts
    record = json.decode(json.encode(attempt["decisions"]["routing"]), type=RoutingDecision)
    assert again(record) == record


async def story_of_an_order(platform: Platform, shop: Shop) -> Story:
    return await platform.story((await shop.order()).document["id"])


async def test_a_payment_that_risk_refuses_never_reaches_a_channel(
    platform: Platform, shop: Shop
) -> None:
    await platform.shared.pool.execute(
        "INSERT INTO risk.blocked VALUES ('payer', $1, 'stolen phones', 'ann')", shop.merchant_no
    )
    answer = await shop.order(payer_id=shop.merchant_no)
    payment = answer.document
    assert (answer.status, payment["state"]) == (201, "failed")
    assert payment["failure"] == {"code": "blocked_payer", "reason": "stolen phones"}
    (told,) = await shop.told()
    assert (told["type"], told["data"]) == ("payment.failed", payment)
    story = await platform.whole_story(payment["id"])
    assert (story.attempts, story.entries) == ([], [])
    assert story.payment["decisions"]["risk"]["verdict"] == "refuse"


async def test_a_payment_that_no_channel_can_take_says_why_for_each(platform: Platform) -> None:
    channel = await platform.open_channel(single_max_fen=500)
    shop = await platform.open_shop(channel)
    answer = await shop.order()
    payment = answer.document
    assert (payment["state"], payment["failure"]["code"]) == ("failed", "no_channel")
    (told,) = await shop.told()
    assert told["type"] == "payment.failed"
    story = await platform.whole_story(payment["id"])
    (candidate,) = story.payment["decisions"]["routing"]["candidates"]
    assert candidate["removed_by"] == "single max: 1000 fen is above 500"


async def test_a_repeated_order_gets_the_first_answer_before_and_after_the_money(
    channel: Channel, shop: Shop
) -> None:
    number = {"merchant_order_no": "order-1"}
    first = await shop.order(**number)
    assert await shop.order(**number) == first
    await channel.pay(attempt_id(first.document["id"], 1))
    await shop.told()
    assert await shop.order(**number) == first
    conflict = await shop.order(**number, amount_fen=2_000)
    assert (conflict.status, conflict.document["code"]) == (409, "order_no_conflict")


async def test_money_that_is_faster_than_the_code_is_not_lost(channel: Channel, shop: Shop) -> None:
    channel.trouble("create", "slow", value=600)
    answering = asyncio.create_task(shop.order(merchant_order_no="quick"))
    payment = await at_last(lambda: shop.find_order("quick"))
    await channel.pay(attempt_id(payment["id"], 1))
    (told,) = await shop.told()
    assert not answering.done(), "the channel has not answered yet"
    answer = await answering
    assert (answer.status, answer.document["state"]) == (201, "pending")
    assert await shop.find(payment["id"]) == told["data"] | {"pay": answer.document["pay"]}
