"""The demo merchant and its channel at the simulator: made once, found again, moved with ports."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import aiohttp
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from actors.merchants import credentials, store
from bus.database import Pool
from bus.vault import Vault
from deploy.local.folders import write_private
from deploy.local.problems import Problem
from handlers.simulator.keys import generate_account
from schema.channels.wechat import SimulatorAccount, WechatAccount
from schema.payments import Refusal

CHANNEL_NO = "demo_wechat"
MCHID, APPID = "1900000109", "wx8888888888888888"
RATE_PPM = 6_000
"""0.6 %: what small merchants commonly pay."""

OPERATOR = "make up"

T = TypeVar("T")


class Demo(Struct, frozen=True, kw_only=True):
    """What the demo merchant knows; kept in a file only its owner reads."""

    merchant_no: str
    key_id: str
    hmac_secret: str


class Street(Struct, frozen=True, kw_only=True):
    """Where everybody in the demo lives."""

    tomato: str
    simulator: str
    receiver: str


async def enrol(
    pool: Pool, vault: Vault, street: Street, folder: Path, webhook_secret: str
) -> Demo:
    """The demo merchant, bound to the demo channel; a second call changes nothing."""
    await _channel(pool, vault, street, folder / "simulator.json")
    file = folder / "demo.json"
    if file.exists():
        demo = msgspec.json.decode(file.read_bytes(), type=Demo)
        if await store.find(pool, store.MERCHANTS, demo.merchant_no) is not None:
            await _address(pool, demo, street)
            return demo
    demo = await _merchant(pool, vault, street, webhook_secret)
    write_private(file, msgspec.json.encode(demo).decode())
    return demo


async def _merchant(pool: Pool, vault: Vault, street: Street, webhook_secret: str) -> Demo:
    created = _done(
        await store.create_merchant(
            pool,
            vault,
            name="Demo tea house 演示茶馆",
            rates_ppm={"wechat_native": RATE_PPM},
            notify_url=f"{street.receiver}/webhook",
            operator=OPERATOR,
        )
    )
    number = created.merchant_no
    sealed = credentials.seal_webhook_secret(vault, number, webhook_secret)
    what = "webhook secret of the demo receiver"
    _done(
        await store.change_merchant(
            pool, number, lambda merchant: replace(merchant, webhook_secret=sealed), what, OPERATOR
        )
    )
    _done(
        await store.bind(
            pool, number, pay_type="wechat_native", channel_no=CHANNEL_NO, operator=OPERATOR
        )
    )
    return Demo(merchant_no=number, key_id=created.key_id, hmac_secret=created.hmac_secret)


async def _address(pool: Pool, demo: Demo, street: Street) -> None:
    """The receiver may have moved to another port since."""
    url = f"{street.receiver}/webhook"
    merchant = await store.find(pool, store.MERCHANTS, demo.merchant_no)
    if merchant is not None and merchant.notify_url != url:
        _done(
            await store.change_merchant(
                pool, demo.merchant_no, lambda m: replace(m, notify_url=url), "moved", OPERATOR
            )
        )


async def _channel(pool: Pool, vault: Vault, street: Street, simulator_file: Path) -> None:
    """Both ends of one account: ours sealed in the registry, theirs with the simulator."""
    channel = await store.find(pool, store.CHANNELS, CHANNEL_NO)
    known_there = simulator_file.exists() and MCHID in simulator_file.read_text()
    callback = f"{street.tomato}/callbacks/wechat/{CHANNEL_NO}"
    if channel is not None and known_there:
        document = vault.open(channel.account, f"channel:{CHANNEL_NO}")
        ours = msgspec.json.decode(document, type=WechatAccount)
        moved = replace(ours, base_url=street.simulator, notify_url=callback)
        if moved != ours:
            await _change_account(pool, vault, moved)
        return
    ours, theirs = generate_account(MCHID, APPID, street.simulator, callback)
    await _tell_simulator(street, theirs)
    if channel is not None:
        await _change_account(pool, vault, ours)
        return
    _done(
        await store.add_channel(
            pool,
            vault,
            channel_no=CHANNEL_NO,
            name="WeChat Pay, simulated",
            pay_types=["wechat_native"],
            funds_flow="platform",
            account=ours,
            operator=OPERATOR,
        )
    )


async def _change_account(pool: Pool, vault: Vault, account: WechatAccount) -> None:
    sealed = _done(credentials.seal_account(vault, CHANNEL_NO, account))
    _done(
        await store.change_channel(
            pool, CHANNEL_NO, lambda c: replace(c, account=sealed), "account moved", OPERATOR
        )
    )


async def _tell_simulator(street: Street, account: SimulatorAccount) -> None:
    url = f"{street.simulator}/simulator/accounts"
    headers = {"Content-Type": "application/json"}
    async with (
        aiohttp.ClientSession() as client,
        client.post(url, data=msgspec.json.encode(account), headers=headers) as answer,
    ):
        if answer.status >= 300:
            raise Problem(f"the simulator refused the demo account: {await answer.text()}")


def _done(result: T | Refusal) -> T:
    if isinstance(result, Refusal):
        raise Problem(f"{result.code}: {result.reason}")
    return result
