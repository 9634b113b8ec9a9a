"""The success-rate strategy in simulated incidents, beside an oracle and two known methods."""

from __future__ import annotations

import pytest

from bench.routing.contestants import Elimination, Ours, Window
from bench.routing.simulation import (
    BROWN_OUT,
    FAST_FAIL,
    SCENARIOS,
    SILENT,
    STATIONARY,
    SWAPS,
    Scenario,
    average,
    play,
)

SEEDS = (1, 2)


@pytest.mark.parametrize("scenario", [SILENT, FAST_FAIL], ids=lambda each: each.name)
@pytest.mark.parametrize("seed", SEEDS)
def test_an_outage_costs_little_and_its_end_is_noticed(scenario: Scenario, seed: int) -> None:
    outcome = play(scenario, Ours(), seed)
    assert outcome.to_sick_percent is not None
    assert outcome.back_percent is not None
    assert outcome.to_sick_percent <= 5
    assert outcome.back_percent >= 60


def test_nothing_much_is_lost_while_nothing_changes() -> None:
    assert average(STATIONARY, Ours, SEEDS).loss_pp <= 0.5


@pytest.mark.parametrize(
    "scenario", [STATIONARY, BROWN_OUT, FAST_FAIL, SILENT], ids=lambda each: each.name
)
def test_less_is_lost_than_by_a_window_with_or_without_elimination(scenario: Scenario) -> None:
    ours = average(scenario, Ours, SEEDS).loss_pp
    assert ours < average(scenario, Window, SEEDS).loss_pp
    assert ours < average(scenario, Elimination, SEEDS).loss_pp


def test_where_leaders_change_all_the_time_the_loss_is_bounded() -> None:
    assert average(SWAPS, Ours, SEEDS).loss_pp <= 2.5
    assert set(SCENARIOS) == {STATIONARY, SWAPS, BROWN_OUT, FAST_FAIL, SILENT}


def test_the_same_seed_plays_the_same_game() -> None:
    assert play(STATIONARY, Ours(), 3, per_s=1.0) == play(STATIONARY, Ours(), 3, per_s=1.0)
