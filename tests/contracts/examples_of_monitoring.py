"""One example of every message of monitoring."""

from __future__ import annotations

from datetime import timedelta

from schema.messages.contract import Message
from schema.messages.monitoring import (
    ChannelAlarmed,
    ChannelRecovered,
    ChannelRestored,
    ChannelTakenDown,
    Figures,
    StandingChanged,
)
from tests.contracts.examples_of_books import PLACED_AT

WRONG = Figures(metric="failure_percent", value=73, threshold=50, calls=41, window_s=60)
WELL = Figures(metric="failure_percent", value=4, threshold=50, calls=25, window_s=60)
LATER = PLACED_AT + timedelta(minutes=5)

MONITORING: tuple[Message, ...] = (
    ChannelAlarmed(
        alarm_no="alm_0123456789abcdef",
        rule_no="failing",
        channel_no="wechat_a",
        pay_type="wechat_native",
        severity="critical",
        figures=WRONG,
        raised_at=PLACED_AT,
    ),
    ChannelRecovered(
        alarm_no="alm_0123456789abcdef",
        rule_no="failing",
        channel_no="wechat_a",
        pay_type="wechat_native",
        figures=WELL,
        raised_at=PLACED_AT,
        recovered_at=LATER,
    ),
    ChannelTakenDown(
        channel_no="wechat_a",
        pay_type="wechat_native",
        by="rule:failing",
        reason="failure_percent 73, threshold 50, 41 calls in 60 s",
        figures=WRONG,
        until=LATER,
        taken_at=PLACED_AT,
    ),
    ChannelRestored(
        channel_no="wechat_a",
        pay_type="wechat_native",
        by="carol",
        reason="the channel is well again",
        restored_at=LATER,
    ),
    StandingChanged(channel_no="wechat_a", version=3),
)
