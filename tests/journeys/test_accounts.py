"""From a payment to the merchant's money: what was paid is on his account a moment later."""

from __future__ import annotations

from typing import Any

from msgspec import convert

from schema.days import day_of
from schema.events import Moment
from schema.ids import attempt_id
from tests.journeys.channel import Channel
from tests.journeys.shop import Shop
from tests.waiting import at_last


async def test_a_paid_order_is_money_on_the_merchants_account(channel: Channel, shop: Shop) -> None:
    payment = (await shop.order()).document
    await channel.pay(attempt_id(payment["id"], 1))

    async def booked() -> dict[str, Any] | None:
        balances = await shop.look("/v1/balances")
        return balances if balances["items"] else None

    balances = await at_last(booked)
    (money,), (account,) = balances["items"], balances["accounts"]
    assert (money["balance_fen"], money["out_of_reserve_fen"]) == (994, 994)
    path = f"/v1/accounts/{account['account_no']}"
    (entry,) = (await shop.look(f"{path}/entries"))["items"]
    assert entry["booking_key"] == f"trade:{payment['id']}"
    assert (entry["amount_fen"], entry["fee_fen"], entry["rate_ppm"]) == (994, 6, 6_000)
    assert await shop.look(path) == account
    day = day_of(convert(entry["booked_at"], Moment))
    statement = await shop.look(f"{path}/statement?day={day}&format=json")
    assert (statement["entries"], statement["closing_balance_fen"]) == ([entry], 994)
