"""What each word of a channel makes of an attempt, in every state: never a guess about money."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from actors.channels.attempts.attempt import Attempt, AttemptState
from actors.channels.attempts.closing import AFTER_CLOSE_S
from actors.channels.attempts.rules import first_attempt, hear, hear_notice
from actors.channels.ladders import LADDER_S
from bus.decider import Decision
from bus.effects import Publish
from schema import ids
from schema.channels import (
    AtTheTill,
    Cause,
    NotKnownThere,
    Paid,
    Pending,
    SurelyNotPaid,
    Unknown,
    Verdict,
)
from schema.messages.channels import (
    AttemptClosed,
    AttemptFailed,
    AttemptPending,
    AttemptSucceeded,
    AttemptUnknown,
)
from schema.messages.contract import Message
from schema.payments import Refusal
from tests.examples import (
    CHANNEL_NO,
    CODE,
    NOW,
    PASSED,
    PAYMENT_ID,
    TRADE_NO,
    a_channel,
    a_routed_payment,
    an_attempt,
    some_terms,
)

PAID = Paid(channel_payment_id=TRADE_NO, amount_fen=1_000, currency="CNY", paid_at=NOW)
VERDICTS: dict[str, Verdict] = {
    "paid": PAID,
    "paid and given back": replace(PAID, is_refunded=True),
    "paid too little": replace(PAID, amount_fen=999),
    "paid in yen": replace(PAID, currency="JPY"),
    "shown": Pending(offer=CODE),
    "waiting": Pending(code="NOTPAY", message="not paid yet"),
    "not paid": SurelyNotPaid(code="RULE_LIMIT", message="too much for one day"),
    "not there": NotKnownThere(code="ORDER_NOT_EXIST", message="no such order"),
    "silent": Unknown(why="no_answer"),
}

O, W, P, U, C, S, F, E = AttemptState  # noqa: E741 - the columns' heads
# fmt: off
BECOMES: dict[str, tuple[AttemptState, ...]] = {
    #                       O  W  P  U  C  S  F  E    what the attempt was
    "paid":                (S, S, S, S, S, S, S, S),
    "paid and given back": (S, S, S, S, S, S, S, S),
    "paid too little":     (U, U, P, U, C, S, U, U),
    "paid in yen":         (U, U, P, U, C, S, U, U),
    "shown":               (P, P, P, P, C, S, F, E),
    "waiting":             (O, W, P, U, C, S, F, E),
    "not paid":            (F, F, E, F, E, S, F, E),  # who holds an offer can't pay it any more
    "not there":           (U, U, P, U, E, S, F, E),
    "silent":              (U, U, P, U, C, S, F, E),
}
# fmt: on
EVERY_PAIR = [(said, was) for said in VERDICTS for was in AttemptState]


def an_attempt_in(state: AttemptState, *ranked: str, **differences: Any) -> Attempt:
    """Pending and succeeded attempts have shown a code; succeeded ones have the money."""
    has_code, has_money = state in (P, S), state is S
    usual: dict[str, Any] = {
        "offer": CODE if has_code else None,
        "paid_fen": 1_000 if has_money else None,
        "query_at": None if state in (S, F, E) else NOW,
    }
    return an_attempt(*ranked, state=state, **usual | differences)


def heard(attempt: Attempt, verdict: Verdict) -> Decision:
    return hear(attempt, verdict, a_channel(channel_no=attempt.channel_no), NOW)


def said(decision: Decision) -> list[Message]:
    for effect in decision.effects:
        assert isinstance(effect, Publish) and effect.subject == PAYMENT_ID
    return [effect.message for effect in decision.effects]


def after(attempt: Attempt, decision: Decision) -> Attempt:
    """The attempt itself as it stands then, whatever else was opened."""
    changed = [each for each in decision.changes if each.attempt_id == attempt.attempt_id]
    return changed[0] if changed else attempt


@pytest.mark.parametrize(("word", "was"), EVERY_PAIR, ids=str)
def test_a_word_makes_of_an_attempt_what_the_table_says(word: str, was: AttemptState) -> None:
    attempt = an_attempt_in(was)
    becomes = BECOMES[word][list(AttemptState).index(was)]
    assert after(attempt, heard(attempt, VERDICTS[word])).state is becomes


@pytest.mark.parametrize(("word", "was"), EVERY_PAIR, ids=str)
def test_only_the_whole_money_succeeds_and_only_a_proof_fails(word: str, was: AttemptState) -> None:
    attempt = an_attempt_in(was, CHANNEL_NO, "wechat_b")
    decision = heard(attempt, VERDICTS[word])
    now, messages = after(attempt, decision), {type(message) for message in said(decision)}
    if now.state is not was:
        assert (now.state is S) is (VERDICTS[word] in (PAID, VERDICTS["paid and given back"]))
        ended = isinstance(VERDICTS[word], SurelyNotPaid) or (was, word) == (C, "not there")
        assert (now.state in (F, E)) is ended
    assert (AttemptSucceeded in messages) is (now.state is S and was is not S)
    assert len(decision.changes) < 2 or isinstance(VERDICTS[word], SurelyNotPaid)


@pytest.mark.parametrize(("word", "was"), EVERY_PAIR, ids=str)
def test_an_open_attempt_is_asked_about_and_a_closed_one_is_left_alone(
    word: str, was: AttemptState
) -> None:
    attempt = an_attempt_in(was)
    now = after(attempt, heard(attempt, VERDICTS[word]))
    assert (now.query_at is None) is (now.state in (S, F))
    if was is E and now.state is E:
        assert now.query_at == NOW + timedelta(seconds=AFTER_CLOSE_S[1]), "once more, for good luck"


def test_money_is_told_with_the_channels_own_number_and_where_it_settles_to() -> None:
    decision = hear(an_attempt(), PAID, a_channel(funds_flow="platform"), NOW)
    assert said(decision) == [
        AttemptSucceeded(
            payment_id=PAYMENT_ID,
            attempt_id=an_attempt().attempt_id,
            channel_no=CHANNEL_NO,
            channel_trade_no=TRADE_NO,
            amount_fen=1_000,
            funds_flow="platform",
            paid_at=NOW,
            risk=PASSED,
        )
    ]
    (change,) = decision.changes
    assert (change.paid_fen, change.channel_trade_no, change.paid_at) == (1_000, TRADE_NO, NOW)


def test_money_after_a_proof_that_there_was_none_is_money() -> None:
    attempt = an_attempt_in(F)
    assert [type(message) for message in said(heard(attempt, PAID))] == [AttemptSucceeded]


def test_a_wrong_amount_is_kept_for_a_person_to_look_at() -> None:
    (change,) = heard(an_attempt(), VERDICTS["paid too little"]).changes
    words = "asked for 1000 CNY, paid 999 CNY"
    assert (change.channel_code, change.channel_message) == ("amount_mismatch", words)
    assert change.paid_fen is None


def test_a_code_is_told_each_time_it_is_given() -> None:
    for was in (O, P, U):
        message = AttemptPending(
            payment_id=PAYMENT_ID,
            attempt_id=an_attempt().attempt_id,
            channel_no=CHANNEL_NO,
            offer=CODE,
            risk=PASSED,
        )
        assert said(heard(an_attempt_in(was), VERDICTS["shown"])) == [message]


def test_a_code_that_comes_after_the_money_still_answers_whoever_waits() -> None:
    attempt = an_attempt_in(S, offer=None)
    decision = heard(attempt, VERDICTS["shown"])
    assert [type(message) for message in said(decision)] == [AttemptPending]
    assert after(attempt, decision) == replace(attempt, offer=CODE, answered_at=NOW)
    assert heard(an_attempt_in(S), VERDICTS["shown"]) == Decision()


def test_not_knowing_is_told_once() -> None:
    first = heard(an_attempt(), VERDICTS["silent"])
    assert said(first) == [
        AttemptUnknown(
            payment_id=PAYMENT_ID,
            attempt_id=an_attempt().attempt_id,
            channel_no=CHANNEL_NO,
            refusal=Refusal(code="channel_unknown", reason="no_answer: "),
            risk=PASSED,
        )
    ]
    assert said(heard(after(an_attempt(), first), VERDICTS["silent"])) == []


def test_a_code_that_the_payer_holds_is_not_taken_away_by_silence() -> None:
    decision = heard(an_attempt_in(P), VERDICTS["silent"])
    assert said(decision) == []
    assert decision.changes[0].offer == CODE


@pytest.mark.parametrize("word", [word for word in VERDICTS if word != "not paid"])
def test_without_a_proof_no_other_channel_is_tried(word: str) -> None:
    for was in AttemptState:
        attempt = an_attempt_in(was, CHANNEL_NO, "wechat_b")
        opened = [each for each in heard(attempt, VERDICTS[word]).changes if each.rank > 1]
        assert opened == []


@pytest.mark.parametrize("was", [O, U])
def test_a_proof_opens_the_attempt_at_the_next_channel(was: AttemptState) -> None:
    attempt = an_attempt_in(was, CHANNEL_NO, "wechat_b", queries=3, channel_code="SYSTEM_ERROR")
    decision = heard(attempt, VERDICTS["not paid"])
    failed, following = decision.changes
    assert (failed.state, failed.channel_code) == (F, "RULE_LIMIT")
    assert following == an_attempt(
        CHANNEL_NO,
        "wechat_b",
        attempt_id=ids.attempt_id(PAYMENT_ID, 2),
        channel_no="wechat_b",
        rank=2,
    )
    assert said(decision) == [], "nothing is told before somebody has a definite answer"


def test_the_last_channels_proof_fails_the_payment() -> None:
    attempt = an_attempt(
        CHANNEL_NO, "wechat_b", attempt_id=ids.attempt_id(PAYMENT_ID, 2), channel_no="wechat_b",
        rank=2,
    )  # fmt: skip
    assert said(heard(attempt, VERDICTS["not paid"])) == [
        AttemptFailed(
            payment_id=PAYMENT_ID,
            attempt_id=attempt.attempt_id,
            channel_no="wechat_b",
            refusal=Refusal(code="channel_refused", reason="RULE_LIMIT: too much for one day"),
            risk=PASSED,
        )
    ]


def test_an_order_whose_code_was_shown_goes_to_no_second_channel() -> None:
    decision = heard(an_attempt_in(P, CHANNEL_NO, "wechat_b"), VERDICTS["not paid"])
    assert [type(message) for message in said(decision)] == [AttemptClosed]


def test_an_order_whose_time_is_over_goes_to_no_second_channel() -> None:
    expired = a_routed_payment(CHANNEL_NO, "wechat_b", expires_at=NOW)
    decision = heard(first_attempt(expired, NOW), VERDICTS["not paid"])
    assert [type(message) for message in said(decision)] == [AttemptFailed]


def test_the_first_attempt_is_at_the_best_channel_and_asked_about_in_five_seconds() -> None:
    attempt = first_attempt(a_routed_payment("wechat_b", CHANNEL_NO), NOW)
    assert attempt == an_attempt("wechat_b", CHANNEL_NO)


def test_a_lost_notice_is_asked_for_soon_and_then_less_and_less_often_for_ever() -> None:
    attempt = first_attempt(a_routed_payment(), NOW)
    waits = []
    for _ in range(len(LADDER_S) + 2):
        assert attempt.query_at is not None
        waits.append(attempt.query_at - NOW)
        (attempt,) = heard(attempt, VERDICTS["waiting"]).changes
    hour = timedelta(hours=1)
    assert waits == [timedelta(seconds=s) for s in LADDER_S] + [hour, hour]
    assert waits[0] == timedelta(seconds=5) and waits == sorted(waits)


def test_an_attempts_number_fits_wechats_rule_and_names_its_payment() -> None:
    numbers = [ids.attempt_id(PAYMENT_ID, number) for number in (1, 2, 99)]
    assert all(n.isalnum() and n.islower() and 6 <= len(n) <= 32 for n in numbers)
    assert all(f"pay_{n[:-2]}" == PAYMENT_ID for n in numbers)


# At the till.


def at_the_till(**differences: Any) -> Attempt:
    terms = some_terms(pay_type="wechat_barcode", auth_code="134567890123456789")
    return an_attempt(CHANNEL_NO, "wechat_b", terms=terms, **differences)


def test_whoever_waits_at_the_till_is_told_so_once() -> None:
    first = heard(at_the_till(), VERDICTS["waiting"])
    (message,) = said(first)
    assert isinstance(message, AttemptPending) and message.offer == AtTheTill()
    waiting = after(at_the_till(), first)
    assert (waiting.state, waiting.offer) == (P, AtTheTill())
    assert said(heard(waiting, VERDICTS["waiting"])) == []


def test_at_the_till_money_at_once_is_told_with_the_record_of_risk() -> None:
    (message,) = said(heard(at_the_till(), PAID))
    assert isinstance(message, AttemptSucceeded) and message.risk == PASSED


def test_at_the_till_the_channel_is_asked_every_few_seconds_for_a_minute() -> None:
    attempt, waits = first_attempt(a_routed_payment(pay_type="wechat_barcode"), NOW), list[float]()
    while sum(waits) < 50:
        assert attempt.query_at is not None
        waits.append((attempt.query_at - NOW).total_seconds())
        attempt = after(attempt, heard(attempt, VERDICTS["silent"]))
    assert max(waits) <= 5 and min(waits) >= 2


def test_a_payment_that_was_taken_back_fails_and_goes_nowhere_else() -> None:
    waiting = at_the_till(state=P, offer=AtTheTill())
    assert [type(m) for m in said(heard(waiting, VERDICTS["not paid"]))] == [AttemptFailed]
    lost = at_the_till(state=U, queries=9)
    assert [type(m) for m in said(heard(lost, VERDICTS["not paid"]))] == [AttemptFailed]


@pytest.mark.parametrize(
    ("attempt", "word", "becomes"),
    [
        ({"state": P}, PAID, S),  # the usual way
        ({"state": P, "opened_at": NOW - timedelta(seconds=45)}, PAID, P),
        ({"state": P}, replace(PAID, is_refunded=True, is_all_back=True), P),
        ({"state": C}, PAID, C),
        ({"state": E}, PAID, E),
        ({"state": F}, PAID, U),
    ],
)
def test_a_notice_of_money_that_may_have_been_asked_back_has_the_channel_asked(
    attempt: dict[str, Any], word: Verdict, becomes: AttemptState
) -> None:
    waiting = at_the_till(**{"opened_at": NOW, "query_at": None} | attempt)
    decision = hear_notice(waiting, word, a_channel(), NOW)
    assert after(waiting, decision).state is becomes
    if becomes is not S:
        assert (after(waiting, decision).query_at, decision.effects) == (NOW, ())


@pytest.mark.parametrize("cause", ["payer", "balance"])
def test_another_channel_does_not_help_who_can_not_pay(cause: Cause) -> None:
    no = SurelyNotPaid(code="NOT_ENOUGH", cause=cause)
    assert [type(m) for m in said(heard(at_the_till(), no))] == [AttemptFailed]


def test_a_refusal_at_the_till_may_still_be_mended_by_the_next_channel() -> None:
    decision = heard(at_the_till(), VERDICTS["not paid"])
    assert [change.channel_no for change in decision.changes] == [CHANNEL_NO, "wechat_b"]


def test_an_offer_that_is_repeated_at_each_query_is_asked_about_less_and_less_often() -> None:
    attempt = an_attempt_in(P)
    for queries in (1, 2, 3):
        (attempt,) = heard(attempt, VERDICTS["shown"]).changes
        assert attempt.queries == queries
        assert attempt.query_at == NOW + timedelta(seconds=LADDER_S[queries])
