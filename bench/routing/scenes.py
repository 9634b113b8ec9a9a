"""The kinds of routing that are measured: a merchant, its channels and a rule of each strategy."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from actors.routing.health import Pulse
from actors.routing.rules import Board
from bus.database import Pool
from schema.products import PayType
from schema.profiles import Binding, ChannelProfile, MerchantProfile
from schema.routing import Branch, ChannelLimits, RoutingRule, RuleBinding, RuleChannel

MERCHANT_NO = "1020260101000001"
PAY_TYPE: PayType = "wechat_native"
RULE_NO = "bench"
NUMBERS = ("bench_a", "bench_b", "bench_c")
LISTED = tuple(RuleChannel(channel_no=number) for number in NUMBERS)
SEEN = {
    (number, PAY_TYPE): Pulse(good=900.0 + 20 * i, bad=100.0 - 20 * i, slow_ms=300.0)
    for i, number in enumerate(NUMBERS)
}


class Scene(Struct, frozen=True, kw_only=True):
    """What routing finds in the directory."""

    merchant: MerchantProfile
    channels: tuple[ChannelProfile, ...]
    rule: RoutingRule | None = None

    def board(self) -> Board:
        """The same without looking it up."""
        return Board(
            {MERCHANT_NO: self.merchant},
            {channel.channel_no: channel for channel in self.channels},
            rules={RULE_NO: self.rule} if self.rule is not None else {},
            pulses=SEEN,
        )


def _bound(*numbers: str) -> Scene:
    bindings = tuple(Binding(pay_type=PAY_TYPE, channel_no=number) for number in numbers)
    return Scene(merchant=_merchant(bindings=bindings), channels=_channels())


def _ruled(strategy: Any, **rule: Any) -> Scene:
    follows = (RuleBinding(pay_type=PAY_TYPE, rule_no=RULE_NO),)
    return Scene(
        merchant=_merchant(rule_bindings=follows),
        channels=_channels(),
        rule=RoutingRule(
            rule_no=RULE_NO, pay_type=PAY_TYPE, strategy=strategy, channels=LISTED, **rule
        ),
    )


def _merchant(**bindings: Any) -> MerchantProfile:
    return MerchantProfile(merchant_no=MERCHANT_NO, name="Bench", **bindings)


def _channels(limits: ChannelLimits | None = None) -> tuple[ChannelProfile, ...]:
    return tuple(
        ChannelProfile(
            channel_no=number,
            name=number,
            protocol="wechat",
            pay_types=(PAY_TYPE,),
            limits=limits or ChannelLimits(),
            account="-",
        )
        for number in NUMBERS
    )


BRANCHES = tuple(
    Branch(when=f"amount_fen < {limit} and not metadata.shop = 'x'", channels=LISTED[:2])
    for limit in (1_000, 5_000, 20_000)
)

SCENES: dict[str, Scene] = {
    "one binding": _bound(NUMBERS[0]),
    "three bindings by weight": _bound(*NUMBERS),
    "rule by cost": _ruled("cost"),
    "rule with three expressions": _ruled("expressions", branches=BRANCHES),
    "split by payer": _ruled("split"),
    "success rate": _ruled("success_rate"),
    "three bindings, limits counted": msgspec.structs.replace(
        _bound(*NUMBERS), channels=_channels(ChannelLimits(daily_fen_max=10**12))
    ),
}


async def put_into_directory(pool: Pool, scene: Scene) -> None:
    """Has routing find this scene and no other."""
    await pool.execute("TRUNCATE directory.profile, routing.taken")
    profiles: list[tuple[str, str, Struct]] = [
        ("merchant", MERCHANT_NO, scene.merchant),
        *(("channel", channel.channel_no, channel) for channel in scene.channels),
    ]
    if scene.rule is not None:
        profiles.append(("rule", RULE_NO, scene.rule))
    await pool.executemany(
        "INSERT INTO directory.profile (kind, number, version, document) VALUES ($1, $2, 1, $3)",
        [(kind, number, msgspec.json.encode(each).decode()) for kind, number, each in profiles],
    )
