"""Every product of every wallet, from the shop's order to the shop's webhook."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from deploy.local.accounts import SERVED
from schema.ids import attempt_id
from schema.products import PRODUCTS, PayType
from tests.channels import PAYER_FIELDS, products, protocol_of
from tests.journeys.channel import Channel
from tests.journeys.platform import Platform

PRODUCTS_THERE = products(*SERVED)
Wallets = dict[str, Channel]


@pytest.fixture(scope="module")
async def wallets(platform: Platform) -> AsyncIterator[Wallets]:
    """One channel per protocol, for all tests here."""
    yield {protocol: await platform.open_wallet(protocol) for protocol in SERVED}


def is_paid_at_once(document: dict[str, Any]) -> bool:
    return document["state"] == "succeeded"


@pytest.mark.parametrize("product", PRODUCTS_THERE)
async def test_a_payment_by_this_product_ends_booked_and_told(
    platform: Platform, wallets: Wallets, product: PayType
) -> None:
    channel = wallets[protocol_of(product)]
    shop = await platform.open_shop(channel, pay_type=product)
    answer = await shop.order(pay_type=product, **PAYER_FIELDS.get(product, {}))
    payment = answer.document
    assert answer.status == 201, payment
    if not is_paid_at_once(payment):
        assert payment["state"] == "pending"
        assert payment["pay"]["kind"] == PRODUCTS[product].gives
        await platform.follow(channel, payment["pay"])
        if PRODUCTS[product].gives != "at_the_till":
            await channel.pay(attempt_id(payment["id"], 1))
    (told,) = await shop.told()
    assert (told["type"], told["data"]["id"]) == ("payment.succeeded", payment["id"])
    story = await platform.whole_story(payment["id"])
    assert sum(entry["amount_fen"] for entry in story.entries) == 0
    assert story.attempts[0]["terms"].get("auth_code") is None


@pytest.mark.parametrize("product", [name for name in PRODUCTS_THERE if PRODUCTS[name].needs])
async def test_a_product_is_refused_without_what_it_needs(
    platform: Platform, wallets: Wallets, product: PayType
) -> None:
    shop = await platform.open_shop(wallets[protocol_of(product)], pay_type=product)
    answer = await shop.order(pay_type=product)
    assert (answer.status, answer.document["code"]) == (400, "missing_field")
    assert answer.document["param"] == PRODUCTS[product].needs[0]


@pytest.mark.parametrize("product", [name for name in PRODUCTS_THERE if name.endswith("_barcode")])
async def test_at_the_till_a_password_takes_its_time_and_the_money_is_found_by_asking(
    platform: Platform, wallets: Wallets, product: PayType
) -> None:
    channel = wallets[protocol_of(product)]
    channel.trouble("pay", "needs_password")
    channel.trouble("notify", "lost_notify", times=None)
    shop = await platform.open_shop(channel, pay_type=product)
    answer = await shop.order(pay_type=product, **PAYER_FIELDS[product])
    payment = answer.document
    assert (answer.status, payment["state"]) == (201, "pending"), payment
    assert payment["pay"] == {"kind": "at_the_till"}
    await channel.pay(attempt_id(payment["id"], 1))
    (told,) = await shop.told()
    channel.trouble("notify", "lost_notify", times=0)
    assert told["type"] == "payment.succeeded"
