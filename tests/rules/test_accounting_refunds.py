"""Refunds in the books: set aside, paid back or returned, each once, in whatever order it comes."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from actors.accounting.mispaid import alarm_of
from schema import ids
from schema.messages.accounting import ClearAlarm, LedgerBroken, RefundFunded, RefundUnfunded
from schema.messages.channels import AttemptMispaid, AttemptMispaidRetracted
from schema.messages.contract import Message
from schema.messages.ordering import (
    PaymentDuplicated,
    PaymentLatePaid,
    RefundFailed,
    RefundPlaced,
    RefundSucceeded,
)
from schema.payments import Refusal
from schema.refunds import RefundState, RefundTerms, RefundView
from tests.examples import (
    CHANNEL_NO,
    MERCHANT_NO,
    NOW,
    ORDER_NO,
    PAYMENT_ID,
    TRADE_NO,
    a_paid_payment,
)
from tests.rules.books import Desk

ATTEMPT_ID = ids.attempt_id(PAYMENT_ID, 1)
NO = Refusal(code="channel_refused", reason="NOT_ENOUGH")
PAID = {
    ("merchant.payable", MERCHANT_NO): 994,
    ("channel.clearing", CHANNEL_NO): -1_000,
    ("platform.fee_income", "platform"): 6,
}


def terms(number: str = "r1", **differences: Any) -> RefundTerms:
    usual: dict[str, Any] = {
        "refund_id": ids.refund_id(MERCHANT_NO, number, NOW), "kind": "merchant",
        "payment_id": PAYMENT_ID, "attempt_id": ATTEMPT_ID, "merchant_no": MERCHANT_NO,
        "channel_no": CHANNEL_NO, "channel_trade_no": TRADE_NO, "funds_flow": "platform",
        "pay_type": "wechat_native", "refund_fen": 300, "paid_fen": 1_000, "currency": "CNY",
        "opened_at": NOW, "paid_at": NOW,
    }  # fmt: skip
    return RefundTerms(**usual | differences)


def view(of: RefundTerms, state: RefundState) -> RefundView:
    return RefundView(
        id=of.refund_id, merchant_no=of.merchant_no, payment_id=of.payment_id, kind=of.kind,
        merchant_order_no=ORDER_NO, state=state, amount_fen=of.refund_fen, currency=of.currency,
        metadata={}, created_at=of.opened_at,
    )  # fmt: skip


def succeeded(of: RefundTerms) -> RefundSucceeded:
    return RefundSucceeded(refund=view(of, RefundState.SUCCEEDED), terms=of, refunded_at=NOW)


def failed(of: RefundTerms) -> RefundFailed:
    return RefundFailed(refund=view(of, RefundState.FAILED), terms=of, refusal=NO)


@pytest.fixture
def desk() -> Desk:
    made = Desk()
    made.hear(a_paid_payment())
    return made


def place(desk: Desk, of: RefundTerms) -> Message:
    """What the books say of it."""
    desk.hear(RefundPlaced(terms=of))
    (said,) = desk.publishes()
    return said


def test_a_refund_is_set_aside_and_then_paid_back_through_the_channel(desk: Desk) -> None:
    of = terms()
    assert place(desk, of) == RefundFunded(refund_id=of.refund_id, payment_id=PAYMENT_ID)
    assert desk.balances() == PAID | {
        ("merchant.payable", MERCHANT_NO): 694, ("merchant.refunding", MERCHANT_NO): 300,
    }  # fmt: skip
    desk.hear(succeeded(of))
    assert desk.balances() == PAID | {
        ("merchant.payable", MERCHANT_NO): 694, ("channel.clearing", CHANNEL_NO): -700,
    }  # fmt: skip


def test_a_refund_that_the_channel_did_not_make_leaves_nothing_behind(desk: Desk) -> None:
    of = terms()
    place(desk, of)
    desk.hear(failed(of))
    assert desk.balances() == PAID
    assert desk.ledger.trades.get(PAYMENT_ID).refunded_fen == 0  # type: ignore[union-attr]
    whole = terms("r2", refund_fen=994)
    assert isinstance(place(desk, whole), RefundFunded), "all of it may be refunded again"


@pytest.mark.parametrize("ended", [False, True])
def test_a_refund_that_was_returned_is_not_set_aside_by_a_late_message(
    desk: Desk, ended: bool
) -> None:
    of = terms()
    if ended:
        place(desk, of)
    desk.hear(failed(of))
    said = place(desk, of)
    assert isinstance(said, RefundUnfunded) and said.refusal.code == "refund_ended"
    assert desk.balances() == PAID


def test_a_refund_waits_for_its_trade_and_for_the_money(desk: Desk) -> None:
    early = place(desk, terms(payment_id=f"{PAYMENT_ID[:-1]}z"))
    assert isinstance(early, RefundUnfunded) and early.refusal.code == "trade_not_booked"
    short = place(desk, terms(refund_fen=1_000))
    assert isinstance(short, RefundUnfunded) and short.refusal.code == "insufficient_balance"
    assert desk.balances() == PAID


def test_fifty_at_once_of_sixty_percent_are_one(desk: Desk) -> None:
    said = [place(desk, terms(f"r{n}", refund_fen=600)) for n in range(50)]
    assert [type(each) for each in said].count(RefundFunded) == 1


def test_late_money_goes_back_whole_and_costs_the_merchant_nothing() -> None:
    desk = Desk()
    desk.hear(PaymentLatePaid(**asdict(a_paid_payment())))
    of = terms(kind="late", refund_fen=1_000)
    assert isinstance(place(desk, of), RefundFunded)
    desk.hear(succeeded(of))
    assert desk.balances() == {}


def test_where_the_channel_settles_to_the_merchant_only_the_fee_is_ours() -> None:
    desk = Desk()
    desk.hear(a_paid_payment(funds_flow="direct"))
    owed = {
        ("merchant.receivable", MERCHANT_NO): -6, ("platform.fee_income", "platform"): 6,
    }  # fmt: skip
    of = terms(kind="late", funds_flow="direct", refund_fen=1_000)
    assert desk.balances() == owed
    assert isinstance(place(desk, of), RefundFunded)
    assert desk.balances() == {}
    desk.hear(failed(of))
    assert desk.balances() == owed


TWICE = PaymentDuplicated(
    payment_id=PAYMENT_ID, merchant_no=MERCHANT_NO, attempt_id=ids.attempt_id(PAYMENT_ID, 12),
    channel_no=CHANNEL_NO, channel_trade_no="42", funds_flow="platform", amount_fen=1_000,
    currency="CNY", cost_fen=3, paid_at=NOW,
)  # fmt: skip


def test_money_that_was_paid_twice_lies_in_suspense_until_it_went_back() -> None:
    desk = Desk()
    desk.hear(TWICE)
    assert desk.balances()["platform.suspense", "platform"] == 1_000
    of = terms(kind="duplicate", refund_fen=1_000)
    assert isinstance(place(desk, of), RefundFunded)
    desk.hear(succeeded(of))
    assert desk.balances() == {
        ("channel.cost", CHANNEL_NO): -3, ("channel.clearing", CHANNEL_NO): 3,
    }  # fmt: skip
    desk.hear(replace(TWICE, funds_flow="direct", attempt_id=ids.attempt_id(PAYMENT_ID, 13)))
    assert len(desk.ledger.bookings) == 2, "what never was with us is not booked"


def mispaid(**differences: Any) -> tuple[AttemptMispaid, AttemptMispaidRetracted]:
    """A notice said that a fen is missing, and the channel has taken it back."""
    usual: dict[str, Any] = {
        "payment_id": PAYMENT_ID, "attempt_id": ATTEMPT_ID, "merchant_no": MERCHANT_NO,
        "channel_no": CHANNEL_NO, "funds_flow": "platform", "asked_fen": 1_000,
        "asked_currency": "CNY", "paid_fen": 999, "paid_currency": "CNY",
    }  # fmt: skip
    usual |= differences
    said = AttemptMispaid(**usual, channel_trade_no="42", paid_at=NOW)
    return said, AttemptMispaidRetracted(**usual)


def test_other_money_than_was_asked_for_lies_in_suspense(desk: Desk) -> None:
    desk.hear(mispaid()[0])
    assert desk.balances()["platform.suspense", "platform"] == 999
    (alarm,) = desk.publishes()
    assert isinstance(alarm, LedgerBroken) and alarm.check_name == "mispaid"
    desk.hear(alarm)
    assert [a.alarm_no for a in desk.ledger.alarms] == [f"mispaid.{ATTEMPT_ID}"]


def test_what_was_said_wrongly_is_reversed_in_the_books_and_its_alarm_ends() -> None:
    desk, (said, taken_back) = Desk(), mispaid()
    desk.hear(said)
    desk.hear(desk.publishes()[0])
    desk.hear(taken_back)
    assert desk.balances() == {}
    keys = [booking.booking_key for booking in desk.ledger.bookings]
    number = f"mispaid.{ATTEMPT_ID}"
    assert keys == [f"unexplained:{number}", f"unexplained_retracted:{number}"]
    (alarm,) = desk.ledger.alarms
    assert (alarm.raised_at, alarm.cleared_at, alarm.cleared_by) == (NOW, NOW, "system")
    assert alarm.reason and "what it had said before was wrong" in alarm.reason


@pytest.mark.parametrize(
    "difference", [{"funds_flow": "direct"}, {"paid_currency": "USD"}, {"paid_fen": 0}]
)
def test_of_what_was_never_in_the_books_only_the_alarm_ends(difference: dict[str, Any]) -> None:
    desk, (said, taken_back) = Desk(), mispaid(**difference)
    desk.hear(said)
    desk.hear(desk.publishes()[0])
    desk.hear(taken_back)
    assert desk.ledger.bookings == []
    assert [alarm.cleared_at for alarm in desk.ledger.alarms] == [NOW]


@given(st.lists(st.sampled_from(["said", "alarm", "taken_back"]), max_size=8), st.randoms())
def test_raising_and_taking_back_come_to_the_same_in_whatever_order_and_however_often(
    again: list[str], lots: Random
) -> None:
    said, taken_back = mispaid()
    facts = {"said": said, "alarm": alarm_of(said), "taken_back": taken_back}
    heard = [*facts, *again]
    lots.shuffle(heard)
    desk = Desk()
    for word in heard:
        desk.hear(facts[word])
    assert desk.balances() == {} and len(desk.ledger.bookings) == 2
    assert [alarm.cleared_at for alarm in desk.ledger.alarms] == [NOW]


def test_a_lie_about_what_was_paid_twice_leaves_what_was_paid_twice() -> None:
    desk = Desk()
    for fact in (*mispaid(attempt_id=TWICE.attempt_id), TWICE):
        desk.hear(fact)
    assert desk.balances()["platform.suspense", "platform"] == 1_000


def test_what_a_person_has_cleared_keeps_the_persons_reason() -> None:
    desk, (said, taken_back) = Desk(), mispaid()
    desk.hear(said)
    desk.hear(desk.publishes()[0])
    desk.hear(ClearAlarm(alarm_no=f"mispaid.{ATTEMPT_ID}", operator="lin", reason="a typo"))
    desk.hear(taken_back)
    assert [(a.cleared_by, a.reason) for a in desk.ledger.alarms] == [("lin", "a typo")]


FACTS = {"place": lambda of: RefundPlaced(terms=of), "done": succeeded, "no": failed}


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(sorted(FACTS))), max_size=16))
def test_whatever_comes_again_and_in_whatever_order_each_refund_ends_once(
    said: list[tuple[int, str]],
) -> None:
    desk, ends = Desk(), dict[int, str]()
    desk.hear(a_paid_payment())
    for which, word in said:
        of, ended = terms(f"r{which}", refund_fen=240), ends.get(which)
        known = desk.ledger.refunds.get(of.refund_id)
        if word == "done" and (known is None or known.state == "returned"):
            continue  # ordering says so only of what was funded
        if word == "no" and ended == "done":
            continue  # and of what was paid back it never says that
        desk.hear(FACTS[word](of))
        if word != "place":
            ends.setdefault(which, word)
        waiting = [r for r in desk.ledger.refunds if r.state == "waiting"]
        set_aside = desk.balances().get(("merchant.refunding", MERCHANT_NO), 0)
        assert set_aside == sum(r.amount_fen for r in waiting)
        assert sum(desk.balances().values()) == 0
    done = sum(240 for end in ends.values() if end == "done")
    assert desk.balances()["channel.clearing", CHANNEL_NO] == done - 1_000
