"""How a lane fares: how many tries it may have under way, and when it has to pause.

Additive increase, halving on overload: a merchant who answers gets more at once (1 to 32), one who
is slow or silent gets less. After four silent tries in a row, or when most of the last tries
failed, the lane pauses; its messages wait where they are and use up no tries. After the pause one
try goes out as a probe: if it is acknowledged, the lane opens and grows again from 1.

Pure: no I/O, no clock.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

CONCURRENCY_START = 4
CONCURRENCY_MAX = 32
DOUBLED_UP_TO = 4
"""1, 2, 4, then one more at a time."""

SILENT_MAX = CONCURRENCY_START
"""The first tries of a lane go out together: where all of them meet silence, one more would take
another ten seconds to say the same."""

REMEMBERED = 20
JUDGED_FROM = 10
FAILED_SHARE_MAX = 70
"""Per cent of at least ten remembered tries: fewer are no sample."""

PAUSES_S = (15, 30, 60, 120, 300, 600)
"""A server that is down for an hour costs about ten probes."""

SLOW_MS = 2_000


class Verdict(StrEnum):
    """What one try says about the server."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    """It answered, but did not acknowledge."""
    OVERLOADED = "overloaded"
    """429, 503: it says itself that it has too much."""
    SILENT = "silent"
    """No answer in time, or no connection."""


class Health(Struct, frozen=True, kw_only=True):
    """What is known of one lane's server. `recent` has one bit per remembered try, 1 for failed."""

    concurrency: int = CONCURRENCY_START
    answered: int = 0
    """Acknowledged in a row since the last change of the concurrency."""
    silent: int = 0
    """Silent or overloaded in a row."""
    recent: int = 0
    remembered: int = 0
    pauses: int = 0
    """Taken since the server was last well."""
    paused_until: datetime | None = None
    cost_ms: int = 0
    """Of a try, smoothed."""

    @property
    def is_slow(self) -> bool:
        """Whether its tries take so long that they may use only a share of the sockets."""
        return self.cost_ms > SLOW_MS or self.silent > 0 or self.paused_until is not None

    @property
    def acknowledged_percent(self) -> int:
        """Of the remembered tries; 100 where there is none."""
        failed = self.recent.bit_count()
        return 100 - (100 * failed // self.remembered if self.remembered else 0)


NEW = Health()


def heard(
    health: Health, verdict: Verdict, cost_ms: int, now: datetime, *, is_busy: bool = True
) -> Health:
    """The lane's health after one more try. A new `paused_until` is the wish to pause.

    A lane that is not busy does not grow: nobody has seen what its server can do.
    """
    if health.paused_until is not None and now < health.paused_until:
        return health  # it was under way when the pause began, which says nothing new
    is_probe = health.paused_until is not None
    known = _remembered(health, verdict, cost_ms)
    if verdict is Verdict.ACKNOWLEDGED:
        if is_probe:
            return replace(NEW, concurrency=1, cost_ms=known.cost_ms)
        return _grown(known) if is_busy else replace(known, silent=0)
    if verdict is not Verdict.REFUSED:
        known = _shrunk(known)
    return _paused(known, now) if is_probe or _is_unwell(known) else known


def _remembered(health: Health, verdict: Verdict, cost_ms: int) -> Health:
    failed = verdict is not Verdict.ACKNOWLEDGED
    return replace(
        health,
        recent=(health.recent << 1 | failed) & ((1 << REMEMBERED) - 1),
        remembered=min(health.remembered + 1, REMEMBERED),
        cost_ms=(3 * health.cost_ms + cost_ms) // 4,
    )


def _grown(health: Health) -> Health:
    calm = replace(health, silent=0, answered=health.answered + 1)
    if calm.answered < calm.concurrency:
        return calm
    more = 2 * calm.concurrency if calm.concurrency < DOUBLED_UP_TO else calm.concurrency + 1
    return replace(calm, answered=0, concurrency=min(more, CONCURRENCY_MAX))


def _shrunk(health: Health) -> Health:
    return replace(
        health, silent=health.silent + 1, answered=0, concurrency=max(health.concurrency // 2, 1)
    )


def _is_unwell(health: Health) -> bool:
    failed = health.recent.bit_count()
    is_sample = health.remembered >= JUDGED_FROM
    is_failing = is_sample and 100 * failed >= FAILED_SHARE_MAX * health.remembered
    return health.silent >= SILENT_MAX or is_failing


def _paused(health: Health, now: datetime) -> Health:
    pause_s = PAUSES_S[min(health.pauses, len(PAUSES_S) - 1)]
    return replace(
        health,
        concurrency=1,
        pauses=health.pauses + 1,
        paused_until=now + timedelta(seconds=pause_s),
    )
