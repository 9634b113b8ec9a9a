"""`runner.py payment unknown|close`, `runner.py refund …`: an operator sees risks, and acts."""

from __future__ import annotations

from typing import Any

from tests.journeys.channel import Channel
from tests.journeys.platform import Platform
from tests.journeys.shop import Shop
from tests.journeys.terminal import Terminal
from tests.journeys.test_life import paid_again, refund
from tests.journeys.test_payment import paid
from tests.sites import Site
from tests.waiting import at_last


async def test_an_operator_sees_what_nobody_can_say_the_end_of(
    place: Site, platform: Platform, channel: Channel, shop: Shop
) -> None:
    terminal = Terminal(place)
    channel.trouble("create", "lost_answer", times=None)
    channel.trouble("query", "http_500", times=None)
    number = "o-unknown"
    await shop.order(merchant_order_no=number)

    async def is_unknown() -> dict[str, Any] | None:
        payment = await shop.find_order(number)
        return payment if payment and payment["state"] == "unknown" else None

    payment = await at_last(is_unknown)
    assert await listed(terminal, payment["id"]) is None, "it is younger than ten minutes"
    row = await listed(terminal, payment["id"], "--minutes", "0")
    assert row is not None
    assert (row["state"], row["amount_fen"]) == ("unknown", 1_000)
    assert (row["channel_no"], row["attempt"]) == (channel.channel_no, "unknown")
    assert payment["id"] in await terminal.run("payment", "unknown", "--minutes", "0")


async def listed(terminal: Terminal, payment_id: str, *words: str) -> dict[str, Any] | None:
    """The payment in the list; the total is never less than it."""
    found = await terminal.read("payment", "unknown", *words)
    row = next((row for row in found["items"] if row["payment_id"] == payment_id), None)
    assert row is None or found["amount_fen"] >= row["amount_fen"]
    return row


async def test_an_operator_closes_what_nobody_has_paid(
    place: Site, platform: Platform, channel: Channel, shop: Shop
) -> None:
    terminal, payment = Terminal(place), (await shop.order()).document
    said = await terminal.run("payment", "close", payment["id"])
    assert said == f"{payment['id']} is closed\n"
    assert (await shop.find(payment["id"]))["close_reason"] == "merchant"
    assert "no payment pay_none" in await terminal.run("payment", "close", "pay_none", code=1)


async def test_an_operator_refunds_and_sees_what_became_of_it(
    place: Site, platform: Platform, channel: Channel, shop: Shop
) -> None:
    terminal = Terminal(place)
    await paid(shop, channel, amount_fen=100_000)
    payment = await paid_again(shop, channel)
    wish = ("refund", "place", payment["id"], "--number", "op-1", "--fen", "300")
    placed = await terminal.read(*wish)
    assert (placed["amount_fen"], placed["kind"]) == (300, "merchant")
    assert (await terminal.read(*wish))["id"] == placed["id"], "a repeat is the same refund"
    await shop.told(3)
    shown = await terminal.read("refund", "show", placed["id"])
    assert (shown["state"], shown["at_the_channel"]["state"]) == ("succeeded", "succeeded")
    more = ("refund", "place", payment["id"], "--number", "op-2", "--fen", "701")
    assert "refund_above_payment" in await terminal.run(*more, code=1)
    wrong = ("refund", "place", payment["id"], "--number", "late:1")
    assert "$.merchant_refund_no" in await terminal.run(*wrong, code=1)


async def test_an_operator_sees_a_refund_that_did_not_arrive(
    place: Site, platform: Platform, channel: Channel, shop: Shop
) -> None:
    terminal = Terminal(place)
    await paid(shop, channel, amount_fen=100_000)
    payment = await paid_again(shop, channel)
    channel.trouble("refund", "ends_abnormal")
    placed = (await refund(shop, payment, "r1", 300)).document
    await platform.ask_about_refunds(payment["id"])
    assert (await shop.told(3))[-1]["type"] == "refund.abnormal"
    found = await terminal.read("refund", "list", "--merchant", shop.merchant_no)
    assert [(row["refund_id"], row["state"]) for row in found] == [(placed["id"], "abnormal")]
    assert await terminal.read("refund", "list", "--state", "queued") == []


