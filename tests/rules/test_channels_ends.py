"""How attempts end that nobody has paid, and money that is not what was asked for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from actors.channels.attempts.attempt import AttemptState
from actors.channels.attempts.closing import (
    AFTER_CLOSE_S,
    FORGOTTEN_AFTER,
    LOOKED_FOR,
    never_asked,
)
from actors.channels.attempts.mispaid import doubts_success
from actors.channels.attempts.rules import hear, hear_notice, next_attempt
from bus.decider import Decision
from schema import ids
from schema.channels import NotKnownThere, Paid, Pending, SurelyNotPaid, Unknown, Verdict
from schema.messages.channels import (
    AttemptClosed,
    AttemptMispaid,
    AttemptMispaidRetracted,
    AttemptSucceeded,
    AttemptUnknown,
)
from tests.examples import CODE, NOW, PAYMENT_ID, TRADE_NO, a_channel, an_attempt, some_terms

CLOSED = SurelyNotPaid(code="CLOSED", message="closed at our request")
NOT_THERE = NotKnownThere(code="ORDER_NOT_EXIST")
SHOWN = an_attempt(state=AttemptState.CLOSING, offer=CODE)
EXPIRES_AT = some_terms().expires_at
PAID = Paid(channel_payment_id=TRADE_NO, amount_fen=1_000, currency="CNY", paid_at=NOW)


def test_the_channels_word_closes_and_is_told() -> None:
    decision = hear(SHOWN, CLOSED, a_channel(), NOW)
    (after,) = decision.changes
    assert (after.state, after.channel_code) == (AttemptState.CLOSED, "CLOSED")
    assert after.query_at == NOW + timedelta(seconds=AFTER_CLOSE_S[0])
    assert [effect.message for effect in decision.effects] == [
        AttemptClosed(
            payment_id=PAYMENT_ID, attempt_id=SHOWN.attempt_id, channel_no=SHOWN.channel_no
        )
    ]


@pytest.mark.parametrize("word", [Pending(code="NOTPAY"), Unknown(why="no_answer"), NOT_THERE])
@pytest.mark.parametrize("days", [0, 30])
def test_what_proves_nothing_closes_nothing_at_any_age(word: Verdict, days: int) -> None:
    now = EXPIRES_AT - timedelta(seconds=1) if word is NOT_THERE else NOW + timedelta(days=days)
    decision = hear(SHOWN, word, a_channel(), now)
    (after,) = decision.changes
    assert (after.state, decision.effects) == (AttemptState.CLOSING, ())
    assert after.query_at is not None and after.query_at > now


def test_an_order_unknown_there_is_closed_once_what_the_payer_holds_is_past_its_life() -> None:
    (after,) = hear(SHOWN, NOT_THERE, a_channel(), EXPIRES_AT + FORGOTTEN_AFTER).changes
    assert after.state is AttemptState.CLOSED


def test_an_order_unknown_there_that_nobody_was_shown_is_closed_at_once() -> None:
    (after,) = hear(replace(SHOWN, offer=None), NOT_THERE, a_channel(), NOW).changes
    assert after.state is AttemptState.CLOSED


def test_at_the_till_an_order_unknown_there_may_still_be_on_its_way() -> None:
    terms = some_terms(pay_type="wechat_barcode")
    attempt = replace(SHOWN, offer=None, terms=terms)
    (after,) = hear(attempt, NOT_THERE, a_channel(), NOW).changes
    assert after.state is AttemptState.CLOSING


@pytest.mark.parametrize("state", [AttemptState.CLOSING, AttemptState.CLOSED, AttemptState.FAILED])
def test_money_counts_whatever_was_wished_or_proved(state: AttemptState) -> None:
    decision = hear(replace(SHOWN, state=state), PAID, a_channel(), NOW)
    assert decision.changes[0].state is AttemptState.SUCCEEDED
    assert isinstance(decision.effects[0].message, AttemptSucceeded)


def test_a_closed_order_is_looked_at_twice_more_and_then_left_to_the_bill() -> None:
    attempt = replace(SHOWN, state=AttemptState.CLOSED, queries=0)
    (once,) = hear(attempt, CLOSED, a_channel(), NOW).changes
    (twice,) = hear(once, CLOSED, a_channel(), NOW).changes
    assert once.query_at == NOW + timedelta(seconds=AFTER_CLOSE_S[1])
    assert (twice.query_at, twice.state) == (None, AttemptState.CLOSED)


def test_a_last_look_that_got_no_answer_is_taken_again_for_a_day() -> None:
    attempt, silent = replace(SHOWN, state=AttemptState.CLOSED, queries=0), Unknown(why="no_answer")
    (once,) = hear(attempt, silent, a_channel(), NOW).changes
    assert (once.queries, once.query_at) == (1, NOW + timedelta(seconds=AFTER_CLOSE_S[1]))
    (again,) = hear(once, silent, a_channel(), NOW).changes
    assert (again.queries, again.query_at) == (1, NOW + timedelta(seconds=AFTER_CLOSE_S[1]))
    (seen,) = hear(again, CLOSED, a_channel(), NOW).changes
    (late,) = hear(again, silent, a_channel(), EXPIRES_AT + LOOKED_FOR).changes
    assert (seen.query_at, late.query_at) == (None, None)


def test_where_no_channel_was_asked_the_first_attempt_stands_closed() -> None:
    attempt = never_asked(some_terms(), NOW)
    assert attempt.attempt_id == ids.attempt_id(PAYMENT_ID, 1), "whoever makes it finds it there"
    assert (attempt.state, attempt.channel_no, attempt.query_at) == (AttemptState.CLOSED, "", None)


@pytest.mark.parametrize("came", [{"amount_fen": 999}, {"amount_fen": 2_000}, {"currency": "JPY"}])
def test_other_money_than_was_asked_for_is_told_once_and_is_no_success(came: dict) -> None:
    attempt, wrong = an_attempt(), replace(PAID, **came)
    decision = hear(attempt, wrong, a_channel(funds_flow="platform"), NOW)
    said = [type(effect.message) for effect in decision.effects]
    assert said == [AttemptUnknown, AttemptMispaid]
    mispaid = decision.effects[1].message
    assert (mispaid.asked_fen, mispaid.paid_fen) == (1_000, wrong.amount_fen)
    again = hear(decision.changes[0], wrong, a_channel(), NOW)
    assert (again.effects, again.changes[0].state) == ((), AttemptState.UNKNOWN)


FIRST_LIE = replace(PAID, amount_fen=999)
LIED_ABOUT = hear_notice(SHOWN, FIRST_LIE, a_channel(funds_flow="platform"), NOW).changes[0]
"""An attempt of which a notice has said that a fen is missing."""


def test_what_was_said_of_other_money_is_asked_about_soon() -> None:
    assert LIED_ABOUT.query_at == NOW + timedelta(seconds=5)


def test_the_channels_answer_takes_back_what_its_notice_said() -> None:
    after = hear(LIED_ABOUT, PAID, a_channel(funds_flow="direct"), NOW)
    assert after.changes[0].state is AttemptState.SUCCEEDED
    paid, retracted = (effect.message for effect in after.effects)
    assert isinstance(paid, AttemptSucceeded)
    assert retracted == AttemptMispaidRetracted(
        payment_id=PAYMENT_ID,
        attempt_id=SHOWN.attempt_id,
        merchant_no=SHOWN.terms.merchant_no,
        channel_no=SHOWN.channel_no,
        funds_flow="platform",  # as it was when it was booked
        asked_fen=1_000,
        asked_currency="CNY",
        paid_fen=999,
        paid_currency="CNY",
    )
    assert hear(after.changes[0], FIRST_LIE, a_channel(), NOW).changes == ()


def test_other_money_that_is_told_of_a_success_changes_nothing_and_is_noticed() -> None:
    (succeeded,) = hear(SHOWN, PAID, a_channel(), NOW).changes
    assert hear_notice(succeeded, FIRST_LIE, a_channel(), NOW) == Decision()
    assert doubts_success(succeeded, FIRST_LIE)
    assert not doubts_success(succeeded, PAID), "a notice that comes twice"
    assert not doubts_success(SHOWN, FIRST_LIE), "that has a way of its own"


def test_another_notice_takes_nothing_back_and_the_channel_is_asked_at_once() -> None:
    decision = hear_notice(LIED_ABOUT, PAID, a_channel(), NOW)
    (after,) = decision.changes
    assert (after.state, after.query_at, decision.effects) == (AttemptState.CLOSING, NOW, ())


def test_a_failed_attempt_can_be_asked_about_again_when_its_notices_contradict_each_other() -> None:
    failed = replace(LIED_ABOUT, state=AttemptState.FAILED, query_at=None)
    (after,) = hear_notice(failed, PAID, a_channel(), NOW).changes
    assert (after.state, after.query_at) == (AttemptState.UNKNOWN, NOW)


@pytest.mark.parametrize("word", [FIRST_LIE, replace(FIRST_LIE, amount_fen=998)])
def test_the_channels_answer_confirms_what_its_notice_said_and_all_stays_as_it_is(
    word: Verdict,
) -> None:
    between = hear(LIED_ABOUT, Pending(code="NOTPAY"), a_channel(), NOW).changes[0]
    for attempt in (LIED_ABOUT, between):
        decision = hear(attempt, word, a_channel(), NOW)
        (after,) = decision.changes
        assert (after.state, decision.effects) == (AttemptState.CLOSING, ())
        assert after.mispaid == LIED_ABOUT.mispaid, "what lies in suspense"


def test_where_money_was_spoken_of_no_other_channel_is_asked() -> None:
    attempt = replace(
        an_attempt("wechat_1", "wechat_2"), mispaid=LIED_ABOUT.mispaid, state=AttemptState.UNKNOWN
    )
    refused = SurelyNotPaid(code="ORDERNOTEXIST", message="no such order")
    (failed,) = hear(attempt, refused, a_channel(), NOW).changes
    assert (failed.state, failed.channel_no) == (AttemptState.FAILED, "wechat_1")
    following = next_attempt(attempt, NOW)
    assert following is not None and following.mispaid is None
