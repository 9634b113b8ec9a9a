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
    number_of,
    refund_id_of,
    wish_of,
)
from actors.channels.refunds.rules import hear_refund, opened, repeated
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
    decision = hear_refund(before, VERDICTS[word], NOW)
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
    (after,) = hear_refund(a_repayment(queries=500), VERDICTS["silent"], NOW).changes
    assert after.query_at == NOW + timedelta(seconds=REFUND_LADDER_S[-1])


def test_a_refund_has_one_number_with_us_and_at_the_channel() -> None:
    assert refund_id_of(number_of(REFUND_ID)) == REFUND_ID
    wish = wish_of(a_repayment())
    assert (wish.number, wish.order_number) == (number_of(REFUND_ID), TERMS.attempt_id)
    assert len(wish.number) == 24
