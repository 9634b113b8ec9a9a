"""What each answer proves about the money; whatever is not known to prove something, does not."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from schema.channels import (
    HttpAnswer,
    NotKnownThere,
    Paid,
    Pending,
    QrCode,
    SurelyNotPaid,
    Unknown,
    Verdict,
)
from schema.channels.wechat import decode_close, decode_create, decode_query
from schema.channels.wechat.documents import NativeAnswer
from schema.channels.wechat.platform import ERROR_STATUS, CallRefused, error_answer
from schema.channels.wechat.verdicts import ERROR_MEANS
from tests.wire.wechat_pair import NOW, ORDER_NO, Pair, a_transaction

DOCUMENTED_QUERY_ANSWER = """{
    "amount": {"currency": "CNY", "payer_currency": "CNY", "payer_total": 3, "total": 3},
    "appid": "wx1234567890abcdef", "attach": "", "bank_type": "OTHERS", "mchid": "1900000001",
    "out_trade_no": "1217752501201407033233368018",
    "payer": {"openid": "o4GgauMQHaUO3ujLXV92Hs9O7pJo"},
    "promotion_detail": [{"amount": 1, "coupon_id": "109519", "scope": "GLOBAL"}],
    "scene_info": {"device_id": "013467007045764"},
    "success_time": "2021-09-08T14:36:29+08:00", "trade_state": "SUCCESS",
    "trade_state_desc": "支付成功", "trade_type": "NATIVE",
    "transaction_id": "4200001234202109081234567890"
}"""

OPERATIONS = ("create", "query", "close")

# Written down a second time, by what each word proves, so that a slip in the table shows.
REFUSES_THE_ORDER = {
    "PARAM_ERROR", "SIGN_ERROR", "NO_AUTH", "APPID_MCHID_NOT_MATCH", "MCH_NOT_EXISTS",
    "RULE_LIMIT", "TRADE_ERROR", "NOT_ENOUGH", "USER_ACCOUNT_ABNORMAL", "ORDER_CLOSED",
}  # fmt: skip
KNOWS_NO_ORDER = {"ORDER_NOT_EXIST", "RESOURCE_NOT_EXISTS"}
EXPECTED = (
    {(code, "create"): "surely_not_paid" for code in REFUSES_THE_ORDER}
    | {(code, asked): "not_known_there" for code in KNOWS_NO_ORDER for asked in OPERATIONS[1:]}
    | {("ORDER_CLOSED", "close"): "surely_not_paid"}
)


def decoded(pair: Pair, operation: str, answer: HttpAnswer) -> Verdict:
    if operation == "create":
        return decode_create(pair.ours, answer, NOW)
    if operation == "query":
        return decode_query(pair.ours, ORDER_NO, answer, NOW)
    return decode_close(pair.ours, answer, NOW)


def kind(verdict: Verdict) -> str:
    return str(verdict.__struct_config__.tag)


def error(status: int, code: str, message: str = "说明") -> HttpAnswer:
    body = msgspec.json.encode({"code": code, "message": message, "detail": ["any", {"shape": 1}]})
    return HttpAnswer(status=status, headers={}, body=body)


def test_a_created_order_waits_for_its_payer_with_a_code(pair: Pair) -> None:
    answer = pair.answer(NativeAnswer(code_url="weixin://wxpay/bizpayurl?pr=p4lpSuKzz"))
    assert decode_create(pair.ours, answer, NOW) == Pending(
        offer=QrCode(url="weixin://wxpay/bizpayurl?pr=p4lpSuKzz")
    )


def test_a_confirmed_close_proves_that_nobody_paid(pair: Pair) -> None:
    verdict = decode_close(pair.ours, pair.answer(None), NOW)
    assert verdict == SurelyNotPaid(code="CLOSED", message="closed at our request")


def test_a_payment_is_read_from_an_answer_with_everything_the_documents_list(pair: Pair) -> None:
    answer = pair.signed(200, DOCUMENTED_QUERY_ANSWER.encode())
    assert decode_query(pair.ours, "1217752501201407033233368018", answer, NOW) == Paid(
        channel_payment_id="4200001234202109081234567890",
        amount_fen=3,
        currency="CNY",
        paid_at=datetime(2021, 9, 8, 6, 36, 29, tzinfo=UTC),
        payer_id="o4GgauMQHaUO3ujLXV92Hs9O7pJo",
    )


def test_a_refunded_order_was_paid(pair: Pair) -> None:
    verdict = decoded(pair, "query", pair.answer(a_transaction(trade_state="REFUND")))
    assert isinstance(verdict, Paid) and verdict.is_refunded


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("NOTPAY", "pending"),
        ("USERPAYING", "pending"),
        ("CLOSED", "surely_not_paid"),
        ("REVOKED", "surely_not_paid"),
        ("PAYERROR", "surely_not_paid"),
        ("PAID_WITH_SHELLS", "unknown"),
        ("success", "unknown"),
    ],
)
def test_each_trade_state_proves_what_the_documents_say(
    pair: Pair, state: str, expected: str
) -> None:
    verdict = decoded(pair, "query", pair.answer(a_transaction(trade_state=state)))
    assert kind(verdict) == expected
    assert not isinstance(verdict, Paid) and verdict.code == state


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("code", sorted(ERROR_MEANS))
def test_each_error_code_proves_what_the_documents_say(
    pair: Pair, code: str, operation: str
) -> None:
    verdict = decoded(pair, operation, error_answer(CallRefused(code=code, message="说明")))
    assert kind(verdict) == EXPECTED.get((code, operation), "unknown")
    assert isinstance(verdict, SurelyNotPaid | NotKnownThere | Unknown)
    assert (verdict.code, verdict.message) == (code, "说明")


def test_every_code_that_the_platform_is_known_to_send_is_in_our_table() -> None:
    assert set(ERROR_STATUS) == set(ERROR_MEANS)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_invented_code_is_unknown_and_never_failed(pair: Pair, operation: str) -> None:
    verdict = decoded(pair, operation, error(403, "WALLET_ATE_IT"))
    assert verdict == Unknown(why="unlisted", code="WALLET_ATE_IT", message="说明")


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("status", "why"),
    [(500, "server_error"), (503, "server_error"), (429, "rate_limited"), (302, "ambiguous")],
)
def test_a_refusing_code_under_another_status_proves_nothing(
    pair: Pair, operation: str, status: int, why: str
) -> None:
    verdict = decoded(pair, operation, error(status, "PARAM_ERROR"))
    assert isinstance(verdict, Unknown) and verdict.why == why


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("body", [b"", b"<html>502</html>", b"[]", b'{"code":5}', b"\xff"])
def test_an_error_that_is_no_error_document_is_unknown(
    pair: Pair, operation: str, body: bytes
) -> None:
    verdict = decoded(pair, operation, HttpAnswer(status=404, headers={}, body=body))
    assert isinstance(verdict, Unknown) and verdict.why == "unparsable"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_success_without_signature_is_unknown(pair: Pair, operation: str) -> None:
    answers = {
        "create": pair.answer(NativeAnswer(code_url="weixin://x")),
        "query": pair.answer(a_transaction()),
        "close": pair.answer(None),
    }
    unsigned = msgspec.structs.replace(answers[operation], headers={})
    verdict = decoded(pair, operation, unsigned)
    assert verdict == Unknown(why="bad_signature", message="not signed")


@pytest.mark.parametrize(
    ("operation", "status", "body"),
    [
        ("create", 200, b"{}"),
        ("create", 200, b'{"code_url":""}'),
        ("create", 202, b'{"code_url":"weixin://x"}'),
        ("query", 200, b'{"trade_state":"SUCCESS"}'),
        ("query", 200, b"[" * 50_000),
        ("close", 204, b"{}"),
        ("close", 200, b""),
    ],
)
def test_a_signed_success_that_is_not_what_was_asked_for_is_unknown(
    pair: Pair, operation: str, status: int, body: bytes
) -> None:
    verdict = decoded(pair, operation, pair.signed(status, body))
    assert isinstance(verdict, Unknown) and verdict.why == "unparsable"


@pytest.mark.parametrize(
    "changed",
    [{"out_trade_no": "another-order"}, {"mchid": "1900000002"}, {"appid": "wx2"}],
    ids=str,
)
def test_a_payment_of_somebody_else_is_not_ours(pair: Pair, changed: dict[str, str]) -> None:
    verdict = decoded(pair, "query", pair.answer(a_transaction(**changed)))
    assert isinstance(verdict, Unknown) and verdict.why == "other_order"


@pytest.mark.parametrize("missing", ["transaction_id", "amount", "success_time"])
def test_a_payment_without_its_number_amount_or_time_is_unknown(pair: Pair, missing: str) -> None:
    verdict = decoded(pair, "query", pair.answer(a_transaction(**{missing: None})))
    assert isinstance(verdict, Unknown) and verdict.why == "unparsable"


def test_their_words_are_kept_printable_and_short(pair: Pair) -> None:
    verdict = decoded(pair, "create", error(403, "NO_AUTH", "a\x00b\nc" + "d" * 1000))
    assert isinstance(verdict, SurelyNotPaid)
    assert verdict.message == "abc" + "d" * 251
