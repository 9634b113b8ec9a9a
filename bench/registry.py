"""Who takes part: merchants and a channel in our registry, and its other end at the simulator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from actors.merchants import rules
from actors.merchants.store import add_channel, bind, change_merchant, create_merchant
from bench.orders import Merchant
from bus.database import Pool
from bus.errors import OurMistake
from bus.vault import Vault
from handlers.simulator import SimulatorConfig, generate_account, save_config
from schema.channels.wechat import WechatAccount
from schema.payments import Refusal

PAY_TYPE = "wechat_native"
RATE_PPM = 6_000
CHANNEL_NO = "wechat_bench"
OTHER_CHANNEL_NO = "wechat_other"
ACCOUNT_NO, OTHER_ACCOUNT_NO = "1900000001", "1900000002"
FUNDS_FLOW = "platform"
"""So that a payment makes all the entries that it can: clearing, merchant and fee."""

REQUESTS_PER_S_MAX = 100_000
CALLS_IN_FLIGHT_MAX = 2_000
"""Limits must not be what is measured."""

T = TypeVar("T")


async def enrol(
    pool: Pool, vault: Vault, *, merchants: int, elsewhere: int, accounts: Sequence[WechatAccount]
) -> list[Merchant]:
    """Merchants who can be paid through one channel; every so manieth through the other one."""
    channels = (CHANNEL_NO, OTHER_CHANNEL_NO)
    for channel_no, account in zip(channels, accounts, strict=True):
        _made(
            await add_channel(
                pool,
                vault,
                channel_no=channel_no,
                pay_types=[PAY_TYPE],
                account=account,
                funds_flow=FUNDS_FLOW,
                calls_in_flight_max=CALLS_IN_FLIGHT_MAX,
            )
        )
    numbers = range(1, merchants + 1)
    return [
        await _merchant(pool, vault, number, channels[bool(elsewhere) and number % elsewhere == 0])
        for number in numbers
    ]


def open_channels(
    config_path: Path, *, simulator_url: str, edge_url: str, answer_delay_ms: int
) -> list[WechatAccount]:
    """New accounts at a simulator whose payers pay at once; returns our ends of them."""
    ends = [
        generate_account(
            account_no, f"wxbench{account_no}", simulator_url,
            f"{edge_url}/channels/{channel_no}/notify",
        )
        for channel_no, account_no in (
            (CHANNEL_NO, ACCOUNT_NO), (OTHER_CHANNEL_NO, OTHER_ACCOUNT_NO),
        )
    ]  # fmt: skip
    manners = SimulatorConfig(
        accounts=tuple(theirs for _, theirs in ends),
        auto_pay_after_ms=0,
        answer_delay_ms=answer_delay_ms,
    )
    save_config(config_path, manners)
    return [ours for ours, _ in ends]


async def _merchant(pool: Pool, vault: Vault, number: int, channel_no: str) -> Merchant:
    created = _made(
        await create_merchant(pool, vault, name=f"Bench {number}", rates_ppm={PAY_TYPE: RATE_PPM})
    )
    no_limit = rules.with_limits(requests_per_s_max=REQUESTS_PER_S_MAX)
    _made(await change_merchant(pool, created.merchant_no, no_limit, "no limit", "bench"))
    _made(await bind(pool, created.merchant_no, pay_type=PAY_TYPE, channel_no=channel_no))
    return Merchant(
        merchant_no=created.merchant_no,
        key_id=created.key_id,
        hmac_secret=created.hmac_secret,
        webhook_secret=created.webhook_secret,
    )


def _made(result: T | Refusal) -> T:
    if isinstance(result, Refusal):
        raise OurMistake(f"the registry refuses: {result.reason}")
    return result
