"""A seeded simulation: our success-rate strategy beside two known ones and an oracle.

Payments come at a steady rate to three channels whose true rates change as a scenario says. Loss is
what the oracle, who knows the true rates, would have won more, in points of a hundred.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from bench.routing.contestants import Contestant

PER_S = 5.0
MINUTES = 60
INCIDENT = (20 * 60.0, 35 * 60.0)
BACK_WITHIN_S = 600.0
NO_ANSWER_AFTER_S = 300.0
"""In a silent outage; the window's authors, too, wait so long before they count a loss."""

DEAD = 0

Rates = Callable[[float], Sequence[float]]


class Scenario(Struct, frozen=True):
    """True rates over time, and what happens to calls that fail in the incident."""

    name: str
    rates: Rates
    has_incident: bool = False
    is_silent: bool = False


def _incident(usual: Sequence[float], instead: float) -> Rates:
    def rates(at: float) -> Sequence[float]:
        if not INCIDENT[0] <= at < INCIDENT[1]:
            return usual
        return (instead, *usual[1:])

    return rates


def _swapping(at: float) -> Sequence[float]:
    return (0.93, 0.87, 0.85) if int(at // 900) % 2 == 0 else (0.87, 0.93, 0.85)


STATIONARY = Scenario("stationary .92/.90/.86", lambda at: (0.92, 0.90, 0.86))
SWAPS = Scenario("leader swaps each 15 min (6 pp)", _swapping)
BROWN_OUT = Scenario("brown-out .93 to .70", _incident((0.93, 0.90, 0.86), 0.70), True)
FAST_FAIL = Scenario("fast-fail outage", _incident((0.93, 0.90, 0.86), 0.0), True)
SILENT = Scenario("silent outage", _incident((0.93, 0.90, 0.86), 0.0), True, True)
SCENARIOS = (STATIONARY, SWAPS, BROWN_OUT, FAST_FAIL, SILENT)


class Outcome(Struct, frozen=True, kw_only=True):
    """What a contestant came to in one scenario."""

    loss_pp: float
    to_sick_percent: float | None
    """Of the payments during the incident, those that went to the sick channel."""
    back_percent: float | None
    """Of the payments in the ten minutes after it, those that went to it again: it is the best."""


def play(scenario: Scenario, contestant: Contestant, seed: int, per_s: float = PER_S) -> Outcome:
    """One run. Outcomes reach the contestant when they arrive, not when they are decided."""
    chance = random.Random(seed)
    on_the_way: list[tuple[float, int, int, float, bool]] = []
    steps: list[tuple[float, int, float]] = []
    for number in range(int(MINUTES * 60 * per_s)):
        at = number / per_s
        while on_the_way and on_the_way[0][0] <= at:
            arrived_at, _, channel, began_at, good = heapq.heappop(on_the_way)
            contestant.hear(channel, good, began_at, arrived_at)
        channel = contestant.choose(at, chance)
        rates = scenario.rates(at)
        good = chance.random() < rates[channel]
        takes_s = chance.lognormvariate(-1.0, 0.4)
        if scenario.is_silent and rates[channel] == 0.0:
            takes_s = NO_ANSWER_AFTER_S
        heapq.heappush(on_the_way, (at + takes_s, number, channel, at, good))
        steps.append((at, channel, max(rates) - rates[channel]))
    return _outcome(scenario, steps)


def _outcome(scenario: Scenario, steps: Sequence[tuple[float, int, float]]) -> Outcome:
    loss = 100 * sum(lost for _, _, lost in steps) / len(steps)
    if not scenario.has_incident:
        return Outcome(loss_pp=loss, to_sick_percent=None, back_percent=None)
    begin, end = INCIDENT
    return Outcome(
        loss_pp=loss,
        to_sick_percent=_share(channel for at, channel, _ in steps if begin <= at < end),
        back_percent=_share(c for at, c, _ in steps if end <= at < end + BACK_WITHIN_S),
    )


def _share(channels: Iterable[int]) -> float:
    chosen = list(channels)
    return 100 * chosen.count(DEAD) / len(chosen)


def average(
    scenario: Scenario, make: Callable[[], Contestant], seeds: Sequence[int], per_s: float = PER_S
) -> Outcome:
    """The mean over several runs."""
    runs = [play(scenario, make(), seed, per_s) for seed in seeds]

    def mean(values: Iterable[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return sum(known) / len(known) if known else None

    return Outcome(
        loss_pp=mean(run.loss_pp for run in runs) or 0.0,
        to_sick_percent=mean(run.to_sick_percent for run in runs),
        back_percent=mean(run.back_percent for run in runs),
    )
