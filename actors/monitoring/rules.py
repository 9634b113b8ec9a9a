"""Alarm rules: what is unusual about a channel. A rule is checked when it is saved, field by field.

Rules are judged by figures of the last seconds or minutes. What follows from it is in `standing`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from actors.monitoring.measures import (
    CHANNEL_CAUSED,
    KEPT_S,
    UNSETTLED,
    Slice,
    Subject,
    Tally,
    by_channel,
    calls,
    of_subject,
    paid,
    percent,
    percentile_ms,
)
from schema.messages.channels import CallOperation
from schema.messages.monitoring import AlarmMetric, Figures, Severity
from schema.payments import Refusal
from schema.products import PayType
from schema.profiles import ChannelProfile
from schema.text import ChannelNo

RuleNo = Annotated[
    str, Meta(pattern=r"^[a-z0-9_\-]{1,32}$(?!\n)", description="An alarm rule's number.")
]

THRESHOLDS: dict[AlarmMetric, tuple[int, int]] = {
    "failure_percent": (1, 100),
    "unknown_percent": (1, 100),
    "consecutive_failures": (2, 10_000),
    "latency_ms": (10, 60_000),
    "silence_s": (10, KEPT_S),
    "conversion_percent": (1, 100),
}
"""Least and greatest threshold of each metric."""

CONVERSION_WINDOW_S_MIN = 60
"""Payers need a moment: a shorter window would hold none of the payments of its own orders."""


class AlarmRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a channel is called unwell, and what is done then."""

    rule_no: RuleNo
    is_enabled: bool = True
    channel_no: ChannelNo | None = None
    """None: every channel, each by itself."""
    pay_type: PayType | None = None
    each_pay_type: bool = True
    """Whether pay types are judged apart where none is named; else a channel is judged whole."""
    operations: tuple[CallOperation, ...] = ()
    """Which calls count; none: all."""
    metric: AlarmMetric
    threshold: int
    """Reached or exceeded is broken; conversion is broken below it."""
    percentile: Literal[50, 95, 99] = 95
    """Of latency."""
    window_s: Annotated[int, Meta(ge=10, le=KEPT_S)] = 60
    volume_min: Annotated[int, Meta(ge=1, le=1_000_000)] = 20
    """Fewer calls in the window prove nothing."""
    cool_down_s: Annotated[int, Meta(ge=10, le=86_400)] = 900
    """How long after an alarm, or after the channel was restored, the next may follow."""
    severity: Severity = "warning"
    action: Literal["alarm", "take_down"] = "alarm"
    down_s: Annotated[int, Meta(ge=1, le=86_400)] = 60
    """How long a channel is down before it is probed; each time that fails, twice as long."""
    step_s: Annotated[int, Meta(ge=1, le=600)] = 20
    """How long each step of probing lasts at least: calls that hang are known when they end."""
    may_take_last: bool = False
    """Whether even the last usable channel of a pay type may be taken down."""


class Finding(Struct, frozen=True, kw_only=True):
    """How a subject stands by a rule."""

    rule: AlarmRule
    subject: Subject
    figures: Figures
    is_over: bool
    """Whether the figure is beyond the threshold, however few calls it rests on."""

    @property
    def is_judged(self) -> bool:
        """Whether anything was seen at all."""
        return self.figures.calls > 0

    @property
    def is_broken(self) -> bool:
        """Whether so many calls prove it."""
        return self.is_over and self.figures.calls >= self.rule.volume_min

    @property
    def is_kept(self) -> bool:
        """Whether a broken rule is kept again; few good calls are enough, but none is not."""
        return self.is_judged and not self.is_over


# Saving a rule.


def sound(document: Mapping[str, Any], channels: Iterable[ChannelProfile]) -> AlarmRule | Refusal:
    """The rule that these fields make, or which field is wrong and why."""
    try:
        rule = msgspec.convert(document, AlarmRule)
    except msgspec.ValidationError as error:
        return _misfit(str(error))
    least, greatest = THRESHOLDS[rule.metric]
    if not least <= rule.threshold <= greatest:
        return _no("threshold", rule.threshold, f"{rule.metric} takes {least} to {greatest}")
    if rule.cool_down_s < rule.window_s:
        window = f"the window of {rule.window_s} s would still hold what led to the last alarm"
        return _no("cool_down_s", rule.cool_down_s, window)
    if rule.metric == "silence_s" and rule.window_s != rule.threshold:
        return _no("window_s", rule.window_s, f"silence of {rule.threshold} s needs just that")
    if rule.metric == "conversion_percent" and rule.window_s < CONVERSION_WINDOW_S_MIN:
        return _no("window_s", rule.window_s, f"conversion needs {CONVERSION_WINDOW_S_MIN} s")
    if rule.metric in ("consecutive_failures", "conversion_percent") and rule.operations:
        return _no("operations", list(rule.operations), f"{rule.metric} looks at all of them")
    return _reaching(rule, list(channels))


