"""What each of the bank's answers proves; whatever is not known to prove something, does not."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from schema.channels import (
    AtTheTill,
    BillAt,
    BillNotReady,
    BillWish,
    Language,
    NoBill,
    NotKnownThere,
    OtherNotice,
    Paid,
    Payee,
    PaymentNotice,
    Pending,
    Redirect,
    RefundAbnormal,
    Refunded,
    RefundNotice,
    RefundPending,
    Share,
    SurelyNotPaid,
    SurelyNotRefunded,
    SurelyNotShared,
    SurelyNotTransferred,
    TransferNotice,
    TransferPending,
    Transferred,
    Unknown,
)
from schema.channels.bank.documents import (
    ORDER_ASK,
    REFUND_ASK,
    TRANSFER_ASK,
    BillDocument,
    OrderAsk,
    RefundAsk,
    TransferAsk,
)
from schema.channels.bank.platform import CallRefused, notice, read_call
from schema.channels.bank.tables import (
    ERROR_MEANS,
    ORDER_STATES,
    REASON_CAUSES,
    REFUND_STATES,
    TRANSFER_STATES,
)
from schema.channels.reading import read
from tests.wire.bank_pair import (
    BANK,
    LATER,
    NOW,
    ORDER_NO,
    REFUND_NO,
    STAMP,
    TRANSFER_NO,
    a_refund,
    a_transfer,
    an_order,
    asked,
    order_document,
    refund_document,
    refused,
    said,
    signed,
    transfer_document,
)

PAY_URL = "https://bank.test/pay?code=0123456789abcdef"
PAID = Paid(
    channel_payment_id="BO20260301000000000001",
    amount_fen=1999,
    currency="CNY",
    paid_at=LATER,
    payer_id="6222-1",
)
DAY = date(2026, 3, 1)

QUESTIONS: dict[str, Any] = {
    "create": lambda: BANK.create(an_order(), STAMP),
    "query": lambda: BANK.query(an_order(), STAMP),
    "close": lambda: BANK.close(an_order(), STAMP),
    "reverse": lambda: BANK.reverse(an_order(), STAMP),
    "refund": lambda: BANK.refund(a_refund(), STAMP),
    "query_refund": lambda: BANK.query_refund(a_refund(), STAMP),
    "transfer": lambda: BANK.transfer(a_transfer(), STAMP),
    "query_transfer": lambda: BANK.query_transfer(a_transfer(), STAMP),
    "find_bill": lambda: BANK.find_bill(BillWish(day=DAY), STAMP),
}
DOCUMENTS: dict[str, Any] = {
    "create": order_document, "query": order_document, "close": order_document,
    "reverse": order_document, "refund": refund_document, "query_refund": refund_document,
    "transfer": transfer_document, "query_transfer": transfer_document,
}  # fmt: skip


def verdict(call: str, answer: Any) -> Any:
    return asked(QUESTIONS[call]()).read(answer, NOW)


def kind(found: Any) -> str:
    return str(found.__struct_config__.tag)


def test_the_language_is_one_that_all_channels_speak() -> None:
    language: Language = BANK
    assert language.base_url == "https://bank.test"
    assert language.renew(STAMP) is None


def test_each_wish_goes_to_the_address_of_the_protocol() -> None:
    sent = {call: asked(ask()).request for call, ask in QUESTIONS.items()}
    assert {call: f"{each.method} {each.path}" for call, each in sent.items()} == {
        "create": "POST /bank/v1/orders",
        "query": f"GET /bank/v1/orders/{ORDER_NO}",
        "close": f"POST /bank/v1/orders/{ORDER_NO}/close",
        "reverse": f"POST /bank/v1/orders/{ORDER_NO}/reverse",
        "refund": "POST /bank/v1/refunds",
        "query_refund": f"GET /bank/v1/refunds/{REFUND_NO}",
        "transfer": "POST /bank/v1/transfers",
        "query_transfer": f"GET /bank/v1/transfers/{TRANSFER_NO}",
        "find_bill": "GET /bank/v1/bills?day=2026-03-01&kind=trades",
    }


def test_the_bank_reads_what_we_wish_as_we_meant_it() -> None:
    order = read(ORDER_ASK, asked(BANK.create(an_order(), STAMP)).request.body)
    assert order == OrderAsk(
        number=ORDER_NO, product="page", subject="两斤番茄", amount_fen=1999, currency="CNY",
        expires_at=an_order().expires_at, notify_url="https://tomato.test/notices/b1",
        return_url="https://shop.test/thanks",
    )  # fmt: skip
    refund = read(REFUND_ASK, asked(BANK.refund(a_refund(), STAMP)).request.body)
    assert refund == RefundAsk(
        number=REFUND_NO, order_number=ORDER_NO, refund_fen=500, currency="CNY",
        notify_url="https://tomato.test/notices/b1", reason="overripe",
    )  # fmt: skip
    transfer = read(TRANSFER_ASK, asked(BANK.transfer(a_transfer(), STAMP)).request.body)
    assert isinstance(transfer, TransferAsk)
    assert (transfer.payee.account, transfer.payee.name) == ("6222020000000000018", "王小明")


def test_an_order_on_the_banks_page_sends_the_payer_there() -> None:
    waiting = order_document(state="WAITING", paid_at=None, pay_url=PAY_URL, payer_account="")
    assert verdict("create", said(waiting)) == Pending(offer=Redirect(url=PAY_URL), code="WAITING")


def test_a_payment_from_a_balance_is_paid_at_once_or_confirmed_by_its_payer() -> None:
    order = an_order(pay_type="balance", payer_id="6222-1")
    question = asked(BANK.create(order, STAMP))
    assert read(ORDER_ASK, question.request.body).payer_account == "6222-1"
    assert question.read(said(order_document(product="balance")), NOW) == PAID
    waiting = order_document(product="balance", state="WAITING", paid_at=None)
    assert question.read(said(waiting), NOW) == Pending(offer=AtTheTill(), code="WAITING")


# Written down a second time, by what each word proves, so that a slip in the tables shows.
ORDER_STANDS = {
    "WAITING": "pending", "PAID": "paid", "CLOSED": "surely_not_paid",
    "FAILED": "surely_not_paid", "REVERSED": "surely_not_paid",
}  # fmt: skip
REFUND_STANDS = {
    "WORKING": "refund_pending", "DONE": "refunded", "STUCK": "refund_abnormal",
    "FAILED": "surely_not_refunded",
}  # fmt: skip
TRANSFER_STANDS = {
    "ACCEPTED": "transfer_pending", "WORKING": "transfer_pending", "DONE": "transferred",
    "REFUSED": "surely_not_transferred", "RETURNED": "surely_not_transferred",
}  # fmt: skip


@pytest.mark.parametrize("call", ["create", "query", "close", "reverse"])
@pytest.mark.parametrize("state", [*ORDER_STATES, "paid", "HALF"])
def test_each_state_of_an_order_proves_what_the_protocol_says(call: str, state: str) -> None:
    found = verdict(call, said(order_document(state=state)))
    assert kind(found) == ORDER_STANDS.get(state, "unknown")
    if isinstance(found, Unknown):
        assert (found.why, found.code) == ("unlisted", state)


@pytest.mark.parametrize("call", ["refund", "query_refund"])
@pytest.mark.parametrize("state", [*REFUND_STATES, "done", "HALF"])
def test_each_state_of_a_refund_proves_what_the_protocol_says(call: str, state: str) -> None:
    found = verdict(call, said(refund_document(state=state)))
    assert kind(found) == REFUND_STANDS.get(state, "unknown")
    if isinstance(found, Unknown):
        assert (found.why, found.code) == ("unlisted", state)


@pytest.mark.parametrize("call", ["transfer", "query_transfer"])
@pytest.mark.parametrize("state", [*TRANSFER_STATES, "done", "HALF"])
def test_each_state_of_a_transfer_proves_what_the_protocol_says(call: str, state: str) -> None:
    found = verdict(call, said(transfer_document(state=state)))
    assert kind(found) == TRANSFER_STANDS.get(state, "unknown")
    if isinstance(found, Unknown):
        assert (found.why, found.code) == ("unlisted", state)


MAKING = ("create", "refund", "transfer")
REFUSES = {
    "MALFORMED": MAKING, "NO_RIGHT": MAKING, "LIMIT": MAKING,
    "PAYER_UNKNOWN": ("create",), "PAYER_REFUSED": ("create",), "BALANCE_SHORT": ("create",),
    "ORDER_UNKNOWN": ("refund",), "ORDER_NOT_PAID": ("refund",), "REFUND_EXCEEDS": ("refund",),
    "FUNDS_SHORT": ("refund", "transfer"), "PAYEE_REFUSED": ("transfer",),
}  # fmt: skip
ASKING = ("query", "query_refund", "query_transfer", "find_bill")
KNOWS_NOT = {
    "ORDER_UNKNOWN": (*ASKING[:3], "close", "reverse"),
    "REFUND_UNKNOWN": ASKING[:3],
    "TRANSFER_UNKNOWN": ASKING[:3],
}


@pytest.mark.parametrize("call", sorted(QUESTIONS))
@pytest.mark.parametrize("code", [*ERROR_MEANS, "WALLET_ATE_IT"])
def test_each_error_proves_what_the_protocol_says(code: str, call: str) -> None:
    found = verdict(call, refused(code))
    if call in REFUSES.get(code, ()):
        assert kind(found).startswith("surely_not_")
        assert found.cause == ERROR_MEANS[code].cause
    elif call in KNOWS_NOT.get(code, ()):
        assert isinstance(found, NotKnownThere)
    else:
        assert isinstance(found, Unknown)
    assert (found.code, found.message) == (code, "no")


@pytest.mark.parametrize("call", sorted(QUESTIONS))
def test_a_code_under_a_status_that_is_not_its_own_proves_nothing(call: str) -> None:
    found = verdict(call, signed(400, b'{"code":"LIMIT","message":""}'))
    assert isinstance(found, Unknown) and found.why == "ambiguous"
    found = verdict(call, signed(503, b'{"code":"LIMIT","message":""}'))
    assert isinstance(found, Unknown) and found.why == "server_error"


@pytest.mark.parametrize("call", sorted(QUESTIONS))
@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b"[" * 50_000])
@pytest.mark.parametrize("status", [200, 404])
def test_a_signed_answer_that_is_not_a_document_is_unknown(
    call: str, status: int, body: bytes
) -> None:
    found = verdict(call, signed(status, body))
    assert isinstance(found, Unknown) and found.why == "unparsable"


@pytest.mark.parametrize("call", sorted(DOCUMENTS))
def test_a_true_answer_about_another_number_is_not_ours(call: str) -> None:
    found = verdict(call, said(DOCUMENTS[call](number="another")))
    assert isinstance(found, Unknown) and found.why == "other_order"


@pytest.mark.parametrize("call", ["query", "query_refund", "query_transfer"])
def test_money_that_moved_without_a_time_is_unknown(call: str) -> None:
    document = DOCUMENTS[call]()
    time = "paid_at" if call == "query" else "finished_at"
    found = verdict(call, said(replace(document, **{time: None})))
    assert isinstance(found, Unknown) and found.why == "unparsable"


def test_a_payment_says_whether_some_of_it_went_back() -> None:
    assert verdict("query", said(order_document())) == PAID
    part = verdict("query", said(order_document(refunded_fen=500)))
    assert part == replace(PAID, is_refunded=True)
    whole = verdict("query", said(order_document(refunded_fen=order_document().amount_fen)))
    assert whole == replace(PAID, is_refunded=True, is_all_back=True)


@pytest.mark.parametrize("reason", [*REASON_CAUSES, "SOLAR_FLARE", ""])
def test_whose_doing_a_failure_was_follows_from_its_reason(reason: str) -> None:
    failed = order_document(state="FAILED", paid_at=None, reason=reason, message="说明")
    expected = SurelyNotPaid(
        code=reason or "FAILED", message="说明", cause=REASON_CAUSES.get(reason, "channel")
    )
    assert verdict("query", said(failed)) == expected


def test_a_refund_that_can_not_reach_its_payer_is_no_failure() -> None:
    stuck = refund_document(state="STUCK", reason="ACCOUNT_CLOSED", received_by="")
    assert verdict("query_refund", said(stuck)) == RefundAbnormal(
        channel_refund_id="BR20260301000000000002", code="ACCOUNT_CLOSED"
    )
    working = refund_document(state="WORKING", finished_at=None)
    assert isinstance(verdict("refund", said(working)), RefundPending)
    done = verdict("query_refund", said(refund_document()))
    assert isinstance(done, Refunded) and done.received_by == "6222-1"
    failed = verdict("query_refund", said(refund_document(state="FAILED", reason="LIMIT")))
    assert failed == SurelyNotRefunded(code="LIMIT", cause="merchant", number_is_spent=True)


def test_a_transfer_that_came_back_says_so_and_why() -> None:
    done = verdict("query_transfer", said(transfer_document()))
    assert isinstance(done, Transferred) and done.amount_fen == 88_800
    returned = transfer_document(state="RETURNED", reason="ACCOUNT_CLOSED", message="账户已销户")
    assert verdict("query_transfer", said(returned)) == SurelyNotTransferred(
        code="RETURNED", message="ACCOUNT_CLOSED 账户已销户", cause="payer"
    )
    refused_ = transfer_document(state="REFUSED", reason="NAME_MISMATCH", finished_at=None)
    assert verdict("query_transfer", said(refused_)) == SurelyNotTransferred(
        code="NAME_MISMATCH", cause="payer"
    )
    working = transfer_document(state="WORKING", finished_at=None)
    assert isinstance(verdict("transfer", said(working)), TransferPending)


def test_a_bill_is_found_with_its_digest() -> None:
    ready = BillDocument(
        day=DAY, kind="trades", state="READY", url="https://bank.test/b.csv", sha256="a" * 64
    )
    at = BillAt(url="https://bank.test/b.csv", digest="a" * 64, digest_kind="sha256")
    assert verdict("find_bill", said(ready)) == at
    later = BillDocument(day=DAY, kind="trades", state="CREATING")
    assert verdict("find_bill", said(later)) == BillNotReady(code="CREATING")
    assert verdict("find_bill", said(replace(later, state="EMPTY"))) == NoBill(code="EMPTY")
    for odd in (
        {"state": "READY"},
        {"state": "LOST"},
        {"kind": "funds"},
        {"day": date(2026, 3, 2)},
    ):
        assert isinstance(verdict("find_bill", said(replace(later, **odd))), Unknown)


def test_a_notice_means_the_same_as_the_query() -> None:
    order = BANK.read_notice(notice(order_document(), notice_id="n1", created_at=NOW))
    assert order == PaymentNotice(number=ORDER_NO, verdict=PAID)
    refund = BANK.read_notice(notice(refund_document(), notice_id="n2", created_at=NOW))
    assert refund == RefundNotice(
        number=REFUND_NO,
        order_number=ORDER_NO,
        verdict=verdict("query_refund", said(refund_document())),
    )
    transfer = BANK.read_notice(notice(transfer_document(), notice_id="n3", created_at=NOW))
    assert transfer == TransferNotice(
        number=TRANSFER_NO, verdict=verdict("query_transfer", said(transfer_document()))
    )


def test_a_notice_of_another_kind_is_true_and_not_followed() -> None:
    body = notice(order_document(), notice_id="n1", created_at=NOW)
    other = body.replace(b'"event":"order"', b'"event":"statement"')
    assert BANK.read_notice(other) == OtherNotice(what="statement")


def test_what_is_not_offered_is_answered_without_asking() -> None:
    share = Share(
        number="s", order_number="o", channel_payment_id="p", parts=(), is_last=True, opened_at=NOW
    )
    no_share = SurelyNotShared(code="not_offered", cause="platform")
    assert BANK.share(share, STAMP) == BANK.query_share(share, STAMP) == no_share
    to_wechat = a_transfer(payee=Payee(kind="wechat_openid", account="o1"))
    assert BANK.transfer(to_wechat, STAMP) == SurelyNotTransferred(
        code="not_offered", cause="platform"
    )
    assert BANK.create(an_order(pay_type="alipay_qr"), STAMP) == SurelyNotPaid(
        code="not_offered", cause="platform"
    )


def test_our_answers_to_notices_are_those_of_the_protocol() -> None:
    assert (BANK.thanks().status, BANK.thanks().body) == (200, b'{"code":"OK"}')
    assert BANK.no_thanks(503, "later").status == 503


def test_the_bank_names_what_is_wrong_with_a_call() -> None:
    wrong = read_call(ORDER_ASK, b'{"number":"a"}')
    assert isinstance(wrong, CallRefused) and wrong.code == "MALFORMED"
