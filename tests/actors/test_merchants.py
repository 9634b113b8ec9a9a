"""The registry on a real database: what it stores, who hears of it, and what it refuses."""

from __future__ import annotations

import asyncio
import os
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from actors.merchants import blacklist, rules, store
from actors.merchants.blacklist import block, blocked, unblock
from actors.merchants.store import CHANNELS, MERCHANTS, Created
from bus.database import Pool
from bus.vault import Vault
from handlers.simulator.wechat.accounts import generate_account
from schema.channels.wechat import WechatAccount
from schema.events import Event
from schema.messages.contract import read
from schema.messages.merchants import ProfileChanged
from schema.payments import Refusal
from schema.profiles import ApiKey, Binding, ChannelProfile, MerchantProfile, OldSecret, RiskLimits
from tests.examples import NOW, a_merchant
from tests.sites import Site


@pytest.fixture
def vault(site: Site) -> Vault:
    return Vault(site.master_key)


@pytest.fixture(scope="module")
def account() -> WechatAccount:
    ours, _ = generate_account("1900000001", "wx1", "https://pay.test", "https://us.test/notify")
    return ours


@pytest.fixture
async def merchant(pool: Pool, vault: Vault) -> Created:
    created = await store.create_merchant(
        pool, vault, name="番茄小店", rates_ppm={"wechat_native": 6000}, operator="ann"
    )
    assert isinstance(created, Created)
    return created


async def open_channel(
    pool: Pool, vault: Vault, account: WechatAccount, **profile: Any
) -> ChannelProfile:
    profile = {"channel_no": f"ch_{os.urandom(4).hex()}", "pay_types": ["wechat_native"]} | profile
    channel = await store.add_channel(pool, vault, account=account, operator="ann", **profile)
    assert isinstance(channel, ChannelProfile)
    return channel


async def profile_of(pool: Pool, created: Created) -> MerchantProfile:
    profile = await store.find(pool, MERCHANTS, created.merchant_no)
    assert profile is not None
    return profile


async def history_of(pool: Pool, number: str) -> list[tuple[int, str, str]]:
    rows = await pool.fetch(
        "SELECT version, what, operator FROM merchants.change WHERE number = $1 ORDER BY id", number
    )
    return [(row["version"], row["what"], row["operator"]) for row in rows]


async def broadcasts_about(pool: Pool, number: str) -> list[ProfileChanged]:
    rows = await pool.fetch("SELECT exchange, due_at <= now() AS due, event FROM bus.timer")
    events = [msgspec.json.decode(row["event"], type=Event) for row in rows]
    assert all(row["due"] for row in rows)
    messages = [read(event) for event in events if event.subject == number]
    return sorted((m for m in messages if isinstance(m, ProfileChanged)), key=lambda m: m.version)


def changed(number: str, *versions: int) -> list[ProfileChanged]:
    return [ProfileChanged(kind="merchant", number=number, version=v) for v in versions]


def test_a_merchant_number_carries_the_day_that_it_is_in_shanghai() -> None:
    evening_in_london = datetime(2026, 12, 31, 16, 0, tzinfo=UTC)
    assert rules.merchant_no(evening_in_london, 42) == "10202701010000042"


async def test_a_new_merchant_can_sign_and_be_signed_to(
    pool: Pool, vault: Vault, merchant: Created
) -> None:
    profile, number = await profile_of(pool, merchant), merchant.merchant_no
    [key] = profile.api_keys
    assert key.hmac_secret and profile.webhook_secret
    sealed_hmac, sealed_webhook = key.hmac_secret, profile.webhook_secret
    assert profile == MerchantProfile(
        merchant_no=number,
        name="番茄小店",
        api_keys=(ApiKey(key_id=merchant.key_id, hmac_secret=sealed_hmac),),
        rates_ppm={"wechat_native": 6000},
        webhook_secret=sealed_webhook,
    )
    opened = vault.open(sealed_hmac, f"hmac:{number}:{merchant.key_id}")
    assert opened.decode() == merchant.hmac_secret
    assert vault.open(sealed_webhook, f"webhook:{number}").decode() == merchant.webhook_secret
    assert len(b64decode(merchant.webhook_secret.removeprefix("whsec_"), validate=True)) == 32


