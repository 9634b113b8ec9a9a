"""An operator asks a channel himself: does its account work, and what was traded on a day?"""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
import typer
from msgspec.structs import replace
from typer.testing import CliRunner, Result

from actors.channels.terminal import add_calls
from actors.merchants.terminal import channel_cli
from bus.database import Pool
from bus.vault import Vault
from deploy.local.accounts import SERVED
from schema.channels.language import Protocols
from schema.products import PayType
from schema.settings import Settings
from tests.actors.profiles import new_channel_no, register
from tests.channels import Corner, a_corner, both_ends_of
from tests.examples import a_channel
from tests.sites import Site

USUAL: dict[Protocols, PayType] = {
    "wechat": "wechat_native",
    "alipay": "alipay_qr",
    "unionpay": "unionpay_qr",
    "bank": "bank_page",
}
WITH_BILLS = [protocol for protocol in SERVED if protocol != "unionpay"]

cli = typer.Typer()
add_calls(cli)


@pytest.fixture
async def corner(protocol: Protocols) -> AsyncIterator[Corner]:
    async with a_corner(None, protocol) as corner:
        yield corner


async def at_terminal(app: typer.Typer, site: Site, *words: str) -> Result:
    settings = Settings(
        postgres_url=site.postgres_url, rabbitmq_url="", redis_url="", master_key=site.master_key
    )
    invoke = CliRunner().invoke
    return await asyncio.to_thread(invoke, app, list(words), obj=lambda: settings)


async def registered(pool: Pool, vault: Vault, corner: Corner, **changes: str) -> str:
    """The channel's number, its account sealed with these changes."""
    number, account = new_channel_no(), replace(corner.ours, **changes)
    sealed = vault.seal(msgspec.json.encode(account), f"channel:{number}")
    profile = a_channel(
        channel_no=number, protocol=corner.protocol, account=sealed,
        pay_types=(USUAL[corner.protocol],),
    )  # fmt: skip
    await register(pool, profile)
    return number


@pytest.mark.parametrize("protocol", SERVED)
async def test_an_account_that_works_is_called_right(
    pool: Pool, vault: Vault, site: Site, corner: Corner
) -> None:
    result = await at_terminal(cli, site, "check", await registered(pool, vault, corner))
    assert (result.exit_code, "WRONG" in result.stdout) == (0, False), result.output
    assert [line.split()[0] for line in result.stdout.splitlines()][:2] == ["address", "clock"]


@pytest.mark.parametrize("protocol", SERVED)
async def test_an_address_where_nobody_is_and_a_number_that_nobody_knows_are_called_wrong(
    pool: Pool, vault: Vault, site: Site, corner: Corner
) -> None:
    nowhere = await registered(pool, vault, corner, base_url="http://127.0.0.1:9")
    result = await at_terminal(cli, site, "check", nowhere)
    assert result.exit_code == 1 and "address      WRONG" in result.stdout
    name = {"wechat": "mchid", "alipay": "app_id", "unionpay": "mer_id", "bank": "merchant"}
    stranger = await registered(pool, vault, corner, **{name[corner.protocol]: "99999999"})
    result = await at_terminal(cli, site, "check", stranger)
    assert result.exit_code == 1 and "keys" in result.stdout.partition("WRONG")[0], result.output


@pytest.mark.parametrize("protocol", WITH_BILLS)
async def test_a_days_bill_is_printed_in_one_form(
    pool: Pool, vault: Vault, site: Site, corner: Corner, tmp_path: Path
) -> None:
    attempt = corner.attempt(USUAL[corner.protocol])
    await corner.ask(attempt)
    corner.pay(attempt)
    world = corner.simulator.world
    day = world.clock.close_day()
    world.clock.move(timedelta(hours=12))
    number, file = await registered(pool, vault, corner), tmp_path / "bill.csv"
    result = await at_terminal(cli, site, "bill", number, str(day), "--out", str(file))
    assert result.exit_code == 0, result.output
    with file.open(newline="") as lines:
        (line,) = csv.DictReader(lines)
    assert (line["kind"], line["amount_fen"]) == ("payment", "1000")
    assert attempt.attempt_id in (line["number"], line["order_number"])


async def test_the_wrong_field_of_an_account_is_named_and_nothing_of_it_is_shown(
    site: Site, tmp_path: Path
) -> None:
    file = tmp_path / "account.json"
    where = ("--account-file", str(file), "--pay-type", "wechat_native")
    for protocol in SERVED:
        document = json.loads(msgspec.json.encode(both_ends_of(protocol)[0]))
        secret = max(document, key=lambda name: ("key" in name or "secret" in name, name))
        file.write_text(json.dumps(document | {secret: "sesame"}))
        result = await at_terminal(
            channel_cli, site, "add", "wx_wrong", "--protocol", protocol, *where
        )
        assert result.exit_code == 1 and secret in result.stderr, result.output
        assert "sesame" not in result.output and "PRIVATE" not in result.output
    result = await at_terminal(channel_cli, site, "add", "wx_wrong", "--protocol", "visa", *where)
    assert (result.exit_code, "protocol" in result.stderr) == (1, True)
