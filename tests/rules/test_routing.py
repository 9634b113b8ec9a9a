"""Which channels routing takes out, how it ranks the rest, and that its record says it all."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import json

from actors.routing.eligibility import removed_by
from actors.routing.record import again
from actors.routing.record import rank as ranked_by
from actors.routing.rules import Board, decide, route
from bus.effects import Publish
from schema.messages.risk import PaymentCleared
from schema.messages.routing import PaymentRouted, PaymentUnroutable
from schema.payments import Candidate, PaymentTerms, RoutingDecision
from schema.profiles import Binding, ChannelProfile, MerchantProfile
from tests.examples import (
    CHANNEL_NO,
    MERCHANT_NO,
    NOW,
    PASSED,
    PAYMENT_ID,
    a_candidate,
    a_channel,
    a_merchant,
    some_terms,
)

DRAWS = 4_000


def rank(seed: str, candidates: list[Candidate]) -> tuple[str, ...]:
    """The order of candidates without any rule."""
    return ranked_by(seed, candidates).order


def bound(channel_no: str = CHANNEL_NO, **differences: Any) -> Binding:
    return Binding(pay_type="wechat_native", channel_no=channel_no, **differences)


def routed(terms: PaymentTerms, *bindings: Binding, **channel: Any) -> RoutingDecision:
    """The record for a merchant with these bindings, to channels that are all alike."""
    channels = {b.channel_no: a_channel(channel_no=b.channel_no, **channel) for b in bindings}
    return route(terms, board(a_merchant(bindings=bindings), channels), NOW)


def board(merchant: MerchantProfile | None, channels: dict[str, ChannelProfile]) -> Board:
    return Board({MERCHANT_NO: merchant} if merchant else {}, channels)


@pytest.mark.parametrize(
    ("channel", "why"),
    [
        (None, "not registered"),
        (a_channel(status="inactive"), "status: inactive"),
        (a_channel(pay_types=()), "pay type: wechat_native is not offered"),
        (a_channel(single_min_fen=1_001), "single min: 1000 fen is below 1001"),
        (a_channel(single_max_fen=999), "single max: 1000 fen is above 999"),
        (a_channel(single_min_fen=1_000, single_max_fen=1_000), None),
    ],
)
def test_a_filter_names_what_it_compared(channel: ChannelProfile | None, why: str | None) -> None:
    assert removed_by(some_terms(), channel, NOW) == why


def test_a_channel_that_was_taken_out_stays_on_record() -> None:
    record = routed(some_terms(), bound(tier="backup", priority=3, weight=7), status="inactive")
    assert record == RoutingDecision(
        seed=PAYMENT_ID,
        candidates=(
            a_candidate(tier="backup", priority=3, weight=7, removed_by="status: inactive"),
        ),
        ranked=(),
        decided_at=NOW,
    )


def test_a_merchant_without_channels_or_without_profile_can_not_be_routed() -> None:
    nothing = RoutingDecision(seed=PAYMENT_ID, candidates=(), ranked=(), decided_at=NOW)
    assert routed(some_terms()) == nothing
    assert route(some_terms(), board(None, {}), NOW) == nothing


def test_the_default_tier_goes_before_the_backup_tier_and_priority_before_weight() -> None:
    candidates = [
        a_candidate("d", tier="backup", priority=1),
        a_candidate("c", tier="default", priority=9, weight=10_000),
        a_candidate("b", tier="default", priority=5, weight=1),
        a_candidate("e", tier="backup", priority=2, weight=10_000),
        a_candidate("a", tier="default", priority=5, weight=0),
    ]
    assert list(rank(PAYMENT_ID, candidates)) == ["b", "a", "c", "d", "e"]


def weighing(**weights: int) -> list[Candidate]:
    """Candidates that differ in nothing but their weights."""
    return [a_candidate(name, weight=weight) for name, weight in weights.items()]


def test_among_equals_the_first_place_is_drawn_by_weight() -> None:
    equals = weighing(a=600, b=300, c=100)
    firsts = Counter(rank(f"seed-{i}", equals)[0] for i in range(DRAWS))
    for candidate in equals:
        expected = DRAWS * candidate.weight // 1_000
        assert abs(firsts[candidate.channel_no] - expected) < DRAWS // 40, firsts


def test_the_second_place_is_drawn_by_the_weights_of_those_left() -> None:
    equals = weighing(a=100, b=300, c=100)
    rankings = [tuple(rank(f"seed-{i}", equals)) for i in range(DRAWS)]
    seconds = Counter(second for first, second, _ in rankings if first == "a")
    share_of_b = seconds["b"] * 100 // seconds.total()
    assert 70 <= share_of_b <= 80, seconds


def test_the_order_of_the_bindings_has_no_weight() -> None:
    equals = weighing(a=100, b=100, c=100)
    for i in range(50):
        assert list(rank(f"seed-{i}", equals)) == list(rank(f"seed-{i}", equals[::-1]))


def test_weight_zero_comes_after_every_other_weight() -> None:
    equals = weighing(a=0, b=1, c=0)
    assert {tuple(rank(f"seed-{i}", equals)) for i in range(50)} == {("b", "a", "c")}


candidates_of_any_kind = st.lists(
    st.builds(
        a_candidate,
        st.text("abcdef", min_size=2, max_size=4),
        tier=st.sampled_from(["default", "backup"]),
        priority=st.integers(0, 3),
        weight=st.integers(0, 10_000),
        removed_by=st.none() | st.just("status: inactive"),
    ),
    unique_by=lambda candidate: candidate.channel_no,
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=20), candidates_of_any_kind)
def test_each_channel_that_was_not_taken_out_is_ranked_once(
    seed: str, candidates: list[Candidate]
) -> None:
    left = [each.channel_no for each in candidates if each.removed_by is None]
    assert sorted(rank(seed, candidates)) == sorted(left)


@settings(max_examples=40, deadline=None)
@given(candidates_of_any_kind)
def test_the_record_alone_leads_to_the_same_ranking(candidates: list[Candidate]) -> None:
    ranked = ranked_by(PAYMENT_ID, candidates)
    record = RoutingDecision(
        seed=PAYMENT_ID, candidates=tuple(candidates), ranked=ranked.order, choices=ranked.choices
    )
    assert again(json.decode(json.encode(record), type=RoutingDecision)) == record


def test_a_record_from_before_there_were_rules_still_leads_to_its_ranking() -> None:
    stored = (
        b'{"seed":"pay_06e9t8dgxyaa3vh6bq7w200001","candidates":[{"channel_no":"a","tier":"default"'
        b',"priority":1,"weight":60},{"channel_no":"b","tier":"default","priority":1,"weight":40}]'
        b',"ranked":["a","b"]}'
    )
    record = json.decode(stored, type=RoutingDecision)
    assert again(record) == record


def test_a_routed_payment_goes_on_with_all_records() -> None:
    channel = a_channel()
    sight = Board({MERCHANT_NO: a_merchant(bindings=(bound(),))}, {CHANNEL_NO: channel})
    decision = decide(sight, PaymentCleared(terms=some_terms(), risk=PASSED), NOW)
    record = RoutingDecision(
        seed=PAYMENT_ID, candidates=(a_candidate(),), ranked=(CHANNEL_NO,), decided_at=NOW
    )
    said = PaymentRouted(terms=some_terms(), risk=PASSED, routing=record)
    assert decision.effects == (Publish(said, subject=PAYMENT_ID),)
    assert decision.changes == ()


def test_a_payment_that_no_channel_can_take_goes_back_with_the_reasons() -> None:
    sight = Board({MERCHANT_NO: a_merchant(bindings=(bound(),))}, {})
    decision = decide(sight, PaymentCleared(terms=some_terms(), risk=PASSED), NOW)
    removed = a_candidate(removed_by="not registered")
    record = RoutingDecision(seed=PAYMENT_ID, candidates=(removed,), ranked=(), decided_at=NOW)
    said = PaymentUnroutable(payment_id=PAYMENT_ID, risk=PASSED, routing=record)
    assert decision.effects == (Publish(said, subject=PAYMENT_ID),)