async def test_each_change_is_a_version_a_line_of_history_and_a_broadcast(
    pool: Pool, merchant: Created
) -> None:
    number = merchant.merchant_no
    await store.set_rate(pool, number, "wechat_native", 3800, operator="bob")
    assert (await profile_of(pool, merchant)).rates_ppm == {"wechat_native": 3800}
    assert await history_of(pool, number) == [
        (1, "created", "ann"),
        (2, "wechat_native at 3800", "bob"),
    ]
    assert await broadcasts_about(pool, number) == changed(number, 1, 2)


async def test_changes_at_the_same_time_lose_nothing(
    pool: Pool, vault: Vault, account: WechatAccount, merchant: Created
) -> None:
    channels = [await open_channel(pool, vault, account) for _ in range(6)]
    number = merchant.merchant_no
    await asyncio.gather(
        *(
            store.bind(pool, number, channel_no=channel.channel_no, pay_type="wechat_native")
            for channel in channels
        ),
        store.set_rate(pool, number, "wechat_native", 5500),
        store.rotate_key(pool, vault, number),
    )
    profile = await profile_of(pool, merchant)
    assert {b.channel_no for b in profile.bindings} == {c.channel_no for c in channels}
    assert (profile.version, profile.rates_ppm) == (9, {"wechat_native": 5500})
    assert len(profile.api_keys) == 2
    assert [version for version, _, _ in await history_of(pool, number)] == list(range(1, 10))
    assert await broadcasts_about(pool, number) == changed(number, *range(1, 10))


async def test_nobody_reads_a_secret_in_the_tables(
    pool: Pool, vault: Vault, account: WechatAccount, merchant: Created
) -> None:
    rotated = await store.rotate_key(pool, vault, merchant.merchant_no)
    assert isinstance(rotated, store.NewKey)
    channel = await open_channel(pool, vault, account)
    stored = await pool.fetchval(
        """
        SELECT (SELECT string_agg(p::text, ' ') FROM directory.profile p)
            || (SELECT string_agg(c::text, ' ') FROM merchants.change c)
            || (SELECT string_agg(convert_from(event, 'UTF8'), ' ') FROM bus.timer)
        """
    )
    assert merchant.merchant_no in stored and channel.channel_no in stored
    secrets = (merchant.hmac_secret, merchant.webhook_secret, rotated.hmac_secret)
    for secret in (*secrets, account.api_v3_key, "PRIVATE KEY"):
        assert secret not in stored
    opened = vault.open(channel.account, f"channel:{channel.channel_no}")
    assert msgspec.json.decode(opened, type=WechatAccount) == account


def test_a_traceback_or_log_line_does_not_show_a_secret() -> None:
    created = Created(merchant_no="1", key_id="k", hmac_secret="sesame", webhook_secret="sesame")
    assert "sesame" not in f"{created!r} {created} {store.NewKey(key_id='k', hmac_secret='sesame')}"


def test_rotating_again_and_again_keeps_no_secret_longer_than_it_was_promised() -> None:
    merchant = a_merchant(webhook_secret="first")
    for name, keep_old_s, now in (
        ("second", 3_600, NOW),
        ("third", 7_200, NOW),
        ("fourth", 60, NOW + timedelta(minutes=90)),
    ):
        changed = rules.with_webhook_secret(name, keep_old_s, now)(merchant)
        assert not isinstance(changed, Refusal)
        merchant = changed
    soon = NOW + timedelta(minutes=91)
    assert merchant.old_webhook_secrets == (
        OldSecret(webhook_secret="third", expires_at=soon),
        OldSecret(webhook_secret="second", expires_at=soon),
    ), "the first one ended after an hour"
    assert merchant.sealed_webhook_secrets(NOW) == ("fourth", "third", "second")
    assert merchant.sealed_webhook_secrets(soon) == ("fourth",)


async def test_an_old_key_is_good_until_it_is_revoked(
    pool: Pool, vault: Vault, merchant: Created
) -> None:
    number, first = merchant.merchant_no, merchant.key_id
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    pem = own.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    new = await store.rotate_key(pool, vault, number, rsa_public_key_pem=pem)
    assert isinstance(new, store.NewKey) and new.hmac_secret == ""
    keys = (await profile_of(pool, merchant)).api_keys
    assert [key.key_id for key in keys] == [first, new.key_id]
    await store.change_merchant(pool, number, rules.without_key(first), "revoked", "ann")
    rsa_only = (ApiKey(key_id=new.key_id, rsa_public_key_pem=pem),)
    assert (await profile_of(pool, merchant)).api_keys == rsa_only
    last = await store.change_merchant(pool, number, rules.without_key(new.key_id), "", "ann")
    assert isinstance(last, Refusal) and last.param == "key_id"


