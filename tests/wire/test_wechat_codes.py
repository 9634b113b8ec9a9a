"""Error codes: what each proves in each call and whose doing it is, written down a second time."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from schema.channels import (
    Cause,
    HttpAnswer,
    NotKnownThere,
    SurelyNotPaid,
    SurelyNotRefunded,
    SurelyNotShared,
    SurelyNotTransferred,
    Unknown,
)
from schema.channels.wechat.platform import ERROR_STATUS, CallRefused, error_answer
from schema.channels.wechat.tables import BILL_CODES, CODES, OPERATIONS, Operation
from tests.wire.wechat_pair import NOW, Pair

# By what each word proves, so that a slip in the table shows.
MOVES_MONEY = {"create", "codepay", "refund", "transfer", "share"}
LOOKS = {"query", "query_refund", "query_transfer", "query_share"}
ENDS = {"close", "reverse"}
REFUSES_ALL = {
    "PARAM_ERROR", "NO_AUTH", "APPID_MCHID_NOT_MATCH", "MCH_NOT_EXISTS", "RULE_LIMIT",
    "NOT_ENOUGH", "USER_ACCOUNT_ABNORMAL",
}  # fmt: skip
KNOWS_NOTHING = {"ORDER_NOT_EXIST", "RESOURCE_NOT_EXISTS", "NOT_FOUND"}
REFUSED = (
    {(code, operation) for code in REFUSES_ALL for operation in MOVES_MONEY}
    | {(code, way) for code in ("TRADE_ERROR", "SIGN_ERROR") for way in ("create", "codepay")}
    | {("ORDER_CLOSED", operation) for operation in ("create", "codepay", "close", "reverse")}
)
NOT_KNOWN = {(code, operation) for code in KNOWS_NOTHING for operation in LOOKS | ENDS}
CAUSES: dict[Cause, set[str]] = {
    "platform": {
        "PARAM_ERROR", "SIGN_ERROR", "ORDER_NOT_EXIST", "RESOURCE_NOT_EXISTS", "NOT_FOUND",
        "OUT_TRADE_NO_USED", "INVALID_REQUEST", "ORDERPAID",
    },
    "merchant": {"NO_AUTH", "APPID_MCHID_NOT_MATCH", "MCH_NOT_EXISTS", "RULE_LIMIT"},
    "payer": {"TRADE_ERROR", "USER_ACCOUNT_ABNORMAL", "ORDER_CLOSED", "USERPAYING"},
    "balance": {"NOT_ENOUGH"},
    "channel": {"FREQUENCY_LIMITED", "SYSTEM_ERROR", "BANK_ERROR", "SERVICE_UNAVAILABLE"},
}  # fmt: skip

# What the documents list for the calls that we make, from the facts that the tables came from.
DOCUMENTED = {
    "PARAM_ERROR", "INVALID_REQUEST", "SIGN_ERROR", "NO_AUTH", "OUT_TRADE_NO_USED", "RULE_LIMIT",
    "TRADE_ERROR", "NOT_ENOUGH", "USER_ACCOUNT_ABNORMAL", "ORDER_NOT_EXIST",
    "RESOURCE_NOT_EXISTS", "MCH_NOT_EXISTS", "FREQUENCY_LIMITED", "SYSTEM_ERROR", "BANK_ERROR",
    "SERVICE_UNAVAILABLE", "ORDER_CLOSED", "APPID_MCHID_NOT_MATCH", "STATEMENT_CREATING",
    "NO_STATEMENT_EXIST",
}  # fmt: skip

SURELY_NOT = SurelyNotPaid | SurelyNotRefunded | SurelyNotTransferred | SurelyNotShared


def decoded(pair: Pair, operation: Operation, answer: HttpAnswer) -> Any:
    return pair.questions[operation].read(answer, NOW)


def error(status: int, code: str, message: str = "说明") -> HttpAnswer:
    body = msgspec.json.encode({"code": code, "message": message, "detail": ["any", {"shape": 1}]})
    return HttpAnswer(status=status, headers={}, body=body)


def test_every_documented_code_is_in_our_tables() -> None:
    assert set(CODES) | set(BILL_CODES) >= DOCUMENTED


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("code", sorted(CODES))
def test_each_error_code_proves_what_the_documents_say(
    pair: Pair, code: str, operation: Operation
) -> None:
    answer = error_answer(CallRefused(code=code, message="说明"))
    if answer.status == 202:
        answer = msgspec.structs.replace(answer, status=400)
    verdict = decoded(pair, operation, answer)
    if (code, operation) in REFUSED:
        assert isinstance(verdict, SURELY_NOT)
    elif (code, operation) in NOT_KNOWN:
        assert isinstance(verdict, NotKnownThere)
    else:
        assert isinstance(verdict, Unknown)
    assert (verdict.code, verdict.message) == (code, "说明")


@pytest.mark.parametrize("code", sorted(CODES))
def test_each_error_code_says_whose_doing_it_is(pair: Pair, code: str) -> None:
    assert sum(code in codes for codes in CAUSES.values()) == 1
    (cause,) = (cause for cause, codes in CAUSES.items() if code in codes)
    assert {means.cause for means in CODES[code].values()} == {cause}
    verdict = decoded(pair, "create", error(400, code))
    assert verdict.cause == cause


def test_every_code_that_the_platform_is_known_to_send_is_in_our_tables() -> None:
    assert set(ERROR_STATUS) == set(CODES) | set(BILL_CODES)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_invented_code_is_unknown_and_never_failed(pair: Pair, operation: Operation) -> None:
    verdict = decoded(pair, operation, error(403, "WALLET_ATE_IT"))
    assert verdict == Unknown(why="unlisted", code="WALLET_ATE_IT", message="说明")


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("status", "why"),
    [(500, "server_error"), (503, "server_error"), (429, "rate_limited"), (302, "ambiguous")],
)
def test_a_refusing_code_under_another_status_proves_nothing(
    pair: Pair, operation: Operation, status: int, why: str
) -> None:
    verdict = decoded(pair, operation, error(status, "PARAM_ERROR"))
    assert isinstance(verdict, Unknown) and verdict.why == why


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("body", [b"", b"<html>502</html>", b"[]", b'{"code":5}', b"{}", b"\xff"])
def test_an_error_that_is_no_error_document_is_unknown(
    pair: Pair, operation: Operation, body: bytes
) -> None:
    verdict = decoded(pair, operation, HttpAnswer(status=404, headers={}, body=body))
    assert isinstance(verdict, Unknown) and verdict.why == "unparsable"


def test_their_words_are_kept_printable_and_short(pair: Pair) -> None:
    verdict = decoded(pair, "create", error(403, "NO_AUTH", "a\x00b\nc" + "d" * 1000))
    assert isinstance(verdict, SurelyNotPaid)
    assert verdict.message == "abc" + "d" * 251
