"""How a lane fares: growing, shrinking, pausing, and coming back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from actors.notification.health import (
    CONCURRENCY_MAX,
    CONCURRENCY_START,
    NEW,
    PAUSES_S,
    SILENT_MAX,
    Health,
    Verdict,
    heard,
)
from tests.examples import NOW

OK, NO, BUSY, SILENT = (
    Verdict.ACKNOWLEDGED, Verdict.REFUSED, Verdict.OVERLOADED, Verdict.SILENT,
)  # fmt: skip


def after(verdicts: Sequence[Verdict], health: Health = NEW, now: datetime = NOW) -> Health:
    for verdict in verdicts:
        health = heard(health, verdict, 10, now)
    return health


def test_a_lane_begins_with_four_and_grows_by_one_a_round_up_to_its_limit() -> None:
    assert NEW.concurrency == CONCURRENCY_START == 4
    assert after([OK] * 3).concurrency == 4
    assert after([OK] * 4).concurrency == 5
    assert after([OK] * 9).concurrency == 6
    assert after([OK] * 2_000).concurrency == CONCURRENCY_MAX == 32


def test_a_lane_that_is_not_busy_does_not_grow() -> None:
    health = NEW
    for _ in range(50):
        health = heard(health, OK, 10, NOW, is_busy=False)
    assert health.concurrency == CONCURRENCY_START


def test_silence_and_overload_halve_it_and_a_refusal_does_not() -> None:
    assert after([SILENT]).concurrency == 2
    assert after([BUSY, BUSY]).concurrency == 1
    assert after([SILENT] * 4).concurrency == 1
    assert after([NO]).concurrency == 4


def test_five_silent_tries_in_a_row_pause_it() -> None:
    assert after([SILENT] * (SILENT_MAX - 1)).paused_until is None
    paused = after([SILENT] * SILENT_MAX)
    assert paused.paused_until == NOW + timedelta(seconds=PAUSES_S[0])
    assert paused.concurrency == 1, "the probe"


def test_failures_far_apart_pause_nothing() -> None:
    assert after([SILENT, OK] * 30).paused_until is None


def test_most_of_at_least_ten_tries_failing_pause_it_too() -> None:
    assert after([NO] * 9).paused_until is None
    assert after([NO] * 10).paused_until is not None
    assert after([NO, OK] * 20).paused_until is None, "half are acknowledged"


def test_what_was_under_way_when_the_pause_began_says_nothing() -> None:
    paused = after([SILENT] * SILENT_MAX)
    assert after([SILENT, SILENT, OK], paused) == paused


def test_a_probe_that_fails_makes_the_next_pause_longer() -> None:
    health, now, pauses = after([SILENT] * SILENT_MAX), NOW, list[float]()
    for _ in range(8):
        assert health.paused_until is not None
        pauses.append((health.paused_until - now).total_seconds())
        now = health.paused_until
        health = after([SILENT], health, now)
    assert pauses == [15, 30, 60, 120, 300, 600, 600, 600]


def test_a_server_that_is_down_for_an_hour_costs_about_ten_probes() -> None:
    health, now, probes = after([SILENT] * SILENT_MAX), NOW, 0
    while now < NOW + timedelta(hours=1):
        assert health.paused_until is not None
        now = health.paused_until + timedelta(seconds=10)
        health = after([SILENT], health, now)
        probes += 1
    assert probes <= 11


def test_a_probe_that_is_acknowledged_opens_it_and_it_grows_from_one() -> None:
    paused = after([SILENT] * SILENT_MAX)
    assert paused.paused_until is not None
    opened = after([OK], paused, paused.paused_until)
    assert (opened.paused_until, opened.pauses, opened.concurrency) == (None, 0, 1)
    assert [after([OK] * n, opened).concurrency for n in (1, 3, 7)] == [2, 4, 5]


def test_a_slow_server_is_known_by_its_cost() -> None:
    health = NEW
    for _ in range(10):
        health = heard(health, OK, 5_000, NOW)
    assert health.is_slow and not after([OK] * 40, health).is_slow
    assert after([SILENT]).is_slow


def test_the_share_of_acknowledged_tries_is_that_of_the_remembered_ones() -> None:
    assert NEW.acknowledged_percent == 100
    assert after([OK, NO, OK, OK]).acknowledged_percent == 75
    assert after([NO] * 5 + [OK] * 20).acknowledged_percent == 100


@given(st.lists(st.sampled_from(list(Verdict)), max_size=200), st.integers(0, 60_000))
def test_whatever_happens_at_least_one_try_may_go_out_after_a_pause_that_ends(
    verdicts: list[Verdict], cost_ms: int
) -> None:
    health, now = NEW, NOW
    for verdict in verdicts:
        now = max(now, health.paused_until or now)
        health = heard(health, verdict, cost_ms, now)
        assert 1 <= health.concurrency <= CONCURRENCY_MAX
        assert 0 <= health.acknowledged_percent <= 100
        if health.paused_until is not None:
            assert health.paused_until <= now + timedelta(seconds=PAUSES_S[-1])
