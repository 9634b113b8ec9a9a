"""How orders end that nobody has paid, and what becomes of money that comes all the same."""

from __future__ import annotations

from datetime import timedelta

import pytest

from actors.ordering.payment import terms, view
from schema.messages.channels import AttemptClosed
from schema.messages.contract import Message
from schema.messages.ordering import (
    CloseAttempts,
    ExpirePayment,
    PaymentAnswered,
    PaymentClosed,
    PaymentDuplicated,
    PaymentFailed,
    PaymentLatePaid,
    PaymentSucceeded,
    RefundPlaced,
)
from schema.payments import PaymentState
from schema.refunds import RefundState
from tests.examples import (
    CHANNEL_NO,
    NOW,
    PAYMENT_ID,
    TRADE_NO,
    a_payment,
    a_shown_payment,
    failed,
    pending,
    refused,
    succeeded,
    unknown,
    unroutable,
)
from tests.rules.desk import Desk

AFTER = NOW + timedelta(seconds=301)
EXPIRED = ExpirePayment(payment_id=PAYMENT_ID)
CLOSED = AttemptClosed(payment_id=PAYMENT_ID)
OTHER_ATTEMPT = "01kjks4gag5h7hwf5x20000112"


def said(desk: Desk) -> list[type[Message]]:
    return [type(message) for message in desk.said]


@pytest.mark.parametrize("before", [(), (pending(),), (unknown(),)])
def test_an_order_whose_life_is_over_is_closed_once_its_channels_confirm(
    before: tuple[Message, ...],
) -> None:
    desk = Desk().place().hear(*before).hear(EXPIRED, now=AFTER)
    assert desk.payment.state is PaymentState.CLOSING
    assert desk.said[-1] == CloseAttempts(terms=terms(desk.payment), reason="expired")
    desk.hear(CLOSED, now=AFTER)
    assert (desk.payment.state, desk.payment.closed_at) == (PaymentState.CLOSED, AFTER)
    assert (desk.payment.close_reason, desk.payment.close_at) == ("expired", None)
    assert desk.said[-1] == PaymentClosed(payment=view(desk.payment))


def test_an_order_is_not_closed_before_its_time() -> None:
    desk = Desk().place().hear(pending(), EXPIRED)
    assert desk.payment.state is PaymentState.PENDING


def test_age_alone_closes_nothing() -> None:
    desk = Desk().place().hear(unknown()).hear(EXPIRED, now=NOW + timedelta(days=30))
    desk.hear(EXPIRED, EXPIRED, now=NOW + timedelta(days=60))
    assert desk.payment.state is PaymentState.CLOSING
    assert said(desk).count(CloseAttempts) == 3, "it is wished again, and nothing else"


def test_a_merchant_closes_his_order_and_is_answered_when_it_is_closed() -> None:
    desk = Desk().place().hear(pending()).close().hear(CLOSED)
    assert (desk.answered.state, desk.answered.close_reason) == (PaymentState.CLOSED, "merchant")
    desk.close()
    assert desk.answered.state is PaymentState.CLOSED, "a repeat is answered as it stands"


def test_a_merchants_wish_to_close_that_was_lost_is_wished_again_before_the_order_expires() -> None:
    desk = Desk().place(expires_in_s=86_400).hear(pending()).close()
    assert desk.payment.close_at is not None
    assert desk.payment.close_at < desk.payment.expires_at
    desk.hear(EXPIRED, now=desk.payment.close_at)
    assert said(desk).count(CloseAttempts) == 2
    assert desk.payment.close_reason == "merchant"


def test_nobody_closes_what_is_not_his() -> None:
    desk = Desk(a_payment(merchant_no="1025112299999")).close()
    assert desk.refusal_code == "payment_not_found"


