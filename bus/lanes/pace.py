"""How fast lanes notice things, and how much they take on at once."""

from __future__ import annotations

from dataclasses import dataclass

CONCURRENCY_DEFAULT = 4
"""A merchant of whom nothing is known yet: forty a second at 100 ms, and no burden to a server."""

CONCURRENCY_MAX = 32
"""Three hundred a second at 100 ms; beyond that a lane would be a burden to its neighbours."""

LANES_PER_CHANNEL_MAX = 100
"""One consume on a queue that is gone closes its channel, and every other consumer on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Intervals in seconds; tests shorten them."""

    beat_s: float = 1.0
    lease_s: float = 5.0
    """A worker that has not beaten for so long is dead: five beats, and no pause of a garbage
    collector."""
    compare_s: float = 2.0
    """How often rows and consumers are compared when nobody says that anything has changed."""
    tell_s: float = 2.0
    """How often a worker tells how its lanes go, for whoever looks."""
    stalled_after_s: float = 10.0
    idle_close_s: float = 3_600.0
    """An hour. It must exceed by far the longest call: what a former owner still has in hand then
    is nothing."""
    close_wait_s: float = 5.0
    """How long what was on its way through the exchange may take to arrive in an unbound lane."""

    def __post_init__(self) -> None:
        assert self.beat_s * 2 <= self.lease_s, "one lost beat is no death"
