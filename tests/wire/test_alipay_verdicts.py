"""What Alipay's answers prove of payments, and what its notices say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from schema.channels import (
    AppString,
    AtTheTill,
    ClientCall,
    Form,
    NotKnownThere,
    OtherNotice,
    PaymentNotice,
    Pending,
    RefundNotice,
    RefundPending,
    SurelyNotPaid,
    TransferNotice,
    Transferred,
    Unknown,
)
from schema.channels.alipay import AlipayLanguage
from schema.channels.alipay.documents import ClosedAnswer, CreateAnswer, Words, written
from schema.channels.alipay.money_documents import TransferAnswer
from schema.channels.alipay.platform import signed_notice, transfer_message, waiting_answer
from schema.channels.alipay.scanning import members
from schema.channels.alipay.signing import read_form
from schema.channels.alipay.texts import fen, yuan
from tests.wire.alipay_pair import (
    APP_ID,
    NOTIFY_URL,
    NOW,
    ORDER_NO,
    OURS,
    REFUND_NO,
    STAMP,
    TRADE_NO,
    an_order,
    asked,
    biz,
    by_certificates,
    by_keys,
    sent,
)
from tests.wire.alipay_questions import METHOD, PAID, PAID_AT, TRADE, heard, question


def test_page_and_wap_are_forms_that_need_no_call() -> None:
    for pay_type, method, product in (
        ("alipay_page", "alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
        ("alipay_wap", "alipay.trade.wap.pay", "QUICK_WAP_PAY"),
    ):
        order = an_order(pay_type=pay_type, return_url="https://shop.test/thanks")
        offered = by_keys().ours.create(order, STAMP)
        assert isinstance(offered, Pending) and isinstance(offered.offer, Form)
        fields = offered.offer.fields
        assert offered.offer.url == "https://alipay.test/gateway.do?charset=utf-8"
        assert fields["method"] == method and fields["return_url"] == order.return_url
        assert fields["notify_url"] == NOTIFY_URL and fields["timestamp"] == "2026-03-01 12:05:06"
        document = msgspec.json.decode(fields["biz_content"])
        assert document["product_code"] == product
        assert document["total_amount"] == "19.99"
        assert document["time_expire"] == "2026-03-01 12:20:06"


def test_an_app_gets_one_signed_text() -> None:
    offered = by_keys().ours.create(an_order(pay_type="alipay_app"), STAMP)
    assert isinstance(offered, Pending) and isinstance(offered.offer, AppString)
    parameters = read_form(offered.offer.text.encode())
    assert parameters["method"] == "alipay.trade.app.pay" and parameters["sign"]


def test_a_mini_program_gets_the_number_that_the_wallets_library_wants() -> None:
    order = an_order(pay_type="alipay_jsapi", payer_id="2088000000000009")
    asking = by_keys().ours.create(order, STAMP)
    answer = by_keys().done(
        "alipay.trade.create", CreateAnswer(out_trade_no=ORDER_NO, trade_no=TRADE_NO)
    )
    offer = ClientCall(parameters={"tradeNO": TRADE_NO})
    assert asked(asking).read(answer, NOW) == Pending(offer=offer)
    assert biz(asking)["buyer_id"] == "2088000000000009"
    by_open_id = by_keys().ours.create(replace(order, payer_id="0a1b2c"), STAMP)
    assert biz(by_open_id)["buyer_open_id"] == "0a1b2c" and "buyer_id" not in biz(by_open_id)


def test_a_wish_that_alipay_does_not_know_is_refused_at_once() -> None:
    for order in (an_order(pay_type="wechat_native"), an_order(currency="USD")):
        refused = by_keys().ours.create(order, STAMP)
        assert isinstance(refused, SurelyNotPaid) and refused.code == "not_offered"


def test_orders_carry_what_the_account_and_the_wish_say() -> None:
    account = replace(
        by_keys().accounts[0],
        sys_service_provider_id="2088000000000077",
        store_id="s1",
        op_app_id="2021000000000088",
    )
    ours = AlipayLanguage.of(account)
    document = biz(ours.create(an_order(shares_profit=True, subject="a/b=c&d"), STAMP))
    assert document["extend_params"] == {
        "sys_service_provider_id": "2088000000000077",
        "royalty_freeze": "true",
    }
    assert (document["store_id"], document["subject"]) == ("s1", "a b c d")
    mini = biz(ours.create(an_order(pay_type="alipay_jsapi", payer_id="0a"), STAMP))
    assert (mini["product_code"], mini["op_app_id"]) == ("JSAPI_PAY", "2021000000000088")


def test_a_barcode_payment_is_paid_or_waits_for_the_password() -> None:
    paid = replace(TRADE, trade_status="", send_pay_date="", gmt_payment="2026-03-01 12:05:06")
    assert heard("pay", paid) == PAID
    waiting = waiting_answer(
        by_certificates().theirs, METHOD["pay"], replace(TRADE, trade_status=""), "10003"
    )
    assert asked(question("pay")).read(waiting, NOW) == Pending(offer=AtTheTill())
    refused = asked(question("query")).read(
        waiting_answer(by_certificates().theirs, METHOD["query"], TRADE, "10003"), NOW
    )
    assert isinstance(refused, Unknown)


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({}, PAID),
        ({"trade_status": "TRADE_FINISHED"}, PAID),
        ({"trade_status": "TRADE_CLOSED"}, replace(PAID, is_refunded=True, is_all_back=True)),
        ({"send_pay_date": ""}, PAID),
        ({"trade_status": "TRADE_CLOSED", "send_pay_date": ""},
         SurelyNotPaid(code="TRADE_CLOSED", cause="payer")),
        ({"trade_status": "WAIT_BUYER_PAY", "send_pay_date": ""}, Pending(code="WAIT_BUYER_PAY")),
    ],
)  # fmt: skip
def test_a_query_says_how_the_trade_stands(changed: dict[str, str], verdict: object) -> None:
    assert heard("query", replace(TRADE, **changed), PAID_AT) == verdict


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"out_trade_no": "another"}, "other_order"),
        ({"trade_no": ""}, "unparsable"),
        ({"total_amount": "19.999"}, "unparsable"),
        ({"total_amount": "0.00"}, "unparsable"),
        ({"total_amount": "1e3"}, "unparsable"),
        ({"send_pay_date": "2026-02-30 12:05:06"}, "unparsable"),
        ({"trade_status": "TRADE_PENDING"}, "unlisted"),
        ({"trade_status": ""}, "unlisted"),
    ],
)
def test_a_signed_query_that_is_odd_is_unknown(changed: dict[str, str], why: str) -> None:
    verdict = heard("query", replace(TRADE, **changed))
    assert isinstance(verdict, Unknown) and verdict.why == why


@pytest.mark.parametrize("pay_type", ["alipay_qr", "alipay_page", "alipay_wap", "alipay_app"])
def test_a_trade_that_its_payer_has_not_opened_is_not_paid_yet(pay_type: Any) -> None:
    order, pair = an_order(pay_type=pay_type), by_keys()
    query, close = asked(pair.ours.query(order, STAMP)), asked(pair.ours.close(order, STAMP))
    absent = pair.refused(METHOD["query"], "ACQ.TRADE_NOT_EXIST")
    unclosed = pair.refused(METHOD["close"], "ACQ.TRADE_NOT_EXIST")
    waits = query.read(absent, NOW)
    assert isinstance(waits, Pending) and waits.code == "ACQ.TRADE_NOT_EXIST"
    assert isinstance(close.read(unclosed, NOW), NotKnownThere)
    just_over = order.expires_at + timedelta(minutes=4)
    assert isinstance(query.read(absent, just_over), Pending)
    long_over = order.expires_at + timedelta(minutes=6)
    for over in (query.read(absent, long_over), close.read(unclosed, long_over)):
        assert isinstance(over, SurelyNotPaid) and over.cause == "payer"


def test_a_trade_of_a_till_that_is_not_known_proves_nothing() -> None:
    absent = by_certificates().refused(METHOD["query"], "ACQ.TRADE_NOT_EXIST")
    verdict = asked(question("query")).read(absent, NOW + timedelta(days=1))
    assert isinstance(verdict, NotKnownThere)


def test_a_confirmed_close_or_cancel_is_a_proof_and_retry_flag_is_heeded() -> None:
    closed = ClosedAnswer(trade_no=TRADE_NO, out_trade_no=ORDER_NO)
    assert isinstance(heard("close", closed), SurelyNotPaid)
    done = replace(closed, retry_flag="N", action="refund")
    taken_back = heard("cancel", done)
    assert isinstance(taken_back, SurelyNotPaid) and taken_back.code == "refund"
    for flag in ("Y", ""):
        again = heard("cancel", replace(done, retry_flag=flag))
        assert isinstance(again, Unknown) and again.why == "ambiguous"
    for operation in ("close", "cancel"):
        other = heard(operation, replace(done, out_trade_no="another"))
        assert isinstance(other, Unknown) and other.why == "other_order"


def test_a_payment_notice_says_what_was_paid() -> None:
    body = by_keys().notice()
    assert by_keys().ours.read_notice(body) == PaymentNotice(number=ORDER_NO, verdict=PAID)
    closed = by_keys().notice(trade_status="TRADE_CLOSED", gmt_payment="")
    said = by_keys().ours.read_notice(closed)
    assert isinstance(said, PaymentNotice) and isinstance(said.verdict, SurelyNotPaid)
    odd = by_keys().ours.read_notice(by_keys().notice(trade_status="SOMETHING"))
    assert isinstance(odd, PaymentNotice) and isinstance(odd.verdict, Unknown)


def test_a_refund_comes_in_the_same_notice_and_its_amount_is_asked_for() -> None:
    body = by_keys().notice(out_biz_no=REFUND_NO, refund_fee="12.00")
    said = by_keys().ours.read_notice(body)
    assert isinstance(said, RefundNotice)
    assert (said.number, said.order_number) == (REFUND_NO, ORDER_NO)
    assert isinstance(said.verdict, RefundPending)


def test_a_message_says_how_a_transfer_ended() -> None:
    pair = by_certificates()
    answer = TransferAnswer(
        out_biz_no=ORDER_NO, order_id="o1", status="SUCCESS", trans_amount="50.00"
    )
    body = signed_notice(pair.theirs, transfer_message(pair.theirs, "1" * 32, PAID_AT, answer))
    assert pair.ours.prove({}, body, NOW) == "1" * 32
    assert pair.ours.read_notice(body) == TransferNotice(
        number=ORDER_NO,
        verdict=Transferred(
            channel_transfer_id="o1", amount_fen=5000, currency="CNY", transferred_at=PAID_AT
        ),
    )
    other = signed_notice(pair.theirs, {"app_id": APP_ID, "msg_method": "alipay.something.else"})
    assert pair.ours.read_notice(other) == OtherNotice(what="alipay.something.else")


def test_amounts_are_whole_fen_on_both_ways() -> None:
    for amount_fen in (0, 1, 10, 99, 100, 1999, 99_999_999_999, -5):
        assert fen(yuan(amount_fen)) == amount_fen
    assert [fen(each) for each in ("1", "1.5", "1.50", "+0.01", "3.000")] == [
        100, 150, 150, 1, 300,
    ]  # fmt: skip


def test_words_come_first_in_an_answer() -> None:
    answer = by_keys().done("alipay.trade.query", TRADE)
    node = members(answer.body)["alipay_trade_query_response"]
    assert node.startswith(written(Words(code="10000", msg="Success"))[:-1])
    assert sent(question("query"))["charset"] == "utf-8" and by_keys().ours.base_url == OURS
