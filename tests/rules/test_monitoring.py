"""Channels are judged by what they do, and by nothing that payers or we have done."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.monitoring import measures
from actors.monitoring.measures import (
    BOUNDS_MS,
    CHANNEL_CAUSED,
    KEPT_S,
    OUTCOMES,
    Series,
    Slice,
    Subject,
    Timeline,
    count,
    of_subject,
    percentile_ms,
    read_slice,
)
from actors.monitoring.rules import THRESHOLDS, AlarmRule, Finding, judge, sound
from schema.messages.channels import CallOutcome
from schema.messages.monitoring import AlarmMetric
from schema.payments import Refusal
from tests.channel_calls import NOW, NOW_S, a_call, a_paid
from tests.examples import a_channel

CHANNEL = Subject("wechat_a", "wechat_native")


def a_rule(**differences: Any) -> AlarmRule:
    """Half of ten calls in a minute have failed."""
    usual: dict[str, Any] = {
        "rule_no": "failing", "metric": "failure_percent", "threshold": 50, "volume_min": 10,
    }  # fmt: skip
    rule = sound(usual | differences, [a_channel()])
    assert isinstance(rule, AlarmRule), rule
    return rule


def a_slice(*messages: Any) -> Slice:
    """What was counted of these, all in one second."""
    counted = count(messages, NOW).seconds
    return measures.add_up(
        read_slice({name.encode(): str(n).encode() for name, n in fields.items()})
        for fields in counted.values()
    )


def found(rule: AlarmRule, window: Slice, streak: int = 0) -> Finding:
    """How the usual channel stands by a rule."""
    streaks = {CHANNEL: streak}
    [finding] = judge([rule], {rule.window_s: window}, streaks)
    return finding


# Counting.


def test_every_outcome_is_counted_with_its_duration() -> None:
    calls = [a_call(outcome, cost_ms=120) for outcome in OUTCOMES]
    [(series, tally)] = a_slice(*calls).items()
    assert series == Series("wechat_a", "wechat_native", "create")
    outcomes = dict.fromkeys(OUTCOMES, 1)
    assert tally == outcomes | {f"b{measures.step_of(120)}": 7, "ms": 840}
    assert set(OUTCOMES) == set(get_args(CallOutcome))


def test_only_what_the_channel_has_done_is_held_against_it() -> None:
    innocent = [a_call(outcome) for outcome in OUTCOMES if outcome not in CHANNEL_CAUSED]
    tally = of_subject(a_slice(*innocent), CHANNEL)
    assert (measures.calls(tally), measures.failures(tally)) == (4, 0)
    guilty = [a_call(outcome) for outcome in CHANNEL_CAUSED]
    assert measures.failures(of_subject(a_slice(*guilty), CHANNEL)) == 3


def test_a_call_counts_when_it_ends_but_not_in_the_future_and_not_long_ago() -> None:
    hung = a_call("no_answer", cost_ms=30_000, called_at=NOW - timedelta(seconds=40))
    early = a_call("ok", called_at=NOW + timedelta(seconds=50))
    old = a_call("ok", called_at=NOW - timedelta(seconds=KEPT_S + 1))
    assert set(count([hung, early, old], NOW).seconds) == {NOW_S - 10, NOW_S}


def test_failures_in_a_row_begin_anew_after_anything_else() -> None:
    fails, payers = [a_call("no_answer")], [a_call("payer_error")]
    assert count(fails * 3, NOW).streaks[CHANNEL] == (False, 3)
    assert count([*fails * 3, *payers, *fails * 2], NOW).streaks[CHANNEL] == (True, 2)
    assert count([*fails, *payers], NOW).streaks[Subject("wechat_a")] == (True, 0)


def test_fields_that_are_not_ours_are_left_out() -> None:
    assert read_slice({b"x": b"1", b"a|b|c|ok": b"2"}) == {Series("a", "b", "c"): {"ok": 2}}


@given(st.lists(st.integers(0, 100_000), min_size=1), st.sampled_from([50, 95, 99]))
def test_a_percentile_is_the_upper_end_of_its_step(durations: list[int], percentile: int) -> None:
    tally = of_subject(a_slice(*(a_call(cost_ms=each) for each in durations)), CHANNEL)
    rank = -(-len(durations) * percentile // 100)
    exact = sorted(durations)[rank - 1]
    assert percentile_ms(tally, percentile) == next(
        (bound for bound in BOUNDS_MS if exact <= bound), BOUNDS_MS[-1]
    )


def test_without_calls_there_is_nothing_to_say() -> None:
    assert (percentile_ms({}, 99), measures.percent(0, 0), measures.calls({})) == (0, 0, 0)


# Windows.


@given(
    st.sets(st.integers(NOW_S - KEPT_S + 1, NOW_S), max_size=50),
    st.integers(10, KEPT_S),
    st.integers(0, 90),
)
def test_a_window_has_exactly_its_seconds(busy: set[int], window_s: int, later_s: int) -> None:
    series, line = Series("wechat_a", "wechat_native", "create"), Timeline()

    def at(now_s: int) -> Slice:
        wanted = line.missing(now_s)
        line.put({s: {series: {"ok": 1}} if s in busy else {} for s in wanted}, now_s)
        return line.window(now_s, window_s)

    for now_s in (NOW_S, NOW_S + later_s):
        inside = {second for second in busy if now_s - window_s < second <= now_s}
        assert at(now_s).get(series, {}).get("ok", 0) == len(inside)


def test_a_second_is_read_again_until_it_is_settled_also_after_another_has_watched() -> None:
    line = Timeline()
    assert len(line.missing(NOW_S)) == KEPT_S
    line.put({second: {} for second in line.missing(NOW_S)}, NOW_S)
    assert line.missing(NOW_S + 2) == list(range(NOW_S - 9, NOW_S + 3))
    assert line.missing(NOW_S + 100) == list(range(NOW_S - 9, NOW_S + 101))


# Judging.


def test_half_of_ten_calls_is_broken_and_less_than_ten_prove_nothing() -> None:
    ten = [a_call("no_answer")] * 5 + [a_call()] * 5
    assert found(a_rule(), a_slice(*ten)).is_broken
    few = found(a_rule(), a_slice(*ten[1:9]))
    assert (few.figures.value, few.is_broken, few.is_over) == (50, False, True)
    assert found(a_rule(), a_slice(*ten, a_call())).figures.value == 45


def test_payers_without_money_take_no_channel_down() -> None:
    window = a_slice(*[a_call("balance_not_enough"), a_call("payer_error")] * 50)
    assert found(a_rule(), window).figures.value == 0


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ({"metric": "unknown_percent"}, ["rate_limited"] * 10, ["third_error"] * 10),
        ({"metric": "silence_s", "threshold": 60}, ["refused"] * 9 + ["ok"], ["refused"] * 10),
        ({"metric": "latency_ms", "threshold": 200}, ["ok"] * 10, ["slow"] * 10),
    ],
)
def test_each_metric_sees_its_own_trouble(
    rule: dict[str, Any], good: list[str], bad: list[str]
) -> None:
    def window(outcomes: list[str]) -> Slice:
        return a_slice(*(a_call("ok", cost_ms=300) if o == "slow" else a_call(o) for o in outcomes))

    assert not found(a_rule(**rule), window(good)).is_over
    assert found(a_rule(**rule), window(bad)).is_broken


def test_failures_in_a_row_are_judged_by_the_streak() -> None:
    rule = a_rule(metric="consecutive_failures", threshold=20)
    window = a_slice(*[a_call("no_answer")] * 10)
    assert not found(rule, window, streak=19).is_over
    assert found(rule, window, streak=20).is_broken


def test_orders_that_nobody_pays_are_seen_although_every_call_goes_well() -> None:
    rule = a_rule(metric="conversion_percent", threshold=30)
    shown = [a_call()] * 10
    assert found(rule, a_slice(*shown)).is_broken
    assert not found(rule, a_slice(*shown, *[a_paid()] * 3)).is_over
    assert found(rule, a_slice(*shown, *[a_paid()] * 2)).figures.value == 20


def test_operations_and_pay_types_are_judged_apart_where_a_rule_says_so() -> None:
    window = a_slice(
        *[a_call("no_answer", operation="query")] * 10,
        *[a_call(pay_type="wechat_h5")] * 10,
        *[a_call()] * 10,
    )
    whole = a_rule(each_pay_type=False)
    apart = judge([a_rule(), whole, a_rule(operations=("query",))], {60: window}, {})
    assert [(f.subject.pay_type, f.figures.value, f.figures.calls) for f in apart] == [
        ("wechat_h5", 0, 10), ("wechat_native", 50, 20), ("", 33, 30),
        ("wechat_h5", 0, 0), ("wechat_native", 100, 10),
    ]  # fmt: skip


def test_a_rule_is_about_the_channel_that_it_names_and_sleeps_while_it_is_off() -> None:
    window = a_slice(a_call(), a_call(channel_no="wechat_b"))
    named = judge([a_rule(channel_no="wechat_a")], {60: window}, {})
    assert [finding.subject for finding in named] == [CHANNEL]
    assert judge([a_rule(is_enabled=False)], {60: window}, {}) == []


# Saving.


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("threshold", 0), ("threshold", 101), ("threshold", "50"), ("threshold", 5.5),
        ("window_s", 9), ("window_s", 901), ("volume_min", 0), ("cool_down_s", 59),
        ("severity", "loud"), ("metric", "mood"), ("action", "delete"), ("percentile", 90),
        ("channel_no", "nobody"), ("channel_no", "'; DROP"), ("pay_type", "wechat_h5"),
        ("pay_type", "cash"), ("rule_no", "../x"), ("rule_no", "x\n"), ("down_s", -1),
        ("is_enabled", "yes"), ("colour", "red"), ("operations", ["steal"]), ("operations", "q"),
    ],
)  # fmt: skip
def test_a_rule_that_makes_no_sense_is_refused_by_the_name_of_its_field(
    field: str, value: object
) -> None:
    usual = {"rule_no": "r", "metric": "failure_percent", "threshold": 50, "window_s": 60}
    refusal = sound(usual | {field: value}, [a_channel()])
    assert isinstance(refusal, Refusal)
    assert refusal.code == "invalid_value"
    assert (refusal.param or "").startswith(field), refusal


@pytest.mark.parametrize(
    ("rule", "param"),
    [
        ({"metric": "silence_s", "threshold": 120, "window_s": 60}, "window_s"),
        ({"metric": "conversion_percent", "window_s": 30}, "window_s"),
        ({"metric": "consecutive_failures", "operations": ["create"]}, "operations"),
        ({"metric": "latency_ms", "threshold": 60_001}, "threshold"),
        ({"threshold": None}, "threshold"),
    ],
)
def test_fields_that_do_not_fit_each_other_are_refused(rule: dict[str, Any], param: str) -> None:
    usual = {"rule_no": "r", "metric": "failure_percent", "threshold": 50}
    refusal = sound(usual | rule, [a_channel()])
    assert isinstance(refusal, Refusal) and refusal.param == param


@pytest.mark.parametrize("missing", ["metric", "threshold"])
def test_a_missing_field_is_named(missing: str) -> None:
    usual: dict[str, Any] = {"rule_no": "r", "metric": "failure_percent", "threshold": 50}
    del usual[missing]
    refusal = sound(usual, [])
    assert isinstance(refusal, Refusal) and refusal.param == missing


@given(
    st.dictionaries(
        st.sampled_from([*AlarmRule.__struct_fields__, "x"]),
        st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.lists(st.text()),
    )
)
def test_no_input_does_worse_than_being_refused(document: dict[str, Any]) -> None:
    rule = sound(document, [a_channel()])
    assert isinstance(rule, AlarmRule | Refusal)


def test_every_metric_has_its_bounds() -> None:
    assert set(THRESHOLDS) == set(get_args(AlarmMetric))
