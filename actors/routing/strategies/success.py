"""By what was seen: each channel is first as often as it is likely to be the best one. Pure.

A channel's true rate of good calls is not known, only likely: Beta(good, bad), here by its normal
approximation. The chance that it is the best of all comes from integrating over that (probability
matching, as Thompson sampling does with draws; but here each probability is known exactly and can
be recorded). A small part is spread evenly, so that there is always news of everybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from math import erf, exp, sqrt

from msgspec.structs import replace

from actors.routing import lots
from actors.routing.strategies.ranking import Ranking
from schema.money import PPM
from schema.payments import Candidate, Choice, Score

STEPS = 32
"""Of the integration: chances come out within a thousandth."""

SPREAD = 4.0
"""Standard deviations on each side: what lies outside is less than the even part."""

GRID = tuple(
    (z, exp(-z * z / 2)) for n in range(STEPS) for z in [SPREAD * ((2 * n + 1) / STEPS - 1)]
)
"""Places, in standard deviations from the mean, and how likely it is to be there."""

ROOT_2 = sqrt(2)

NOTHING_SEEN = Score(good_milli=9_000, bad_milli=1_000)

Beta = tuple[int, int]


def by_success_rate(seed: str, candidates: Sequence[Candidate], choice: Choice) -> Ranking:
    """A probe if it is due; else a draw by the chance to be best. Channels whose breaker is open
    come last, but they come: when all are down, somebody has to be asked."""
    ordered = sorted(candidates, key=lambda c: (-_mean(_seen(c)), c.channel_no))
    probe = [c for c in ordered if _score(c).is_open and _score(c).is_probe]
    closed = [c for c in ordered if not _score(c).is_open]
    if probe:
        return Ranking(_led(probe[0], ordered), replace(choice, reason="probe"))
    if not closed:
        return Ranking(_led(ordered[0], ordered), replace(choice, reason="all_down"))
    parts = chances(tuple(map(_seen, closed)), choice.explore_ppm)
    point = lots.point_ppm(seed, choice.tier)
    index = next(i for i, upto in enumerate(accumulate(parts)) if point < upto)
    chosen = replace(
        choice,
        reason="exploration" if index else "best",
        drawn_ppm=point,
        probability_ppm=parts[index],
    )
    return Ranking(_led(closed[index], ordered), chosen)


def _led(first: Candidate, ordered: Sequence[Candidate]) -> tuple[str, ...]:
    """The first one, then the others by what was seen of them, open breakers last."""
    others = sorted((c for c in ordered if c is not first), key=lambda c: _score(c).is_open)
    return (first.channel_no, *(other.channel_no for other in others))


@lru_cache(maxsize=4_096)
def chances(seen: tuple[Beta, ...], explore_ppm: int) -> tuple[int, ...]:
    """How likely each is to be the best, in millionths that add up; a part is spread evenly."""
    shares = _best(seen) if len(seen) > 1 else [1]
    even = explore_ppm // len(seen)
    left = PPM - even * len(seen)
    parts = [even + left * share // sum(shares) for share in shares]
    parts[0] += PPM - sum(parts)  # what rounding left, to the one that looks best
    return tuple(parts)


def _best(seen: Sequence[Beta]) -> list[int]:
    """How likely each is to be the best, in any whole numbers that stand to each other as that."""
    curves = [(_mean(beta), _deviation(beta)) for beta in seen]
    chance = [_chance(mine, curves[:i] + curves[i + 1 :]) for i, mine in enumerate(curves)]
    return [int(each / sum(chance) * 1_000_000_000) for each in chance]


def _chance(mine: tuple[float, float], others: Sequence[tuple[float, float]]) -> float:
    """The integral of my density times the chance that all others lie below."""
    mean, deviation = mine
    scaled = [((mean - m) / (d * ROOT_2), deviation / (d * ROOT_2)) for m, d in others]
    total = 0.0
    for z, density in GRID:
        for offset, slope in scaled:
            density *= 1 + erf(offset + slope * z)
        total += density
    return total / 2 ** len(others)


def _score(candidate: Candidate) -> Score:
    return candidate.score or NOTHING_SEEN


def _seen(candidate: Candidate) -> Beta:
    """Good and bad, in thousandths; what is overdue counts as bad until it is answered."""
    score = _score(candidate)
    return score.good_milli, score.bad_milli + 1_000 * score.overdue


def _mean(seen: Beta) -> float:
    return seen[0] / (seen[0] + seen[1])


def _deviation(seen: Beta) -> float:
    mean = _mean(seen)
    return sqrt(mean * (1 - mean) / ((seen[0] + seen[1]) / 1_000 + 1)) + 1e-9
