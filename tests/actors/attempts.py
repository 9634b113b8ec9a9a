"""Attempts that no other test has, in the database and out of it again."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from actors.channels.attempts.attempt import Attempt, Attempts
from actors.channels.store import lock_attempts, save_attempts
from bus.database import Connection, Pool
from bus.vault import Vault
from schema import ids
from schema.channels.wechat import WechatAccount
from schema.messages.routing import PaymentRouted
from schema.profiles import ChannelProfile
from tests.actors.profiles import new_channel_no
from tests.examples import MERCHANT_NO, NOW, a_channel, a_routed_payment, an_attempt

FAR = NOW + timedelta(days=3650)
"""An order that does not expire while tests run."""


def new_payment_id() -> str:
    """An id that no other test has."""
    return ids.payment_id(MERCHANT_NO, os.urandom(8).hex(), NOW)


def a_new_routed_payment(*ranked: str, expires_at: datetime = FAR) -> PaymentRouted:
    """A payment that was never attempted."""
    return a_routed_payment(*ranked, payment_id=new_payment_id(), expires_at=expires_at)


def new_attempts(count: int = 1, **differences: Any) -> list[Attempt]:
    """First attempts of payments of their own."""
    payment_ids = [new_payment_id() for _ in range(count)]
    return [
        an_attempt(attempt_id=ids.attempt_id(id, 1), payment_id=id, **differences)
        for id in payment_ids
    ]


async def add(connection: Connection | Pool, attempts: Iterable[Attempt]) -> None:
    """Stores new attempts."""
    book = Attempts()
    for attempt in attempts:
        book.put(attempt)
    await save_attempts(connection, book)


async def change(connection: Connection | Pool, attempts: Sequence[Attempt]) -> None:
    """Stores what became of attempts that are there."""
    book = Attempts(attempts)
    for attempt in attempts:
        book.put(attempt)
    await save_attempts(connection, book)


async def stored(pool: Pool, *attempt_ids: str) -> list[Attempt]:
    """Attempts as they are now, in the order of their ids."""
    async with pool.acquire() as connection, connection.transaction():
        return await lock_attempts(connection, attempt_ids)


def a_sealed_channel(vault: Vault, account: WechatAccount) -> ChannelProfile:
    """A channel that no other test has, whose account can be opened."""
    channel_no = new_channel_no()
    sealed = vault.seal(msgspec.json.encode(account), f"channel:{channel_no}")
    return a_channel(channel_no=channel_no, account=sealed)
