"""The registry's changes, each in one transaction: lock, new version, history, and the broadcast.

The broadcast is a timer that is due at once: whoever runs the clock publishes it, even if this
process dies right after the commit. Concurrent changes of one profile follow one another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic
from uuid import UUID

import msgspec
from msgspec import Struct

from actors.merchants import credentials, rules
from actors.merchants.rules import Change, Profile
from bus.database import Connection, Pool, queries
from bus.effects import Outgoing, Timer
from bus.inbox import set_timers
from bus.jobs import now_utc
from bus.origin import new_event
from bus.vault import Vault
from schema.messages.merchants import ProfileChanged
from schema.payments import Refusal
from schema.profiles import Binding, ChannelProfile, MerchantProfile
from schema.routing import RoutingRule

SQL = queries(__file__)

PAGE_MAX = 1_000


class Created(Struct, frozen=True, kw_only=True):
    """A new merchant, with the only copy of its secrets outside the vault."""

    merchant_no: str
    key_id: str
    hmac_secret: str
    webhook_secret: str

    def __repr__(self) -> str:
        return f"Created(merchant_no={self.merchant_no!r}, key_id={self.key_id!r})"


class NewKey(Struct, frozen=True, kw_only=True):
    """A new key of a merchant; the secret is empty when the merchant keeps its own (RSA)."""

    key_id: str
    hmac_secret: str = ""

    def __repr__(self) -> str:
        return f"NewKey(key_id={self.key_id!r})"


class NewWebhookSecret(Struct, frozen=True, kw_only=True):
    """A merchant's new webhook secret: its only copy outside the vault."""

    webhook_secret: str

    def __repr__(self) -> str:
        return "NewWebhookSecret()"


class Register(Struct, Generic[Profile], frozen=True):
    """One kind of profile and the field that numbers it."""

    kind: str
    field: str
    profile: type[Profile]


MERCHANTS = Register("merchant", "merchant_no", MerchantProfile)
CHANNELS = Register("channel", "channel_no", ChannelProfile)
RULES = Register("rule", "rule_no", RoutingRule)


async def create_merchant(
    pool: Pool,
    vault: Vault,
    *,
    name: str,
    rates_ppm: Mapping[str, int],
    notify_url: str | None = None,
    operator: str = "system",
) -> Created | Refusal:
    """A new merchant with an HMAC key and a webhook secret, open for the pay types with a rate."""
    serial = await pool.fetchval(SQL.next_merchant_serial)
    created = Created(
        merchant_no=rules.merchant_no(now_utc(), serial),
        key_id=credentials.new_key_id(),
        hmac_secret=credentials.new_hmac_secret(),
        webhook_secret=credentials.new_webhook_secret(),
    )
    number = created.merchant_no
    document = {
        "merchant_no": number,
        "name": name,
        "rates_ppm": dict(rates_ppm),
        "notify_url": notify_url,
        "api_keys": [credentials.hmac_key(vault, number, created.key_id, created.hmac_secret)],
        "webhook_secret": credentials.seal_webhook_secret(vault, number, created.webhook_secret),
    }
    merchant = await _add(pool, MERCHANTS, number, document, operator)
    return merchant if isinstance(merchant, Refusal) else created


async def add_channel(
    pool: Pool,
    vault: Vault,
    *,
    channel_no: str,
    pay_types: Sequence[str],
    account: Struct,
    operator: str = "system",
    **profile: Any,
) -> ChannelProfile | Refusal:
    """A new channel, whose protocol is that of its account; `profile` has the other fields of
    ChannelProfile, of which `name` is filled in when it is missing."""
    sealed = credentials.seal_account(vault, channel_no, account)
    if isinstance(sealed, Refusal):
        return sealed
    document = {"name": channel_no} | profile
    document |= {"channel_no": channel_no, "pay_types": list(pay_types), "account": sealed}
    document["protocol"] = credentials.protocol_of(account)
    return await _add(pool, CHANNELS, channel_no, document, operator)


async def bind(
    pool: Pool, merchant_no: str, *, operator: str = "system", **binding: Any
) -> MerchantProfile | Refusal:
    """Lets a merchant use a channel; `binding` has the fields of Binding."""
    fitting = rules.fitting(binding, Binding)
    if isinstance(fitting, Refusal):
        return fitting
    channel = await find(pool, CHANNELS, fitting.channel_no)
    change = rules.with_binding(fitting, channel)
    what = f"bound {fitting.channel_no} for {fitting.pay_type}"
    return await change_merchant(pool, merchant_no, change, what, operator)


async def set_rate(
    pool: Pool, merchant_no: str, pay_type: str, rate_ppm: int, *, operator: str = "system"
) -> MerchantProfile | Refusal:
    """Changes a merchant's fee for a pay type, and enables it."""
    change = rules.with_rate(pay_type, rate_ppm)
    return await change_merchant(pool, merchant_no, change, f"{pay_type} at {rate_ppm}", operator)


