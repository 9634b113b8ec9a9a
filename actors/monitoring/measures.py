"""What is counted of channels, and what the counts say. Pure.

A *tally* has counts by name: outcomes (`ok` …), steps of latency (`b0` …) and milliseconds in all
(`ms`). A *slice* is a stretch of time with a tally for each series of calls.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias, get_args

from schema.messages.channels import CallOutcome, ChannelCalled
from schema.messages.contract import Message
from schema.messages.ordering import PaymentSucceeded

OUTCOMES: tuple[str, ...] = get_args(CallOutcome)
CHANNEL_CAUSED = ("rate_limited", "third_error", "no_answer")
"""What is held against the channel."""

UNSETTLED = ("third_error", "no_answer")
"""After these nobody knows what the channel has done."""

PAID = "paid"
"""The operation of a series that counts payments and no calls."""

BOUNDS_MS = (
    10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 7_500,
    10_000, 15_000, 20_000, 30_000, 60_000,
)  # fmt: skip
"""Upper ends of the steps of latency. A percentile is exact to a step: a half at the most."""

KEPT_S = 900
"""The longest window; what is older is read from the archive."""

FROZEN_S = 10
"""Seconds that are older than this hardly change any more: workers count within a few."""

Tally: TypeAlias = dict[str, int]


class Series(NamedTuple):
    """Calls of one kind."""

    channel_no: str
    pay_type: str
    operation: str


Slice: TypeAlias = dict[Series, Tally]


class Subject(NamedTuple):
    """What rules, alarms and take-downs are about; no pay type: all of the channel."""

    channel_no: str
    pay_type: str = ""


class Counted(NamedTuple):
    """A batch of messages, summed up."""

    seconds: dict[int, dict[str, int]]
    """Fields (see `field`) and what is added to them, by second."""
    streaks: dict[Subject, tuple[bool, int]]
    """Failures by the channel's doing since the last other outcome, and whether there was one."""


