"""Webhooks to merchants whose servers are down, slow or forgetful."""

from __future__ import annotations

from collections.abc import Sequence

from bus.lanes import CONCURRENCY_DEFAULT
from schema.ids import attempt_id
from tests.journeys.channel import Channel
from tests.journeys.platform import Platform
from tests.journeys.shop import Shop
from tests.waiting import at_last


async def test_a_server_that_fails_twice_is_told_again_until_it_takes_it(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    shop.manners.extend([500, 302])
    payment_ids = await orders(shop, 1)
    await pay(channel, payment_ids)
    for statuses in ([500], [500, 302]):
        await at_last(lambda so_far=statuses: has_been_tried(platform, payment_ids, so_far))
        await platform.fire_timers()
    first, *repeats = await shop.told(3)
    assert repeats == [first, first]
    assert len({hook.id for hook in shop.hooks}) == 1, "a repeat is known by its id"
    await at_last(lambda: has_been_tried(platform, payment_ids, [500, 302, 204]))


async def has_been_tried(platform: Platform, ids: Sequence[str], statuses: list[int]) -> bool:
    return await tries(platform, ids) == statuses


async def test_a_merchant_whose_server_hangs_delays_nobody_else(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    hanging = await platform.open_shop(channel)
    hanging.hangs = True
    stuck, others = await orders(hanging, 6), await orders(shop, 6)
    await pay(channel, stuck)

    async def is_tied_up() -> bool:
        return len(hanging.hooks) >= CONCURRENCY_DEFAULT

    await at_last(is_tied_up)
    await pay(channel, others)
    await shop.told(6)
    assert await tries(platform, stuck) == [], "nobody has waited for the hanging one"
    hanging.is_free.set()
    for payment_id in stuck:
        await platform.whole_story(payment_id)


async def orders(shop: Shop, count: int) -> list[str]:
    return [(await shop.order()).document["id"] for _ in range(count)]


async def pay(channel: Channel, payment_ids: Sequence[str]) -> None:
    for payment_id in payment_ids:
        await channel.pay(attempt_id(payment_id, 1))


async def tries(platform: Platform, payment_ids: Sequence[str]) -> list[int]:
    """The HTTP statuses of all tries that have come to an end."""
    stories = [await platform.story(payment_id) for payment_id in payment_ids]
    return [row["status"] for story in stories for row in story.notifications if row["number"]]


async def test_an_order_may_name_an_address_of_its_own(
    platform: Platform, channel: Channel, shop: Shop
) -> None:
    other = await platform.open_shop(channel)
    (name,) = [name for name, each in platform.street.shops.items() if each is other]
    answer = await shop.order(notify_url=platform.street.address(name))
    await channel.pay(attempt_id(answer.document["id"], 1))

    async def arrived() -> bool:
        return len(other.hooks) == 1

    await at_last(arrived)
    assert shop.hooks == []
