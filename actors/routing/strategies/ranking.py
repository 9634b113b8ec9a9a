"""What a strategy gives. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from schema.payments import Candidate, Choice


class Ranking(Struct, frozen=True):
    """Channel numbers, best first, and how the first one came to be the first."""

    order: tuple[str, ...]
    choice: Choice


Strategy = Callable[[str, Sequence[Candidate], Choice], Ranking]
"""Seed, candidates (at least one), and the choice with its rule."""