def _reaching(rule: AlarmRule, channels: list[ChannelProfile]) -> AlarmRule | Refusal:
    """A rule about something that there is."""
    if rule.channel_no is not None:
        channels = [each for each in channels if each.channel_no == rule.channel_no]
        if not channels:
            return _no("channel_no", rule.channel_no, "there is no such channel")
    if rule.pay_type is not None and channels:
        offered = {pay_type for each in channels for pay_type in each.pay_types}
        if rule.pay_type not in offered:
            return _no("pay_type", rule.pay_type, "no channel of this rule offers it")
    return rule


def _misfit(why: str) -> Refusal:
    reason, _, where = why.rpartition(" - at ")
    unknown_or_missing = re.search(r"field `(\w+)`", why)
    field = where.strip("`").removeprefix("$.") if where else ""
    if unknown_or_missing is not None:
        field = unknown_or_missing[1]
    return Refusal(code="invalid_value", reason=f"{field}: {reason or why}", param=field or None)


def _no(field: str, value: object, why: str) -> Refusal:
    return Refusal(
        code="invalid_value", reason=f"{field}: {value!r} is refused: {why}", param=field
    )


# Judging by a rule.


def judge(
    rules: Iterable[AlarmRule],
    windows: Mapping[int, Slice],
    streaks: Mapping[Subject, int],
) -> list[Finding]:
    """How everything that was called lately stands by every rule."""
    apart = {window_s: by_channel(window) for window_s, window in windows.items()}
    return [
        _found(rule, subject, apart[rule.window_s][subject.channel_no], streaks.get(subject, 0))
        for rule in rules
        if rule.is_enabled
        for subject in subjects(rule, windows[rule.window_s])
    ]


def subjects(rule: AlarmRule, window: Slice) -> list[Subject]:
    """What a rule is about, among all that was called."""
    found: set[Subject] = set()
    for series in window:
        if rule.channel_no not in (None, series.channel_no):
            continue
        if rule.pay_type not in (None, series.pay_type):
            continue
        is_apart = rule.pay_type is not None or rule.each_pay_type
        found.add(Subject(series.channel_no, series.pay_type if is_apart else ""))
    return sorted(found)


def _found(rule: AlarmRule, subject: Subject, window: Slice, streak: int) -> Finding:
    tally = of_subject(window, subject, rule.operations)
    seen, value = _measured(rule, subject, window, tally, streak)
    is_over = value < rule.threshold if _is_floor(rule) else value >= rule.threshold
    figures = Figures(
        metric=rule.metric, value=value, threshold=rule.threshold, calls=seen,
        window_s=rule.window_s,
    )  # fmt: skip
    return Finding(rule=rule, subject=subject, figures=figures, is_over=is_over)


def _is_floor(rule: AlarmRule) -> bool:
    return rule.metric == "conversion_percent"


def _measured(
    rule: AlarmRule, subject: Subject, window: Slice, tally: Tally, streak: int
) -> tuple[int, int]:
    """The calls that a figure rests on, and the figure."""
    seen = calls(tally)
    match rule.metric:
        case "failure_percent":
            return seen, percent(sum(tally.get(name, 0) for name in CHANNEL_CAUSED), seen)
        case "unknown_percent":
            return seen, percent(sum(tally.get(name, 0) for name in UNSETTLED), seen)
        case "consecutive_failures":
            return seen, streak
        case "latency_ms":
            return seen, percentile_ms(tally, rule.percentile)
        case "silence_s":
            return seen, 0 if tally.get("ok", 0) else rule.window_s
        case "conversion_percent":
            shown = of_subject(window, subject, ("create",)).get("ok", 0)
            return shown, min(percent(paid(window, subject), shown), 100) if shown else 100
