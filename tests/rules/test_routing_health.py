"""What is known of channels: forgetting, changes, the breaker, and whose fault counts."""

from __future__ import annotations

from typing import Any

import pytest

from actors.routing.health import (
    BREAKER_AFTER,
    HALF_LIFE_MS,
    Call,
    Pulse,
    faded,
    fold,
    is_open,
    overdue_after_ms,
    score,
)

NOW_MS = 1_700_000_000_000


def calls(count: int, outcome: str = "ok", began_ms: int = NOW_MS, **more: Any) -> list[Call]:
    return [Call(began_ms=began_ms, outcome=outcome, **more) for _ in range(count)]


def after(*heard: Call, pulse: Pulse | None = None, at_ms: int = NOW_MS) -> Pulse:
    return fold(pulse or Pulse(at_ms=at_ms), heard, at_ms)


@pytest.mark.parametrize(
    ("outcome", "good", "bad"),
    [
        ("ok", 1, 0),
        ("balance_not_enough", 1, 0),
        ("payer_error", 1, 0),
        ("refused", 0, 0),
        ("rate_limited", 0, 1),
        ("third_error", 0, 1),
        ("no_answer", 0, 1),
    ],
)
def test_only_what_the_channel_causes_counts_against_it(outcome: str, good: int, bad: int) -> None:
    pulse = after(*calls(1, outcome))
    assert (pulse.good, pulse.bad) == (good, bad)


def test_what_was_seen_is_forgotten_by_halves() -> None:
    busy = Pulse(at_ms=NOW_MS, good=800.0, bad=80.0, quick_good=100.0)
    later = faded(busy, NOW_MS + HALF_LIFE_MS)
    assert (later.good, later.bad) == (400.0, 40.0)


def test_eight_bad_calls_in_a_row_open_the_breaker_and_what_was_known_stays() -> None:
    well = after(*calls(100))
    almost = after(*calls(BREAKER_AFTER - 1, "no_answer"), pulse=well)
    assert not is_open(almost, 0)
    opened = after(*calls(1, "no_answer"), pulse=almost)
    assert is_open(opened, 0)
    assert (opened.good, opened.bad) == (100.0, 0.0)


def test_one_good_probe_closes_the_breaker_and_brings_back_what_was_known() -> None:
    sick = after(*calls(100), *calls(BREAKER_AFTER + 50, "third_error"))
    hour_later = NOW_MS + 3_600_000
    well = after(*calls(1, began_ms=hour_later), pulse=sick, at_ms=hour_later)
    assert not is_open(well, 0)
    assert (well.good, well.bad) == (101.0, 0.0)


def test_one_good_call_in_between_ends_a_row() -> None:
    pulse = after(*calls(7, "third_error"), *calls(1), *calls(7, "third_error"))
    assert not is_open(pulse, 0)


def test_late_answers_from_before_a_recovery_open_nothing() -> None:
    sick = after(*calls(100), *calls(BREAKER_AFTER, "third_error"))
    well = after(*calls(1, began_ms=NOW_MS + 20_000), pulse=sick, at_ms=NOW_MS + 20_000)
    late = after(*calls(30, "no_answer"), pulse=well, at_ms=NOW_MS + 30_000)
    assert not is_open(late, 0)


def test_calls_that_do_not_come_back_open_the_breaker_too() -> None:
    pulse = after(*calls(50))
    assert not is_open(pulse, BREAKER_AFTER - 1)
    assert is_open(pulse, BREAKER_AFTER)
    assert score(pulse, None, BREAKER_AFTER).is_open


def test_a_channel_that_gets_worse_is_seen_through_what_it_was() -> None:
    long_well = Pulse(at_ms=NOW_MS, good=9_300.0, bad=700.0)
    mixed = [call for _ in range(15) for call in (*calls(2), *calls(1, "third_error"))]
    pulse = after(*mixed, pulse=long_well)
    assert pulse.good / (pulse.good + pulse.bad) < 0.75


def test_a_steady_channel_keeps_its_long_memory() -> None:
    steady = Pulse(at_ms=NOW_MS, good=9_000.0, bad=1_000.0)
    mixed = [call for _ in range(10) for call in (*calls(9), *calls(1, "third_error"))]
    assert after(*mixed, pulse=steady).good > 9_000


def test_a_call_is_overdue_by_what_is_usual_for_the_channel() -> None:
    slow = after(*calls(300, cost_ms=4_000))
    assert overdue_after_ms(Pulse()) == 2_000
    assert 5_500 < overdue_after_ms(slow) < 7_500
    assert overdue_after_ms(Pulse(slow_ms=60_000.0)) == 30_000


def test_what_is_not_known_of_a_pay_type_is_believed_from_the_whole_channel() -> None:
    poor = Pulse(good=300.0, bad=700.0)
    alone, together = score(Pulse(), None, 0), score(Pulse(), poor, 0)
    assert alone.good_milli == 9_500
    assert together.good_milli < together.bad_milli


def test_payments_show_how_well_payers_do() -> None:
    paid = Call(began_ms=NOW_MS, outcome="ok", is_payment=True)
    pulse = after(*calls(3), paid, paid)
    assert (pulse.created, pulse.paid) == (3, 2)
