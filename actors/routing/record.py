"""The record of one routing, and the same decision made again from it. Pure.

Ranking reads nothing but the record: the candidates with what was seen of them, the seed, and each
tier's choice. So a record that is executed again has to give the same ranking, for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from actors.routing.plans import TIERS
from actors.routing.strategies import STRATEGIES, Ranking
from schema.payments import Candidate, Choice, RoutingDecision

PLAIN = {tier: Choice(tier=tier, strategy="priority") for tier in TIERS}
"""Without a rule: by priority, and a draw by weight among equals."""


class Ranked(Struct, frozen=True):
    """All channels that were not removed, best first, each once; and how that came."""

    order: tuple[str, ...]
    choices: tuple[Choice, ...]


def rank(seed: str, candidates: Sequence[Candidate], choices: Iterable[Choice] = ()) -> Ranked:
    """The order of the candidates; limits that have to be counted come after it."""
    chosen = {choice.tier: choice for choice in choices}
    rankings = [
        _ranking(seed, _eligible(candidates, tier), chosen.get(tier, PLAIN[tier])) for tier in TIERS
    ]
    order = dict.fromkeys(number for ranking in rankings for number in ranking.order)
    told = tuple(ranking.choice for ranking in rankings if _is_told(ranking.choice))
    return Ranked(tuple(order), told)


def _eligible(candidates: Sequence[Candidate], tier: str) -> list[Candidate]:
    return [c for c in candidates if c.tier == tier and c.removed_by is None]


def _ranking(seed: str, eligible: Sequence[Candidate], choice: Choice) -> Ranking:
    if choice.reason != "order":
        choice = replace(choice, reason="order", drawn_ppm=None, probability_ppm=None)
    if not eligible:
        return Ranking((), choice)
    return STRATEGIES[choice.strategy](seed, eligible, choice)


def _is_told(choice: Choice) -> bool:
    return bool(choice.rule_no) or choice.reason != "order"


def again(record: RoutingDecision) -> RoutingDecision:
    """The decision made once more from its own record; it has to be equal to it.

    Records of before there were rules tell of no choices: of these only the ranking is compared.
    """
    ranked = rank(record.seed, record.candidates, record.choices)
    passed = {c.channel_no for c in record.candidates if c.passed_over is not None}
    order = tuple(number for number in ranked.order if number not in passed)
    choices = ranked.choices if record.choices else ()
    return replace(record, ranked=order, choices=choices)
