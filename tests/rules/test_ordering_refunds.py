"""Refunds: reserved before anybody is asked, funded by the books, paid back by the channel."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.ordering.refund import Refund, refund_terms
from actors.ordering.refunding import QUEUED_DAYS_MAX
from actors.ordering.states import REFUND_MOVES, Turn
from schema.messages.accounting import RefundFunded, RefundUnfunded
from schema.messages.channels import (
    RepaymentAbnormal,
    RepaymentFailed,
    RepaymentPending,
    RepaymentSucceeded,
    RepaymentUnknown,
)
from schema.messages.contract import Message
from schema.messages.ordering import (
    RefundAbnormal,
    RefundFailed,
    RefundPlaced,
    RefundSucceeded,
    Repay,
    RetryRefund,
)
from schema.payments import PaymentState, Refusal
from schema.refunds import RefundState
from tests.examples import CHANNEL_NO, NOW, TRADE_NO, a_shown_payment, succeeded
from tests.rules.desk import Desk

SHORT = Refusal(code="insufficient_balance", reason="12 fen are there.", param="amount_fen")
NOT_YET = Refusal(code="trade_not_booked", reason="The trade is not booked yet.")
NO = Refusal(code="channel_refused", reason="NOT_ENOUGH")


def paid_desk(**merchant: Any) -> Desk:
    """Ten yuan paid."""
    paid = a_shown_payment(
        state=PaymentState.SUCCEEDED, attempt_id="01kjks4gag5h7hwf5x20000101",
        channel_no=CHANNEL_NO, channel_trade_no=TRADE_NO, funds_flow="platform", fee_fen=6,
        paid_at=NOW, close_at=None,
    )  # fmt: skip
    return Desk(paid, **merchant)


def of(refund: Refund) -> dict[str, str]:
    return {"refund_id": refund.refund_id, "payment_id": refund.payment_id}


def funded(refund: Refund) -> RefundFunded:
    return RefundFunded(**of(refund))


def repaid(refund: Refund) -> RepaymentSucceeded:
    return RepaymentSucceeded(
        **of(refund), channel_refund_no="5030", refund_fen=refund.amount_fen, refunded_at=NOW
    )


def told(refund: Refund) -> dict[Turn, Message]:
    return {
        Turn.FUNDED: funded(refund),
        Turn.PENDING: RepaymentPending(**of(refund), channel_refund_no="5030"),
        Turn.UNKNOWN: RepaymentUnknown(**of(refund), refusal=NO),
        Turn.ABNORMAL: RepaymentAbnormal(**of(refund), channel_refund_no="5030", refusal=NO),
        Turn.SUCCEEDED: repaid(refund),
        Turn.FAILED: RepaymentFailed(**of(refund), refusal=NO),
    }


def test_every_state_of_a_refund_has_a_move_for_everything_that_can_happen() -> None:
    assert set(REFUND_MOVES) == set(product(RefundState, Turn))


def test_only_a_proof_ends_a_refund() -> None:
    ends = {RefundState.SUCCEEDED, RefundState.FAILED}
    enders = {
        turn for (state, turn), to in REFUND_MOVES.items() if state not in ends and to in ends
    }
    assert enders == {Turn.SUCCEEDED, Turn.FAILED, Turn.GIVEN_UP}
    assert REFUND_MOVES[RefundState.ABNORMAL, Turn.FAILED] is RefundState.ABNORMAL
    assert REFUND_MOVES[RefundState.ASKED, Turn.GIVEN_UP] is RefundState.ASKED


def test_a_refund_reserves_then_is_funded_then_asked_then_paid_back() -> None:
    desk = paid_desk().refund("r1", 300)
    (refund,) = desk.refunds
    assert (desk.payment.refunding_fen, desk.payment.left_fen) == (300, 700)
    assert desk.said == [RefundPlaced(terms=refund_terms(refund))]
    assert desk.refund_answers == [], "the merchant hears when the books have spoken"
    desk.hear(funded(refund))
    assert desk.said[-1] == Repay(terms=refund_terms(refund))
    assert desk.refund_answers[-1].refund.state is RefundState.ASKED  # type: ignore[union-attr]
    desk.hear(repaid(refund))
    payment = desk.payment
    assert (payment.state, payment.refunding_fen, payment.refunded_fen) == (
        PaymentState.PARTIALLY_REFUNDED, 0, 300,
    )  # fmt: skip
    assert isinstance(desk.said[-1], RefundSucceeded)
    desk.refund("r2").hear(funded(desk.refunds[1]), repaid(desk.refunds[1]))
    assert (desk.payment.state, desk.payment.refunded_fen) == (PaymentState.REFUNDED, 1_000)


def test_refunds_that_come_at_once_never_exceed_what_was_paid() -> None:
    desk = paid_desk()
    for number in range(50):
        desk.refund(f"r{number}", 600)
    assert len(desk.refunds) == 1 and desk.payment.refunding_fen == 600
    assert {a.refusal.code for a in desk.refund_answers if a.refusal} == {"refund_above_payment"}


def test_a_repeat_gets_the_first_refund_and_other_content_a_conflict() -> None:
    desk = paid_desk().refund("r1", 300)
    desk.hear(funded(desk.refunds[0])).refund("r1", 300)
    assert desk.refund_answers[-1].refund.id == desk.refunds[0].refund_id  # type: ignore[union-attr]
    assert desk.refund("r1", 301).refund_refusal == "refund_no_conflict"
    assert len(desk.refunds) == 1


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (PaymentState.CLOSED, "payment_not_refundable"),
        (PaymentState.REFUNDED, "payment_not_refundable"),
        (PaymentState.PENDING, "payment_not_refundable"),
        (PaymentState.LATE_PAID, "payment_not_refundable"),
    ],
)
def test_what_was_not_paid_or_went_back_already_is_not_refunded(
    state: PaymentState, code: str
) -> None:
    assert Desk(a_shown_payment(state=state)).refund("r1", 1).refund_refusal == code


def test_a_refund_of_nothing_that_is_ours_is_refused() -> None:
    assert paid_desk().refund("r1", payment_id="pay_" + "0" * 24).refund_refusal == (
        "payment_not_found"
    )
    assert paid_desk().refund("r1", payment_id=None).refund_refusal == "missing_field"
    assert paid_desk().refund("r1", merchant_order_no="20260301-0001").refund_refusal == (
        "missing_field"
    )


def test_after_a_year_nothing_goes_back_through_the_channel() -> None:
    desk = paid_desk()
    desk.orders.put(a_shown_payment(
        state=PaymentState.SUCCEEDED, paid_at=NOW - timedelta(days=366), fee_fen=6,
    ))  # fmt: skip
    assert desk.refund("r1").refund_refusal == "refund_too_late"


def test_a_balance_that_is_short_refuses_or_queues_by_policy() -> None:
    desk = paid_desk().refund("r1", 300)
    desk.hear(RefundUnfunded(**of(desk.refunds[0]), refusal=SHORT))
    assert (desk.refunds[0].state, desk.payment.left_fen) == (RefundState.FAILED, 1_000)
    assert isinstance(desk.said[-1], RefundFailed)
    waits = paid_desk(short_balance="queue").refund("r1", 300)
    waits.hear(RefundUnfunded(**of(waits.refunds[0]), refusal=SHORT))
    assert (waits.refunds[0].state, waits.payment.left_fen) == (RefundState.QUEUED, 700)
    (later,) = waits.later
    assert later.message == RetryRefund(**of(waits.refunds[0]))
    waits.hear(later.message)
    assert waits.said[-1] == RefundPlaced(terms=refund_terms(waits.refunds[0]))
    waits.hear(funded(waits.refunds[0]))
    assert waits.refunds[0].state is RefundState.ASKED


def test_a_trade_that_is_not_booked_yet_is_waited_for_under_any_policy() -> None:
    desk = paid_desk().refund("r1", 300)
    desk.hear(RefundUnfunded(**of(desk.refunds[0]), refusal=NOT_YET))
    assert desk.refunds[0].state is RefundState.QUEUED
    assert desk.later[0].due_at == NOW + timedelta(seconds=5)


def test_a_queued_refund_is_given_up_after_a_week_and_its_part_is_free_again() -> None:
    desk = paid_desk(short_balance="queue").refund("r1", 300)
    desk.hear(RefundUnfunded(**of(desk.refunds[0]), refusal=SHORT))
    desk.hear(desk.later[0].message, now=NOW + timedelta(days=QUEUED_DAYS_MAX, seconds=1))
    assert (desk.refunds[0].state, desk.payment.left_fen) == (RefundState.FAILED, 1_000)


def test_a_proof_of_the_channel_that_nothing_went_back_frees_what_was_reserved() -> None:
    desk = paid_desk().refund("r1", 300)
    refund = desk.refunds[0]
    desk.hear(funded(refund), RepaymentFailed(**of(refund), refusal=NO))
    assert (desk.refunds[0].state, desk.payment.left_fen) == (RefundState.FAILED, 1_000)
    assert isinstance(desk.said[-1], RefundFailed)


def test_money_that_reached_nobody_is_not_given_back_to_the_merchant() -> None:
    desk = paid_desk().refund("r1", 300)
    refund = desk.refunds[0]
    desk.hear(funded(refund), told(refund)[Turn.ABNORMAL], told(refund)[Turn.FAILED])
    assert (desk.refunds[0].state, desk.payment.left_fen) == (RefundState.ABNORMAL, 700)
    assert isinstance(desk.said[-1], RefundAbnormal)
    desk.hear(repaid(refund))
    assert desk.refunds[0].state is RefundState.SUCCEEDED


def test_an_automatic_refund_that_the_channel_did_not_make_stays_the_payers_money() -> None:
    desk = Desk(a_shown_payment(state=PaymentState.CLOSED)).hear(succeeded())
    (refund,) = desk.refunds
    desk.hear(funded(refund), RepaymentFailed(**of(refund), refusal=NO))
    assert (desk.refunds[0].state, desk.payment.refunding_fen) == (RefundState.ABNORMAL, 1_000)
    assert isinstance(desk.said[-1], RefundAbnormal)


def test_a_channel_that_contradicts_its_own_proof_is_a_riddle_for_a_person() -> None:
    desk = paid_desk().refund("r1", 300)
    refund = desk.refunds[0]
    desk.hear(funded(refund), RepaymentFailed(**of(refund), refusal=NO))
    with pytest.raises(AssertionError, match="yet was repaid"):
        desk.hear(repaid(refund))


def test_a_refund_that_the_payer_has_twice_is_a_riddle_for_a_person() -> None:
    desk = paid_desk().refund("r1", 300)
    refund = desk.refunds[0]
    desk.hear(funded(refund), repaid(refund))
    twice = replace(repaid(refund), channel_refund_no="5031", is_again=True)
    with pytest.raises(AssertionError, match="was repaid again: 5031"):
        desk.hear(twice)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(Turn)), max_size=25))
def test_whatever_happens_nobody_gets_back_more_than_was_paid(
    happenings: list[tuple[int, Turn]],
) -> None:
    desk = paid_desk()
    for which, turn in happenings:
        desk.refund(f"r{which}", 400)
        refund = desk.orders.refunds.numbered(desk.payment.merchant_no, f"r{which}")
        message = told(refund).get(turn) if refund else None
        is_riddle = refund and refund.state is RefundState.FAILED and turn is Turn.SUCCEEDED
        if message is not None and not is_riddle:
            desk.hear(message)
        payment = desk.payment
        of_it = [r for r in desk.refunds if r.state is RefundState.SUCCEEDED]
        assert payment.refunded_fen == sum(r.amount_fen for r in of_it)
        assert payment.left_fen >= 0 and payment.refunding_fen >= 0
        assert desk.said.count(Repay(terms=refund_terms(refund))) <= 1 if refund else True
