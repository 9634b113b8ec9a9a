"""Functions and files stay short: what is longest today may only get shorter.

The ratchet is tightened with `python -m tests.house.sizes tighten`.
"""

from __future__ import annotations

import pytest

from tests.house.checkout import EVERYTHING, python_files, shown
from tests.house.sizes import (
    COMFORTABLE,
    FILE_LINES_MAX,
    FUNCTION_LINES_MAX,
    allowed,
    function_lines,
    measured,
)


@pytest.mark.parametrize("place", sorted(measured()))
def test_functions_have_not_grown(place: str) -> None:
    now, limit = measured()[place], allowed().get(place, COMFORTABLE)
    grown = {name: (size, limit[name]) for name, size in now.items() if size > limit[name]}
    longest = [where for _, where in function_lines(place)[-5:]]
    assert not grown, f"now and allowed: {grown}; the longest are {longest}"


def test_no_function_is_longer_than_a_screen() -> None:
    giants = [
        where
        for place in EVERYTHING
        for lines, where in function_lines(place)
        if lines > FUNCTION_LINES_MAX
    ]
    assert giants == []


def test_no_file_is_longer_than_an_evening() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in python_files(*EVERYTHING)}
    assert [shown(path) for path, lines in lengths.items() if lines > FILE_LINES_MAX] == []


def test_the_ratchet_stays_within_the_hard_limits() -> None:
    assert set(allowed()) <= set(EVERYTHING)
    assert all(sizes["worst"] <= FUNCTION_LINES_MAX for sizes in allowed().values())
