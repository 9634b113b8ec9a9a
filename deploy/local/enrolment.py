"""The demo merchant and its channels at the simulator: made once, found again, moved with ports."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from actors.merchants import credentials, store
from bus.database import Pool
from bus.vault import Vault
from deploy.local.accounts import NUMBERS, SERVED, generate
from deploy.local.folders import write_private
from deploy.local.problems import Problem
from schema.channels.language import Protocols
from schema.channels.languages import LANGUAGES
from schema.payments import Refusal
from schema.products import PRODUCTS, PayType

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
    """The demo merchant, bound to a channel of each protocol; a second call changes nothing."""
    for protocol in SERVED:
        await _channel(pool, vault, street, folder / "simulator.json", protocol)
    file = folder / "demo.json"
    demo = await _known(pool, file) or await _merchant(pool, vault, street, webhook_secret)
    write_private(file, msgspec.json.encode(demo).decode())
    await _settle_in(pool, demo, street)
    return demo


def channel_no(protocol: Protocols) -> str:
    """The number of the demo channel."""
    return f"demo_{protocol}"


def pay_types(protocol: Protocols) -> list[PayType]:
    """What the demo channel offers: all products of its wallet."""
    names = ("bank_page", "balance") if protocol == "bank" else ()
    return [name for name in PRODUCTS if name.startswith(f"{protocol}_") or name in names]


async def _known(pool: Pool, file: Path) -> Demo | None:
    """The merchant of an earlier day, if the database still has him."""
    if not file.exists():
        return None
    demo = msgspec.json.decode(file.read_bytes(), type=Demo)
    return demo if await store.find(pool, store.MERCHANTS, demo.merchant_no) else None


async def _merchant(pool: Pool, vault: Vault, street: Street, webhook_secret: str) -> Demo:
    created = _done(
        await store.create_merchant(
            pool,
            vault,
            name="Demo tea house 演示茶馆",
            rates_ppm={},
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
    return Demo(merchant_no=number, key_id=created.key_id, hmac_secret=created.hmac_secret)


async def _settle_in(pool: Pool, demo: Demo, street: Street) -> None:
    """A rate and a channel for every product; and the receiver may live elsewhere than before."""
    number, url = demo.merchant_no, f"{street.receiver}/webhook"
    merchant = await store.find(pool, store.MERCHANTS, number)
    assert merchant is not None
    wanted = {name: RATE_PPM for each in SERVED for name in pay_types(each)} | merchant.rates_ppm
    if (merchant.notify_url, merchant.rates_ppm) != (url, wanted):
        _done(
            await store.change_merchant(
                pool, number, lambda m: replace(m, notify_url=url, rates_ppm=wanted),
                "address and rates", OPERATOR,
            )
        )  # fmt: skip
    bound = {(binding.pay_type, binding.channel_no) for binding in merchant.bindings}
    for protocol in SERVED:
        for name in pay_types(protocol):
            if (name, channel_no(protocol)) not in bound:
                binding: dict[str, Any] = {"pay_type": name, "channel_no": channel_no(protocol)}
                _done(await store.bind(pool, number, operator=OPERATOR, **binding))


async def _channel(
    pool: Pool, vault: Vault, street: Street, simulator_file: Path, protocol: Protocols
) -> None:
    """Both ends of one account: ours sealed in the registry, theirs with the simulator."""
    number = channel_no(protocol)
    channel = await store.find(pool, store.CHANNELS, number)
    known_there = simulator_file.exists() and NUMBERS[protocol][0] in simulator_file.read_text()
    callback = f"{street.tomato}/channels/{number}/notify"
    if channel is not None and known_there:
        ours = LANGUAGES[protocol].read(vault.open(channel.account, f"channel:{number}"))
        moved = replace(ours, base_url=street.simulator, notify_url=callback)
        if moved != ours:
            await _change_account(pool, vault, number, moved)
        return
    ours, theirs = generate(protocol, street.simulator, callback)
    await _tell_simulator(street, theirs)
    if channel is not None:
        await _change_account(pool, vault, number, ours)
        return
    _done(
        await store.add_channel(
            pool,
            vault,
            channel_no=number,
            name=f"{protocol}, simulated",
            pay_types=pay_types(protocol),
            funds_flow="platform",
            account=ours,
            operator=OPERATOR,
        )
    )


async def _change_account(pool: Pool, vault: Vault, number: str, account: Struct) -> None:
    sealed = _done(credentials.seal_account(vault, number, account))
    _done(
        await store.change_channel(
            pool, number, lambda c: replace(c, account=sealed), "account moved", OPERATOR
        )
    )


async def _tell_simulator(street: Street, account: Struct) -> None:
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
