"""What Alipay's answers prove, call by call, and what its notices say."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any, get_args

import msgspec
import pytest
from msgspec.structs import replace

from schema.channels import (
    AppString,
    AtTheTill,
    BillAt,
    BillNotReady,
    BillWish,
    Cause,
    ClientCall,
    Form,
    HttpAnswer,
    NoBill,
    NotKnownThere,
    OtherNotice,
    Paid,
    Part,
    Payee,
    PaymentNotice,
    Pending,
    Receipt,
    Refunded,
    RefundNotice,
    RefundPending,
    Share,
    Shared,
    SharePending,
    SurelyNotPaid,
    SurelyNotRefunded,
    SurelyNotShared,
    SurelyNotTransferred,
    TransferNotice,
    TransferPending,
    Transferred,
    Unknown,
)
from schema.channels.alipay import AlipayLanguage
from schema.channels.alipay.documents import (
    BillPlaceDocument,
    ClosedAnswer,
    CreateAnswer,
    TradeAnswer,
    Words,
    written,
)
from schema.channels.alipay.money_documents import (
    RefundAnswer,
    RefundQueryAnswer,
    RoyaltyDetail,
    SettleAnswer,
    SettleQueryAnswer,
    TransferAnswer,
)
from schema.channels.alipay.platform import (
    CallRefused,
    signed_notice,
    transfer_message,
    waiting_answer,
)
from schema.channels.alipay.scanning import members
from schema.channels.alipay.sharing import raw_yuan
from schema.channels.alipay.signing import read_form
from schema.channels.alipay.tables import (
    BILL_CODES,
    GATEWAY_CODES,
    OPERATIONS,
    RECEIPT_STATES,
    SUB_CODES,
    TRADE_STATES,
    TRANSFER_STATES,
    UNWELL,
    Operation,
)
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
    a_refund,
    a_transfer,
    an_order,
    asked,
    biz,
    by_certificates,
    by_keys,
    sent,
)

PAID_AT = datetime(2026, 3, 1, 4, 5, 6, tzinfo=UTC)
PAID = Paid(
    channel_payment_id=TRADE_NO,
    amount_fen=1999,
    currency="CNY",
    paid_at=PAID_AT,
    payer_id="2088000000000009",
)
TRADE = TradeAnswer(
    trade_no=TRADE_NO,
    out_trade_no=ORDER_NO,
    trade_status="TRADE_SUCCESS",
    total_amount="19.99",
    buyer_user_id="2088000000000009",
    send_pay_date="2026-03-01 12:05:06",
)
SHARE = Share(
    number=REFUND_NO,
    order_number=ORDER_NO,
    channel_payment_id=TRADE_NO,
    parts=(
        Part(
            payee=Payee(kind="alipay_user_id", account="2088000000000002"),
            amount_fen=300,
            description="分给农民",
        ),
    ),
    is_last=True,
    opened_at=NOW,
)

METHOD: dict[Operation, str] = {
    "create": "alipay.trade.precreate",
    "pay": "alipay.trade.pay",
    "query": "alipay.trade.query",
    "close": "alipay.trade.close",
    "cancel": "alipay.trade.cancel",
    "refund": "alipay.trade.refund",
    "query_refund": "alipay.trade.fastpay.refund.query",
    "transfer": "alipay.fund.trans.uni.transfer",
    "query_transfer": "alipay.fund.trans.common.query",
    "share": "alipay.trade.order.settle",
    "query_share": "alipay.trade.order.settle.query",
}
REFUSED = {
    "pay": SurelyNotPaid,
    "refund": SurelyNotRefunded,
    "transfer": SurelyNotTransferred,
    "share": SurelyNotShared,
}


@cache
def question(operation: Operation) -> Any:
    ours, barcode = by_certificates().ours, an_order(pay_type="alipay_barcode", auth_code="28" * 9)
    match operation:
        case "create":
            return ours.create(an_order(), STAMP)
        case "pay":
            return ours.create(barcode, STAMP)
        case "query":
            return ours.query(barcode, STAMP)
        case "close":
            return ours.close(barcode, STAMP)
        case "cancel":
            return ours.reverse(barcode, STAMP)
        case "refund":
            return ours.refund(a_refund(), STAMP)
        case "query_refund":
            return ours.query_refund(a_refund(), STAMP)
        case "transfer":
            return ours.transfer(a_transfer(), STAMP)
        case "query_transfer":
            return ours.query_transfer(a_transfer(), STAMP)
        case "share":
            return ours.share(SHARE, STAMP)
        case "query_share":
            return ours.query_share(SHARE, STAMP)


def heard(operation: Operation, document: msgspec.Struct, now: datetime = NOW) -> Any:
    answer = by_certificates().done(METHOD[operation], document)
    return asked(question(operation)).read(answer, now)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_question_is_understood_by_the_platform(operation: Operation) -> None:
    understood = by_certificates().hear(asked(question(operation)))
    assert not isinstance(understood, CallRefused) and understood.method == METHOD[operation]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_listed_code_proves_what_its_table_says(operation: Operation) -> None:
    pair = by_certificates()
    family = REFUSED.get(operation.removeprefix("query_"), SurelyNotPaid)
    for codes, answered in ((SUB_CODES, pair.refused), (GATEWAY_CODES, pair.turned_away)):
        for code, by_operation in codes.items():
            means = by_operation[operation]
            verdict = asked(question(operation)).read(answered(METHOD[operation], code), NOW)
            kind = {"refused": family, "not_known": NotKnownThere, "unsettled": Unknown}
            assert type(verdict) is kind[means.proof], (code, verdict)
            assert verdict.code in (code, "isv.said-no")
            if not isinstance(verdict, NotKnownThere):
                assert verdict.cause == means.cause


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("code", ["ACQ.NEVER_HEARD_OF", "acq.system_error", ""])
def test_a_code_that_is_not_listed_is_unknown_and_never_a_failure(
    operation: Operation, code: str
) -> None:
    pair = by_certificates()
    verdict = asked(question(operation)).read(pair.refused(METHOD[operation], code), NOW)
    assert isinstance(verdict, Unknown) and verdict.why == "unlisted"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_refusal_of_the_business_has_to_be_signed_and_one_of_the_gateway_need_not(
    operation: Operation,
) -> None:
    pair = by_certificates()
    for answer, why in (
        (pair.refused(METHOD[operation], "ACQ.INVALID_PARAMETER"), "bad_signature"),
        (pair.turned_away(METHOD[operation], "40002"), "ambiguous"),
    ):
        [(name, node)] = [
            (name, node) for name, node in members(answer.body).items() if "_response" in name
        ]
        bare = HttpAnswer(status=200, headers={}, body=b'{"%s":%s}' % (name.encode(), node))
        verdict = asked(question(operation)).read(bare, NOW)
        assert not isinstance(verdict, Unknown) or verdict.why == why
        assert isinstance(verdict, Unknown) or why == "ambiguous"


def test_the_tables_are_whole_and_say_nothing_else() -> None:
    proofs = {"refused", "not_known", "unsettled"}
    for by_operation in (*SUB_CODES.values(), *GATEWAY_CODES.values()):
        assert by_operation.keys() == set(OPERATIONS)
        assert {means.proof for means in by_operation.values()} <= proofs
        assert {means.cause for means in by_operation.values()} <= set(get_args(Cause))
    for code in UNWELL:
        known = {**SUB_CODES, **GATEWAY_CODES}[code]
        assert {means.proof for means in known.values()} == {"unsettled"}
        assert known["create"].cause == "channel"


def test_what_the_documents_stress_is_in_the_tables() -> None:
    """The codes that cost money when they are read wrongly, said once more by hand."""

    def proof(code: str) -> str:
        return "".join(SUB_CODES[code][each].proof[0] for each in OPERATIONS)

    assert proof("ACQ.SYSTEM_ERROR") == "u" * 11
    assert proof("ACQ.TRADE_HAS_SUCCESS") == "u" * 11
    assert proof("ACQ.CONTEXT_INCONSISTENT") == "u" * 11
    assert proof("ACQ.DISCORDANT_REPEAT_REQUEST") == "u" * 11
    assert proof("PAYMENT_INFO_INCONSISTENCY") == "u" * 11
    assert proof("ACQ.TRADE_NOT_EXIST") == "uunnnnnuunn"
    assert proof("ORDER_NOT_EXIST") == "u" * 8 + "n" + "u" * 2
    assert list(TRADE_STATES.values()) == ["pending", "paid", "paid", "ended"]
    assert [TRANSFER_STATES[s] for s in ("SUCCESS", "FAIL", "DEALING", "REFUND")] == [
        "transferred", "refused", "pending", "refused",
    ]  # fmt: skip
    assert set(RECEIPT_STATES) == {"PROCESSING", "SUCCESS", "FAIL"}
    assert set(BILL_CODES.values()) == {"absent", "nothing"}


@pytest.mark.parametrize(
    ("status", "why"),
    [(500, "server_error"), (502, "server_error"), (429, "rate_limited"), (302, "unparsable"),
     (404, "unparsable")],
)  # fmt: skip
def test_what_is_no_answer_of_the_gateway_is_unknown(status: int, why: str) -> None:
    verdict = asked(question("create")).read(HttpAnswer(status=status, headers={}, body=b""), NOW)
    assert isinstance(verdict, Unknown) and verdict.why == why


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
        ({"trade_status": "TRADE_CLOSED"}, replace(PAID, is_refunded=True)),
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


def test_a_refund_moved_money_only_where_fund_change_says_so() -> None:
    answer = RefundAnswer(
        trade_no=TRADE_NO,
        out_trade_no=ORDER_NO,
        buyer_logon_id="tom***@example.com",
        fund_change="Y",
        refund_fee="12.00",
        gmt_refund_pay="2026-03-01 12:05:06",
    )
    assert heard("refund", answer) == Refunded(
        channel_refund_id=TRADE_NO,
        refund_fen=500,
        currency="CNY",
        refunded_at=PAID_AT,
        received_by="tom***@example.com",
    )
    for said in ("N", ""):
        assert isinstance(heard("refund", replace(answer, fund_change=said)), RefundPending)
    other = heard("refund", replace(answer, out_trade_no="another"))
    assert isinstance(other, Unknown) and other.why == "other_order"


def test_a_refund_query_is_done_even_where_nothing_was_refunded() -> None:
    nothing = RefundQueryAnswer(trade_no=TRADE_NO, out_trade_no=ORDER_NO)
    assert isinstance(heard("query_refund", nothing), NotKnownThere)
    only_amount = replace(nothing, out_request_no=REFUND_NO, refund_amount="5.00")
    assert isinstance(heard("query_refund", only_amount), Unknown)
    done = replace(only_amount, refund_status="REFUND_SUCCESS")
    assert heard("query_refund", done, PAID_AT) == Refunded(
        channel_refund_id=TRADE_NO, refund_fen=500, currency="CNY", refunded_at=PAID_AT
    )
    for changed, why in (
        ({"refund_status": "REFUND_FAIL"}, "unlisted"),
        ({"out_request_no": "another"}, "other_order"),
        ({"out_trade_no": "another"}, "other_order"),
        ({"refund_amount": "-5.00"}, "unparsable"),
    ):
        odd = heard("query_refund", replace(done, **changed))
        assert isinstance(odd, Unknown) and odd.why == why


@pytest.mark.parametrize("operation", ["transfer", "query_transfer"])
def test_a_transfer_stands_as_its_status_says(operation: Operation) -> None:
    answer = TransferAnswer(
        out_biz_no=ORDER_NO,
        order_id="20260301110700000000000000000001",
        status="SUCCESS",
        trans_date="2026-03-01 12:05:06",
    )
    assert heard(operation, answer) == Transferred(
        channel_transfer_id=answer.order_id,
        amount_fen=5000,
        currency="CNY",
        transferred_at=PAID_AT,
    )
    assert isinstance(heard(operation, replace(answer, status="DEALING")), TransferPending)
    failed = replace(answer, status="FAIL", error_code="PAYEE_NOT_EXIST", fail_reason="没有")
    assert heard(operation, failed) == SurelyNotTransferred(
        code="PAYEE_NOT_EXIST", message="没有", cause="payer"
    )
    assert isinstance(heard(operation, replace(answer, status="REFUND")), SurelyNotTransferred)
    odd = heard(operation, replace(answer, status="SOMETHING"))
    assert isinstance(odd, Unknown) and odd.why == "unlisted"
    other = heard(operation, replace(answer, out_biz_no="another"))
    assert isinstance(other, Unknown) and other.why == "other_order"


def test_transfers_need_certificates_and_a_payee_that_alipay_can_pay() -> None:
    without = by_keys().ours.transfer(a_transfer(), STAMP)
    assert isinstance(without, SurelyNotTransferred) and without.code == "not_offered"
    assert isinstance(by_keys().ours.query_transfer(a_transfer(), STAMP), SurelyNotTransferred)
    stranger = Payee(kind="wechat_openid", account="o1")
    refused = by_certificates().ours.transfer(a_transfer(payee=stranger), STAMP)
    assert isinstance(refused, SurelyNotTransferred)


@pytest.mark.parametrize(
    ("payee", "product", "identity_type"),
    [
        (Payee(kind="alipay_user_id", account="2088000000000002"), "TRANS_ACCOUNT_NO_PWD",
         "ALIPAY_USER_ID"),
        (Payee(kind="alipay_user_id", account="0a1b"), "TRANS_ACCOUNT_NO_PWD", "ALIPAY_OPEN_ID"),
        (Payee(kind="alipay_login", account="a@b.c", name="老李"), "TRANS_ACCOUNT_NO_PWD",
         "ALIPAY_LOGON_ID"),
        (Payee(kind="bank_card", account="6222", name="老李", is_company=True),
         "TRANS_BANKCARD_NO_PWD", "BANKCARD_ACCOUNT"),
    ],
)  # fmt: skip
def test_a_payee_is_named_as_alipay_knows_them(
    payee: Payee, product: str, identity_type: str
) -> None:
    document = biz(by_certificates().ours.transfer(a_transfer(payee=payee), STAMP))
    assert document["product_code"] == product
    assert document["biz_scene"] == "DIRECT_TRANSFER"
    assert document["payee_info"]["identity_type"] == identity_type
    if payee.kind == "bank_card":
        assert document["payee_info"]["bankcard_ext_info"]["account_type"] == "1"


def test_a_profit_share_ends_when_every_part_has() -> None:
    taken = heard("share", SettleAnswer(trade_no=TRADE_NO, settle_no="s1"))
    assert taken == SharePending(channel_share_id="s1")
    detail = RoyaltyDetail(trans_in="2088000000000002", amount=raw_yuan(300), state="SUCCESS")
    answer = SettleQueryAnswer(out_request_no=REFUND_NO, royalty_detail_list=[detail])
    receipt = Receipt(account="2088000000000002", amount_fen=300, state="shared")
    assert heard("query_share", answer) == Shared(channel_share_id="", receipts=(receipt,))
    waits = replace(answer, royalty_detail_list=[replace(detail, state="PROCESSING")])
    assert isinstance(heard("query_share", waits), SharePending)
    as_number = replace(detail, amount=msgspec.Raw(b"3.0"))
    in_numbers = replace(answer, royalty_detail_list=[as_number])
    assert heard("query_share", in_numbers) == Shared(channel_share_id="", receipts=(receipt,))
    for changed, why in (
        ({"royalty_detail_list": []}, "ambiguous"),
        ({"royalty_detail_list": [replace(detail, state="ODD")]}, "unlisted"),
        ({"royalty_detail_list": [replace(detail, amount=msgspec.Raw(b"[]"))]}, "unparsable"),
        ({"out_request_no": "another"}, "other_order"),
    ):
        odd = heard("query_share", replace(answer, **changed))
        assert isinstance(odd, Unknown) and odd.why == why


def test_a_share_says_whether_it_is_the_last_and_to_whom_it_goes() -> None:
    document = biz(question("share"))
    assert document["royalty_parameters"] == [
        {"trans_in_type": "userId", "trans_in": "2088000000000002", "amount": "3.00",
         "desc": "分给农民", "royalty_type": "transfer"} | document["royalty_parameters"][0],
    ]  # fmt: skip
    assert document["extend_params"] == {"royalty_finish": "true"}
    stranger = replace(SHARE.parts[0], payee=Payee(kind="wechat_openid", account="o1"))
    refused = by_keys().ours.share(replace(SHARE, parts=(stranger,)), STAMP)
    assert isinstance(refused, SurelyNotShared)


def test_where_a_bill_lies_or_why_there_is_none() -> None:
    wish, pair = BillWish(day=date(2026, 2, 28)), by_keys()
    method = "alipay.data.dataservice.bill.downloadurl.query"
    asking = asked(pair.ours.find_bill(wish, STAMP))
    assert biz(asking) == {"bill_type": "trade", "bill_date": "2026-02-28"}
    place = BillPlaceDocument(bill_download_url="https://bills.test/x?y=1")
    assert asking.read(pair.done(method, place), NOW) == BillAt(url="https://bills.test/x?y=1")
    absent = pair.refused(method, "isp.bill_not_exist")
    nine, ten = datetime(2026, 3, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, 2, tzinfo=UTC)
    assert isinstance(asking.read(absent, nine), BillNotReady)
    assert isinstance(asking.read(absent, ten), NoBill)
    for code, why in (("NEVER_HEARD_OF", "unlisted"), ("SYSTEM_ERROR", "server_error")):
        verdict = asking.read(pair.refused(method, code), ten)
        assert isinstance(verdict, Unknown) and verdict.why == why
    funds = asked(pair.ours.find_bill(BillWish(day=wish.day, kind="funds"), STAMP))
    assert biz(funds)["bill_type"] == "signcustomer"
    fetch = pair.ours.fetch_bill(wish, BillAt(url="https://bills.test/x?y=1"), STAMP).request
    assert (fetch.origin, fetch.path, fetch.method) == ("https://bills.test", "/x?y=1", "GET")


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
    assert [fen(each) for each in ("1", "1.5", "1.50", "1,234.50", "+0.01", "3.000")] == [
        100, 150, 150, 123450, 1, 300,
    ]  # fmt: skip


def test_words_come_first_in_an_answer() -> None:
    answer = by_keys().done("alipay.trade.query", TRADE)
    node = members(answer.body)["alipay_trade_query_response"]
    assert node.startswith(written(Words(code="10000", msg="Success"))[:-1])
    assert sent(question("query"))["charset"] == "utf-8" and by_keys().ours.base_url == OURS
