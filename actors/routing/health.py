"""How a channel does, from what its calls came to. Pure: time is handed in.

- What is seen is forgotten by halves, so that the present counts more than the past.
- A second, quick memory notices a change: when it differs from the long one by more than chance
  explains, the long one is replaced by it.
- `BREAKER_AFTER` bad calls in a row open the breaker: no payments but a probe now and then. What is
  bad meanwhile does not count: one good probe brings back what was known before.
- A call under way for longer than calls take counts as bad until it is answered.

Only what the channel causes is bad; a payer without money is a channel that works.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

from msgspec import Struct
from msgspec.structs import replace

from schema.payments import Score

HALF_LIFE_MS = 30 * 60_000
IDLE_HALF_LIFE_MS = 5 * 60_000
"""Where little comes in, what is old is forgotten sooner, back to what is believed of a newcomer:
so a channel that was bad is tried again, and found well, within minutes."""

QUICK_HALF_LIFE_MS = 90_000
"""A change of six points in a hundred is seen within two minutes at five payments a second."""

CHANGE_SIGMAS = 4.0
"""One false alarm in some ten thousand looks."""

CHANGE_CALLS_MIN = 30.0
EVIDENCE_MAX_AFTER_CHANGE = 60.0
"""After a change little is known, and the channel is tried again sooner."""

BREAKER_AFTER = 8
PROBE_EVERY_MS = 10_000

PRIOR_RATE = 0.95
PRIOR_CALLS = 10.0
"""Optimistic, and worth ten calls: a newcomer is tried, and a bad one is dropped after a few."""

SHRINK_CALLS = 20.0
"""What is seen of the channel as a whole is worth so many calls of one pay type."""

OVERDUE_FACTOR = 1.5
OVERDUE_MS_MIN = 2_000
OVERDUE_MS_MAX = 30_000
"""Bounds for channels of which little is known, and for those that are slow already."""

BAD = frozenset({"third_error", "no_answer", "rate_limited"})
NEUTRAL = frozenset({"refused"})
"""The contract's or our own doing: neither for the channel nor against it."""


class Pulse(Struct, frozen=True, kw_only=True, array_like=True):
    """What is known of one channel and pay type. It only grows at its end: others read it too."""

    at_ms: int = 0
    good: float = 0.0
    bad: float = 0.0
    quick_good: float = 0.0
    quick_bad: float = 0.0
    streak: int = 0
    last_good_ms: int = 0
    """When the newest call that went well began."""
    opened_ms: int = 0
    """When the breaker opened; 0: it is closed."""
    latency_ms: float = 0.0
    slow_ms: float = 0.0
    """What 97 of 100 calls stay below, or about that."""
    created: float = 0.0
    paid: float = 0.0
    """Orders that payers were shown, and those that were paid: how well payers do there."""


class Call(Struct, frozen=True, kw_only=True):
    """How one call went, or that an order was paid."""

    began_ms: int
    outcome: str
    cost_ms: int = 0
    is_payment: bool = False


def fold(pulse: Pulse, calls: Iterable[Call], now_ms: int) -> Pulse:
    """What is known after these calls."""
    pulse = faded(pulse, now_ms)
    for call in calls:
        pulse = after(pulse, call, now_ms)
    return changed(pulse)


def faded(pulse: Pulse, now_ms: int) -> Pulse:
    """What is left of what was known. While the breaker is open nothing fades, or there would be
    nothing to go back to."""
    elapsed = max(now_ms - pulse.at_ms, 0)
    if not elapsed or pulse.opened_ms:
        return replace(pulse, at_ms=max(now_ms, pulse.at_ms))
    is_busy = pulse.quick_good + pulse.quick_bad >= CHANGE_CALLS_MIN
    kept = 0.5 ** (elapsed / (HALF_LIFE_MS if is_busy else IDLE_HALF_LIFE_MS))
    quick = 0.5 ** (elapsed / QUICK_HALF_LIFE_MS)
    return replace(
        pulse,
        at_ms=now_ms,
        good=pulse.good * kept,
        bad=pulse.bad * kept,
        quick_good=pulse.quick_good * quick,
        quick_bad=pulse.quick_bad * quick,
        created=pulse.created * kept,
        paid=pulse.paid * kept,
    )


