"""Merchants and channels as an operator registers them, for tests that run the whole platform."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from msgspec import Struct

from actors.merchants import store
from actors.merchants.store import Created
from bus.database import Pool
from bus.vault import Vault
from schema.payments import Refusal
from schema.products import PayType

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
    created = await _created(pool, vault, [pay_type], notify_url)
    for priority, channel_no in enumerate(channel_nos):
        binding: dict[str, Any] = {"pay_type": pay_type, "channel_no": channel_no}
        made(await store.bind(pool, created.merchant_no, priority=priority, **binding))
    return created


async def register_customer(
    pool: Pool, vault: Vault, channels: Mapping[PayType, str], *, notify_url: str
) -> Created:
    """A merchant who may use one channel for each of these products, at the same fee."""
    created = await _created(pool, vault, channels, notify_url)
    for pay_type, channel_no in channels.items():
        made(await store.bind(pool, created.merchant_no, pay_type=pay_type, channel_no=channel_no))
    return created


async def _created(pool: Pool, vault: Vault, pay_types: Iterable[str], notify_url: str) -> Created:
    rates = dict.fromkeys(pay_types, RATE_PPM)
    return made(
        await store.create_merchant(
            pool, vault, name="番茄小店", rates_ppm=rates, notify_url=notify_url
        )
    )
