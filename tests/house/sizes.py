"""How long functions and files are, and the ratchet that keeps today's worst from growing.

    python -m tests.house.sizes            prints what is and what is allowed
    python -m tests.house.sizes tighten    lowers what is allowed to what is; it never raises it

Whoever really must allow more edits `ratchet.json` by hand, so that the reviewer sees it.
"""

from __future__ import annotations

import ast
import json
import sys
from functools import cache

from tests.house.checkout import EVERYTHING, ROOT, definitions, python_files, shown

RATCHET = ROOT / "tests" / "house" / "ratchet.json"

FUNCTION_LINES_MAX = 50
FILE_LINES_MAX = 400

P95_STEP = 5
"""The 95th percentile is kept in steps of five lines: the trend counts, not one function more."""

COMFORTABLE = {"p95": 20, "worst": 35}
"""Up to here nobody minds; the ratchet only holds what lies beyond."""

Sizes = dict[str, dict[str, int]]


@cache
def function_lines(place: str) -> list[tuple[int, str]]:
    """Length and whereabouts of every function in a place, shortest first; decorators are free."""
    return sorted(
        (node.end_lineno - node.lineno + 1, f"{shown(path, node.lineno)} {node.name}")
        for path in python_files(place)
        for node in definitions(path)
        if not isinstance(node, ast.ClassDef) and node.end_lineno is not None
    )


def measured() -> Sizes:
    """The 95th percentile and the worst of each place that has functions."""
    lines = {place: [length for length, _ in function_lines(place)] for place in EVERYTHING}
    return {place: _sizes(lengths) for place, lengths in lines.items() if lengths}


def allowed() -> Sizes:
    """What the ratchet allows."""
    return json.loads(RATCHET.read_text())


def tighten() -> None:
    """Lowers the ratchet to what is; a new place enters as it is."""
    now, limits = measured(), allowed()
    for place, sizes in now.items():
        limit = limits.get(place, sizes)
        limits[place] = {name: min(size, limit[name]) for name, size in sizes.items()}
    RATCHET.write_text(json.dumps(limits, indent=2, sort_keys=True) + "\n")


def _sizes(lengths: list[int]) -> dict[str, int]:
    """Of one place's functions, shortest first."""
    p95 = _up_to_step(lengths[len(lengths) * 95 // 100])
    return {
        "p95": max(p95, COMFORTABLE["p95"]),
        "worst": max(lengths[-1], COMFORTABLE["worst"]),
    }


def _up_to_step(lines: int) -> int:
    return -(-lines // P95_STEP) * P95_STEP


if __name__ == "__main__":
    if sys.argv[1:] == ["tighten"]:
        tighten()
    for place, sizes in measured().items():
        print(
            f"{place:<10} {sizes}  allowed {allowed().get(place)}  {function_lines(place)[-1][1]}"
        )