async def test_binding_a_pair_again_replaces_it_and_unbinding_removes_it(
    pool: Pool, vault: Vault, account: WechatAccount, merchant: Created
) -> None:
    channel = (await open_channel(pool, vault, account)).channel_no
    pair = {"channel_no": channel, "pay_type": "wechat_native"}
    await store.bind(pool, merchant.merchant_no, **pair, weight=10)
    bound = await store.bind(pool, merchant.merchant_no, **pair, tier="backup", priority=7)
    assert isinstance(bound, MerchantProfile)
    assert bound.bindings == (
        Binding(pay_type="wechat_native", channel_no=channel, tier="backup", priority=7),
    )
    unbind = rules.without_binding("wechat_native", channel)
    unbound = await store.change_merchant(pool, merchant.merchant_no, unbind, "unbound", "ann")
    assert isinstance(unbound, MerchantProfile) and unbound.bindings == ()


async def test_limits_and_networks_are_kept_in_their_plain_form(
    pool: Pool, merchant: Created
) -> None:
    number = merchant.merchant_no
    limits = rules.with_limits(single_min_fen=None, single_max_fen=500_000, requests_per_s_max=5)
    await store.change_merchant(pool, number, limits, "limits", "ann")
    networks = rules.with_networks(["10.0.0.0/255.0.0.0", "::1"])
    await store.change_merchant(pool, number, networks, "networks", "ann")
    profile = await profile_of(pool, merchant)
    assert profile.risk_limits == RiskLimits(single_min_fen=1, single_max_fen=500_000)
    assert profile.requests_per_s_max == 5
    assert profile.ip_allow_list == ("10.0.0.0/8", "::1/128")


async def test_policies_are_changed_one_by_one(pool: Pool, merchant: Created) -> None:
    number, seen = merchant.merchant_no, []
    for policies in ({"late_payment": "reopen"}, {"short_balance": "queue"}, {}):
        change = rules.with_policies(**policies)
        await store.change_merchant(pool, number, change, "policies", "ann")
        profile = await profile_of(pool, merchant)
        seen.append((profile.late_payment, profile.short_balance))
    assert seen == [("reopen", "refuse"), ("reopen", "queue"), ("reopen", "queue")]


REFUSED_CHANGES = [
    (rules.with_rate("wechat_native", 1_000_001), "rates_ppm", "1000001"),
    (rules.with_rate("gold", 1), "rates_ppm", "gold"),
    (rules.with_networks(["10.0.0.1/8"]), "ip_allow_list", "10.0.0.1/8"),
    (rules.with_networks(["10.0.0.0/8"] * 101), "ip_allow_list", "101"),
    (rules.with_limits(single_min_fen=9, single_max_fen=8), "single_max_fen", "8"),
    (rules.with_limits(single_min_fen=0), "risk_limits.single_min_fen", "0"),
    (rules.with_limits(requests_per_s_max=0), "requests_per_s_max", "0"),
    (rules.with_policies(late_payment="keep"), "late_payment", "keep"),
    (rules.with_policies(short_balance=""), "short_balance", "''"),
    (rules.without_key("key_lost"), "key_id", "key_lost"),
    (rules.without_binding("wechat_native", "nowhere"), "channel_no", "nowhere"),
    (rules.with_status("gone"), "status", "gone"),
]


@pytest.mark.parametrize(("change", "field", "value"), REFUSED_CHANGES)
async def test_a_refused_change_names_field_and_value_and_leaves_no_trace(
    pool: Pool, merchant: Created, change: rules.Change[MerchantProfile], field: str, value: str
) -> None:
    before = await profile_of(pool, merchant)
    refusal = await store.change_merchant(pool, merchant.merchant_no, change, "try", "ann")
    assert isinstance(refusal, Refusal)
    assert refusal.param == field
    assert refusal.reason.startswith(f"{field}: ") and value in refusal.reason
    assert await profile_of(pool, merchant) == before
    assert await history_of(pool, merchant.merchant_no) == [(1, "created", "ann")]


