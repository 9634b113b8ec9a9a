"""A channel that hangs is taken down by itself; others are paid through; then it comes back."""

from __future__ import annotations

import asyncio
from typing import Any

from actors.monitoring import store
from actors.monitoring.rules import AlarmRule
from bus.database import Pool
from bus.jobs import now_utc
from schema.ids import attempt_id
from tests.journeys.channel import Channel
from tests.journeys.platform import Platform
from tests.journeys.shop import Shop
from tests.waiting import at_last

SHUT_OUT_MS = 10_500
"""Longer than we wait for an answer."""

FEW = 6


async def set_rule(pool: Pool, rule_no: str, channel: Channel, **fields: Any) -> None:
    """Half of six orders in a quarter of a minute; probed after a second, in short steps."""
    usual: dict[str, Any] = {
        "channel_no": channel.channel_no, "metric": "failure_percent", "threshold": 50,
        "operations": ["create"], "volume_min": FEW, "window_s": 15, "cool_down_s": 15,
        "down_s": 1, "step_s": 1, "action": "take_down",
    }  # fmt: skip
    rule = await store.save_rule(pool, rule_no, usual | fields, operator="carol", now=now_utc())
    assert isinstance(rule, AlarmRule), rule


async def is_done(pool: Pool, channel: Channel, what: str) -> None:
    """Returns when history says that this was done to the channel."""

    async def look() -> bool:
        done = await store.changes(pool, subject=channel.channel_no, limit=100)
        return any(change.what == what for change in done)

    await at_last(look, within_s=60)


async def channel_of_an_order(shop: Shop) -> str:
    """Which channel takes an order that is placed now."""
    return (await shop.order()).document.get("channel_no", "")


async def is_paid_through(platform: Platform, shop: Shop, channel: Channel) -> str:
    """An order that is placed now is paid through this channel; the record of its attempt."""
    payment = (await shop.order()).document
    assert payment["channel_no"] == channel.channel_no
    await channel.pay(attempt_id(payment["id"], 1))
    await shop.is_in_state(payment["id"], "succeeded")
    [attempt] = (await platform.story(payment["id"])).attempts
    return str(attempt)


async def test_a_channel_that_hangs_is_taken_down_and_comes_back_by_itself(
    platform: Platform,
) -> None:
    pool = platform.shared.pool
    sick, other = await platform.open_channel(), await platform.open_channel()
    shop = await platform.open_shop(sick, other)
    await set_rule(pool, "journey", sick, down_s=600)
    sick.trouble("create", "hang", value=SHUT_OUT_MS, times=FEW)
    await asyncio.gather(*(shop.order() for _ in range(FEW)))
    await is_done(pool, sick, "taken_down")

    async def goes_to(channel: Channel) -> bool:
        return await channel_of_an_order(shop) == channel.channel_no

    await at_last(lambda: goes_to(other))
    await platform.shared.redis.flushdb()  # what was decided is not in there
    record = await is_paid_through(platform, shop, other)
    assert "taken down: down: failure_percent" in record
    # The time of the first probe has come.
    await pool.execute("UPDATE monitoring.standing SET probe_at = now()")
    await is_done(pool, sick, "restored")
    await at_last(lambda: goes_to(sick))
    assert await store.drop_rule(pool, "journey", operator="carol", now=now_utc()) is None
