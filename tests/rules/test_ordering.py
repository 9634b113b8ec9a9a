"""Placing, repeating, answering and announcing: what ordering owes to merchant and world."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from actors.ordering.payment import Decisions, Orders, terms, view
from actors.ordering.placing import content_digest, incomplete
from actors.ordering.rules import decide
from bus.effects import Reply
from schema import ids
from schema.messages.contract import Message
from schema.messages.doors import PlacePayment
from schema.messages.ordering import (
    PaymentAnswered,
    PaymentFailed,
    PaymentLatePaid,
    PaymentPlaced,
    PaymentSucceeded,
    RefundPlaced,
)
from schema.payments import PaymentState
from schema.products import PRODUCTS, PayType
from tests.examples import (
    CHANNEL_NO,
    CODE,
    MERCHANT_NO,
    NOW,
    OBJECTED,
    OBJECTION,
    PASSED,
    TRADE_NO,
    TURNED_AWAY,
    a_merchant,
    a_payment,
    a_request,
    a_routing,
    a_shown_payment,
    failed,
    pending,
    refused,
    succeeded,
    unknown,
    unroutable,
)
from tests.rules.desk import Desk

LATER = NOW + timedelta(seconds=20)


def test_a_new_order_is_stored_and_announced_and_not_answered_yet() -> None:
    wish = {"expires_in_s": 600, "client_ip": "203.0.113.7", "payer_id": "member-7"}
    desk = Desk().place(**wish, metadata={"till": "7"})
    expected = a_payment(
        expires_at=NOW + timedelta(seconds=600),
        client_ip="203.0.113.7",
        payer_id="member-7",
        metadata={"till": "7"},
        digest=content_digest(a_request(**wish, metadata={"till": "7"})),
        close_at=NOW + timedelta(seconds=600),
    )
    assert desk.payment == expected
    assert desk.said == [PaymentPlaced(terms=terms(expected, a_request()))]
    assert desk.answers == []


def test_a_payment_is_numbered_by_its_time_and_its_merchant() -> None:
    number = Desk().place().payment.payment_id
    assert number == ids.payment_id(MERCHANT_NO, a_request().merchant_order_no, NOW)
    assert number.endswith(MERCHANT_NO[-6:])


@pytest.mark.parametrize(
    ("merchant", "code"),
    [
        ({"status": "suspended"}, "merchant_suspended"),
        ({"rates_ppm": {}}, "pay_type_not_enabled"),
        ({"merchant_no": "1025112299999"}, "unknown_merchant"),
    ],
)
def test_an_order_that_cannot_be_taken_is_refused_and_nothing_is_stored(
    merchant: dict[str, Any], code: str
) -> None:
    profile = a_merchant(**merchant)
    orders = Orders((), {profile.merchant_no: profile})
    decision = decide(orders, PlacePayment(merchant_no=MERCHANT_NO, request=a_request()), NOW)
    assert decision.changes == ()
    (reply,) = decision.effects
    assert isinstance(reply, Reply) and isinstance(reply.message, PaymentAnswered)
    assert reply.message.refusal is not None and reply.message.refusal.code == code


@pytest.mark.parametrize(
    ("pay_type", "field"),
    [(name, field) for name, product in PRODUCTS.items() for field in product.needs],
)
def test_a_product_is_refused_without_what_it_needs_and_the_field_is_named(
    pay_type: PayType, field: str
) -> None:
    values = {"payer_id": "openid-1", "client_ip": "203.0.113.7", "auth_code": "1" * 18}
    assert incomplete(a_request(pay_type=pay_type, **values)) is None
    refusal = incomplete(a_request(pay_type=pay_type, **values | {field: None}))
    assert refusal is not None
    assert (refusal.code, refusal.param) == ("missing_field", field)


def test_what_the_payer_shows_at_the_till_travels_and_is_not_kept() -> None:
    desk = Desk().place(auth_code="134567890123456789", return_url="https://shop.test/back")
    (placed,) = desk.said
    assert isinstance(placed, PaymentPlaced)
    assert placed.terms.auth_code == "134567890123456789"
    assert placed.terms.return_url == "https://shop.test/back"
    assert "134567890123456789" not in str(desk.payment)


def test_the_merchants_address_is_used_where_the_order_names_none() -> None:
    usual, special = "https://shop.test/hooks", "https://shop.test/other"
    assert Desk(notify_url=usual).place().payment.notify_url == usual
    assert Desk(notify_url=usual).place(notify_url=special).payment.notify_url == special


def test_a_repeat_is_answered_from_the_order_that_is_there() -> None:
    desk = Desk().place().place()
    assert desk.answered == view(desk.payment)
    assert len(desk.said) == 1, "it is announced once"


def test_an_order_number_with_other_content_is_a_conflict() -> None:
    desk = Desk().place().place(amount_fen=1_001)
    assert desk.refusal_code == "order_no_conflict"
    assert desk.payment.amount_fen == 1_000


def test_a_suspended_merchant_still_gets_the_answer_to_an_old_order() -> None:
    known = a_shown_payment()
    assert Desk(known, status="suspended").place().answered == view(known)


def test_the_code_is_the_first_answer() -> None:
    desk = Desk().place().hear(pending())
    assert desk.answered == view(a_shown_payment())
    assert desk.payment.answered_at == NOW


def test_a_repeat_gets_the_first_answer_before_and_after_the_money_came() -> None:
    desk = Desk().place().hear(pending())
    first = desk.answered
    assert desk.place().answered == first
    desk.hear(succeeded())
    assert desk.payment.state is PaymentState.SUCCEEDED
    assert desk.place().answered == first


def test_a_repeat_gets_the_first_answer_after_the_code_came_to_nothing() -> None:
    desk = Desk().place().hear(pending())
    first = desk.answered
    assert desk.hear(failed()).place().answered == first


def test_a_refusal_is_a_first_answer_too() -> None:
    desk = Desk().place().hear(refused())
    first = desk.answered
    assert (first.state, first.failure) == (PaymentState.FAILED, OBJECTION)
    assert desk.place().answered == first


def test_money_after_a_failure_is_told_to_whoever_asks_again() -> None:
    desk = Desk(late_payment="reopen").place().hear(failed(), succeeded()).place()
    assert (desk.answered.state, desk.answered.failure) == (PaymentState.SUCCEEDED, UNSET)


def test_the_money_may_be_faster_than_the_code_and_the_answers_agree() -> None:
    desk = Desk().place().hear(succeeded(), pending())
    first = desk.answered
    assert (first.state, first.pay, first.paid_at) == (PaymentState.PENDING, CODE, UNSET)
    assert desk.place().answered == first
    assert desk.payment.state is PaymentState.SUCCEEDED
    assert desk.payment.offer == CODE


def test_not_knowing_is_told_and_is_not_the_first_answer() -> None:
    desk = Desk().place().hear(unknown())
    assert desk.answered.state is PaymentState.UNKNOWN
    desk.hear(pending())
    assert desk.answered == view(a_shown_payment())
    assert desk.place().answered == view(a_shown_payment())


def test_an_unknown_payment_gets_its_code_and_is_paid() -> None:
    desk = Desk().place().hear(unknown(), pending(), succeeded())
    assert desk.payment.state is PaymentState.SUCCEEDED
    assert [type(message) for message in desk.said] == [PaymentPlaced, PaymentSucceeded]


def test_a_late_success_turns_a_failure_into_a_payment_where_the_merchant_wants_it() -> None:
    desk = Desk(late_payment="reopen").place().hear(failed(), succeeded())
    assert (desk.payment.state, desk.payment.failure) == (PaymentState.SUCCEEDED, None)
    assert [type(message) for message in desk.said[1:]] == [PaymentFailed, PaymentSucceeded]


def test_a_success_names_channel_trade_and_fee() -> None:
    desk = Desk(a_shown_payment(notify_url="https://shop.test/hooks")).hear(succeeded())
    assert desk.said == [
        PaymentSucceeded(
            payment=view(desk.payment),
            channel_no=CHANNEL_NO,
            channel_trade_no=TRADE_NO,
            funds_flow="platform",
            amount_fen=1_000,
            fee_fen=6,
            fee_rate_ppm=6_000,
            paid_at=NOW,
            notify_url="https://shop.test/hooks",
        )
    ]


def test_a_failure_names_its_reason() -> None:
    desk = Desk(a_payment(notify_url="https://shop.test/hooks")).hear(failed())
    assert desk.said == [
        PaymentFailed(
            payment=view(desk.payment),
            refusal=TURNED_AWAY,
            notify_url="https://shop.test/hooks",
        )
    ]
    assert desk.payment.failure == TURNED_AWAY


def test_the_fee_is_that_of_the_day_on_which_the_order_was_placed() -> None:
    placed = Desk(rates_ppm={"wechat_native": 10_000}).place().payment
    desk = Desk(placed, rates_ppm={"wechat_native": 500_000}).hear(succeeded())
    assert desk.payment.fee_fen == 10


def test_a_wrong_amount_is_a_bug_of_ours_and_books_nothing() -> None:
    with pytest.raises(AssertionError, match="wrong amount"):
        decide(Orders([a_payment()]), succeeded(amount_fen=999), NOW)


@pytest.mark.parametrize(
    "message", [refused(), unroutable(), pending(), unknown(), failed(), succeeded()]
)
def test_a_word_about_a_payment_that_was_never_placed_is_a_bug(message: Message) -> None:
    with pytest.raises(LookupError):
        decide(Orders(), message, NOW)


@pytest.mark.parametrize(
    ("message", "decisions"),
    [
        (refused(), Decisions(risk=OBJECTED)),
        (unroutable(), Decisions(risk=PASSED, routing=a_routing())),
        (pending(), Decisions(risk=PASSED)),
        (unknown(), Decisions(risk=PASSED)),
        (failed(), Decisions(risk=PASSED)),
    ],
)
def test_the_records_of_risk_and_routing_stay_with_the_payment(
    message: Message, decisions: Decisions
) -> None:
    assert Desk().place().hear(message).payment.decisions == decisions


@pytest.mark.parametrize("message", [refused(), pending(), failed()])
def test_a_payment_knows_when_it_was_placed_answered_and_changed(message: Message) -> None:
    payment = Desk().place().hear(message, now=LATER).payment
    assert (payment.created_at, payment.answered_at, payment.updated_at) == (NOW, LATER, LATER)


def test_a_payment_that_nobody_has_answered_yet_is_changed_and_not_answered() -> None:
    payment = Desk().place().hear(unknown(), now=LATER).payment
    assert (payment.answered_at, payment.updated_at) == (None, LATER)


def test_what_comes_after_the_first_answer_does_not_change_its_time() -> None:
    payment = Desk().place().hear(pending()).hear(failed(), now=LATER).payment
    assert (payment.answered_at, payment.updated_at) == (NOW, LATER)


HAPPENINGS = [refused(), unroutable(), pending(), unknown(), failed(), succeeded()]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(HAPPENINGS), max_size=12))
def test_whatever_happens_in_whatever_order_an_end_is_announced_once(
    messages: Sequence[Message],
) -> None:
    desk = Desk().place().hear(*messages)
    announced = [type(message) for message in desk.said]
    has_money = desk.payment.state in (PaymentState.SUCCEEDED, PaymentState.LATE_PAID)
    assert has_money is (succeeded() in messages)
    assert announced.count(PaymentSucceeded) + announced.count(PaymentLatePaid) == has_money
    assert announced.count(RefundPlaced) == announced.count(PaymentLatePaid)
    assert announced.count(PaymentFailed) <= 1
    assert len(desk.answers) == len(messages), "whoever waits is answered each time"
