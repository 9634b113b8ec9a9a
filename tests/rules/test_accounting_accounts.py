"""Accounts: who may put money in or take it out, what operators may order, and the risk reserve."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.accounting.account import MOVES, ORDERS, moved, reckoned
from actors.accounting.chart import AccountKey
from actors.accounting.rates import Rate
from schema.accounts import AccountOrder, AccountState, RatePlan
from schema.bookings import PayoutReturned, Settlement, Transfer
from schema.days import start_of
from schema.messages.accounting import ChangeAccount, ConfigureAccount, PlaceHold
from tests.examples import MERCHANT_NO, NOW
from tests.rules.books import SIGNED, Desk, a_refund, a_trade, a_withdrawal, an_account

PAYABLE = AccountKey("merchant", "payable", MERCHANT_NO, "CNY")

MAY_COME_IN = {AccountState.AVAILABLE, AccountState.FREEZE_DEBIT}
MAY_GO_OUT = {AccountState.AVAILABLE, AccountState.FREEZE_CREDIT}


def test_every_order_in_every_state_has_its_place_in_the_table() -> None:
    assert set(MOVES) == set(product(AccountState, ORDERS))


@pytest.mark.parametrize("order", ORDERS)
def test_a_cancelled_account_stays_cancelled(order: AccountOrder) -> None:
    assert MOVES[AccountState.CANCELLED, order] == AccountState.CANCELLED


@pytest.mark.parametrize("state", AccountState)
def test_an_unfrozen_account_is_as_it_was_before_any_freeze(state: AccountState) -> None:
    if state != AccountState.CANCELLED:
        assert MOVES[state, "unfreeze"] == AccountState.AVAILABLE


def a_desk_with_money(state: AccountState) -> Desk:
    desk = Desk()
    desk.book(a_trade())
    desk.keep(state=state)
    return desk


@pytest.mark.parametrize("state", sorted(set(AccountState) - {AccountState.CANCELLED}))
def test_money_goes_out_only_where_the_state_lets_it(state: AccountState) -> None:
    desk = a_desk_with_money(state)
    wishes = (a_withdrawal(), a_refund(), Settlement(no="s1", owner=MERCHANT_NO))
    for wish in wishes:
        if state in MAY_GO_OUT:
            assert desk.book(wish).booking is not None
            desk = a_desk_with_money(state)
        else:
            assert desk.refusal(wish) == "account_frozen"


@pytest.mark.parametrize("state", AccountState)
def test_money_from_another_owner_comes_in_only_where_the_state_lets_it(
    state: AccountState,
) -> None:
    desk = Desk()
    giver = "1025112200002"
    desk.book(a_trade(merchant_no=giver))
    desk.keep(state=state)
    gift = Transfer(no="t1", owner=giver, to_owner=MERCHANT_NO, amount_fen=100)
    if state in MAY_COME_IN:
        assert desk.book(gift).booking is not None
    else:
        assert desk.refusal(gift) == "account_frozen"


@pytest.mark.parametrize("state", AccountState)
def test_a_payers_money_is_never_refused_and_waits_in_suspense(state: AccountState) -> None:
    desk = Desk()
    desk.keep(state=state)
    assert desk.book(a_trade()).booking is not None
    place = "payable" if state in MAY_COME_IN else "suspense"
    assert desk.balances()[f"merchant.{place}", MERCHANT_NO] == 994


def test_a_returned_payout_waits_in_suspense_while_its_owner_is_frozen() -> None:
    desk = a_desk_with_money(AccountState.AVAILABLE)
    desk.book(a_withdrawal())
    desk.keep(state=AccountState.FROZEN)
    assert desk.book(PayoutReturned(no="withdrawal:w1", owner=MERCHANT_NO)).booking is not None
    assert desk.balances()["merchant.suspense", MERCHANT_NO] == 500


def order(desk: Desk, what: AccountOrder, no: str = "c1") -> ChangeAccount:
    return ChangeAccount(change_no=no, account_no=desk.account().account_no, order=what, **SIGNED)


def test_an_order_moves_the_account_and_leaves_a_line_in_its_history() -> None:
    desk = a_desk_with_money(AccountState.AVAILABLE)
    answer = desk.hear(order(desk, "freeze_debit"))
    assert answer.account is not None and answer.account.state == AccountState.FREEZE_DEBIT
    (line,) = desk.ledger.changes
    assert (line.before, line.after, line.operator, line.reason) == (
        "available", "freeze_debit", "lin", "asked for",
    )  # fmt: skip


def test_an_order_that_comes_again_changes_nothing_and_gets_the_same_answer() -> None:
    desk = a_desk_with_money(AccountState.AVAILABLE)
    first = desk.hear(order(desk, "freeze"))
    picture = desk.picture()
    assert desk.hear(order(desk, "freeze")) == first
    assert desk.picture() == picture


def test_an_orders_number_stands_for_one_order() -> None:
    desk = a_desk_with_money(AccountState.AVAILABLE)
    desk.hear(order(desk, "freeze"))
    assert desk.refusal(order(desk, "unfreeze")) == "number_conflict"


@pytest.mark.parametrize(
    ("state", "what"),
    [pair for pair, state in MOVES.items() if state == pair[0]],
)
def test_an_order_that_would_change_nothing_is_refused(
    state: AccountState, what: AccountOrder
) -> None:
    desk = Desk()
    desk.keep(state=state)
    assert desk.refusal(order(desk, what)) == "illegal_change"


def test_an_account_is_cancelled_only_when_nothing_is_left() -> None:
    desk = a_desk_with_money(AccountState.AVAILABLE)
    assert desk.refusal(order(desk, "cancel")) == "balance_not_zero"
    desk.book(a_withdrawal(amount_fen=994))
    assert desk.account().balance_fen == 0
    assert desk.refusal(order(desk, "cancel")) == "balance_not_zero"  # it is on its way


def test_an_empty_account_can_be_cancelled() -> None:
    desk = Desk()
    desk.keep()
    answer = desk.hear(order(desk, "cancel"))
    assert answer.account is not None and answer.account.state == AccountState.CANCELLED


def test_a_floor_below_zero_is_credit_that_the_owner_may_use() -> None:
    desk = a_desk_with_money(AccountState.AVAILABLE)
    lower = ConfigureAccount(
        change_no="c1", account_no=desk.account().account_no, floor_fen=-100, **SIGNED
    )
    assert desk.refusal(a_hold(995)) == "insufficient_balance"
    desk.hear(lower)
    assert desk.hear(a_hold(1_094)).booking is not None
    assert desk.refusal(a_hold(1, no="h2")) == "insufficient_balance"


def a_hold(amount_fen: int, no: str = "h1") -> PlaceHold:
    return PlaceHold(hold_no=no, owner=MERCHANT_NO, amount_fen=amount_fen, **SIGNED)


def test_a_hold_does_not_mind_a_freeze_since_the_money_stays_the_owners() -> None:
    assert a_desk_with_money(AccountState.FROZEN).hear(a_hold(100)).booking is not None


# The risk reserve 风险预存期, by the worked example of the founding system: reserve one day, fee
# 10 %; trades of 100 yuan on 17, 18, 19 and 20 April.


def april(day: int, hour: int = 12) -> datetime:
    return start_of(date(2026, 4, day)) + timedelta(hours=hour)


def test_what_is_traded_today_is_in_reserve_and_a_withdrawal_takes_from_outside_first() -> None:
    account = an_account(1, PAYABLE, reserve_days=1)
    for day in (17, 18, 19, 20):
        account = reckoned(account, 0, april(day).date())  # 01:00: nothing was traded today yet
        account = moved(account, 9_000, "trade", april(day))
    assert (account.balance_fen, account.out_of_reserve_fen) == (36_000, 27_000)
    account = moved(account, -14_000, "withdrawal", april(20, 13))
    assert (account.balance_fen, account.out_of_reserve_fen) == (22_000, 13_000)


def test_a_withdrawal_or_settlement_is_never_paid_from_the_reserve() -> None:
    desk = Desk()
    desk.keep(reserve_days=1)
    desk.book(a_trade())
    assert desk.refusal(a_withdrawal(amount_fen=1)) == "insufficient_balance"
    assert desk.refusal(Settlement(no="s1", owner=MERCHANT_NO)) == "nothing_to_settle"
    assert desk.book(a_refund()).booking is not None  # the payer gets his money all the same


def test_where_a_part_of_the_reserve_is_used_there_is_nothing_to_settle_at_any_rate() -> None:
    desk = Desk()
    desk.keep(reserve_days=1)
    desk.book(a_trade())
    desk.book(a_refund())
    rate = {"rate_no": "r1", "account_id": desk.account().account_id, "plan": RatePlan(fixed_fen=1)}
    desk.price(Rate(**rate, kind="settlement", effective_at=NOW, set_at=NOW, **SIGNED))
    assert desk.account().out_of_reserve_fen < 0
    assert desk.refusal(Settlement(no="s1", owner=MERCHANT_NO)) == "nothing_to_settle"


def test_what_comes_back_of_a_payout_is_outside_the_reserve() -> None:
    account = an_account(1, PAYABLE, reserve_days=1)
    account = moved(account, 500, "payout_returned", NOW)
    assert account.out_of_reserve_fen == 500


def test_money_does_not_leave_the_reserve_by_being_set_aside_and_released() -> None:
    account = moved(an_account(1, PAYABLE, reserve_days=1), 500, "trade", NOW)
    for amount, kind in ((-400, "hold"), (400, "release"), (-500, "hold"), (500, "release")):
        account = moved(account, amount, kind, NOW)
    assert (account.balance_fen, account.out_of_reserve_fen) == (500, 0)
    assert moved(account, 100, "transfer", NOW).out_of_reserve_fen == 100


@given(
    st.lists(
        st.tuples(st.integers(-1_000, 1_000), st.sampled_from(["trade", "refund", "transfer"])),
        max_size=30,
    ),
    st.integers(0, 2),
)
def test_what_is_out_of_reserve_is_never_more_than_there_is(
    steps: list[tuple[int, str]], reserve_days: int
) -> None:
    account = an_account(1, PAYABLE, reserve_days=reserve_days, floor_fen=None)
    for amount, kind in steps:
        account = moved(account, amount, kind, NOW)
        assert account.out_of_reserve_fen <= account.balance_fen


@given(st.lists(st.integers(0, 10_000), max_size=10))
def test_the_time_of_an_account_never_goes_back(seconds: list[int]) -> None:
    account = an_account(1, PAYABLE)
    times = []
    for second in seconds:
        account = moved(account, 1, "trade", NOW + timedelta(seconds=second))
        times.append(account.moved_at)
    assert times == sorted(times)
    assert account.serial == len(seconds)
