"""By what a channel costs, and by how fast it answers. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from actors.routing import lots
from actors.routing.strategies.ranking import Ranking
from actors.routing.strategies.weights import drawn_choice
from schema.payments import Candidate, Choice

LATENCY_STEP_MS = 50
"""What is closer together than that is equally fast: people do not notice, and one channel would
get everything for a millisecond."""


def by_cost(seed: str, candidates: Sequence[Candidate], choice: Choice) -> Ranking:
    """The cheapest for this amount first; among equals a draw by weight."""
    return _by(seed, candidates, choice, lambda candidate: candidate.cost_fen or 0)


def by_response_time(seed: str, candidates: Sequence[Candidate], choice: Choice) -> Ranking:
    """The fastest of late first, in steps; before it one of which nothing is known, to be tried."""
    return _by(seed, candidates, choice, lambda c: (c.latency_ms or 0) // LATENCY_STEP_MS)


def _by(
    seed: str, candidates: Sequence[Candidate], choice: Choice, key: Callable[[Candidate], int]
) -> Ranking:
    rungs = [list(equals) for _, equals in groupby(sorted(candidates, key=key), key=key)]
    order = tuple(number for equals in rungs for number in lots.drawn(seed, equals))
    return Ranking(order, drawn_choice(seed, rungs[0], choice))
