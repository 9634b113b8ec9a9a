"""Strategies, plans and limits: what each rule makes of a payment, and that its record says it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import json
from msgspec.structs import replace

from actors.routing.eligibility import closed_by
from actors.routing.health import Pulse
from actors.routing.limits import Room, ask_for, chosen, full, settled
from actors.routing.record import again
from actors.routing.replay import Recorded, compare
from actors.routing.rules import Board, route
from actors.routing.strategies.success import chances
from schema.days import day_of
from schema.payments import RoutingDecision, Used
from schema.profiles import Binding
from schema.routing import Branch, ChannelLimits, RoutingRule, RuleBinding, RuleChannel
from schema.standings import ChannelStanding, TakeDown
from tests.examples import MERCHANT_NO, NOW, PAYMENT_ID, a_channel, a_merchant, some_terms

DRAWS = 2_000


def listed(*numbers: str, **weights: int) -> tuple[RuleChannel, ...]:
    named = tuple(RuleChannel(channel_no=n, priority=i) for i, n in enumerate(numbers))
    return (*named, *(RuleChannel(channel_no=n, weight=w) for n, w in weights.items()))


def a_rule(strategy: Any, *channels: RuleChannel, **differences: Any) -> RoutingRule:
    usual: dict[str, Any] = {"rule_no": "r1", "version": 7, "pay_type": "wechat_native"}
    return RoutingRule(strategy=strategy, channels=channels, **usual | differences)


def board(rule: RoutingRule | None = None, **differences: Any) -> Board:
    """A merchant that follows the rule, and channels aa, bb and cc of rising cost."""
    follows = (RuleBinding(pay_type="wechat_native", rule_no="r1"),)
    merchant = a_merchant(rule_bindings=follows, bindings=differences.pop("bindings", ()))
    channels = {
        number: a_channel(channel_no=number, cost_rate_ppm=cost)
        for number, cost in (("aa", 2_000), ("bb", 4_000), ("cc", 6_000))
    }
    rules = {"r1": rule} if rule is not None else {}
    return Board({MERCHANT_NO: merchant}, channels, rules=rules, **differences)


def routed(sight: Board, now: datetime = NOW, **terms: Any) -> RoutingDecision:
    """The record of a payment; it leads to itself, also after it was stored."""
    record = route(some_terms(**terms), sight, now)
    assert again(json.decode(json.encode(record), type=RoutingDecision)) == record
    return record


def firsts(sight: Board, payments: int = DRAWS, **terms: Any) -> Counter[str]:
    return Counter(routed(sight, payment_id=f"pay_{n}", **terms).ranked[0] for n in range(payments))


def test_priority_goes_in_order() -> None:
    record = routed(board(a_rule("priority", *listed("cc", "aa", "bb"))))
    assert record.ranked == ("cc", "aa", "bb")
    (choice,) = record.choices
    assert (choice.rule_no, choice.rule_version, choice.strategy) == ("r1", 7, "priority")


def test_weight_draws_by_share_whatever_the_priority() -> None:
    rule = a_rule("weight", RuleChannel(channel_no="aa", weight=3), *listed(bb=1))
    counts = firsts(board(rule))
    assert abs(counts["aa"] - DRAWS * 3 // 4) < DRAWS // 25
    record = routed(board(rule))
    assert record.choices[0].probability_ppm in (750_000, 250_000)


def test_cost_asks_what_each_would_keep_of_this_amount() -> None:
    record = routed(board(a_rule("cost", *listed("cc", "bb", "aa"))))
    assert record.ranked == ("aa", "bb", "cc")
    assert [c.cost_fen for c in record.candidates] == [6, 4, 2]


def test_response_time_asks_who_has_been_fastest_and_tries_the_unknown() -> None:
    pulses = {
        ("aa", "wechat_native"): Pulse(latency_ms=400.0, slow_ms=900.0),
        ("bb", "wechat_native"): Pulse(latency_ms=120.0, slow_ms=300.0),
    }
    rule = a_rule("response_time", *listed("aa", "bb", "cc"))
    record = routed(board(rule, pulses=pulses))
    assert record.ranked == ("cc", "bb", "aa")
    assert [c.latency_ms for c in record.candidates] == [400, 120, None]


@pytest.mark.parametrize(
    ("terms", "branch", "first"),
    [
        ({"amount_fen": 100_000}, 0, "aa"),
        ({"metadata": {"shop": "south-1"}}, 1, "bb"),
        ({"amount_fen": 1}, None, "cc"),
    ],
)
def test_the_first_branch_whose_condition_holds_names_the_channels(
    terms: dict[str, Any], branch: int | None, first: str
) -> None:
    branches = (
        Branch(when="amount_fen >= 100000", channels=listed("aa")),
        Branch(when="metadata.shop starts_with 'south'", channels=listed("bb", "cc")),
    )
    record = routed(board(a_rule("expressions", *listed("cc"), branches=branches)), **terms)
    assert (record.choices[0].branch, record.ranked[0]) == (branch, first)


def test_conditions_see_the_hour_in_china() -> None:
    branches = (Branch(when="hour = 23 and weekday = 1", channels=listed("aa")),)
    rule = a_rule("expressions", *listed("bb"), branches=branches)
    monday_night = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
    assert routed(board(rule), now=monday_night).ranked == ("aa",)


def test_a_split_keeps_its_shares_and_its_payers() -> None:
    rule = a_rule("split", *listed(aa=70, bb=30))
    sight = board(rule)
    counts = Counter(routed(sight, payer_id=f"p{n}").ranked[0] for n in range(DRAWS))
    assert abs(counts["aa"] - DRAWS * 70 // 100) < DRAWS // 25
    assert len(firsts(sight, 50, payer_id="somebody")) == 1
    assert len(firsts(sight, 200)) == 2  # without a payer it is the payment that is drawn for


def test_when_a_channel_goes_only_its_payers_move() -> None:
    whole = board(a_rule("split", *listed(aa=40, bb=40, cc=20)))
    less = board(a_rule("split", *listed(aa=40, bb=40)))
    for n in range(200):
        before = routed(whole, payer_id=f"p{n}").ranked[0]
        after = routed(less, payer_id=f"p{n}").ranked[0]
        assert before in ("cc", after)


def pulse(good: float, bad: float, **differences: Any) -> Pulse:
    return Pulse(good=good, bad=bad, **differences)


def test_a_success_rate_rule_prefers_the_better_and_explores_as_often_as_it_says() -> None:
    pulses = {("aa", "wechat_native"): pulse(950, 50), ("bb", "wechat_native"): pulse(700, 300)}
    rule = a_rule("success_rate", *listed("aa", "bb"), explore_ppm=100_000)
    counts = firsts(board(rule, pulses=pulses))
    assert abs(counts["bb"] - DRAWS // 20) < DRAWS // 50
    record = routed(board(rule, pulses=pulses))
    assert record.choices[0].probability_ppm in (950_000, 50_000)
    assert [c.score.good_milli for c in record.candidates if c.score] == [959_500, 709_500]


def test_what_is_overdue_counts_against_a_channel() -> None:
    pulses = {("aa", "wechat_native"): pulse(95, 5), ("bb", "wechat_native"): pulse(94, 6)}
    rule = a_rule("success_rate", *listed("aa", "bb"))
    overdue = {("aa", "wechat_native"): 7}
    well, late = board(rule, pulses=pulses), board(rule, pulses=pulses, overdue=overdue)
    assert firsts(late)["aa"] < firsts(well)["aa"] // 2


def test_an_open_breaker_lets_only_the_probe_through() -> None:
    pulses = {("aa", "wechat_native"): pulse(950, 50, opened_ms=1)}
    rule = a_rule("success_rate", *listed("aa", "bb"))
    probes = {("aa", "wechat_native"): PAYMENT_ID}
    assert firsts(board(rule, pulses=pulses)) == {"bb": DRAWS}
    record = routed(board(rule, pulses=pulses, probes=probes))
    assert (record.ranked, record.choices[0].reason) == (("aa", "bb"), "probe")


def test_when_all_are_down_somebody_is_asked_all_the_same() -> None:
    rule = a_rule("success_rate", *listed("aa", "bb"))
    down = {(n, "wechat_native"): pulse(9, 1, opened_ms=1) for n in ("aa", "bb")}
    record = routed(board(rule, pulses=down))
    assert (len(record.ranked), record.choices[0].reason) == (2, "all_down")


@pytest.mark.parametrize("seen", [((9_000, 1_000),), ((9_000, 1_000), (8_000, 2_000), (5, 9))])
def test_chances_add_up(seen: tuple[tuple[int, int], ...]) -> None:
    parts = chances(seen, 30_000)
    assert sum(parts) == 1_000_000
    assert min(parts) >= 30_000 // len(seen)


def test_a_rule_goes_before_the_bindings_of_its_tier_and_backups_stay_behind_it() -> None:
    def bound(number: str, tier: Any) -> Binding:
        return Binding(pay_type="wechat_native", channel_no=number, tier=tier)

    bindings = (bound("bb", "default"), bound("cc", "backup"))
    ruled = board(a_rule("priority", *listed("aa")), bindings=bindings)
    assert routed(ruled).ranked == ("aa", "cc")
    inactive = board(a_rule("priority", *listed("aa"), status="inactive"), bindings=bindings)
    assert routed(inactive).ranked == ("bb", "cc")
    assert routed(board(None, bindings=bindings)).ranked == ("bb", "cc")


def test_what_is_taken_down_is_removed_with_the_reason() -> None:
    standing = ChannelStanding(channel_no="aa", version=1, take_downs=(TakeDown(reason="5xx"),))
    sight = board(a_rule("priority", *listed("aa", "bb")), standings={"aa": standing})
    record = routed(sight)
    assert record.ranked == ("bb",)
    assert record.candidates[0].removed_by == "taken down: down: 5xx"


@pytest.mark.parametrize(
    ("opens_at", "closes_at", "clock", "is_open"),
    [
        (None, None, "03:00", True),
        ("08:00", "22:00", "08:00", True),
        ("08:00", "22:00", "22:00", False),
        ("22:00", "06:00", "23:30", True),
        ("22:00", "06:00", "05:59", True),
        ("22:00", "06:00", "12:00", False),
        ("08:00", None, "23:59", True),
        (None, "22:00", "23:59", False),
    ],
)
def test_a_channel_is_open_by_the_clock_in_china(
    opens_at: str | None, closes_at: str | None, clock: str, is_open: bool
) -> None:
    limits = ChannelLimits(opens_at=opens_at, closes_at=closes_at)
    now = datetime.fromisoformat(f"2026-03-01T{clock}:00+08:00")
    assert (closed_by(limits, now) is None) is is_open


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        ({"daily_fen_max": 6_000}, None),
        ({"daily_fen_max": 5_999}, "daily amount: 5000 + 1000 fen is above 5999"),
        ({"daily_count_max": 4}, None),
        ({"daily_count_max": 3}, "daily count: 3 + 1 is above 3"),
        ({"total_fen_max": 10_000}, None),
        ({"total_fen_max": 9_999}, "cumulative: 9000 + 1000 fen is above 9999"),
    ],
)
def test_a_limit_names_what_it_compared(limits: dict[str, int], why: str | None) -> None:
    channel = a_channel(channel_no="aa", limits=ChannelLimits(**limits))
    ask = ask_for(some_terms(), ["aa"], {"aa": channel})
    assert ask is not None
    assert full(ask.rooms[0], Used(day_fen=5_000, day_count=3, total_fen=9_000), 1_000) == why


def test_who_has_no_room_is_passed_over_and_stays_on_record() -> None:
    sight = board(a_rule("priority", *listed("aa", "bb")))
    limited = a_channel(channel_no="aa", limits=ChannelLimits(daily_count_max=1))
    record = routed(sight)
    ask = ask_for(some_terms(), record.ranked, {**sight.channels, "aa": limited})
    assert ask is not None
    assert ask.rooms[0] == Room("aa", True, -1, 1, -1)
    made = settled(record, ask, {"aa": Used(day_fen=1, day_count=1, total_fen=1)})
    assert made.ranked == ("bb",)
    assert again(made) == made
    taken = chosen(made, ask, day_of(NOW))
    assert taken is not None
    assert taken.channel_no == "bb"


def test_what_if_tells_where_payments_would_have_gone_at_what_cost() -> None:
    was, other = a_rule("priority", *listed("cc", "aa")), a_rule("cost", *listed("aa", "cc"))
    sight = board(was)
    payments = [
        Recorded(
            terms=some_terms(payment_id=f"pay_{n}"),
            record=routed(sight, payment_id=f"pay_{n}"),
            decided_at=NOW,
            is_paid=n < 8,
        )
        for n in range(10)
    ]
    same = compare(payments, None, sight.channels)
    assert (same.differing, same.not_the_same) == (0, 0)
    found = compare(payments, other, sight.channels)
    assert (found.differing, found.not_the_same, found.success_before_ppm) == (10, 0, 800_000)
    assert [(s.channel_no, s.before, s.after) for s in found.shares] == [
        ("aa", 0, 10),
        ("cc", 10, 0),
    ]
    assert sum(s.cost_before_fen for s in found.shares) == 60
    assert sum(s.cost_after_fen for s in found.shares) == 20


def test_a_record_that_was_tampered_with_does_not_lead_to_itself() -> None:
    record = routed(board(a_rule("priority", *listed("aa", "bb"))))
    assert again(replace(record, ranked=("bb", "aa"))) != replace(record, ranked=("bb", "aa"))
