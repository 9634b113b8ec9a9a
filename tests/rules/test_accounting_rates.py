"""Fees by an account's own rates: which holds, what it comes to, what a refund gives back."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.accounting.rates import Fee, Rate, fee_of, rate_at, returned_fee_fen
from schema.accounts import RatePlan, Tier
from schema.bookings import Settlement
from schema.messages.accounting import SetRate
from schema.money import AMOUNT_FEN_MAX, PPM
from tests.examples import MERCHANT_NO, NOW
from tests.rules.books import SIGNED, Desk, a_refund, a_trade, a_withdrawal

TOMORROW = NOW + timedelta(days=1)


def a_rate(rate_no: str = "r1", **differences: Any) -> Rate:
    """One per cent on withdrawals of account 1, from now on."""
    usual: dict[str, Any] = {
        "account_id": 1,
        "kind": "withdrawal",
        "plan": RatePlan(percent_ppm=10_000),
        "effective_at": NOW,
        "operator": "lin",
        "reason": "agreed",
        "set_at": NOW,
    }
    return Rate(rate_no=rate_no, **usual | differences)


@given(st.integers(1, AMOUNT_FEN_MAX), st.integers(0, PPM))
def test_a_percentage_is_rounded_half_up(amount: int, ppm: int) -> None:
    exact = Decimal(amount) * ppm / PPM
    fee = int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))
    rate = a_rate(plan=RatePlan(percent_ppm=ppm))
    assert fee_of(rate, amount, 0) == Fee(fee, ppm, "r1")


@pytest.mark.parametrize(
    ("plan", "amount_fen", "fee_fen"),
    [
        (RatePlan(), 10_000, 0),
        (RatePlan(fixed_fen=200), 10_000, 200),
        (RatePlan(percent_ppm=10_000, fixed_fen=200), 10_000, 300),
        (RatePlan(percent_ppm=10_000, min_fen=150), 10_000, 150),
        (RatePlan(percent_ppm=10_000, min_fen=50), 10_000, 100),
        (RatePlan(percent_ppm=10_000, max_fen=80), 10_000, 80),
        (RatePlan(percent_ppm=10_000, fixed_fen=200, max_fen=250), 10_000, 250),
    ],
)
def test_a_plan_is_a_percentage_and_a_fixed_part_within_limits(
    plan: RatePlan, amount_fen: int, fee_fen: int
) -> None:
    assert fee_of(a_rate(plan=plan), amount_fen, 0).fee_fen == fee_fen


@pytest.mark.parametrize(
    ("volume_fen", "ppm"), [(0, 6_000), (999, 6_000), (1_000, 5_000), (9_999, 3_000)]
)
def test_the_tier_is_the_highest_that_the_months_volume_has_reached(
    volume_fen: int, ppm: int
) -> None:
    tiers = (
        Tier(from_volume_fen=1_000, percent_ppm=5_000),
        Tier(from_volume_fen=9_999, percent_ppm=3_000),
    )
    rate = a_rate(plan=RatePlan(percent_ppm=6_000, tiers=tiers))
    assert fee_of(rate, 1_000_000, volume_fen).rate_ppm == ppm


def test_an_account_without_a_rate_pays_nothing() -> None:
    assert fee_of(None, 10_000, 0) == Fee(0)


@pytest.mark.parametrize(
    ("pay_type", "now", "rate_no"),
    [
        ("", NOW, "any"),
        ("alipay", NOW, "any"),
        ("wechat_native", NOW, "wechat"),
        ("wechat_native", TOMORROW, "wechat"),
        ("", TOMORROW, "raised"),
        ("", NOW - timedelta(seconds=1), None),
    ],
)
def test_the_rate_in_force_is_the_newest_that_has_begun(
    pay_type: str, now: datetime, rate_no: str | None
) -> None:
    rates = [
        a_rate("raised", effective_at=TOMORROW),
        a_rate("any"),
        a_rate("wechat", pay_type="wechat_native"),
        a_rate("settling", kind="settlement"),
        a_rate("another's", account_id=2),
    ]
    found = rate_at(rates, 1, "withdrawal", pay_type, now)
    assert (found and found.rate_no) == rate_no


def test_of_two_rates_for_the_same_moment_the_later_word_holds() -> None:
    rates = [a_rate("first"), a_rate("second", set_at=NOW + timedelta(seconds=1))]
    found = rate_at(rates, 1, "withdrawal", "", NOW)
    assert found is not None and found.rate_no == "second"


@given(parts=st.lists(st.integers(1, 100_000), min_size=1, max_size=40), fees=st.data())
def test_refunds_in_any_number_of_parts_give_back_the_whole_fee(
    parts: list[int], fees: st.DataObject
) -> None:
    amount = sum(parts)
    fee = fees.draw(st.integers(0, amount))
    refunded = returned = 0
    for part in parts:
        returned += returned_fee_fen(fee, amount, refunded, part)
        refunded += part
        assert 0 <= returned <= fee
    assert returned == fee


def a_desk(**kept: Any) -> Desk:
    desk = Desk()
    desk.book(a_trade(amount_fen=10_000, fee_fen=60, cost_fen=0))
    desk.keep(**kept)
    return desk


def test_a_withdrawal_without_a_fee_of_its_own_pays_the_accounts_rate() -> None:
    desk = a_desk()
    desk.price(a_rate(account_id=desk.account().account_id))
    answer = desk.book(a_withdrawal(amount_fen=5_000))
    assert answer.booking is not None and answer.booking.fee_fen == 50
    entry = next(e for e in desk.ledger.entries if e.kind == "withdrawal")
    assert (entry.amount_fen, entry.fee_fen, entry.rate_ppm, entry.rate_no) == (
        -5_050, 50, 10_000, "r1",
    )  # fmt: skip


def test_a_settlement_of_everything_pays_its_fee_out_of_it() -> None:
    desk = a_desk()
    desk.price(a_rate(account_id=desk.account().account_id, kind="settlement"))
    answer = desk.book(Settlement(no="s1", owner=MERCHANT_NO))
    assert answer.booking is not None
    assert (answer.booking.amount_fen, answer.booking.fee_fen) == (9_940, 99)
    assert desk.balances()["merchant.in_transit", MERCHANT_NO] == 9_841


@pytest.mark.parametrize(("policy", "kept_fen"), [("keep", 60), ("proportional", 45)])
def test_what_becomes_of_the_fee_of_a_refunded_trade_is_the_accounts_policy(
    policy: str, kept_fen: int
) -> None:
    desk = a_desk(refund_fee_policy=policy)
    desk.book(a_refund(amount_fen=2_500))
    assert desk.balances()["platform.fee_income", "platform"] == kept_fen
    assert desk.account().balance_fen == 9_940 - 2_500 + 60 - kept_fen


def test_a_refund_may_cost_something_too() -> None:
    desk = a_desk(refund_fee_policy="proportional")
    plan = RatePlan(fixed_fen=10)
    desk.price(a_rate(account_id=desk.account().account_id, kind="refund", plan=plan))
    desk.book(a_refund(amount_fen=5_000))
    assert desk.balances()["platform.fee_income", "platform"] == 60 - 30 + 10
    assert desk.account().balance_fen == 9_940 - 5_000 + 30 - 10


def set_rate(desk: Desk, rate_no: str = "r1", **differences: Any) -> SetRate:
    usual: dict[str, Any] = {
        "account_no": desk.account().account_no,
        "kind": "withdrawal",
        "plan": RatePlan(percent_ppm=10_000),
    }
    return SetRate(rate_no=rate_no, **usual | SIGNED | differences)


def test_a_rate_for_tomorrow_costs_nothing_today() -> None:
    desk = a_desk()
    desk.hear(set_rate(desk, effective_at=TOMORROW))
    assert desk.book(a_withdrawal("w1", 1_000)).booking.fee_fen == 0  # type: ignore[union-attr]
    answer = desk.book(a_withdrawal("w2", 1_000), TOMORROW)
    assert answer.booking is not None and answer.booking.fee_fen == 10


@pytest.mark.parametrize(
    ("code", "differences"),
    [
        ("effective_in_the_past", {"effective_at": NOW - timedelta(seconds=1)}),
        ("illegal_plan", {"plan": RatePlan(min_fen=2, max_fen=1)}),
        (
            "illegal_plan",
            {"plan": RatePlan(tiers=(Tier(from_volume_fen=5, percent_ppm=1),) * 2)},
        ),
        ("unknown_account", {"account_no": "1" * 21}),
    ],
)
def test_a_rate_that_makes_no_sense_is_refused(code: str, differences: dict[str, Any]) -> None:
    desk = a_desk()
    assert desk.refusal(set_rate(desk, **differences)) == code


def test_a_rates_number_stands_for_one_rate() -> None:
    desk = a_desk()
    assert desk.hear(set_rate(desk)).refusal is None
    assert desk.hear(set_rate(desk)).refusal is None
    assert desk.refusal(set_rate(desk, plan=RatePlan(fixed_fen=1))) == "number_conflict"
