"""What a merchant can read afterwards: the time line of a payment, and the statement of its day."""

from __future__ import annotations

import csv
import time
from typing import Any

import pytest

from bus.jobs import now_utc
from handlers.merchant_api.signing import hmac_authorization
from schema.days import day_of
from tests.journeys.channel import Channel
from tests.journeys.platform import Platform
from tests.journeys.shop import Shop
from tests.journeys.test_life import is_told, paid_again, refund
from tests.journeys.test_payment import paid
from tests.waiting import at_last

pytestmark = pytest.mark.usefixtures("one_day")


async def kinds(shop: Shop, payment: dict[str, Any], count: int) -> list[str]:
    """What happened to a payment, once so many webhooks about it have got through."""

    async def all_told() -> list[str] | None:
        items = (await shop.look(f"/v1/payments/{payment['id']}/events"))["items"]
        found = [item["kind"] for item in items]
        return found if found.count("webhook_delivered") == count else None

    return await at_last(all_told)


async def statement(shop: Shop) -> list[dict[str, str]]:
    """Today's, signed as a merchant's program would sign it."""
    path = f"/v1/statements/{day_of(now_utc())}.csv"
    authorization = hmac_authorization(
        shop.merchant_no, shop.created.key_id, shop.created.hmac_secret.encode(), "GET", path, b"",
        int(time.time()), f"{time.time_ns():x}",
    )  # fmt: skip
    headers = {"Authorization": authorization}
    async with shop.session.get(shop.edge_url + path, headers=headers) as answer:
        assert answer.status == 200
        return list(csv.DictReader((await answer.text()).splitlines()))


async def test_a_refunded_payment_tells_its_story_and_adds_up(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    await paid(shop, channel, amount_fen=100_000)
    payment = await paid_again(shop, channel)
    await refund(shop, payment, "r1", 300)
    told = await is_told(shop, 3, "refund.succeeded")
    happened = await kinds(shop, payment, 2)
    in_order = [
        "placed", "cleared", "channel_asked", "channel_answered", "refund_placed",
        "refund_succeeded",
    ]  # fmt: skip
    assert [kind for kind in happened if kind in in_order] == in_order
    assert {"routed", "paid", "booked"} <= set(happened)
    lines = await statement(shop)
    assert [line["kind"] for line in lines] == [
        "payment", "payment", "refund", "payments_total", "refunds_total", "total",
    ]  # fmt: skip
    assert (lines[2]["refund_id"], lines[2]["gross_fen"]) == (told["id"], "-300")

    async def is_booked() -> bool:
        found = (await shop.look("/v1/balances"))["items"]
        return bool(found) and found[0]["balance_fen"] == int(lines[-1]["net_fen"])

    await at_last(is_booked)


async def test_money_that_came_after_the_close_is_in_the_story_and_comes_to_nothing(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    payment = (await shop.order()).document
    channel.trouble("close", "late_success")
    await shop.ask("POST", f"/v1/payments/{payment['id']}/close")
    happened = await kinds(shop, payment, 3)
    assert set(happened) >= {
        "closed", "paid_late", "refund_succeeded",
    }  # fmt: skip
    lines = await statement(shop)
    assert [line["kind"] for line in lines[:2]] == ["late_payment", "late_refund"]
    assert lines[-1]["net_fen"] == "0"