async def test_an_operator_sees_the_refunds_of_a_payment_in_its_story(
    place: Site, platform: Platform, channel: Channel, shop: Shop
) -> None:
    terminal = Terminal(place)
    await paid(shop, channel, amount_fen=100_000)
    payment = await paid_again(shop, channel)
    assert "Refunds" not in await terminal.run("payment", "explain", payment["id"])
    channel.trouble("refund", "refuse", value="NOT_ENOUGH")
    await refund(shop, payment, "r1", 300)
    await shop.told(3)
    await refund(shop, payment, "r2", 200)
    await shop.told(4)
    refunds = (await terminal.read("payment", "explain", payment["id"]))["refunds"]
    shown = [(row["merchant_refund_no"], row["amount_fen"], row["state"]) for row in refunds]
    assert shown == [("r1", 300, "failed"), ("r2", 200, "succeeded")]
    assert refunds[0]["channel_code"] == "NOT_ENOUGH"
    assert all(0 <= row["age_s"] < 600 for row in refunds)
    printed = await terminal.run("payment", "explain", payment["id"])
    assert "Refunds" in printed and "NOT_ENOUGH" in printed


async def test_an_operator_has_a_refused_automatic_refund_asked_for_once_more(
    place: Site, platform: Platform, channel: Channel, shop: Shop
) -> None:
    terminal, payment = Terminal(place), (await shop.order()).document
    channel.trouble("close", "late_success")
    channel.trouble("refund", "refuse", value="NOT_ENOUGH")
    await shop.ask("POST", f"/v1/payments/{payment['id']}/close")
    told = {each["type"]: each for each in await shop.told(3)}
    refunds = await terminal.read("refund", "list", "--merchant", shop.merchant_no)
    [number] = [row["refund_id"] for row in refunds]
    assert told["refund.abnormal"]["data"]["id"] == number
    again = await terminal.read("refund", "repeat", number)
    assert again["refund_id"] == number
    assert again["at_the_channel"]["state"] in ("pending", "succeeded"), "a notice may be faster"
    assert (await shop.told(4))[-1]["type"] == "refund.succeeded"
    assert (await shop.is_in_state(payment["id"], "refunded"))["refunded_fen"] == 1_000
    assert "was not refused" in await terminal.run("refund", "repeat", number, code=1)
    assert "no refund" in await terminal.run("refund", "repeat", "ref_none", code=1)


async def _closed_refund(channel: Channel, shop: Shop) -> tuple[dict[str, Any], str]:
    """A payment that came after its close, and its automatic refund that the channel closed."""
    payment = (await shop.order()).document
    channel.trouble("close", "late_success")
    channel.trouble("refund", "ends_closed")
    await shop.ask("POST", f"/v1/payments/{payment['id']}/close")
    told = {each["type"]: each for each in await shop.told(3)}
    return payment, told["refund.abnormal"]["data"]["id"]


async def test_an_operator_has_a_refund_that_was_closed_asked_for_under_a_new_number(
    place: Site, platform: Platform, channel: Channel, shop: Shop
) -> None:
    terminal = Terminal(place)
    payment, refund_id = await _closed_refund(channel, shop)
    number = refund_id.removeprefix("ref_")
    closed = (await terminal.read("refund", "show", refund_id))["at_the_channel"]
    assert (closed["number"], closed["state"]) == (number, "failed")
    assert (closed["channel_code"], closed["number_is_spent"]) == ("CLOSED", True)
    again = (await terminal.read("refund", "repeat", refund_id))["at_the_channel"]
    assert (again["number"], again["number_is_spent"]) == (f"{number}r2", False)
    assert again["state"] in ("pending", "succeeded"), "a notice may be faster"
    assert (await shop.told(4))[-1]["type"] == "refund.succeeded"
    assert (await shop.is_in_state(payment["id"], "refunded"))["refunded_fen"] == 1_000
    (shown,) = (await terminal.read("payment", "explain", payment["id"]))["refunds"]
    assert (shown["number"], shown["state"]) == (f"{number}r2", "succeeded")
    assert "was not refused" in await terminal.run("refund", "repeat", refund_id, code=1)
    trade = channel.trade(payment["id"].removeprefix("pay_") + "01")
    assert trade is not None and trade.refunded_fen == 1_000


async def test_an_operator_is_told_that_a_refund_has_spent_all_its_numbers(
    place: Site, platform: Platform, channel: Channel, shop: Shop
) -> None:
    terminal = Terminal(place)
    _, refund_id = await _closed_refund(channel, shop)
    await platform.shared.pool.execute(
        "UPDATE channels.repayment SET numbers = 9 WHERE refund_id = $1", refund_id
    )
    assert "all its numbers" in await terminal.run("refund", "repeat", refund_id, code=1)