async def test_a_merchant_has_ten_keys_at_the_most(
    pool: Pool, vault: Vault, merchant: Created
) -> None:
    for _ in range(9):
        assert isinstance(await store.rotate_key(pool, vault, merchant.merchant_no), store.NewKey)
    eleventh = await store.rotate_key(pool, vault, merchant.merchant_no)
    assert isinstance(eleventh, Refusal) and eleventh.param == "api_keys"


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", ""), ("name", "two\nlines"), ("notify_url", "ftp://x"), ("rates_ppm", {"gold": 1})],
)
async def test_a_merchant_that_no_door_could_read_is_not_created(
    pool: Pool, vault: Vault, field: str, value: Any
) -> None:
    wish: dict[str, Any] = {"name": "x", "rates_ppm": {}} | {field: value}
    refusal = await store.create_merchant(pool, vault, **wish)
    assert isinstance(refusal, Refusal) and refusal.param == field
    assert repr(value) in refusal.reason


async def test_what_is_not_there_can_not_be_changed_or_bound(pool: Pool, merchant: Created) -> None:
    missing = await store.set_rate(pool, "999999", "wechat_native", 1)
    assert missing == Refusal(
        code="not_found", reason="merchant_no: there is no '999999'", param="merchant_no"
    )
    pair = {"channel_no": "nowhere", "pay_type": "wechat_native"}
    unbindable = await store.bind(pool, merchant.merchant_no, **pair)
    assert isinstance(unbindable, Refusal) and unbindable.param == "channel_no"
    misspelt = await store.bind(pool, merchant.merchant_no, **pair, wieght=3)
    assert isinstance(misspelt, Refusal) and misspelt.param == "wieght"


async def test_a_channel_is_bound_only_for_what_it_offers(
    pool: Pool, vault: Vault, account: WechatAccount, merchant: Created
) -> None:
    channel = await open_channel(pool, vault, account, pay_types=[])
    refusal = await store.bind(
        pool, merchant.merchant_no, channel_no=channel.channel_no, pay_type="wechat_native"
    )
    assert isinstance(refusal, Refusal) and refusal.param == "pay_type"


async def test_a_channel_number_is_given_once_and_its_keys_are_tried_first(
    pool: Pool, vault: Vault, account: WechatAccount
) -> None:
    number = (await open_channel(pool, vault, account)).channel_no
    wish = {"channel_no": number, "pay_types": ["wechat_native"]}
    again = await store.add_channel(pool, vault, account=account, **wish)
    assert isinstance(again, Refusal) and again.code == "already_exists"
    broken = msgspec.structs.replace(account, merchant_private_key_pem="sesame")
    refusal = await store.add_channel(pool, vault, account=broken, **wish)
    assert isinstance(refusal, Refusal) and "sesame" not in refusal.reason
    assert "merchant_private_key_pem" in refusal.reason


async def test_a_channel_is_disabled_and_enabled(
    pool: Pool, vault: Vault, account: WechatAccount
) -> None:
    number = (await open_channel(pool, vault, account)).channel_no
    for status in ("inactive", "active"):
        await store.change_channel(pool, number, rules.with_status(status), status, "ann")
        profile = await store.find(pool, CHANNELS, number)
        assert profile is not None and profile.status == status


async def test_the_blacklist_knows_an_address_in_any_spelling(pool: Pool) -> None:
    await block(pool, "ip", "2001:0DB8::0001", reason="fraud", operator="ann")
    await block(pool, "ip", "2001:db8::1", reason="proven fraud", operator="bob")
    [line] = [line for line in await blocked(pool) if line.kind == "ip"]
    assert (line.value, line.reason, line.operator) == ("2001:db8::1", "proven fraud", "bob")
    assert await unblock(pool, "ip", "2001:DB8::1") is None
    assert isinstance(await unblock(pool, "ip", "2001:DB8::1"), Refusal)


@pytest.mark.parametrize(
    ("kind", "value", "reason", "field"),
    [
        ("ip", "1.2.3", "x", "value"),
        ("merchant", "abc", "x", "value"),
        ("payer", "a\x00b", "x", "value"),
        ("country", "x", "x", "kind"),
        ("payer", "p", "", "reason"),
    ],
)
async def test_a_line_that_would_never_match_is_not_put_on_the_blacklist(
    pool: Pool, kind: str, value: str, reason: str, field: str
) -> None:
    refusal = await blacklist.block(pool, kind, value, reason=reason)
    assert isinstance(refusal, Refusal) and refusal.param == field
