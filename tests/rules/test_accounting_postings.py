"""The table of postings: whatever is booked, what one account loses another one gains."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.accounting.chart import CHART, KINDS
from actors.accounting.postings import Amounts, Posting, lines_of
from actors.accounting.rules import POSTINGS
from schema.bookings import (
    Charge,
    DepositGivenBack,
    DepositTaken,
    PayoutCompleted,
    PayoutReturned,
    ProfitShare,
    Receipt,
    Settlement,
    Share,
    Transfer,
)
from schema.messages.accounting import DecideAdjustment, PlaceHold, ProposeAdjustment, ReleaseHold
from schema.money import AMOUNT_FEN_MAX
from tests.examples import CHANNEL_NO, MERCHANT_NO, PAYMENT_ID
from tests.rules.books import AGENT_NO, SIGNED, Desk, a_refund, a_trade, a_withdrawal

PARTIES = {
    "merchant": ("merchant", "1"),
    "party": ("merchant", "1"),
    "other": ("agent", "2"),
    "agent": ("agent", "2"),
    "channel": ("channel", "c"),
    "platform": ("platform", "platform"),
}

OTHER_NO = "1025112200002"

PAID = {
    ("channel.clearing", CHANNEL_NO): -997,
    ("channel.cost", CHANNEL_NO): -3,
    ("merchant.payable", MERCHANT_NO): 994,
    ("platform.fee_income", "platform"): 6,
}


@pytest.mark.parametrize("row", POSTINGS.values(), ids=POSTINGS)
@given(st.integers(1, AMOUNT_FEN_MAX), st.integers(-500, AMOUNT_FEN_MAX), st.integers(0, 500))
def test_every_row_sums_to_zero_and_leaves_empty_sides_out(
    row: Posting, gross: int, fee: int, cost: int
) -> None:
    lines = lines_of(row, PARTIES, Amounts(gross, fee, cost), "CNY")
    assert sum(line.amount_fen for line in lines) == 0
    assert 0 not in [line.amount_fen for line in lines]


@pytest.mark.parametrize("name", POSTINGS)
def test_every_side_stands_on_an_account_of_the_chart(name: str) -> None:
    roles = {"party": ("merchant", "agent"), "other": ("merchant", "agent")}
    for side in POSTINGS[name].sides:
        for role in roles.get(side.whose, (side.whose,)):
            assert (role, side.account) in KINDS, f"{name}: {role}.{side.account}"


def test_account_numbers_tell_kinds_apart() -> None:
    assert len({kind.code for kind in CHART}) == len(CHART) == len(KINDS)


def the_books(*wishes: object) -> dict[tuple[str, str], int]:
    """What is on the accounts after these, each of which must have been booked."""
    desk = Desk()
    for wish in wishes:
        answer = desk.hear(wish) if hasattr(wish, "operator") else desk.book(wish)  # type: ignore
        assert answer.refusal is None, answer.refusal
    assert sum(desk.balances().values()) == 0
    return desk.balances()


def test_a_trade_owes_the_merchant_the_net_and_leaves_the_channel_its_cost() -> None:
    assert the_books(a_trade()) == PAID


def test_a_trade_that_the_channel_settles_to_the_merchant_leaves_us_his_fee() -> None:
    assert the_books(a_trade(funds_flow="direct", cost_fen=0)) == {
        ("merchant.receivable", MERCHANT_NO): -6,
        ("platform.fee_income", "platform"): 6,
    }


def test_a_refund_takes_from_the_merchant_and_lessens_what_the_channel_owes() -> None:
    assert the_books(a_trade(), a_refund()) == PAID | {
        ("merchant.payable", MERCHANT_NO): 594,
        ("channel.clearing", CHANNEL_NO): -597,
    }


def test_a_withdrawal_is_on_its_way_with_its_fee_on_top() -> None:
    assert the_books(a_trade(), a_withdrawal(fee_fen=20)) == PAID | {
        ("merchant.payable", MERCHANT_NO): 474,
        ("merchant.in_transit", MERCHANT_NO): 500,
        ("platform.fee_income", "platform"): 26,
    }


def test_a_withdrawal_that_arrives_has_left_our_bank() -> None:
    done = PayoutCompleted(no="withdrawal:w1", owner=MERCHANT_NO)
    assert the_books(a_trade(), a_withdrawal(), done) == PAID | {
        ("merchant.payable", MERCHANT_NO): 494,
        ("platform.bank", "platform"): 500,
    }


@pytest.mark.parametrize("arrived_first", [True, False])
def test_a_returned_payout_gives_everything_back(arrived_first: bool) -> None:
    done = PayoutCompleted(no="withdrawal:w1", owner=MERCHANT_NO)
    back = PayoutReturned(no="withdrawal:w1", owner=MERCHANT_NO)
    steps = (done, back) if arrived_first else (back,)
    assert the_books(a_trade(), a_withdrawal(fee_fen=20), *steps) == PAID


def test_a_settlement_takes_its_fee_from_the_amount() -> None:
    assert the_books(a_trade(), Settlement(no="s1", owner=MERCHANT_NO, fee_fen=4)) == {
        ("channel.clearing", CHANNEL_NO): -997,
        ("channel.cost", CHANNEL_NO): -3,
        ("merchant.in_transit", MERCHANT_NO): 990,
        ("platform.fee_income", "platform"): 10,
    }


def test_a_hold_is_set_aside_spent_and_what_is_left_given_back() -> None:
    hold = PlaceHold(hold_no="h1", owner=MERCHANT_NO, amount_fen=600, **SIGNED)
    spend = a_withdrawal(hold_no="h1", fee_fen=20)
    release = ReleaseHold(release_no="l1", hold_no="h1", owner=MERCHANT_NO, **SIGNED)
    assert the_books(a_trade(), hold)["merchant.frozen", MERCHANT_NO] == 600
    assert the_books(a_trade(), hold, spend)["merchant.frozen", MERCHANT_NO] == 80
    assert the_books(a_trade(), hold, spend, release) == the_books(
        a_trade(), a_withdrawal(fee_fen=20)
    )


def test_money_moves_between_owners_and_between_an_owner_and_us() -> None:
    transfer = Transfer(no="t1", owner=MERCHANT_NO, to_owner=OTHER_NO, amount_fen=100)
    charge = Charge(no="c1", owner=MERCHANT_NO, amount_fen=50)
    taken = DepositTaken(no="d1", owner=MERCHANT_NO, amount_fen=300)
    back = DepositGivenBack(no="d2", owner=MERCHANT_NO, amount_fen=200)
    receipt = Receipt(no="r1", channel_no=CHANNEL_NO, amount_fen=900)
    assert the_books(a_trade(), transfer, charge, taken, back, receipt) == PAID | {
        ("merchant.payable", MERCHANT_NO): 744,
        ("merchant.payable", OTHER_NO): 100,
        ("merchant.deposit", MERCHANT_NO): 100,
        ("platform.fee_income", "platform"): 56,
        ("channel.clearing", CHANNEL_NO): -97,
        ("platform.bank", "platform"): -900,
    }


def test_agents_get_their_parts_of_the_fee() -> None:
    shares = (Share(agent_no=AGENT_NO, amount_fen=2), Share(agent_no="agent_8", amount_fen=1))
    share = ProfitShare(no="p1", payment_id=PAYMENT_ID, shares=shares)
    assert the_books(a_trade(), share) == PAID | {
        ("platform.fee_income", "platform"): 3,
        ("agent.payable", AGENT_NO): 2,
        ("agent.payable", "agent_8"): 1,
    }


def test_an_agent_who_is_named_twice_gets_both_parts() -> None:
    shares = (Share(agent_no=AGENT_NO, amount_fen=2), Share(agent_no=AGENT_NO, amount_fen=1))
    share = ProfitShare(no="p1", payment_id=PAYMENT_ID, shares=shares)
    assert the_books(a_trade(), share)["agent.payable", AGENT_NO] == 3


def test_an_adjustment_moves_money_between_two_accounts_once_a_second_person_agrees() -> None:
    desk = Desk()
    desk.book(a_trade())
    numbers = [desk.account(*of).account_no for of in (("payable",), ("fee_income", "platform"))]
    proposal = ProposeAdjustment(
        adjustment_no="a1", debit_account_no=numbers[0], credit_account_no=numbers[1],
        amount_fen=94, **SIGNED,
    )  # fmt: skip
    assert desk.hear(proposal).refusal is None
    assert desk.balances() == PAID
    verdict = DecideAdjustment(adjustment_no="a1", verdict="approve", operator="wang")
    assert desk.hear(verdict).booking is not None
    moved = {("merchant.payable", MERCHANT_NO): 900, ("platform.fee_income", "platform"): 100}
    assert desk.balances() == PAID | moved
