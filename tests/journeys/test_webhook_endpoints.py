"""Endpoints through the whole platform: told, kept while disabled, replayed, paused, given up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from standardwebhooks import Webhook

from bus.dead import Graveyard
from tests.journeys.channel import Channel
from tests.journeys.platform import Platform
from tests.journeys.shop import Shop
from tests.journeys.test_webhooks import orders, pay
from tests.waiting import at_last

PATH = "/v1/webhook_endpoints"


class Further:
    """A further address of a shop, with the manners of one."""

    def __init__(self, platform: Platform, shop: Shop) -> None:
        self._shop = shop
        self.name = f"further-{shop.merchant_no}"
        self.ears = Shop(shop.created, shop.edge_url, shop.session)
        platform.street.shops[self.name] = self.ears
        self.url = platform.street.address(self.name)
        self.endpoint: dict[str, Any] = {}
        self.secret = ""

    async def open(self, **form: Any) -> None:
        """Has the platform tell this address as well."""
        answer = await self._shop.ask("POST", PATH, {"url": self.url, **form})
        assert answer.status == 201, answer
        self.endpoint, self.secret = answer.document["endpoint"], answer.document["secret"]

    @property
    def path(self) -> str:
        return f"{PATH}/{self.endpoint['id']}"

    async def change(self, **form: Any) -> dict[str, Any]:
        """Changes the endpoint's terms."""
        answer = await self._shop.ask("PATCH", self.path, form)
        assert answer.status == 200, answer
        return answer.document

    async def state(self) -> str:
        """Whether it is enabled."""
        return (await self._shop.ask("GET", self.path)).document["state"]

    async def heard(self, count: int) -> list[str]:
        """The subjects of what it was told, each genuine."""

        async def all_there() -> bool:
            return len(self.ears.hooks) >= count

        await at_last(all_there)
        checked = [Webhook(self.secret).verify(hook.body, hook.headers) for hook in self.ears.hooks]
        return [each["data"]["id"] for each in checked]

    async def notifications(self, **query: str) -> list[dict[str, Any]]:
        """What the merchant is shown of it, newest first."""
        words = "&".join(
            f"{k}={v}" for k, v in {"endpoint_id": self.endpoint["id"], **query}.items()
        )
        answer = await self._shop.ask("GET", f"/v1/notifications?{words}")
        return answer.document["items"]


@pytest.fixture
async def further(platform: Platform, shop: Shop) -> AsyncIterator[Further]:
    made = Further(platform, shop)
    yield made
    made.ears.is_free.set()


async def test_an_endpoint_is_told_beside_the_profiles_address_under_the_same_id(
    channel: Channel, shop: Shop, further: Further
) -> None:
    await further.open(event_types=["payment.succeeded"])
    (payment_id,) = await orders(shop, 1)
    await pay(channel, [payment_id])
    assert await further.heard(1) == [payment_id]
    await shop.told(1)
    assert further.ears.hooks[0].id == shop.hooks[0].id


async def test_what_an_endpoint_did_not_listen_for_it_is_not_told(
    channel: Channel, shop: Shop, further: Further
) -> None:
    await further.open(event_types=["refund.*"])
    payments = await orders(shop, 2)
    await pay(channel, payments)
    await shop.told(2)
    assert await further.notifications() == []


