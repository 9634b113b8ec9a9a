"""Merchants and channels as an operator registers them, for tests that run the whole platform."""

from __future__ import annotations

from typing import Any, TypeVar

from msgspec import Struct

from actors.merchants import store
from actors.merchants.store import Created
from bus.database import Pool
from bus.vault import Vault
from schema.payments import Refusal

PAY_TYPE = "wechat_native"
RATE_PPM = 6_000

T = TypeVar("T")


def made(result: T | Refusal) -> T:
    """What the registry has made, since it had nothing against it."""
    assert not isinstance(result, Refusal), result
    return result


async def register_channel(
    pool: Pool, vault: Vault, channel_no: str, account: Struct, **profile: Any
) -> None:
    """A channel that settles to us."""
    usual: dict[str, Any] = {"channel_no": channel_no, "pay_types": [PAY_TYPE]}
    usual |= {"funds_flow": "platform"} | profile
    made(await store.add_channel(pool, vault, account=account, **usual))


async def register_merchant(
    pool: Pool, vault: Vault, *channel_nos: str, notify_url: str, pay_type: str = PAY_TYPE
) -> Created:
    """A merchant who may use these channels, the first of them first; its fee is 0.6 %."""
    rates = {pay_type: RATE_PPM}
    created = made(
        await store.create_merchant(
            pool, vault, name="番茄小店", rates_ppm=rates, notify_url=notify_url
        )
    )
    for priority, channel_no in enumerate(channel_nos):
        binding: dict[str, Any] = {"pay_type": pay_type, "channel_no": channel_no}
        made(await store.bind(pool, created.merchant_no, priority=priority, **binding))
    return created
