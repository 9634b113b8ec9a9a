"""The registry at the terminal: what an operator types, sees, and never sees twice."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from typer.testing import CliRunner, Result

from actors.merchants import store
from actors.merchants.store import CHANNELS, MERCHANTS
from actors.merchants.terminal import channel_cli, merchant_cli, risk_cli
from bus.database import Pool
from bus.jobs import now_utc
from bus.vault import Vault
from handlers.simulator.wechat.accounts import generate_account
from schema.settings import Settings
from tests.sites import Site


async def at_terminal(app: Any, site: Site, *words: str, redis_url: str = "") -> Result:
    """A command as an operator gives it, in a thread since it runs an event loop of its own."""
    settings = Settings(
        postgres_url=site.postgres_url, rabbitmq_url="", redis_url=redis_url,
        master_key=site.master_key,
    )  # fmt: skip
    invoke = CliRunner().invoke
    return await asyncio.to_thread(
        invoke, app, list(words), obj=lambda: settings, env={"USER": "carol"}
    )


async def test_the_terminal_shows_secrets_once(pool: Pool, site: Site) -> None:
    wish = ("create", "--name", "茄子", "--rate", "wechat_native=6000", "--json")
    created = json.loads((await at_terminal(merchant_cli, site, *wish)).stdout)
    number = created["merchant_no"]
    profile = await store.find(pool, MERCHANTS, number)
    assert profile and profile.api_keys[0].hmac_secret and profile.webhook_secret
    shown = await at_terminal(merchant_cli, site, "show", number)
    listed = await at_terminal(merchant_cli, site, "list", "--json", "--after", "1")
    assert number in listed.stdout and "茄子" in shown.stdout
    sealed = (profile.api_keys[0].hmac_secret, profile.webhook_secret)
    for secret in (created["hmac_secret"], created["webhook_secret"], *sealed):
        assert secret not in shown.stdout + listed.stdout
    sql = "SELECT operator FROM merchants.change WHERE number = $1"
    assert await pool.fetchval(sql, number) == "carol"


async def test_a_webhook_secret_is_rotated_at_the_terminal_and_shown_once(
    pool: Pool, site: Site
) -> None:
    wish = ("create", "--name", "茄子", "--rate", "wechat_native=6000", "--json")
    number = json.loads((await at_terminal(merchant_cli, site, *wish)).stdout)["merchant_no"]
    before = await store.find(pool, MERCHANTS, number)
    words = ("rotate-webhook-secret", number, "--keep-old-s", "3600", "--json")
    new = json.loads((await at_terminal(merchant_cli, site, *words)).stdout)["webhook_secret"]
    profile = await store.find(pool, MERCHANTS, number)
    assert before and profile and profile.webhook_secret
    vault, purpose = Vault(site.master_key), f"webhook:{number}"
    assert vault.open(profile.webhook_secret, purpose).decode() == new
    (old,) = profile.old_webhook_secrets
    assert old.webhook_secret == before.webhook_secret
    assert timedelta(minutes=59) < old.expires_at - now_utc() <= timedelta(hours=1)
    shown = (await at_terminal(merchant_cli, site, "show", number)).stdout
    assert new not in shown and old.webhook_secret not in shown


async def test_the_terminal_says_why_it_refuses_and_fails(site: Site) -> None:
    result = await at_terminal(merchant_cli, site, "suspend", "999999")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "merchant_no: there is no '999999'\n"


async def test_what_becomes_of_late_money_is_agreed_at_the_terminal(pool: Pool, site: Site) -> None:
    created = await at_terminal(merchant_cli, site, "create", "--name", "茄子", "--json")
    number = json.loads(created.stdout)["merchant_no"]
    wish = ("policy", number, "--late-payment", "reopen", "--short-balance", "queue")
    assert (await at_terminal(merchant_cli, site, *wish)).exit_code == 0
    profile = await store.find(pool, MERCHANTS, number)
    assert profile is not None
    assert (profile.late_payment, profile.short_balance) == ("reopen", "queue")
    refused = await at_terminal(merchant_cli, site, "policy", number, "--late-payment", "keep")
    assert refused.exit_code == 1 and "late_payment: 'keep'" in refused.stderr


async def test_a_channel_is_added_from_a_file_at_the_terminal(
    pool: Pool, site: Site, tmp_path: Path
) -> None:
    account, _ = generate_account("19", "wx1", "https://pay.test", "https://us.test/notify")
    file = tmp_path / "account.json"
    file.write_bytes(msgspec.json.encode(account))
    where = ("--protocol", "wechat", "--account-file", str(file), "--pay-type", "wechat_native")
    limits = ("--single-max", "500000", "--cost-ppm", "3800")
    result = await at_terminal(channel_cli, site, "add", "wx_file", *where, *limits)
    assert (result.exit_code, result.stdout) == (0, "wx_file is at version 1, active\n")
    channel = await store.find(pool, CHANNELS, "wx_file")
    assert channel is not None
    assert (channel.single_max_fen, channel.cost_rate_ppm) == (500_000, 3_800)
    file.write_text('{"mchid": 7, "api_v3_key": "sesame"}')
    result = await at_terminal(channel_cli, site, "add", "wx_broken", *where)
    assert result.exit_code == 1 and "$.mchid" in result.stderr and "sesame" not in result.output


async def test_the_blacklist_is_kept_at_the_terminal(site: Site) -> None:
    payer = ("payer", "openid-77")
    await at_terminal(risk_cli, site, "block", *payer, "--reason", "chargebacks")
    listed = await at_terminal(risk_cli, site, "list")
    assert "payer  openid-77" in listed.stdout and "carol  chargebacks" in listed.stdout
    result = await at_terminal(risk_cli, site, "unblock", *payer)
    assert (result.exit_code, result.stdout) == (0, "payer openid-77 is not blocked\n")
