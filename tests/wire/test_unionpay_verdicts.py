"""What each of UnionPay's answers proves; whatever is not known to prove something, does not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from schema.channels import (
    AtTheTill,
    BillAt,
    BillWish,
    ClientCall,
    HttpAnswer,
    Language,
    NotKnownThere,
    Paid,
    Payee,
    PaymentNotice,
    Pending,
    QrCode,
    Refunded,
    RefundPending,
    Share,
    SurelyNotPaid,
    SurelyNotRefunded,
    SurelyNotShared,
    SurelyNotTransferred,
    Transfer,
    Unknown,
)
from schema.channels.unionpay.documents import fen, time_of, time_text
from schema.channels.unionpay.platform import (
    CallRefused,
    Named,
    OrderCall,
    RefundCall,
    code_offer,
    done,
    notice,
    order_words,
    read_named,
    read_order,
    read_refund,
    refund_words,
    refused,
    script_offer,
)
from schema.channels.unionpay.tables import CODE_MEANS, ORDER_STATES, REFUND_STATES
from tests.wire.unionpay_pair import (
    LATER,
    NOW,
    ORDER_NO,
    REFUND_NO,
    STAMP,
    TRANS_INDEX,
    UnionpayPair,
    a_done_refund,
    a_paid_order,
    a_refund,
    an_order,
    asked,
    sent,
)

QR = "https://qr.95516.com/00010000/62531234567890"
ANSWERED_AT = NOW + timedelta(seconds=1)
PAID = Paid(
    channel_payment_id=TRANS_INDEX,
    amount_fen=1999,
    currency="CNY",
    paid_at=LATER,
    payer_id="pingguo",
)


def question(upay: UnionpayPair, call: str) -> Any:
    """One question of each kind."""
    ours = upay.ours
    return asked(
        {
            "unifiedorder": lambda: ours.create(an_order(), STAMP),
            "micropay": lambda: ours.create(
                an_order(pay_type="unionpay_barcode", auth_code="62123"), STAMP
            ),
            "queryOrder": lambda: ours.query(an_order(), STAMP),
            "closeOrder": lambda: ours.close(an_order(), STAMP),
            "refund": lambda: ours.refund(a_refund(), STAMP),
            "refundQuery": lambda: ours.query_refund(a_refund(), STAMP),
        }[call]()
    )


CALLS = ("unifiedorder", "micropay", "queryOrder", "closeOrder", "refund", "refundQuery")


def number_of(call: str) -> str:
    return REFUND_NO if call.startswith("refund") else ORDER_NO


def kind(verdict: Any) -> str:
    return str(verdict.__struct_config__.tag)


def test_the_language_is_one_that_all_channels_speak(upay: UnionpayPair) -> None:
    language: Language = upay.ours
    assert language.base_url == "https://unionpay.test"
    assert language.renew(STAMP) is None


def test_an_order_for_a_code_says_what_the_platform_needs(upay: UnionpayPair) -> None:
    request = question(upay, "unifiedorder").request
    assert (request.method, request.path) == ("POST", "/gateway/api/pay/unifiedorder")
    assert read_order("unifiedorder", sent(upay.ours.create(an_order(), STAMP))) == OrderCall(
        kind="code",
        number=ORDER_NO,
        opened_at=NOW,
        amount_fen=1999,
        subject="两斤番茄",
        notify_url="https://tomato.test/notices/u1",
        return_url="https://shop.test/thanks",
    )


def test_an_order_for_a_page_in_the_wallet_names_its_payer(upay: UnionpayPair) -> None:
    fields = sent(upay.ours.create(an_order(pay_type="unionpay_jsapi", payer_id="u-7"), STAMP))
    assert (fields["orderType"], fields["userId"]) == ("upJs", "u-7")
    order = read_order("unifiedorder", fields)
    assert isinstance(order, OrderCall) and (order.kind, order.user_id) == ("script", "u-7")


def test_a_barcode_payment_says_the_scanned_code_and_the_till(upay: UnionpayPair) -> None:
    question_ = upay.ours.create(
        an_order(pay_type="unionpay_barcode", auth_code="6212345678901234567"), STAMP
    )
    assert asked(question_).request.path == "/gateway/api/pay/micropay"
    fields = sent(question_)
    assert (fields["authCode"], fields["termId"]) == ("6212345678901234567", "01")
    order = read_order("micropay", fields)
    assert isinstance(order, OrderCall) and order.kind == "till"


def test_later_calls_name_the_time_that_the_order_was_opened_with(upay: UnionpayPair) -> None:
    opened = Named(number=ORDER_NO, opened_at=NOW)
    assert read_named(sent(upay.ours.query(an_order(), STAMP))) == opened
    assert read_named(sent(upay.ours.close(an_order(), STAMP))) == opened
    assert sent(upay.ours.query(an_order(), STAMP))["orderTime"] == "20260301120506"


def test_a_refund_names_both_numbers_and_both_amounts(upay: UnionpayPair) -> None:
    assert read_refund(sent(upay.ours.refund(a_refund(), STAMP))) == RefundCall(
        number=REFUND_NO,
        order_number=ORDER_NO,
        refund_fen=500,
        paid_fen=1999,
        opened_at=NOW + timedelta(minutes=1),
    )


def test_a_made_order_gives_its_payer_a_code(upay: UnionpayPair) -> None:
    answer = upay.said(done(ORDER_NO) | code_offer(QR))
    verdict = question(upay, "unifiedorder").read(answer, ANSWERED_AT)
    assert verdict == Pending(offer=QrCode(url=QR), code="00")
    nested = {"payData": msgspec.json.encode({"qrCode": QR}).decode()}
    verdict = question(upay, "unifiedorder").read(upay.said(done(ORDER_NO) | nested), ANSWERED_AT)
    assert verdict == Pending(offer=QrCode(url=QR), code="00")


def test_a_made_order_gives_the_page_in_the_wallet_its_parameters(upay: UnionpayPair) -> None:
    order = an_order(pay_type="unionpay_jsapi", payer_id="u-7")
    answer = upay.said(done(ORDER_NO) | script_offer(QR))
    verdict = asked(upay.ours.create(order, STAMP)).read(answer, ANSWERED_AT)
    assert verdict == Pending(offer=ClientCall(parameters={"redirectUrl": QR}), code="00")


@pytest.mark.parametrize("offer", [{}, {"payData": "{}"}, {"payData": "[1]"}, {"payData": "x"}])
def test_a_made_order_without_an_offer_is_unknown(
    upay: UnionpayPair, offer: dict[str, str]
) -> None:
    for pay_type in ("unionpay_qr", "unionpay_jsapi"):
        order = an_order(pay_type=pay_type, payer_id="u-7")
        answer = upay.said(done(ORDER_NO) | offer)
        verdict = asked(upay.ours.create(order, STAMP)).read(answer, ANSWERED_AT)
        assert isinstance(verdict, Unknown) and verdict.why == "unparsable"


def test_a_scanned_code_is_paid_at_once_or_the_payer_still_confirms(upay: UnionpayPair) -> None:
    read = question(upay, "micropay").read
    assert read(upay.said(order_words(a_paid_order()) | done(ORDER_NO)), ANSWERED_AT) == PAID
    paying = upay.said(refused(CallRefused(code="02", message="用户支付中"), ORDER_NO))
    assert read(paying, ANSWERED_AT) == Pending(offer=AtTheTill(), code="02", message="用户支付中")


# Written down a second time, by what each word proves, so that a slip in the table shows.
STANDS = {
    "00": "paid",
    "01": "paid",
    "02": "pending",
    "03": "surely_not_paid",
    "04": "surely_not_paid",
    "05": "pending",
    "06": "surely_not_paid",
}


@pytest.mark.parametrize("code", [*ORDER_STATES, "07", "PAID", " 00"])
def test_each_state_of_an_order_proves_what_the_facts_say(upay: UnionpayPair, code: str) -> None:
    words = order_words(a_paid_order()) | done(ORDER_NO) | {"origRespCode": code}
    verdict = question(upay, "queryOrder").read(upay.said(words), ANSWERED_AT)
    assert kind(verdict) == STANDS.get(code, "unknown")
    if isinstance(verdict, Paid):
        assert verdict == msgspec.structs.replace(PAID, is_refunded=code == "01")
    if isinstance(verdict, Unknown):
        assert (verdict.why, verdict.code) == ("unlisted", code)
    if isinstance(verdict, SurelyNotPaid):
        assert verdict.cause == "payer"


REFUND_STANDS = {"00": "refunded", "01": "surely_not_refunded", "02": "refund_pending"}


@pytest.mark.parametrize("code", [*REFUND_STATES, "03", "99"])
def test_each_state_of_a_refund_proves_what_the_facts_say(upay: UnionpayPair, code: str) -> None:
    words = refund_words(a_done_refund()) | done(REFUND_NO) | {"origRespCode": code}
    verdict = question(upay, "refundQuery").read(upay.said(words), ANSWERED_AT)
    assert kind(verdict) == REFUND_STANDS.get(code, "unknown")
    if isinstance(verdict, Refunded):
        assert (verdict.refund_fen, verdict.refunded_at) == (500, LATER)


REFUSES_AN_ORDER = {"10", "11", "13", "31", "32", "33"}
KNOWS_NO_TRADE = {("34", "queryOrder"), ("34", "closeOrder"), ("34", "refundQuery")}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("code", [*sorted(set(CODE_MEANS) - {"00"}), "01", "77", "A7", ""])
def test_each_answer_code_proves_what_the_table_says(
    upay: UnionpayPair, code: str, call: str
) -> None:
    answer = upay.said(refused(CallRefused(code=code, message="说明"), number_of(call)))
    verdict = question(upay, call).read(answer, ANSWERED_AT)
    if code == "02" and call in ("unifiedorder", "micropay"):
        assert isinstance(verdict, Pending)
    elif call == "unifiedorder" and code in REFUSES_AN_ORDER:
        assert isinstance(verdict, SurelyNotPaid) and verdict.cause in ("platform", "merchant")
    elif (code, call) in KNOWS_NO_TRADE:
        assert isinstance(verdict, NotKnownThere)
    else:
        assert isinstance(verdict, Unknown)
        assert verdict.why == ("ambiguous" if code in CODE_MEANS else "unlisted")
    if not isinstance(verdict, Paid | RefundPending):
        assert (verdict.code, verdict.message) == (code, "说明")


def test_the_payers_own_trouble_is_not_held_against_the_channel(upay: UnionpayPair) -> None:
    causes = {}
    for code in ("60", "61", "64", "65", "99", "77"):
        answer = upay.said(refused(CallRefused(code=code, message=""), ORDER_NO))
        causes[code] = question(upay, "micropay").read(answer, ANSWERED_AT).cause
    assert causes == {
        "60": "payer", "61": "payer", "64": "balance", "65": "payer",
        "99": "channel", "77": "channel",
    }  # fmt: skip


def test_a_confirmed_close_proves_that_nobody_paid(upay: UnionpayPair) -> None:
    verdict = question(upay, "closeOrder").read(upay.said(done(ORDER_NO)), ANSWERED_AT)
    assert verdict == SurelyNotPaid(code="03", message="closed at our request", cause="payer")


def test_a_barcode_payment_is_taken_back_by_closing_it(upay: UnionpayPair) -> None:
    order = an_order(pay_type="unionpay_barcode", auth_code="62")
    assert asked(upay.ours.reverse(order, STAMP)).request.path.endswith("/closeOrder")


def test_a_taken_refund_is_not_yet_a_refund(upay: UnionpayPair) -> None:
    verdict = question(upay, "refund").read(
        upay.said(done(REFUND_NO) | {"transIndex": "78"}), ANSWERED_AT
    )
    assert verdict == RefundPending(channel_refund_id="78", code="00")


@pytest.mark.parametrize("call", CALLS)
def test_an_unsigned_answer_proves_nothing_whatever_it_says(upay: UnionpayPair, call: str) -> None:
    words = order_words(a_paid_order()) | done(number_of(call)) | code_offer(QR)
    unsigned = HttpAnswer(status=200, headers={}, body=msgspec.json.encode(words))
    verdict = question(upay, call).read(unsigned, ANSWERED_AT)
    assert isinstance(verdict, Unknown) and verdict.why == "bad_signature"


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("status", "why"), [(500, "server_error"), (429, "rate_limited"), (404, "unparsable")]
)
def test_another_status_proves_nothing(
    upay: UnionpayPair, call: str, status: int, why: str
) -> None:
    answer = msgspec.structs.replace(upay.said(done(number_of(call))), status=status)
    verdict = question(upay, call).read(answer, ANSWERED_AT)
    assert isinstance(verdict, Unknown) and verdict.why == why


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("changed", [{"orderNo": "another"}, {"merId": "1"}, {"serProvId": "2"}])
def test_a_true_answer_about_somebody_else_is_not_ours(
    upay: UnionpayPair, call: str, changed: dict[str, str]
) -> None:
    words = order_words(a_paid_order()) | done(number_of(call)) | code_offer(QR) | changed
    verdict = question(upay, call).read(upay.said(words), ANSWERED_AT)
    assert isinstance(verdict, Unknown) and verdict.why == "other_order"


@pytest.mark.parametrize(
    "changed",
    [
        {"txnAmt": ""}, {"txnAmt": "0"}, {"txnAmt": "-1"}, {"txnAmt": "19.99"}, {"txnAmt": "１"},
        {"txnAmt": "100000000000"}, {"transIndex": ""}, {"transIndex": "\x1f7"},
        {"payTime": "yesterday"}, {"payTime": "20260230120000"}, {"currencyCode": "840"},
    ],
)  # fmt: skip
def test_a_payment_with_a_part_that_can_not_be_read_is_unknown(
    upay: UnionpayPair, changed: dict[str, str]
) -> None:
    words = order_words(a_paid_order()) | done(ORDER_NO) | changed
    assert isinstance(question(upay, "queryOrder").read(upay.said(words), ANSWERED_AT), Unknown)


def test_a_payment_without_its_time_happened_when_we_were_told(upay: UnionpayPair) -> None:
    words = order_words(a_paid_order(paid_at=None)) | done(ORDER_NO)
    verdict = question(upay, "queryOrder").read(upay.said(words), ANSWERED_AT)
    assert verdict == msgspec.structs.replace(PAID, paid_at=ANSWERED_AT)


def test_a_notice_means_the_same_as_the_query_of_that_order(upay: UnionpayPair) -> None:
    headers, body = notice(upay.theirs, a_paid_order())
    assert len(upay.ours.prove(headers, body, NOW)) == 32
    assert upay.ours.read_notice(body) == PaymentNotice(number=ORDER_NO, verdict=PAID)


def test_a_notice_with_only_the_public_fields_says_that_it_was_paid(upay: UnionpayPair) -> None:
    """Without a time the payment is left to the query, which knows when it was asked."""
    bare = upay.said({"orderNo": ORDER_NO, "txnAmt": "1999", "transIndex": TRANS_INDEX})
    told = upay.ours.read_notice(bare.body)
    assert isinstance(told, PaymentNotice) and isinstance(told.verdict, Unknown)
    timed = upay.said(
        {"orderNo": ORDER_NO, "txnAmt": "1999", "transIndex": "7", "payTime": "20260301120636"}
    )
    told = upay.ours.read_notice(timed.body)
    assert isinstance(told, PaymentNotice) and isinstance(told.verdict, Paid)


def test_the_answers_to_notices_are_the_words_that_the_platform_waits_for(
    upay: UnionpayPair,
) -> None:
    assert (upay.ours.thanks().status, upay.ours.thanks().body) == (200, b"success")
    assert upay.ours.no_thanks(503, "later").status == 503
    assert upay.ours.no_thanks(503, "later").body != b"success"


def test_what_is_not_offered_is_answered_without_asking(upay: UnionpayPair) -> None:
    ours, payee = upay.ours, Payee(kind="bank_card", account="6222")
    transfer = Transfer(number="t", payee=payee, amount_fen=1, title="t", opened_at=NOW)
    share = Share(
        number="s", order_number="o", channel_payment_id="p", parts=(), is_last=True,
        opened_at=NOW,
    )  # fmt: skip
    no_transfer = SurelyNotTransferred(code="not_offered", cause="platform")
    no_share = SurelyNotShared(code="not_offered", cause="platform")
    assert ours.transfer(transfer, STAMP) == ours.query_transfer(transfer, STAMP) == no_transfer
    assert ours.share(share, STAMP) == ours.query_share(share, STAMP) == no_share
    no_order = SurelyNotPaid(code="not_offered", cause="platform")
    assert ours.create(an_order(pay_type="wechat_native"), STAMP) == no_order
    assert ours.create(an_order(currency="USD"), STAMP) == no_order


def test_bills_are_not_offered_and_never_said_to_be_empty(upay: UnionpayPair) -> None:
    wish = BillWish(day=NOW.date())
    unknown = Unknown(why="unlisted", code="not_offered", cause="platform")
    assert upay.ours.find_bill(wish, STAMP) == unknown
    fetched = upay.ours.fetch_bill(wish, BillAt(url="https://x.test/b"), STAMP)
    assert fetched.read(HttpAnswer(status=200, headers={}, body=b""), NOW) == unknown


def test_a_refused_refund_has_no_proof_but_its_query(upay: UnionpayPair) -> None:
    answer = upay.said(refused(CallRefused(code="33", message=""), REFUND_NO))
    assert isinstance(question(upay, "refund").read(answer, ANSWERED_AT), Unknown)
    failed = refund_words(a_done_refund(state="failed")) | done(REFUND_NO)
    verdict = question(upay, "refundQuery").read(upay.said(failed), ANSWERED_AT)
    assert verdict == SurelyNotRefunded(code="01", message="退款失败", number_is_spent=True)


def test_times_are_chinas_and_come_back_as_they_were() -> None:
    assert time_text(NOW) == "20260301120506"
    assert time_of("20260301120506") == NOW
    assert fen("000000000100") == 100
