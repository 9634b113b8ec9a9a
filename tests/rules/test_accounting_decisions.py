"""What accounting refuses, what it answers a second time, and what it never does twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from actors.accounting.shards import shard_of
from actors.accounting.wishes import trade_of
from bus.effects import Later
from schema.bookings import (
    Booked,
    PayoutCompleted,
    PayoutReturned,
    ProfitShare,
    Settlement,
    Share,
    Transfer,
)
from schema.messages.accounting import (
    ClearAlarm,
    DecideAdjustment,
    LedgerBroken,
    PayoutHasArrived,
    PayoutHasReturned,
    PayoutView,
    PlaceHold,
    PostBooking,
    ProposeAdjustment,
    ReleaseHold,
)
from tests.examples import MERCHANT_NO, NOW, PAYMENT_ID, a_paid_payment
from tests.rules.books import AGENT_NO, SIGNED, Desk, a_refund, a_trade, a_withdrawal

OTHER_NO = "1025112200002"
UNKNOWN_ID = f"{PAYMENT_ID[:-1]}z"


@pytest.fixture
def desk() -> Desk:
    """One trade is booked: the merchant has 9.94 yuan."""
    made = Desk()
    made.book(a_trade())
    return made


def test_a_payments_success_is_booked_as_ordering_has_told_it(desk: Desk) -> None:
    trade = trade_of(a_paid_payment(cost_fen=3))
    assert trade == a_trade()
    desk.hear(a_paid_payment(cost_fen=3))
    assert len(desk.ledger.bookings) == 1


@pytest.mark.parametrize(
    "wish",
    [a_trade(), a_refund(), a_withdrawal(), Settlement(no="s1", owner=MERCHANT_NO)],
    ids=lambda wish: wish.kind,
)
def test_a_wish_that_comes_again_gets_the_first_answer(desk: Desk, wish: Booked) -> None:
    first = desk.book(wish)
    picture = desk.picture()
    assert desk.book(wish, NOW + timedelta(hours=1)) == first
    assert desk.picture() == picture


@pytest.mark.parametrize(
    "wish", [a_trade(fee_fen=7), a_trade(merchant_no=OTHER_NO)], ids=["fee", "merchant"]
)
def test_a_number_stands_for_one_content(desk: Desk, wish: Booked) -> None:
    assert desk.refusal(wish) == "number_conflict"


REFUSED: list[tuple[str, Booked]] = [
    ("fee_above_amount", a_trade(UNKNOWN_ID, fee_fen=1_001)),
    ("trade_not_booked", a_refund(payment_id=UNKNOWN_ID)),
    ("refund_above_payment", a_refund(amount_fen=1_001)),
    ("insufficient_balance", a_refund(amount_fen=1_000)),
    ("not_of_this_payment", a_refund(merchant_no=OTHER_NO)),
    ("not_of_this_payment", a_refund(channel_no="wechat_b")),
    ("not_of_this_payment", a_refund(funds_flow="direct")),
    ("insufficient_balance", a_withdrawal(amount_fen=995)),
    ("insufficient_balance", a_withdrawal(amount_fen=994, fee_fen=1)),
    ("unknown_hold", a_withdrawal(hold_no="h9")),
    ("insufficient_balance", Settlement(no="s1", owner=MERCHANT_NO, amount_fen=995)),
    ("nothing_to_settle", Settlement(no="s1", owner=OTHER_NO)),
    ("nothing_to_settle", Settlement(no="s1", owner=MERCHANT_NO, amount_fen=5, fee_fen=5)),
    ("unknown_payout", PayoutCompleted(no="withdrawal:w9", owner=MERCHANT_NO)),
    ("unknown_payout", PayoutReturned(no="settlement:s9", owner=MERCHANT_NO)),
    ("same_account", Transfer(no="t", owner=MERCHANT_NO, to_owner=MERCHANT_NO, amount_fen=1)),
    ("insufficient_balance", Transfer(no="t", owner=OTHER_NO, to_owner=MERCHANT_NO, amount_fen=1)),
    (
        "share_above_fee",
        ProfitShare(
            no="p", payment_id=PAYMENT_ID, shares=(Share(agent_no=AGENT_NO, amount_fen=7),)
        ),
    ),
    (
        "trade_not_booked",
        ProfitShare(
            no="p", payment_id=UNKNOWN_ID, shares=(Share(agent_no=AGENT_NO, amount_fen=1),)
        ),
    ),
]


@pytest.mark.parametrize(("code", "wish"), REFUSED, ids=[f"{w.kind}-{c}" for c, w in REFUSED])
def test_what_may_not_be_is_refused_and_changes_nothing(
    desk: Desk, code: str, wish: Booked
) -> None:
    assert desk.refusal(wish) == code


def test_refunds_together_never_exceed_the_payment(desk: Desk) -> None:
    desk.book(a_trade(UNKNOWN_ID, amount_fen=100_000))  # he has enough for many
    answers = [desk.book(a_refund(f"r{n}", 300)) for n in range(5)]
    assert [a.refusal and a.refusal.code for a in answers] == [None] * 3 + [
        "refund_above_payment"
    ] * 2


def test_a_payout_ends_once(desk: Desk) -> None:
    desk.book(a_withdrawal())
    back = PayoutReturned(no="withdrawal:w1", owner=MERCHANT_NO)
    first = desk.book(back)
    assert desk.book(back) == first
    done = PayoutCompleted(no="withdrawal:w1", owner=MERCHANT_NO)
    assert desk.refusal(done) == "payout_ended"


def test_a_payout_is_ended_only_in_its_owners_name(desk: Desk) -> None:
    desk.book(a_withdrawal())
    assert desk.refusal(PayoutReturned(no="withdrawal:w1", owner=OTHER_NO)) == "unknown_payout"


def a_hold(**differences: Any) -> PlaceHold:
    usual = {"hold_no": "h1", "owner": MERCHANT_NO, "amount_fen": 500}
    return PlaceHold(**usual | SIGNED | differences)


def test_a_hold_with_an_end_releases_itself(desk: Desk) -> None:
    end = NOW + timedelta(days=1)
    desk.hear(a_hold(expires_at=end))
    (later,) = (effect for effect in desk.effects if isinstance(effect, Later))
    assert later.due_at == end
    assert desk.hear(later.message, end).booking is not None
    assert ("merchant.frozen", MERCHANT_NO) not in desk.balances()
    assert desk.refusal(a_release("again")) == "hold_ended"


def a_release(no: str, **differences: Any) -> ReleaseHold:
    usual = {"release_no": no, "hold_no": "h1", "owner": MERCHANT_NO}
    return ReleaseHold(**usual | SIGNED | differences)


def test_a_hold_gives_back_no_more_than_is_left(desk: Desk) -> None:
    desk.hear(a_hold())
    assert desk.refusal(a_release("l1", amount_fen=501)) == "hold_too_small"
    assert desk.hear(a_release("l2", amount_fen=200)).booking is not None
    assert desk.refusal(a_withdrawal(hold_no="h1", amount_fen=301)) == "hold_too_small"
    assert desk.refusal(a_release("l3", owner=OTHER_NO)) == "unknown_hold"


def test_a_proposal_can_be_decided_once_and_only_by_another(desk: Desk) -> None:
    desk.hear(a_proposal(desk))
    assert desk.refusal(verdict("lin")) == "maker_is_checker"
    assert desk.hear(verdict("wang", "reject")).refusal is None
    assert desk.refusal(verdict("wang")) == "adjustment_decided"
    assert desk.refusal(verdict("wang", adjustment_no="a9")) == "unknown_adjustment"


def test_an_approval_that_comes_again_gets_the_first_answer(desk: Desk) -> None:
    desk.hear(a_proposal(desk))
    first = desk.hear(verdict("wang"))
    assert first.booking is not None
    assert desk.hear(verdict("wang")) == first


def test_a_proposal_is_between_two_accounts_that_there_are(desk: Desk) -> None:
    numbers = {"debit_account_no": desk.account().account_no}
    same = a_proposal(desk, credit_account_no=numbers["debit_account_no"])
    assert desk.refusal(same) == "illegal_adjustment"
    assert desk.refusal(a_proposal(desk, credit_account_no="9" * 21)) == "unknown_account"
    desk.hear(a_proposal(desk))
    assert desk.refusal(a_proposal(desk, amount_fen=2)) == "number_conflict"


def a_proposal(desk: Desk, **differences: Any) -> ProposeAdjustment:
    usual = {
        "adjustment_no": "a1",
        "debit_account_no": desk.account().account_no,
        "credit_account_no": desk.account("fee_income", "platform").account_no,
        "amount_fen": 1,
    }
    return ProposeAdjustment(**usual | SIGNED | differences)


def verdict(operator: str, word: str = "approve", adjustment_no: str = "a1") -> DecideAdjustment:
    return DecideAdjustment(adjustment_no=adjustment_no, verdict=word, operator=operator)  # type: ignore


@pytest.mark.parametrize("kind", ["withdrawal", "settlement"])
def test_the_end_of_a_payout_is_told_and_told_again_alike(desk: Desk, kind: str) -> None:
    wish = a_withdrawal() if kind == "withdrawal" else Settlement(no="w1", owner=MERCHANT_NO)
    desk.book(wish)
    sent = next(iter(desk.ledger.payouts))
    done = PayoutCompleted(no=wish.key, owner=MERCHANT_NO)
    back = PayoutReturned(no=wish.key, owner=MERCHANT_NO)
    ended = {"payout_no": wish.key, "kind": kind, "role": "merchant", "owner": MERCHANT_NO,
             "currency": "CNY", "amount_fen": sent.amount_fen}  # fmt: skip
    for each, tells, fee_fen in (
        (done, PayoutHasArrived, 0),
        (back, PayoutHasReturned, sent.fee_fen),
    ):
        payout = PayoutView(**ended, returned_fee_fen=fee_fen, ended_at=NOW)
        for now in (NOW, NOW + timedelta(hours=1)):
            desk.book(each, now)
            assert desk.publishes() == [tells(payout=payout)]
    desk.book(PayoutCompleted(no="withdrawal:w9", owner=MERCHANT_NO))
    assert desk.publishes() == []


BROKEN = LedgerBroken(
    alarm_no="alm-1",
    check_name="balance",
    role="merchant",
    owner=MERCHANT_NO,
    account_no="1" * 21,
    detail="one fen is missing",
)


def test_an_alarm_stops_the_payouts_of_its_owner_and_of_nobody_else(desk: Desk) -> None:
    desk.book(a_trade(UNKNOWN_ID, merchant_no=OTHER_NO))
    desk.hear(BROKEN)
    for wish in (a_withdrawal(), Settlement(no="s1", owner=MERCHANT_NO)):
        assert desk.refusal(wish) == "payouts_stopped"
    assert desk.book(a_refund()).booking is not None
    other = Settlement(no="s2", owner=OTHER_NO)
    assert desk.book(other).booking is not None
    desk.hear(ClearAlarm(alarm_no="alm-1", **SIGNED))
    assert desk.book(a_withdrawal(amount_fen=100)).booking is not None


def test_an_alarm_that_is_told_again_stays_one(desk: Desk) -> None:
    desk.hear(BROKEN)
    desk.hear(BROKEN)
    assert len(list(desk.ledger.alarms)) == 1
    assert desk.refusal(ClearAlarm(alarm_no="alm-9", **SIGNED)) == "unknown_alarm"


def test_all_messages_about_one_owner_go_to_one_shard() -> None:
    messages = [
        a_paid_payment(),
        PostBooking(wish=a_trade()),
        PostBooking(wish=a_withdrawal()),
        PostBooking(wish=a_refund()),
        a_hold(),
        a_release("l1"),
    ]
    assert len({shard_of(message) for message in messages}) == 1
