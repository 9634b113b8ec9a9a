"""Routing rules 路由规则 and channel limits 通道限额: who takes a payment, as operators say."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from schema.money import PPM
from schema.products import PayType
from schema.text import PRINTABLE, ChannelNo

RuleNo = Annotated[str, Meta(pattern=r"^[a-z0-9_]{2,32}$(?!\n)", description="Rule number.")]
ClockTime = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$(?!\n)")]
"""China time, such as 22:30."""

Tier = Literal["default", "backup"]

Strategy = Literal[
    "priority",  # in order of priority, a draw by weight among equals
    "weight",  # a draw by weight, whatever the priority
    "cost",  # the cheapest for this amount first
    "response_time",  # the one that has answered fastest of late first
    "expressions",  # the first branch whose condition holds names the channels
    "split",  # by percentage, the same channel for the same payer
    "success_rate",  # the one that is likely to do best by what was seen, and some exploration
]

StickTo = Annotated[
    str, Meta(pattern=r"^(payer|merchant|client_ip|payment|metadata\.[A-Za-z0-9_\-]{1,40})$(?!\n)")
]


class ChannelLimits(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a channel takes in all, and when. What is None is not limited. Days are China's."""

    daily_fen_max: Annotated[int, Meta(ge=1)] | None = None
    daily_count_max: Annotated[int, Meta(ge=1)] | None = None
    total_fen_max: Annotated[int, Meta(ge=1)] | None = None
    """Cumulative 累计限额, since the channel was added."""
    opens_at: ClockTime | None = None
    closes_at: ClockTime | None = None
    """From then on it is closed. Before `opens_at` on the clock, the window spans midnight."""

    @property
    def is_counted(self) -> bool:
        """Whether payments must be counted to keep within these limits."""
        limits = (self.daily_fen_max, self.daily_count_max, self.total_fen_max)
        return any(limit is not None for limit in limits)


class RuleChannel(Struct, frozen=True, kw_only=True):
    """One channel of a rule. Lower priority numbers come first."""

    channel_no: ChannelNo
    priority: Annotated[int, Meta(ge=0, le=999)] = 100
    weight: Annotated[int, Meta(ge=0, le=10_000)] = 100


class Branch(Struct, frozen=True, kw_only=True):
    """Payments for which the condition holds go to these channels; see `schema/expressions.py`."""

    when: Annotated[str, Meta(min_length=1, max_length=2_000)]
    channels: Annotated[tuple[RuleChannel, ...], Meta(min_length=1, max_length=32)]


class RoutingRule(Struct, frozen=True, kw_only=True):
    """How the payments of one pay type are spread over channels."""

    rule_no: RuleNo
    name: Annotated[str, Meta(min_length=1, max_length=64, pattern=PRINTABLE)] = "-"
    version: int = 1
    status: Literal["active", "inactive"] = "active"
    pay_type: PayType
    strategy: Strategy
    channels: Annotated[tuple[RuleChannel, ...], Meta(max_length=32)] = ()
    """With branches: for payments that no branch is for."""
    branches: Annotated[tuple[Branch, ...], Meta(max_length=64)] = ()
    stick_to: StickTo = "payer"
    """What a split is by; a payment without it sticks to nothing."""
    explore_ppm: Annotated[int, Meta(ge=0, le=PPM // 2)] = 10_000
    """Of a success-rate rule: the part that is spread evenly so that there is always news."""


class RuleBinding(Struct, frozen=True, kw_only=True):
    """The rule that a merchant's payments of a pay type follow, in place of direct bindings of the
    same tier."""

    pay_type: PayType
    rule_no: RuleNo
    tier: Tier = "default"


def channels_of(rule: RoutingRule) -> set[str]:
    """Every channel that a rule names."""
    named = (*rule.channels, *(c for branch in rule.branches for c in branch.channels))
    return {channel.channel_no for channel in named}