async def rotate_key(
    pool: Pool,
    vault: Vault,
    merchant_no: str,
    *,
    rsa_public_key_pem: str | None = None,
    operator: str = "system",
) -> NewKey | Refusal:
    """A further key, HMAC or the merchant's own RSA; the keys before it stay good."""
    new = NewKey(key_id=credentials.new_key_id())
    if rsa_public_key_pem is None:
        new = msgspec.structs.replace(new, hmac_secret=credentials.new_hmac_secret())
        key = credentials.hmac_key(vault, merchant_no, new.key_id, new.hmac_secret)
    else:
        key = credentials.rsa_key(new.key_id, rsa_public_key_pem)
        if isinstance(key, Refusal):
            return key
    change, what = rules.with_key(key), f"key {new.key_id} added"
    merchant = await change_merchant(pool, merchant_no, change, what, operator)
    return merchant if isinstance(merchant, Refusal) else new


async def rotate_webhook_secret(
    pool: Pool, vault: Vault, merchant_no: str, *, keep_old_s: int, operator: str = "system"
) -> NewWebhookSecret | Refusal:
    """A new secret for webhooks to the profile's or an order's address; the one before it signs
    beside it for so long."""
    new = NewWebhookSecret(webhook_secret=credentials.new_webhook_secret())
    sealed = credentials.seal_webhook_secret(vault, merchant_no, new.webhook_secret)
    change = rules.with_webhook_secret(sealed, keep_old_s, now_utc())
    what = f"webhook secret rotated, the old one kept for {keep_old_s} s"
    merchant = await change_merchant(pool, merchant_no, change, what, operator)
    return merchant if isinstance(merchant, Refusal) else new


async def change_merchant(
    pool: Pool, number: str, change: Change[MerchantProfile], what: str, operator: str
) -> MerchantProfile | Refusal:
    """The merchant after one change by the rules, which nobody else's change can undo unseen."""
    return await _change(pool, MERCHANTS, number, change, what, operator)


async def change_channel(
    pool: Pool, number: str, change: Change[ChannelProfile], what: str, operator: str
) -> ChannelProfile | Refusal:
    """The channel after one change by the rules."""
    return await _change(pool, CHANNELS, number, change, what, operator)


async def find(pool: Pool, register: Register[Profile], number: str) -> Profile | None:
    """A profile as it is now, or None."""
    document = await pool.fetchval(SQL.find_profile, register.kind, number)
    return None if document is None else msgspec.json.decode(document, type=register.profile)


async def page(
    pool: Pool, register: Register[Profile], *, after: str = "", limit: int = 100
) -> list[Profile]:
    """Profiles in order of their numbers, at most 1000 at a time."""
    rows = await pool.fetch(SQL.list_profiles, register.kind, after, min(limit, PAGE_MAX))
    return [msgspec.json.decode(row["document"], type=register.profile) for row in rows]


async def _add(
    pool: Pool, register: Register[Profile], number: str, document: dict[str, Any], operator: str
) -> Profile | Refusal:
    profile = rules.fitting(msgspec.to_builtins(document), register.profile)
    if not isinstance(profile, Refusal):
        profile = rules.sound(profile)
    if isinstance(profile, Refusal):
        return profile
    stored = msgspec.json.encode(profile).decode()
    async with pool.acquire() as connection, connection.transaction():
        if await connection.fetchval(SQL.add_profile, register.kind, number, stored) is None:
            return rules.taken(register.field, number)
        await _remember(connection, register, number, profile, "created", operator)
    return profile


async def _change(
    pool: Pool,
    register: Register[Profile],
    number: str,
    change: Change[Profile],
    what: str,
    operator: str,
) -> Profile | Refusal:
    async with pool.acquire() as connection, connection.transaction():
        document = await connection.fetchval(SQL.lock_profile, register.kind, number)
        if document is None:
            return rules.not_found(register.field, number)
        changed = change(msgspec.json.decode(document, type=register.profile))
        if isinstance(changed, Refusal):
            return changed
        profile = msgspec.structs.replace(changed, version=changed.version + 1)
        stored = msgspec.json.encode(profile).decode()
        await connection.execute(SQL.save_profile, register.kind, number, profile.version, stored)
        await _remember(connection, register, number, profile, what, operator)
    return profile


async def _remember(
    connection: Connection,
    register: Register[Profile],
    number: str,
    profile: Profile,
    what: str,
    operator: str,
) -> None:
    stored = msgspec.json.encode(profile).decode()
    version = profile.version
    await connection.execute(
        SQL.remember_change, register.kind, number, version, what, operator, stored
    )
    message = ProfileChanged(kind=register.kind, number=number, version=version)
    event = new_event(message, subject=number)
    due_now = Timer(id=UUID(event.id), due_at=event.time, outgoing=Outgoing.of(message, event))
    await set_timers(connection, [due_now])