def count(messages: Iterable[Message], now: datetime) -> Counted:
    """Sums up what was heard. Calls count when they end, but not in the future nor long ago."""
    seconds: dict[int, dict[str, int]] = {}
    streaks: dict[Subject, tuple[bool, int]] = {}
    now_s = int(now.timestamp())
    for message in messages:
        if isinstance(message, ChannelCalled):
            ended_s = int(message.called_at.timestamp() + message.cost_ms // 1_000)
            if ended_s <= now_s - KEPT_S:
                continue  # nobody looks there any more
            _count_call(seconds.setdefault(min(ended_s, now_s), {}), message)
            _follow(streaks, message)
        elif isinstance(message, PaymentSucceeded):
            series = f"{message.channel_no}|{message.payment.pay_type}|{PAID}|ok"
            _add(seconds.setdefault(now_s, {}), series, 1)
    return Counted(seconds, streaks)


def step_of(cost_ms: int) -> int:
    """The step of latency that a duration falls into; the last one has no upper end."""
    return bisect_left(BOUNDS_MS, cost_ms)


def _count_call(fields: dict[str, int], call: ChannelCalled) -> None:
    series = f"{call.channel_no}|{call.pay_type}|{call.operation}|"
    _add(fields, series + call.outcome, 1)
    _add(fields, f"{series}b{step_of(call.cost_ms)}", 1)
    _add(fields, series + "ms", call.cost_ms)


def _add(tally: dict[str, int], name: str, amount: int) -> None:
    tally[name] = tally.get(name, 0) + amount


def _follow(streaks: dict[Subject, tuple[bool, int]], call: ChannelCalled) -> None:
    for subject in (Subject(call.channel_no), Subject(call.channel_no, call.pay_type)):
        was_broken, failures = streaks.get(subject, (False, 0))
        if call.outcome in CHANNEL_CAUSED:
            streaks[subject] = was_broken, failures + 1
        else:
            streaks[subject] = True, 0


def read_slice(fields: Mapping[bytes, bytes]) -> Slice:
    """A stored second. Fields that are not ours are left out."""
    found: Slice = {}
    for field, amount in fields.items():
        parts = field.decode().split("|")
        if len(parts) == 4:
            found.setdefault(Series(*parts[:3]), {})[parts[3]] = int(amount)
    return found


def add_up(slices: Iterable[Slice]) -> Slice:
    """All of these together."""
    whole: Slice = {}
    for each in slices:
        for series, tally in each.items():
            into = whole.setdefault(series, {})
            for name, amount in tally.items():
                into[name] = into.get(name, 0) + amount
    return whole


def by_channel(window: Slice) -> dict[str, Slice]:
    """The same for each channel by itself: with many of them, nobody has to look through all."""
    apart: dict[str, Slice] = {}
    for series, tally in window.items():
        apart.setdefault(series.channel_no, {})[series] = tally
    return apart


def of_subject(window: Slice, subject: Subject, operations: Sequence[str] = ()) -> Tally:
    """The calls of a channel, of one pay type if that is named, of some operations or of all."""
    return _summed(
        tally
        for series, tally in window.items()
        if _is_about(series, subject)
        and series.operation != PAID
        and (not operations or series.operation in operations)
    )


def paid(window: Slice, subject: Subject) -> int:
    """How many payments succeeded."""
    return sum(
        tally.get("ok", 0)
        for series, tally in window.items()
        if series.operation == PAID and _is_about(series, subject)
    )


def _is_about(series: Series, subject: Subject) -> bool:
    is_its = series.channel_no == subject.channel_no
    return is_its and subject.pay_type in ("", series.pay_type)


def _summed(tallies: Iterable[Tally]) -> Tally:
    whole: Tally = {}
    for tally in tallies:
        for name, amount in tally.items():
            whole[name] = whole.get(name, 0) + amount
    return whole


def calls(tally: Tally) -> int:
    """How many calls there were."""
    return sum(tally.get(outcome, 0) for outcome in OUTCOMES)


def failures(tally: Tally) -> int:
    """How many of them failed by the channel's doing."""
    return sum(tally.get(outcome, 0) for outcome in CHANNEL_CAUSED)


def percent(part: int, whole: int) -> int:
    """A whole percentage, rounded down; of nothing it is 0."""
    return part * 100 // whole if whole else 0


def percentile_ms(tally: Tally, percentile: int) -> int:
    """The upper end of the step that this percentile of the calls falls into; 0 without calls."""
    steps = [tally.get(f"b{step}", 0) for step in range(len(BOUNDS_MS) + 1)]
    whole = sum(steps)
    rank, seen = -(-whole * percentile // 100), 0
    for step, number in enumerate(steps):
        seen += number
        if number and seen >= rank:
            return BOUNDS_MS[min(step, len(BOUNDS_MS) - 1)]
    return 0


class Timeline:
    """The last quarter of an hour by seconds; whole minutes of it are added up only once."""

    def __init__(self) -> None:
        self._seconds: dict[int, Slice] = {}
        self._minutes: dict[int, Slice] = {}
        self._read_at = 0

    def missing(self, now_s: int) -> list[int]:
        """The seconds that have to be read: those not seen yet, and those that still change."""
        return [
            second
            for second in range(now_s - KEPT_S + 1, now_s + 1)
            if second > self._read_at - FROZEN_S or second not in self._seconds
        ]

    def put(self, seconds: Mapping[int, Slice], now_s: int) -> None:
        """Takes in what was read; forgets what no window reaches any more."""
        self._seconds.update(seconds)
        self._read_at = now_s
        for second in [s for s in self._seconds if s <= now_s - KEPT_S]:
            del self._seconds[second]
        for minute in [m for m in self._minutes if m * 60 <= now_s - KEPT_S]:
            del self._minutes[minute]

    def window(self, now_s: int, window_s: int) -> Slice:
        """What ended within the last seconds, the present one included."""
        begins, ends = now_s - window_s + 1, now_s + 1
        whole = [m for m in range(-(-begins // 60), ends // 60) if (m + 1) * 60 <= ends - FROZEN_S]
        if not whole:
            return add_up(self._seconds.get(second, {}) for second in range(begins, ends))
        edges = (*range(begins, whole[0] * 60), *range((whole[-1] + 1) * 60, ends))
        return add_up(
            (*map(self._minute, whole), *(self._seconds.get(second, {}) for second in edges))
        )

    def _minute(self, minute: int) -> Slice:
        if minute not in self._minutes:
            seconds = range(minute * 60, minute * 60 + 60)
            self._minutes[minute] = add_up(self._seconds.get(second, {}) for second in seconds)
        return self._minutes[minute]
