"""By percentage, sticking to whom the rule says. Pure: a hash decides, nothing is remembered."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from actors.routing import lots
from actors.routing.strategies.ranking import Ranking
from schema.payments import Candidate, Choice


def by_split(seed: str, candidates: Sequence[Candidate], choice: Choice) -> Ranking:
    """The same order for the same payer (or whatever the rule sticks to) as long as it can be."""
    order = lots.sticky(choice.seed or seed, candidates)
    if len(order) < 2:
        return Ranking(tuple(order), choice)
    first = next(c for c in candidates if c.channel_no == order[0])
    chosen = replace(choice, reason="draw", probability_ppm=lots.share_ppm(first, candidates))
    return Ranking(tuple(order), chosen)
