"""What each word of a channel makes of a refund, in every state: never a guess about money."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from actors.channels.ladders import REFUND_LADDER_S
from actors.channels.refunds.repayment import (
    Repayment,
    RepaymentState,
    is_only_asked_about,
    is_over,
    refund_id_of,
    wish_of,
)
from actors.channels.refunds.rules import (
    hear_refund,
    is_a_riddle,
    opened,
    renumbered,
    repeated,
)
from bus.decider import Decision
from schema import ids
from schema.channels import (
    NotKnownThere,
    RefundAbnormal,
    Refunded,
    RefundPending,
    RefundVerdict,
    SurelyNotRefunded,
    Unknown,
)
from schema.messages.channels import (
    RepaymentAbnormal,
    RepaymentFailed,
    RepaymentPending,
    RepaymentSucceeded,
    RepaymentUnknown,
)
from schema.messages.contract import Message
from schema.messages.ordering import Repay
from schema.refunds import RefundTerms
from tests.examples import CHANNEL_NO, MERCHANT_NO, NOW, PAYMENT_ID, TRADE_NO

REFUND_ID = ids.refund_id(MERCHANT_NO, "r1", NOW)
TERMS = RefundTerms(
    refund_id=REFUND_ID, kind="merchant", payment_id=PAYMENT_ID,
    attempt_id=ids.attempt_id(PAYMENT_ID, 1), merchant_no=MERCHANT_NO, channel_no=CHANNEL_NO,
    channel_trade_no=TRADE_NO, funds_flow="platform", pay_type="wechat_native", refund_fen=300,
    paid_fen=1_000, currency="CNY", reason="too ripe", opened_at=NOW, paid_at=NOW,
)  # fmt: skip
DONE = Refunded(channel_refund_id="5030", refund_fen=300, currency="CNY", refunded_at=NOW)
VERDICTS: dict[str, RefundVerdict] = {
    "done": DONE,
    "done too little": replace(DONE, refund_fen=299),
    "works": RefundPending(channel_refund_id="5030"),
    "stuck": RefundAbnormal(channel_refund_id="5030", code="ABNORMAL"),
    "no": SurelyNotRefunded(code="NOT_ENOUGH", cause="balance"),
    "not there": NotKnownThere(code="RESOURCE_NOT_EXISTS"),
    "silent": Unknown(why="no_answer"),
}
O, P, U, A, S, F = RepaymentState  # noqa: E741 - the columns' heads
# fmt: off
BECOMES: dict[str, tuple[RepaymentState, ...]] = {
    #                   O  P  U  A  S  F    what it was
    "done":            (S, S, S, S, S, S),
    "done too little": (U, P, U, A, S, F),
    "works":           (P, P, P, A, S, F),
    "stuck":           (A, A, A, A, S, F),
    "no":              (F, F, F, A, S, F),
    "not there":       (U, P, U, A, S, F),
    "silent":          (U, P, U, A, S, F),
}
# fmt: on
SAYS = {
    P: RepaymentPending,
    U: RepaymentUnknown,
    A: RepaymentAbnormal,
    S: RepaymentSucceeded,
    F: RepaymentFailed,
}  # fmt: skip


def a_repayment(**differences: Any) -> Repayment:
    return replace(opened(Repay(terms=TERMS), NOW, NOW), **differences)


@pytest.mark.parametrize("was", RepaymentState)
@pytest.mark.parametrize("word", VERDICTS)
def test_a_word_makes_of_a_refund_what_the_table_says(word: str, was: RepaymentState) -> None:
    before = a_repayment(state=was)
    decision = hear_refund(before, 1, VERDICTS[word], NOW)
    after = decision.changes[0] if decision.changes else before
    assert after.state is BECOMES[word][list(RepaymentState).index(was)]
    told = [type(effect.message) for effect in decision.effects]
    assert told == ([SAYS[after.state]] if after.state is not was else [])
    assert (after.query_at is None) is (after.state in (S, F)) or was in (S, F)


@pytest.mark.parametrize("was", RepaymentState)
@pytest.mark.parametrize("kind", ["merchant", "late", "duplicate"])
def test_only_an_automatic_refund_that_was_refused_is_asked_for_once_more(
    kind: str, was: RepaymentState
) -> None:
    before = a_repayment(state=was, terms=replace(TERMS, kind=kind), queries=9, query_at=None)
    again = repeated(before, NOW)
    if was is not F or kind == "merchant":
        assert again is None
    else:
        assert again == replace(before, state=O, queries=0, query_at=again.query_at)
        assert again.query_at is not None and again.query_at > NOW


def test_a_refund_is_asked_about_on_a_ladder_that_never_ends() -> None:
    (after,) = hear_refund(a_repayment(queries=500), 1, VERDICTS["silent"], NOW).changes
    assert after.query_at == NOW + timedelta(seconds=REFUND_LADDER_S[-1])


def test_a_refund_has_one_number_with_us_and_at_the_channel() -> None:
    wish = wish_of(a_repayment())
    assert (wish.number, wish.order_number) == (REFUND_ID.removeprefix("ref_"), TERMS.attempt_id)
    assert len(wish.number) == 24
    assert refund_id_of(wish.number) == REFUND_ID


@pytest.mark.parametrize("numbers", range(2, ids.REFUND_NUMBERS_MAX + 1))
def test_a_further_number_of_a_refund_leads_to_it_as_well(numbers: int) -> None:
    number = wish_of(a_repayment(numbers=numbers)).number
    assert number == f"{REFUND_ID.removeprefix('ref_')}r{numbers}"
    assert refund_id_of(number) == REFUND_ID
    assert ids.refund_of(number) == (REFUND_ID, numbers)


@pytest.mark.parametrize("end", ["r1", "r0", "r10", "x2", "R2", "r2r2", "r2 "])
def test_what_is_no_number_of_a_refund_leads_to_none(end: str) -> None:
    strange = f"{REFUND_ID.removeprefix('ref_')}{end}"
    assert refund_id_of(strange) == f"ref_{strange}"


DEAD = SurelyNotRefunded(code="CLOSED", cause="merchant", number_is_spent=True)
AUTOMATIC = replace(TERMS, kind="late")


def a_spent_one(**differences: Any) -> Repayment:
    """An automatic refund that its channel keeps as closed."""
    usual = {"terms": AUTOMATIC, "state": F, "number_is_spent": True, "query_at": None}
    return a_repayment(**usual | differences)


@pytest.mark.parametrize("word", VERDICTS)
def test_only_a_dead_refund_at_the_channel_spends_its_number(word: str) -> None:
    (after,) = hear_refund(a_repayment(), 1, VERDICTS[word], NOW).changes
    assert not after.number_is_spent
    (after,) = hear_refund(a_repayment(), 1, DEAD, NOW).changes
    assert (after.state, after.number_is_spent) == (F, True)


def test_a_refund_whose_number_is_spent_is_only_asked_about() -> None:
    again = repeated(a_spent_one(), NOW)
    assert again is not None and again.numbers == 1
    assert is_only_asked_about(again) and not is_over(again)
    assert not is_only_asked_about(a_repayment())


def test_a_refund_gets_no_more_numbers_than_it_may_have() -> None:
    last = a_spent_one(numbers=ids.REFUND_NUMBERS_MAX)
    assert repeated(last, NOW) is None
    asked = replace(last, state=O)
    assert renumbered(asked, last.numbers, DEAD, NOW) is None
    unspent = repeated(replace(last, number_is_spent=False), NOW)
    assert unspent is not None and unspent.numbers == last.numbers


LATER = NOW + timedelta(days=8)


@pytest.mark.parametrize("was", RepaymentState)
def test_a_dead_number_is_given_up_where_nothing_else_is_known_of_it(was: RepaymentState) -> None:
    before = a_spent_one(state=was, queries=7, channel_code="CLOSED", channel_refund_no="5030")
    after = renumbered(before, 1, DEAD, LATER)
    if was not in (O, U, F):
        assert after is None
        return
    assert after is not None and after.query_at is not None and after.query_at > LATER
    assert after == replace(
        before, state=O, numbers=2, number_is_spent=False, channel_refund_no=None,
        channel_code=None, queries=0, query_at=after.query_at, opened_at=LATER, updated_at=LATER,
    )  # fmt: skip


@pytest.mark.parametrize("word", VERDICTS)
def test_any_other_word_than_dead_brings_no_new_number(word: str) -> None:
    assert renumbered(a_spent_one(state=O), 1, VERDICTS[word], NOW) is None


def test_nobody_gives_up_a_number_that_was_given_up_before_or_is_not_spent() -> None:
    assert renumbered(a_spent_one(state=O, numbers=2), 1, DEAD, NOW) is None
    assert renumbered(a_spent_one(state=O, number_is_spent=False), 1, DEAD, NOW) is None
    assert renumbered(a_spent_one(state=O, terms=TERMS), 1, DEAD, NOW) is None, "a merchant's"


@pytest.mark.parametrize("was", [O, P, U, A, F])
@pytest.mark.parametrize("word", ["works", "no", "not there", "silent", "dead"])
def test_a_late_word_of_an_earlier_number_changes_nothing(word: str, was: RepaymentState) -> None:
    before = a_repayment(state=was, numbers=2, terms=AUTOMATIC)
    verdict = {**VERDICTS, "dead": DEAD}[word]
    decision = hear_refund(before, 1, verdict, NOW)
    assert (decision.changes, decision.effects) == ((), ())
    assert not is_a_riddle(before, 1, verdict)


@pytest.mark.parametrize("was", [O, P, U, A])
def test_money_that_came_by_an_earlier_number_ends_the_wish_and_stops_the_last_one(
    was: RepaymentState,
) -> None:
    before = a_repayment(state=was, numbers=2, terms=AUTOMATIC, channel_refund_no="5031")
    assert is_a_riddle(before, 1, DONE)
    decision = hear_refund(before, 1, DONE, NOW)
    (after,) = decision.changes
    assert (after.state, after.repaid_ordinal, after.channel_refund_no) == (S, 1, "5030")
    assert after.query_at is not None, "what becomes of the last number is not known"
    assert is_only_asked_about(after) and not is_over(after)
    (said,) = told(decision)
    assert isinstance(said, RepaymentSucceeded) and not said.is_again


def test_money_by_an_earlier_number_after_all_numbers_failed_leaves_nothing_to_ask() -> None:
    before = a_spent_one(numbers=2)
    assert is_a_riddle(before, 1, DONE)
    (after,) = hear_refund(before, 1, DONE, NOW).changes
    assert (after.state, after.repaid_ordinal) == (S, 1) and is_over(after)


@pytest.mark.parametrize("was", [O, P, U, F])
def test_money_that_left_by_an_earlier_number_and_reached_nobody_is_for_a_person(
    was: RepaymentState,
) -> None:
    before = a_repayment(state=was, numbers=2, terms=AUTOMATIC)
    assert is_a_riddle(before, 1, VERDICTS["stuck"])
    decision = hear_refund(before, 1, VERDICTS["stuck"], NOW)
    (after,) = decision.changes
    assert after.state is A and is_only_asked_about(after)
    assert [type(each) for each in told(decision)] == [RepaymentAbnormal]
    assert repeated(after, NOW) is None, "no further number"


@pytest.mark.parametrize(("repaid", "other"), [(1, 2), (2, 1)])
def test_money_that_came_by_two_numbers_is_told_as_the_riddle_that_it_is(
    repaid: int, other: int
) -> None:
    before = a_repayment(state=S, numbers=2, repaid_ordinal=repaid, query_at=NOW)
    twice = replace(DONE, channel_refund_id="5031")
    assert is_a_riddle(before, other, twice)
    decision = hear_refund(before, other, twice, NOW)
    (said,) = told(decision)
    assert isinstance(said, RepaymentSucceeded)
    assert (said.is_again, said.channel_refund_no) == (True, "5031")
    for after in decision.changes:
        assert after == replace(before, queries=1, query_at=None)
    assert bool(decision.changes) is (other == 2), "only the last number was asked about"


def test_a_word_that_is_repeated_is_no_second_money() -> None:
    for repaid in (1, 2, None):
        before = a_repayment(state=S, numbers=2, repaid_ordinal=repaid, query_at=None)
        ordinal = repaid or 1
        assert not is_a_riddle(before, ordinal, DONE)
        decision = hear_refund(before, ordinal, DONE, NOW)
        assert (decision.changes, decision.effects) == ((), ())


@pytest.mark.parametrize("word", ["works", "stuck", "no", "not there", "silent", "dead"])
def test_the_last_number_is_asked_about_until_its_end_is_known(word: str) -> None:
    before = a_repayment(state=S, numbers=2, repaid_ordinal=1)
    decision = hear_refund(before, 2, {**VERDICTS, "dead": DEAD}[word], NOW)
    (after,) = decision.changes
    assert after.state is S and decision.effects == ()
    assert (after.query_at is None) is (word in ("no", "dead")) is is_over(after)


def told(decision: Decision) -> list[Message]:
    return [effect.message for effect in decision.effects]
