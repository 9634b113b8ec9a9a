"""When a try is made again: the published ladders, the spread, and Retry-After."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.notification.retries import asked_wait_s, ladder_of, next_at
from schema.webhooks import LADDERS_S
from tests.examples import NOW
from tests.notifications import an_endpoint

FIRST_S = 100


def wait_s(retry_after: str | None, ladder_s: tuple[int, ...] = (FIRST_S,)) -> float:
    """The first wait of a ladder whose spread is out of the way."""
    due_at = next_at(ladder_s, 1, "key", retry_after, NOW)
    assert due_at is not None
    return (due_at - NOW).total_seconds()


def waits_s(ladder_s: tuple[int, ...], key: str) -> list[float]:
    """All waits of a ladder for one notification."""
    moments = [next_at(ladder_s, n, key, None, NOW) for n in range(1, len(ladder_s) + 1)]
    return [(moment - NOW).total_seconds() for moment in moments if moment is not None]


@pytest.mark.parametrize(
    ("policy", "tries", "hours"),
    [("tomato", 10, 23), ("standard", 10, 75), ("wechat", 16, 24), ("alipay", 8, 24.4),
     ("founding", 6, 0.125)],
)  # fmt: skip
def test_the_named_ladders_are_those_that_were_published(
    policy: str, tries: int, hours: float
) -> None:
    ladder_s = ladder_of(an_endpoint(policy=policy).terms)
    assert len(ladder_s) + 1 == tries
    assert sum(ladder_s) / 3_600 == pytest.approx(hours, rel=0.05)


def test_the_founding_documents_tries_are_n_times_thirty_seconds_apart() -> None:
    assert LADDERS_S["founding"] == tuple(30 * n for n in range(1, 6))


def test_wechats_ladder_takes_a_day_and_four_minutes() -> None:
    assert sum(LADDERS_S["wechat"]) == 24 * 3_600 + 4 * 60


def test_a_ladder_of_ones_own_goes_before_a_policy() -> None:
    assert ladder_of(an_endpoint(policy="wechat", ladder_s=(7, 8)).terms) == (7, 8)
    assert ladder_of(None) == LADDERS_S["tomato"]


def test_after_the_last_step_there_is_no_next_try() -> None:
    assert next_at((5, 30), 3, "key", None, NOW) is None
    assert next_at((), 1, "key", None, NOW) is None
    assert next_at((), 1, "key", "5", NOW) is None, "Retry-After makes no ladder longer"


@given(st.text(max_size=20), st.lists(st.integers(1, 86_400), max_size=12))
def test_the_spread_adds_at_most_a_tenth_and_never_takes_away(key: str, steps: list[int]) -> None:
    for step, wait in zip(steps, waits_s(tuple(steps), key), strict=True):
        assert step <= wait <= min(step * 1.1, 86_400)


def test_those_who_failed_together_do_not_come_together_again() -> None:
    assert len({wait for n in range(100) for wait in waits_s((10_000,), f"evt_{n}")}) > 50
    assert waits_s((10_000,), "evt_1") == waits_s((10_000,), "evt_1"), "the same each time"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120), ("120.1", 121), (" 7 ", 7), ("0", 0),
        ("Sun, 01 Mar 2026 04:06:06 GMT", 60),
        ("Sun, 01 Mar 2026 04:05:00 GMT", 0),
        ("", None), (None, None), ("soon", None), ("-5", None), ("1e400", None), ("nan", None),
        ("inf", None), ("9" * 65, None), ("Sun, 99 Mar 2026 04:06:06 GMT", None), ("١٢", 12),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date_and_garbage_is_ignored(
    header: str | None, seconds: int | None
) -> None:
    assert asked_wait_s(header, NOW) == seconds


def test_retry_after_counts_between_the_planned_wait_and_twice_as_much() -> None:
    planned = wait_s(None)
    assert FIRST_S <= planned <= 1.1 * FIRST_S
    assert wait_s("1") == planned
    assert wait_s("150") == 150
    assert wait_s("100000") == 2 * FIRST_S


def test_nobody_makes_us_wait_longer_than_a_day() -> None:
    due_at = next_at((80_000,), 1, "key", "160000", NOW)
    assert due_at == NOW + timedelta(days=1)
