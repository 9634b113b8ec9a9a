"""Which branches of a rule can never be reached: exact, by trying what can make a difference.

Conditions compare fields with constants only. So a field's values fall into few classes, all alike
to every condition: between two constants, at one, with a prefix. One example of each class, in
every combination, tries all payments that there can be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from typing import Literal

from msgspec import Struct

from schema.expressions import NUMBERS, Comparison, Condition, Facts, Value, comparisons, holds

TRIALS_MAX = 50_000
"""About a second; a rule with more combinations than that no person can follow either."""

SOMEBODY = "\u2205 nobody's text"
"""A text that no rule names."""


class Finding(Struct, frozen=True, kw_only=True):
    """A branch, counted from 0, and why no payment ever gets there. -1: the rule as a whole."""

    branch: int
    why: Literal["contradiction", "shadowed", "too_large_to_check", "default_unreachable"]


def unreachable(conditions: Sequence[Condition], given: Facts) -> list[Finding]:
    """Branches that no payment takes. `given` are fields that all payments of the rule share."""
    examples = _examples(conditions, given)
    if prod(len(values) for values in examples.values()) > TRIALS_MAX:
        return [Finding(branch=-1, why="too_large_to_check")]
    first, possible = set[int](), set[int]()
    for facts in _payments(examples):
        true = [i for i, condition in enumerate(conditions) if holds(condition, facts)]
        possible.update(true)
        first.add(true[0] if true else len(conditions))
    dead = [i for i in range(len(conditions)) if i not in first]
    found = [Finding(branch=i, why="shadowed" if i in possible else "contradiction") for i in dead]
    if conditions and len(conditions) not in first:
        found.append(Finding(branch=len(conditions), why="default_unreachable"))
    return found


def _payments(examples: dict[str, list[Value]]) -> Iterator[Facts]:
    for values in product(*examples.values()):
        yield dict(zip(examples, values, strict=True))


def _examples(conditions: Sequence[Condition], given: Facts) -> dict[str, list[Value]]:
    """For each field that is compared, one value of each class."""
    compared: dict[str, list[Comparison]] = {}
    for condition in conditions:
        for comparison in comparisons(condition):
            compared.setdefault(comparison.field, []).append(comparison)
    return {
        field: [given[field]] if field in given else _classes(field, found)
        for field, found in compared.items()
    }


def _classes(field: str, found: Sequence[Comparison]) -> list[Value]:
    constants = {value for comparison in found for value in comparison.values}
    if field not in NUMBERS:
        texts = {str(value) for value in constants} | {"", SOMEBODY}
        prefixes = {str(c.values[0]) for c in found if c.sign == "starts_with"}
        return sorted(texts | {prefix + SOMEBODY for prefix in prefixes})
    least, most = NUMBERS[field]
    around = {int(value) + step for value in constants for step in (-1, 0, 1)} | {least, most}
    return sorted(number for number in around if least <= number <= most)