def test_a_paid_order_is_not_closed_and_the_wish_is_answered_with_it() -> None:
    desk = Desk().place().hear(pending(), succeeded()).close()
    assert desk.answers[-1] == PaymentAnswered(payment=view(desk.payment))
    assert CloseAttempts not in said(desk)


def test_a_payer_who_is_faster_than_the_close_has_paid() -> None:
    desk = Desk().place().hear(pending()).close().hear(succeeded(), CLOSED)
    assert desk.payment.state is PaymentState.SUCCEEDED
    assert said(desk)[-1] is PaymentSucceeded


def test_a_proof_that_nobody_paid_closes_what_is_to_be_closed() -> None:
    desk = Desk().place().hear(pending()).close().hear(failed())
    assert desk.payment.state is PaymentState.CLOSED
    assert said(desk)[-1] is PaymentClosed


@pytest.mark.parametrize("objection", [refused(), unroutable()])
def test_who_objects_while_it_is_closing_ends_it_with_the_reason(objection: Message) -> None:
    desk = Desk().place().close().hear(objection, CLOSED)
    assert desk.payment.state is PaymentState.FAILED
    assert said(desk)[-1] is PaymentFailed


def test_an_offer_that_comes_while_it_is_closing_is_shown_to_nobody() -> None:
    desk = Desk().place().close().hear(pending())
    assert (desk.payment.state, desk.payment.offer) == (PaymentState.CLOSING, None)


@pytest.mark.parametrize("end", [(failed(),), (EXPIRED, CLOSED)])
def test_money_for_an_order_that_had_ended_goes_back_by_itself(end: tuple[Message, ...]) -> None:
    desk = Desk().place().hear(pending()).hear(*end, now=AFTER).hear(succeeded(), now=AFTER)
    payment = desk.payment
    assert (payment.state, payment.is_late) == (PaymentState.LATE_PAID, True)
    assert (payment.refunding_fen, payment.left_fen) == (1_000, 0)
    (refund,) = desk.refunds
    assert (refund.kind, refund.state, refund.amount_fen) == ("late", RefundState.RESERVED, 1_000)
    assert said(desk)[-2:] == [PaymentLatePaid, RefundPlaced], (
        "the books first, then what goes back"
    )
    assert PaymentSucceeded not in said(desk)


def test_a_merchant_may_want_late_money() -> None:
    desk = Desk(late_payment="reopen").place().hear(pending()).close().hear(CLOSED, succeeded())
    assert (desk.payment.state, desk.payment.is_late) == (PaymentState.SUCCEEDED, True)
    assert said(desk)[-2:] == [PaymentClosed, PaymentSucceeded]
    assert desk.said[-1].payment.is_late and desk.refunds == []  # type: ignore[attr-defined]


def test_the_policy_is_that_of_the_day_the_order_was_placed() -> None:
    desk = Desk(a_shown_payment(state=PaymentState.CLOSED, late_payment="reopen"))
    assert desk.hear(succeeded()).payment.state is PaymentState.SUCCEEDED


def test_an_order_that_is_paid_twice_gives_the_second_money_back_once() -> None:
    other = succeeded(attempt_id=OTHER_ATTEMPT, channel_no="alipay_a", channel_trade_no="2026")
    desk = Desk().place().hear(pending(), succeeded(), other, other, succeeded())
    (refund,) = desk.refunds
    assert (refund.kind, refund.attempt_id, refund.channel_no) == (
        "duplicate", OTHER_ATTEMPT, "alipay_a",
    )  # fmt: skip
    payment = desk.payment
    assert (payment.state, payment.channel_no, payment.channel_trade_no) == (
        PaymentState.SUCCEEDED, CHANNEL_NO, TRADE_NO,
    )  # fmt: skip
    assert (payment.refunding_fen, payment.left_fen) == (0, 1_000), "it never was in the payment"
    assert said(desk).count(PaymentDuplicated) == said(desk).count(RefundPlaced) == 1
    assert said(desk).count(PaymentSucceeded) == 1
