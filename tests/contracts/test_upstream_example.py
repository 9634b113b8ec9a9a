"""The example of docs/upstream.md, run as a stranger would run it, against all of Tomato."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import jsonschema_rs
import msgspec
import pytest
from aiohttp import web

from actors.merchants.store import Created, add_channel, bind, create_merchant
from bus.database import Pool, connect
from bus.vault import Vault
from handlers.simulator.app import simulator_app
from handlers.simulator.config import SimulatorConfig
from handlers.simulator.wechat.accounts import generate_account
from schema.channels import QrCode
from schema.channels.wechat import WechatAccount
from schema.events import Event
from schema.messages.contract import read
from schema.messages.doors import RequestRefused
from schema.messages.ordering import PaymentAnswered
from schema.payments import PaymentState
from schema.profiles import ChannelProfile, MerchantProfile
from tests.sites import Site

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLE = ROOT / "docs" / "examples" / "place_payment.py"
GUIDE = ROOT / "docs" / "upstream.md"

STOP_LIMIT_S = 60


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@asynccontextmanager
async def a_simulator(config: SimulatorConfig, port: int) -> AsyncIterator[None]:
    runner = web.AppRunner(simulator_app(config), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield
    await runner.cleanup()


@asynccontextmanager
async def all_of_tomato(site: Site) -> AsyncIterator[None]:
    """Every room and door in one process, from its first word until its clean stop."""
    environment = {**os.environ, **site.environment(), "TOMATO_HTTP_PORT": str(free_port())}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "runner.py", "all", cwd=ROOT, env=environment, stderr=PIPE
    )
    assert process.stderr is not None
    said: list[bytes] = []
    while b'"event": "started"' not in (line := await process.stderr.readline()):
        said.append(line)
        assert line, b"".join(said).decode()
    listening = asyncio.create_task(process.stderr.read())
    try:
        yield
        process.terminate()
        assert await asyncio.wait_for(process.wait(), STOP_LIMIT_S) == 0, (await listening).decode()
    finally:
        with suppress(ProcessLookupError):
            process.kill()


@pytest.fixture(scope="module")
async def merchant(site: Site) -> AsyncIterator[Created]:
    """A merchant with a channel to a simulator, and everything between them running."""
    port = free_port()
    ours, theirs = generate_account(
        "1900000001", "wx1", f"http://127.0.0.1:{port}", "https://tomato.test/callbacks"
    )
    vault = Vault(site.master_key)
    async with await connect(site.postgres_url) as pool:
        created = await enrolled(pool, vault, ours)
        async with a_simulator(SimulatorConfig(accounts=(theirs,)), port), all_of_tomato(site):
            yield created


async def enrolled(pool: Pool, vault: Vault, account: WechatAccount) -> Created:
    channel_no = "wechat_upstream"
    created = await create_merchant(pool, vault, name="Shop", rates_ppm={"wechat_native": 6000})
    assert isinstance(created, Created)
    channel = await add_channel(
        pool, vault, channel_no=channel_no, pay_types=["wechat_native"], account=account
    )
    assert isinstance(channel, ChannelProfile)
    bound = await bind(pool, created.merchant_no, channel_no=channel_no, pay_type="wechat_native")
    assert isinstance(bound, MerchantProfile)
    return created


async def run_example(site: Site, *words: str) -> tuple[int, Event]:
    """Exit code and answer of the example."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, EXAMPLE, site.upstream_url, *words, stdout=PIPE
    )
    stdout, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, msgspec.json.decode(stdout, type=Event)


async def test_a_stranger_is_told_where_the_payer_can_pay(site: Site, merchant: Created) -> None:
    code, answer = await run_example(site, merchant.merchant_no, "order-1", "128000")
    answered = read(answer)
    assert isinstance(answered, PaymentAnswered) and answered.payment is not None
    assert (code, answer.correlationid) == (0, "order-1")
    payment = answered.payment
    assert (payment.state, payment.amount_fen) == (PaymentState.PENDING, 128_000)
    assert isinstance(payment.pay, QrCode) and payment.pay.url.startswith("weixin://")

    _, repeated = await run_example(site, merchant.merchant_no, "order-1", "128000")
    assert read(repeated) == answered

    code, other = await run_example(site, merchant.merchant_no, "order-1", "5")
    refused = read(other)
    assert isinstance(refused, PaymentAnswered) and refused.refusal is not None
    assert (code, refused.refusal.code) == (1, "order_no_conflict")


async def test_a_stranger_is_told_what_is_wrong(site: Site, merchant: Created) -> None:
    code, answer = await run_example(site, merchant.merchant_no, "order-2", "0")
    refused = read(answer)
    assert isinstance(refused, RequestRefused)
    assert (code, refused.refusal.param) == (1, "request.amount_fen")


def test_the_guide_shows_the_example_as_it_is() -> None:
    assert f"```python\n{EXAMPLE.read_text()}```" in GUIDE.read_text()


def test_the_guide_shows_events_that_the_schema_takes() -> None:
    schema = json.loads((ROOT / "docs" / "contracts" / "payment.place.1.json").read_text())
    shown = GUIDE.read_text().split("```json\n")[1].partition("```")[0]
    jsonschema_rs.validate(schema, json.loads(shown))