async def test_what_is_missed_while_it_is_disabled_is_kept_and_replayed(
    channel: Channel, shop: Shop, further: Further
) -> None:
    await further.open()
    await further.change(enabled=False)
    payments = await orders(shop, 3)
    await pay(channel, payments)
    await shop.told(3)

    async def kept() -> bool:
        return len(await further.notifications(state="skipped")) == 3

    await at_last(kept)
    await further.change(enabled=True)
    span = {"since": "2000-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}
    refused = await shop.ask("POST", "/v1/notifications/replay", span)
    assert refused.document["code"] == "replay_too_long"
    ids = [each["id"] for each in await further.notifications()]
    answer = await shop.ask("POST", "/v1/notifications/replay", {"notification_ids": ids})
    assert answer.document == {"count": 3}
    assert sorted(await further.heard(3)) == sorted(payments)


async def test_410_disables_it_and_the_next_is_kept(
    platform: Platform, channel: Channel, shop: Shop, further: Further
) -> None:
    await further.open()
    further.ears.manners.append(410)
    first, second = await orders(shop, 2)
    await pay(channel, [first])

    async def disabled() -> bool:
        return await further.state() == "disabled"

    await at_last(disabled)
    await pay(channel, [second])
    await shop.told(2)

    async def kept() -> bool:
        return len(await further.notifications(state="skipped")) == 2

    await at_last(kept)
    assert len(further.ears.hooks) == 1


async def test_a_change_of_address_and_secret_applies_to_what_waits_to_be_tried_again(
    platform: Platform, channel: Channel, shop: Shop, further: Further
) -> None:
    await further.open()
    further.ears.manners.append(500)
    (payment_id,) = await orders(shop, 1)
    await pay(channel, [payment_id])

    async def tried() -> bool:
        return [each["attempts"] for each in await further.notifications()] == [1]

    await at_last(tried)
    moved = Further(platform, await platform.open_shop(channel))
    await further.change(url=moved.url)
    rotated = await shop.ask("POST", f"{further.path}/secrets", {"keep_old_s": 0})
    await platform.fire_timers()
    moved.secret = rotated.document["secret"]
    assert await moved.heard(1) == [payment_id]
    assert len(further.ears.hooks) == 1
    assert moved.ears.hooks[0].id == further.ears.hooks[0].id


async def test_one_that_was_given_up_is_a_dead_letter_which_an_operator_replays(
    platform: Platform, channel: Channel, shop: Shop, further: Further
) -> None:
    await further.open(ladder_s=[])
    further.ears.manners.append(500)
    (payment_id,) = await orders(shop, 1)
    await pay(channel, [payment_id])
    graveyard = Graveyard(platform.shared.broker)

    async def letter() -> Any:
        letters = await graveyard.list("notification.lanes")
        mine = [each for each in letters if further.endpoint["id"].encode() in each.body]
        return mine[0] if mine else None

    dead = await at_last(letter)
    assert dead.reason == "status 500" and dead.type == "notification.deliver"
    assert await graveyard.replay("notification.lanes", dead.event_id) == 1
    assert await further.heard(2) == [payment_id, payment_id]

    async def delivered() -> bool:
        return [each["state"] for each in await further.notifications()] == ["delivered"]

    await at_last(delivered)


async def test_a_silent_server_has_its_lane_paused_and_a_probe_opens_it_again(
    platform: Platform, channel: Channel, shop: Shop, further: Further
) -> None:
    """The others are told meanwhile; what waits in the lane uses up no tries."""
    await further.open(deadline_ms=1_000)
    further.ears.hangs = True
    payments = await orders(shop, 9)
    await pay(channel, payments)
    await shop.told(9)
    lane = f"m{shop.merchant_no}.{further.endpoint['id']}"

    async def paused() -> bool:
        row = await platform.shared.pool.fetchrow(
            "SELECT * FROM bus.lane WHERE actor = 'notification' AND lane = $1", lane
        )
        return row is not None and row["held_until"] is not None

    await at_last(paused)
    tries = [each["attempts"] for each in await further.notifications()]
    assert sum(tries) < 9 and tries.count(0) >= 2, "some have not been tried at all"
    further.ears.hangs = False
    further.ears.is_free.set()
    await at_last(lambda: _all_told(platform, further, 9), within_s=45)


async def _all_told(platform: Platform, further: Further, count: int) -> bool:
    await platform.fire_timers()
    told = await further.notifications(state="delivered", limit="100")
    await asyncio.sleep(0.3)
    return len(told) == count


async def test_a_word_that_has_to_be_said_is_waited_for(
    platform: Platform, channel: Channel, shop: Shop, further: Further
) -> None:
    await further.open(acknowledgement="body_equals", expected_body="success", ladder_s=[])
    (payment_id,) = await orders(shop, 1)
    await pay(channel, [payment_id])

    async def given_up() -> list[dict[str, Any]]:
        return await further.notifications(state="exhausted")

    (row,) = await at_last(given_up)
    details = await shop.ask("GET", f"/v1/notifications/{row['id']}")
    (tried,) = details.document["tries"]
    assert (tried["status"], tried["error"]) == (204, "the answer is not 'success'")
    assert msgspec.json.decode(details.document["body"])["data"]["id"] == payment_id

    async def dropped() -> int:
        return await Graveyard(platform.shared.broker).drop("notification.lanes")

    assert await at_last(dropped) == 1
