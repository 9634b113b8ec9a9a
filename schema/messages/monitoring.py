"""What monitoring says about channels: that one is unwell, well again, taken down or restored."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from schema.events import Moment
from schema.messages.contract import Message, Part, fact
from schema.products import PayType
from schema.text import ChannelNo

AlarmMetric = Literal[
    "failure_percent",  # calls that failed by the channel's doing, of all calls
    "unknown_percent",  # calls after which nobody knows what was done, of all calls
    "consecutive_failures",  # failures by the channel's doing with nothing else in between
    "latency_ms",  # a percentile of the calls' durations
    "silence_s",  # nothing went well for so long, although the channel was asked
    "conversion_percent",  # orders that were paid, of those that payers were shown; too few
]

Severity = Literal["info", "warning", "critical"]


class Figures(Part, frozen=True, kw_only=True):
    """What was seen when something was decided about a channel."""

    metric: AlarmMetric
    value: int
    threshold: int
    calls: Annotated[int, Meta(ge=0)]
    """In the window; all that the value was reckoned from."""
    window_s: int


@fact("channel.alarmed", owner="monitoring")
class ChannelAlarmed(Message, frozen=True, kw_only=True):
    """A channel breaks a rule. An operator should look."""

    alarm_no: str
    rule_no: str
    channel_no: ChannelNo
    pay_type: PayType | None = None
    """None: all of the channel together."""
    severity: Severity
    figures: Figures
    raised_at: Moment


@fact("channel.recovered", owner="monitoring")
class ChannelRecovered(Message, frozen=True, kw_only=True):
    """A channel that broke a rule keeps it again."""

    alarm_no: str
    rule_no: str
    channel_no: ChannelNo
    pay_type: PayType | None = None
    figures: Figures | None = None
    """None where the rule is no more."""
    raised_at: Moment
    recovered_at: Moment


@fact("channel.taken_down", owner="monitoring")
class ChannelTakenDown(Message, frozen=True, kw_only=True):
    """A channel gets no new payments of a pay type (None: of any)."""

    channel_no: ChannelNo
    pay_type: PayType | None = None
    by: str
    """The operator, or `rule:` and the rule's number."""
    reason: str
    figures: Figures | None = None
    until: Moment | None = None
    taken_at: Moment


@fact("channel.restored", owner="monitoring")
class ChannelRestored(Message, frozen=True, kw_only=True):
    """A channel gets its payments again, all of them."""

    channel_no: ChannelNo
    pay_type: PayType | None = None
    by: str
    reason: str
    restored_at: Moment


@fact("standing.changed", owner="monitoring", broadcast=True)
class StandingChanged(Message, frozen=True, kw_only=True):
    """Forget your copy of how this channel stands."""

    channel_no: ChannelNo
    version: int
