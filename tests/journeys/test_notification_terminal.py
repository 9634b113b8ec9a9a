"""`runner.py notification …`: an operator looks, tests, sends again, replays and switches."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.journeys.channel import Channel
from tests.journeys.platform import Platform
from tests.journeys.shop import Shop
from tests.journeys.terminal import Terminal
from tests.journeys.test_webhook_endpoints import Further
from tests.journeys.test_webhooks import orders, pay
from tests.sites import Site
from tests.waiting import at_last


async def test_an_operator_sees_what_was_told_and_has_it_told_again(
    place: Site, platform: Platform, channel: Channel, shop: Shop
) -> None:
    terminal, further = Terminal(place, "notification"), Further(platform, shop)
    await further.open()
    number, endpoint = shop.merchant_no, further.endpoint["id"]
    shown = await terminal.read("endpoints", number)
    assert [each["id"] for each in shown] == [endpoint]
    tested = await terminal.read("test", number, endpoint)
    assert tested["state"] == "delivered" and tested["type"] == "webhook.tested"
    again = await terminal.read("resend", tested["id"])
    assert [each["status"] for each in again["tries"]] == [204, 204]
    assert await terminal.read("show", tested["id"]) == again
    listed = await terminal.read("list", number, "--state", "delivered")
    assert [each["id"] for each in listed] == [tested["id"]]
    assert tested["id"] in await terminal.run("show", tested["id"])
    assert "no notification evt_0" in await terminal.run("show", "evt_0", code=1)


async def test_an_operator_switches_an_endpoint_off_and_on_and_replays_what_it_missed(
    place: Site, platform: Platform, channel: Channel, shop: Shop
) -> None:
    terminal, further = Terminal(place, "notification"), Further(platform, shop)
    await further.open()
    number, endpoint = shop.merchant_no, further.endpoint["id"]
    assert f"{endpoint} is disabled" in await terminal.run("disable", number, endpoint)
    payments = await orders(shop, 2)
    await pay(channel, payments)
    await shop.told(2)

    async def kept() -> bool:
        return len(await further.notifications(state="skipped")) == 2

    await at_last(kept)
    assert f"{endpoint} is enabled" in await terminal.run("enable", number, endpoint)
    now = datetime.now(UTC)
    span = [f"{now + timedelta(hours=hours):%Y-%m-%dT%H:%M:%S%z}" for hours in (-1, 1)]
    said = await terminal.run("replay", number, "--since", span[0], "--until", span[1])
    assert said.startswith("2 notifications")
    assert sorted(await further.heard(2)) == sorted(payments)
    refused = await terminal.run("replay", number, "--since", span[1], "--until", span[0], code=1)
    assert "it ends before it begins" in refused
