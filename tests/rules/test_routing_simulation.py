"""The success-rate strategy in simulated incidents, beside an oracle and a known method."""

from __future__ import annotations

from bench.routing.contestants import Ours, Window
from bench.routing.simulation import SILENT, STATIONARY, average, play


def test_a_silent_outage_costs_little_and_its_end_is_noticed() -> None:
    outcome = play(SILENT, Ours(), seed=1)
    assert outcome.to_sick_percent is not None
    assert outcome.back_percent is not None
    assert outcome.to_sick_percent <= 5
    assert outcome.back_percent >= 60
    assert outcome.loss_pp < play(SILENT, Window(), seed=1).loss_pp


def test_nothing_much_is_lost_while_nothing_changes() -> None:
    assert average(STATIONARY, Ours, seeds=(1, 2)).loss_pp <= 0.5


def test_the_same_seed_plays_the_same_game() -> None:
    assert play(STATIONARY, Ours(), 3, per_s=1.0) == play(STATIONARY, Ours(), 3, per_s=1.0)