def after(pulse: Pulse, call: Call, now_ms: int) -> Pulse:
    """What is known after one more call."""
    if call.is_payment:
        return replace(pulse, paid=pulse.paid + 1)
    if call.outcome in NEUTRAL:
        return pulse
    if call.outcome in BAD:
        return _after_bad(pulse, call, now_ms)
    return replace(
        _timed(pulse, call.cost_ms),
        good=pulse.good + 1,
        quick_good=pulse.quick_good + 1,
        streak=0,
        last_good_ms=max(pulse.last_good_ms, call.began_ms),
        opened_ms=0,
        created=pulse.created + (call.outcome == "ok"),
    )


def _after_bad(pulse: Pulse, call: Call, now_ms: int) -> Pulse:
    """Calls that began before one that went well belong to what is over: they open nothing."""
    if pulse.opened_ms:
        return pulse
    streak = pulse.streak + (call.began_ms >= pulse.last_good_ms)
    if streak < BREAKER_AFTER:
        return replace(pulse, bad=pulse.bad + 1, quick_bad=pulse.quick_bad + 1, streak=streak)
    before = max(pulse.bad - pulse.streak, 0.0)
    return replace(pulse, bad=before, quick_good=0.0, quick_bad=0.0, streak=0, opened_ms=now_ms)


def changed(pulse: Pulse) -> Pulse:
    """The quick memory in place of the long one, if the channel is not what it was."""
    calls, quick_calls = pulse.good + pulse.bad, pulse.quick_good + pulse.quick_bad
    if quick_calls < CHANGE_CALLS_MIN or calls <= quick_calls:
        return pulse
    # What the long memory expects, never so sure that a single bad call would be a change.
    expected = (pulse.good + 1) / (calls + 2)
    deviation = sqrt(expected * (1 - expected) / quick_calls)
    if abs(pulse.quick_good / quick_calls - expected) < CHANGE_SIGMAS * deviation:
        return pulse
    kept = min(1.0, EVIDENCE_MAX_AFTER_CHANGE / quick_calls)
    return replace(pulse, good=pulse.quick_good * kept, bad=pulse.quick_bad * kept)


def _timed(pulse: Pulse, cost_ms: int) -> Pulse:
    """Latency as a moving mean; its upper end by small steps, 32 times as large upwards."""
    if not pulse.slow_ms:
        return replace(pulse, latency_ms=float(cost_ms), slow_ms=float(cost_ms))
    mean = pulse.latency_ms + (cost_ms - pulse.latency_ms) * 0.05
    step = 0.02 * max(pulse.slow_ms, 1.0)
    slow = pulse.slow_ms + (step * 0.97 if cost_ms > pulse.slow_ms else -step * 0.03)
    return replace(pulse, latency_ms=mean, slow_ms=max(slow, 1.0))


def overdue_after_ms(pulse: Pulse) -> int:
    """How long a call may be under way before it counts as bad."""
    usual = int(pulse.slow_ms * OVERDUE_FACTOR)
    return min(max(usual, OVERDUE_MS_MIN), OVERDUE_MS_MAX)


def is_open(pulse: Pulse, overdue: int) -> bool:
    """Whether the breaker is open: by answers, or by too many that do not come. `overdue` are calls
    that began after the last one that went well."""
    return bool(pulse.opened_ms) or pulse.streak + overdue >= BREAKER_AFTER


def score(pulse: Pulse, whole: Pulse | None, overdue: int, *, is_probe: bool = False) -> Score:
    """What routing goes by: what was seen, with what is believed from the channel as a whole."""
    rate, calls = PRIOR_RATE, PRIOR_CALLS
    if whole is not None:
        seen = whole.good + whole.bad
        rate = (whole.good + PRIOR_RATE * PRIOR_CALLS) / (seen + PRIOR_CALLS)
        calls = min(SHRINK_CALLS, PRIOR_CALLS + seen)
    return Score(
        good_milli=int(1_000 * (pulse.good + rate * calls)),
        bad_milli=int(1_000 * (pulse.bad + (1 - rate) * calls)) + 1,
        overdue=overdue,
        is_open=is_open(pulse, overdue),
        is_probe=is_probe,
    )
