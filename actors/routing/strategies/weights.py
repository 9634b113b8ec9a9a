"""By priority, and by weight among equals. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter

from msgspec.structs import replace

from actors.routing import lots
from actors.routing.strategies.ranking import Ranking
from schema.money import PPM
from schema.payments import Candidate, Choice

_priority = attrgetter("priority")


def by_priority(seed: str, candidates: Sequence[Candidate], choice: Choice) -> Ranking:
    """Lower priority numbers first; among equals a draw by weight."""
    if len(candidates) == 1:
        return Ranking((candidates[0].channel_no,), choice)
    ordered = sorted(candidates, key=_priority)
    rungs = [list(equals) for _, equals in groupby(ordered, key=_priority)]
    order = tuple(number for equals in rungs for number in lots.drawn(seed, equals))
    return Ranking(order, drawn_choice(seed, rungs[0], choice))


def by_weight(seed: str, candidates: Sequence[Candidate], choice: Choice) -> Ranking:
    """A draw by weight, whatever the priority."""
    equals = list(candidates)
    return Ranking(tuple(lots.drawn(seed, equals)), drawn_choice(seed, equals, choice))


def drawn_choice(seed: str, equals: Sequence[Candidate], choice: Choice) -> Choice:
    """The choice with its draw: where in the whole weight it fell, and how likely that was."""
    whole = sum(candidate.weight for candidate in equals)
    if len(equals) < 2 or not whole:
        return choice
    left = sorted(equals, key=attrgetter("channel_no"))
    point = lots.lot(seed, left)
    first = lots.struck(left, point)
    return replace(
        choice,
        reason="draw",
        drawn_ppm=point % whole * PPM // whole,
        probability_ppm=lots.share_ppm(first, left),
    )
