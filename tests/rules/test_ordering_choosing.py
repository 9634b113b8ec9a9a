"""Payers who choose how to pay, choose again, and pay what they had chosen before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from actors.ordering.choosing import CLOSING_WAIT, ROUNDS_MAX
from actors.ordering.payment import view
from schema import ids
from schema.messages.channels import AttemptClosed
from schema.messages.contract import Message
from schema.messages.doors import ChoosePayType
from schema.messages.ordering import (
    BeginRound,
    CloseAttempts,
    ExpirePayment,
    PaymentClosed,
    PaymentDuplicated,
    PaymentFailed,
    PaymentPlaced,
    PaymentSucceeded,
    RefundPlaced,
)
from schema.payments import PaymentState
from schema.products import PayType
from tests.examples import (
    CODE,
    LINKS,
    NOW,
    PAYMENT_ID,
    a_payment,
    cleared,
    failed,
    pending,
    refused,
    succeeded,
    unknown,
    unroutable,
)
from tests.rules.desk import Desk

RATES: dict[PayType, int] = {"wechat_native": 6_000, "alipay_qr": 5_000, "wechat_h5": 6_000}
AFTER = NOW + timedelta(seconds=301)
EXPIRED = ExpirePayment(payment_id=PAYMENT_ID)
WAITED = NOW + CLOSING_WAIT


def ordered(**differences: Any) -> Desk:
    return Desk(rates_ppm=RATES).place(pay_type="cashier", **differences)


def choice(pay_type: PayType = "wechat_native", **differences: Any) -> ChoosePayType:
    return ChoosePayType(payment_id=PAYMENT_ID, pay_type=pay_type, **differences)


def closed(number: int) -> AttemptClosed:
    return AttemptClosed(
        payment_id=PAYMENT_ID, attempt_id=ids.round_attempt_id(PAYMENT_ID, number, 1)
    )


def of_round(number: int) -> dict[str, Any]:
    return {"attempt_id": ids.round_attempt_id(PAYMENT_ID, number, 1)}


def said(desk: Desk, kind: type[Message]) -> list[Any]:
    return [message for message in desk.said if isinstance(message, kind)]


def switched() -> Desk:
    """The payer had a code of WeChat and wants to pay with Alipay now."""
    return ordered().hear(choice(), pending(), choice("alipay_qr"))


def test_an_order_whose_payer_chooses_is_answered_with_the_page_and_asks_nobody() -> None:
    desk = ordered(return_url="https://shop.test/back")
    assert (desk.payment.state, desk.payment.rounds) == (PaymentState.PLACED, ())
    assert desk.answered.cashier_url == LINKS.order_url(PAYMENT_ID)
    assert (desk.answered.pay_type, desk.said) == ("cashier", [])


def test_a_repeat_of_such_an_order_gets_the_page_whatever_came_since() -> None:
    desk = ordered()
    first = desk.answers[-1]
    desk.hear(choice(), pending(), succeeded()).place(pay_type="cashier")
    assert desk.answers[-1] == first
    desk.place(pay_type="cashier", amount_fen=999)
    assert desk.refusal_code == "order_no_conflict"


def test_a_merchant_without_anything_to_choose_can_not_leave_it_to_the_payer() -> None:
    desk = Desk(rates_ppm={"wechat_barcode": 6_000}).place(pay_type="cashier")
    assert desk.refusal_code == "pay_type_not_enabled"


def test_the_first_choice_goes_its_way_at_once_with_what_is_known_of_the_payer() -> None:
    desk = ordered(payer_id="member-7").hear(
        choice("wechat_h5", client_ip="203.0.113.9", return_url="https://pay.test/cashier/x")
    )
    (placed,) = said(desk, PaymentPlaced)
    assert (placed.terms.pay_type, placed.terms.round_no) == ("wechat_h5", 0)
    assert (placed.terms.client_ip, placed.terms.payer_id) == ("203.0.113.9", "member-7")
    assert placed.terms.return_url == "https://pay.test/cashier/x"
    assert (desk.payment.state, desk.payment.fee_rate_ppm) == (PaymentState.SCREENING, 6_000)


def test_the_payer_who_waits_is_answered_with_the_code() -> None:
    desk = ordered().hear(choice(), cleared(), pending())
    assert (desk.answered.state, desk.answered.pay) == (PaymentState.PENDING, CODE)
    assert desk.answered == view(desk.payment)


def test_to_choose_the_same_again_changes_nothing() -> None:
    desk = ordered().hear(choice(), choice(), pending(), choice())
    assert len(said(desk, PaymentPlaced)) == 1 and desk.answered.pay == CODE


@pytest.mark.parametrize(
    ("pay_type", "code"),
    [("unionpay_qr", "pay_type_not_enabled"), ("wechat_h5", "missing_field")],
)
def test_what_can_not_be_had_is_refused_and_the_order_stays(pay_type: PayType, code: str) -> None:
    desk = ordered().hear(choice(pay_type))
    assert (desk.refusal_code, desk.payment.state) == (code, PaymentState.PLACED)


def test_nobody_chooses_for_an_order_whose_merchant_has_chosen() -> None:
    desk = Desk(a_payment(), rates_ppm=RATES).hear(choice())
    assert desk.refusal_code == "payment_not_found"


def test_nothing_is_chosen_after_the_end() -> None:
    desk = ordered().hear(choice(), now=AFTER)
    assert (desk.answered.state, desk.said) == (PaymentState.PLACED, [])


def test_before_another_wallet_is_asked_the_first_one_is_closed() -> None:
    desk = switched()
    (wish,) = said(desk, CloseAttempts)
    assert (wish.terms.round_no, wish.terms.pay_type, wish.reason) == (0, "wechat_native", "payer")
    assert len(said(desk, PaymentPlaced)) == 1, "the second one waits"
    assert (desk.payment.state, desk.payment.offer) == (PaymentState.SCREENING, None)
    desk.hear(closed(0))
    assert said(desk, PaymentPlaced)[-1].terms.round_no == 1
    assert desk.payment.fee_rate_ppm == 5_000


def test_a_channel_that_does_not_confirm_holds_nobody_up() -> None:
    desk = switched()
    (later,) = desk.later
    assert (later.due_at, later.message) == (WAITED, BeginRound(payment_id=PAYMENT_ID, round_no=1))
    desk.hear(later.message, now=WAITED).hear(later.message, closed(0), now=WAITED)
    assert [placed.terms.round_no for placed in said(desk, PaymentPlaced)] == [0, 1]


def test_what_the_first_wallet_says_late_is_shown_to_nobody() -> None:
    desk = switched().hear(closed(0)).hear(unknown(), pending(), failed(), closed(0))
    assert (desk.payment.state, desk.payment.offer) == (PaymentState.SCREENING, None)
    desk.hear(pending(**of_round(1)))
    assert (desk.payment.state, desk.payment.offer) == (PaymentState.PENDING, CODE)


def test_money_through_the_first_wallet_is_taken_by_its_rate_and_the_second_one_is_closed() -> None:
    desk = switched().hear(BeginRound(payment_id=PAYMENT_ID, round_no=1), now=WAITED)
    desk.hear(succeeded(), now=WAITED)
    payment = desk.payment
    assert (payment.state, payment.pay_type) == (PaymentState.SUCCEEDED, "wechat_native")
    assert (payment.fee_fen, payment.fee_rate_ppm) == (6, 6_000)
    assert [wish.terms.round_no for wish in said(desk, CloseAttempts)] == [0, 1]


def test_money_that_comes_while_the_second_choice_waits_leaves_it_unasked() -> None:
    desk = (
        switched().hear(succeeded()).hear(BeginRound(payment_id=PAYMENT_ID, round_no=1), now=WAITED)
    )
    assert desk.payment.state is PaymentState.SUCCEEDED
    assert len(said(desk, PaymentPlaced)) == 1


def test_who_pays_through_both_wallets_has_the_second_money_back_once() -> None:
    other = succeeded(**of_round(1), channel_no="alipay_a", channel_trade_no="2026")
    desk = switched().hear(BeginRound(payment_id=PAYMENT_ID, round_no=1), now=WAITED)
    desk.hear(pending(**of_round(1)), other, succeeded(), succeeded(), other)
    assert (desk.payment.state, desk.payment.pay_type) == (PaymentState.SUCCEEDED, "alipay_qr")
    (refund,) = desk.refunds
    assert (refund.kind, refund.pay_type) == ("duplicate", "wechat_native")
    assert refund.attempt_id == ids.round_attempt_id(PAYMENT_ID, 0, 1)
    for kind in (PaymentSucceeded, PaymentDuplicated, RefundPlaced):
        assert len(said(desk, kind)) == 1


@pytest.mark.parametrize("end", [failed(), unroutable()])
def test_where_one_way_fails_the_payer_may_choose_another(end: Message) -> None:
    desk = ordered().hear(choice(), end)
    assert desk.payment.state is PaymentState.PLACED and desk.payment.failure is not None
    assert said(desk, PaymentFailed) == []
    desk.hear(choice("alipay_qr"), pending(**of_round(1)))
    assert (desk.payment.state, desk.payment.failure) == (PaymentState.PENDING, None)
    assert said(desk, CloseAttempts) == [], "nobody can pay the first one"


def test_a_code_that_the_channel_ended_lets_the_payer_choose_again() -> None:
    desk = ordered().hear(choice(), pending(), closed(0))
    assert (desk.payment.state, desk.payment.offer) == (PaymentState.PLACED, None)


def test_what_risk_objects_to_has_failed() -> None:
    desk = ordered().hear(choice(), refused())
    assert desk.payment.state is PaymentState.FAILED and len(said(desk, PaymentFailed)) == 1


def test_what_risk_objects_to_has_not_failed_while_the_wallet_before_it_can_be_paid() -> None:
    desk = switched().hear(BeginRound(payment_id=PAYMENT_ID, round_no=1), now=WAITED)
    desk.hear(refused(), now=WAITED)
    assert desk.payment.state is PaymentState.PLACED and desk.payment.failure is not None
    assert said(desk, PaymentFailed) == []
    desk.hear(succeeded(), now=WAITED)
    assert (desk.payment.state, desk.payment.is_late) == (PaymentState.SUCCEEDED, False)
    assert len(said(desk, PaymentSucceeded)) == 1 and desk.refunds == []


def test_who_objects_to_the_last_choice_of_a_closing_order_does_not_end_the_ones_before() -> None:
    desk = switched().hear(BeginRound(payment_id=PAYMENT_ID, round_no=1), now=WAITED)
    desk.close(now=WAITED).hear(refused(), now=WAITED)
    assert desk.payment.state is PaymentState.CLOSING
    desk.hear(closed(0), now=WAITED)
    assert desk.payment.state is PaymentState.CLOSED


def test_a_payer_chooses_ten_times_and_no_more() -> None:
    desk = ordered()
    for number in range(ROUNDS_MAX):
        desk.hear(choice(), failed_in(number))
    desk.hear(choice())
    assert desk.refusal_code == "too_many_choices"
    assert len(said(desk, PaymentPlaced)) == ROUNDS_MAX


def failed_in(number: int) -> Message:
    message = failed()
    return type(message)(
        **{name: getattr(message, name) for name in message.__struct_fields__} | of_round(number)
    )


@pytest.mark.parametrize("before", [(), (choice(), failed())])
def test_an_order_that_nobody_can_pay_is_closed_at_once(before: tuple[Message, ...]) -> None:
    desk = ordered().hear(*before).hear(EXPIRED, now=AFTER)
    assert desk.payment.state is PaymentState.CLOSED
    assert said(desk, CloseAttempts) == []
    assert said(desk, PaymentClosed)[0].payment.close_reason == "expired"


def test_an_order_ends_when_every_wallet_that_was_asked_has_confirmed() -> None:
    desk = switched().hear(BeginRound(payment_id=PAYMENT_ID, round_no=1), now=WAITED)
    desk.hear(pending(**of_round(1))).hear(EXPIRED, now=AFTER)
    assert desk.payment.state is PaymentState.CLOSING
    assert {wish.terms.round_no for wish in said(desk, CloseAttempts)} == {0, 1}
    desk.hear(closed(1), now=AFTER)
    assert desk.payment.state is PaymentState.CLOSING, "the first one may still be paid"
    desk.hear(closed(0), now=AFTER)
    assert desk.payment.state is PaymentState.CLOSED


def test_an_order_that_ends_while_a_choice_waits_never_asks_for_it() -> None:
    desk = switched().close().hear(BeginRound(payment_id=PAYMENT_ID, round_no=1), now=WAITED)
    desk.hear(closed(0), now=WAITED)
    assert desk.payment.state is PaymentState.CLOSED
    assert len(said(desk, PaymentPlaced)) == 1


def test_money_for_a_choice_of_an_order_that_had_ended_goes_back() -> None:
    desk = switched().close().hear(closed(0)).hear(succeeded())
    assert (desk.payment.state, desk.payment.is_late) == (PaymentState.LATE_PAID, True)
    (refund,) = desk.refunds
    assert (refund.kind, refund.pay_type) == ("late", "wechat_native")
