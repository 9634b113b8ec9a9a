"""What Alipay's answers prove of refunds, transfers and shares, and where bills lie."""

from __future__ import annotations

from datetime import UTC, date, datetime

import msgspec
import pytest
from msgspec.structs import replace

from schema.channels import (
    BillAt,
    BillNotReady,
    BillWish,
    NoBill,
    NotKnownThere,
    Payee,
    Receipt,
    Refunded,
    RefundPending,
    Shared,
    SharePending,
    SurelyNotShared,
    SurelyNotTransferred,
    TransferPending,
    Transferred,
    Unknown,
)
from schema.channels.alipay.documents import BillPlaceDocument
from schema.channels.alipay.money_documents import (
    RefundAnswer,
    RefundQueryAnswer,
    RoyaltyDetail,
    SettleAnswer,
    SettleQueryAnswer,
    TransferAnswer,
)
from schema.channels.alipay.sharing import raw_yuan
from schema.channels.alipay.tables import Operation
from tests.wire.alipay_pair import (
    NOW,
    ORDER_NO,
    REFUND_NO,
    STAMP,
    TRADE_NO,
    a_transfer,
    asked,
    biz,
    by_certificates,
    by_keys,
)
from tests.wire.alipay_questions import PAID_AT, SHARE, heard, question


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
