"""Who said it, when, and exactly what: each part of what is signed is changed in turn."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from schema.channels import HttpAnswer, ProtocolError
from schema.channels.wechat.documents import Prepared
from schema.channels.wechat.platform import JSON
from schema.channels.wechat.signing import (
    answer_message,
    read_authorization,
    request_message,
    signature_fault,
)
from tests.wire.wechat_pair import (
    NONCE,
    NOW,
    STAMP,
    Pair,
    an_order,
    asked,
)

A_CODE = Prepared(code_url="weixin://wxpay/bizpayurl?pr=abc")


def test_a_request_is_signed_over_five_lines_as_the_documents_show() -> None:
    signed = request_message("GET", "/v3/certificates", "1554208460", NONCE, b"")
    assert signed == (b"GET\n/v3/certificates\n1554208460\n593BEC0C930BF1AFEB40B4A08C8FB242\n\n")


def test_an_answer_is_signed_over_three_lines_as_the_documents_show() -> None:
    signed = answer_message("1554209980", "c5ac7061fccab6bf3e254dcf98995b8c", b'{"data":[]}')
    assert signed == b'1554209980\nc5ac7061fccab6bf3e254dcf98995b8c\n{"data":[]}\n'


def test_the_platform_believes_all_our_requests(pair: Pair) -> None:
    questions = pair.questions.values()
    assert [pair.fault(question.request) for question in questions] == [None] * len(questions)


def test_order_numbers_with_special_characters_travel_in_the_path_as_they_are_signed(
    pair: Pair,
) -> None:
    request = asked(pair.language.query(an_order(number="a|b*c_d-01"), STAMP)).request
    assert request.path == ("/v3/pay/transactions/out-trade-no/a%7Cb%2Ac_d-01?mchid=1900000001")
    assert pair.fault(request) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "PUT"},
        {"path": "/v3/pay/transactions/jsapi"},
        {"body": b"{}"},
        {"nonce_str": "another"},
        {"timestamp": str(int(NOW.timestamp()) + 1)},
        {"serial_no": "00"},
        {"signature": "AAAA"},
        {"signature": "not base64 at all"},
    ],
    ids=str,
)
def test_a_request_changed_on_the_way_is_refused_with_sign_error(
    pair: Pair, changed: dict[str, object]
) -> None:
    fault = pair.fault(asked(pair.language.create(an_order(), STAMP)).request, **changed)
    assert fault is not None and fault.code == "SIGN_ERROR"


@pytest.mark.parametrize("skew_s", [-301, -300, 0, 300, 301])
def test_requests_more_than_five_minutes_off_the_clock_are_refused(pair: Pair, skew_s: int) -> None:
    request = asked(
        pair.language.query(an_order(), replace(STAMP, now=NOW + timedelta(seconds=skew_s)))
    ).request
    assert (pair.fault(request) is None) == (abs(skew_s) <= 300)


def test_a_merchant_cannot_sign_for_another(pair: Pair, stranger: Pair) -> None:
    request = asked(stranger.language.query(an_order(), STAMP)).request
    serial_no = pair.ours.account.merchant_serial
    fault = pair.fault(request, serial_no=serial_no)
    assert fault is not None and fault.message == "the signature does not fit the request"


def test_the_fields_of_the_authorization_header_may_come_in_any_order(pair: Pair) -> None:
    header = asked(pair.language.query(an_order(), STAMP)).request.headers["Authorization"]
    scheme, _, fields = header.partition(" ")
    turned = ",".join(reversed(fields.split(",")))
    assert read_authorization(f"{scheme} {turned}") == read_authorization(header)


@pytest.mark.parametrize("missing", ["mchid", "serial_no", "nonce_str", "timestamp", "signature"])
def test_an_authorization_header_that_lacks_a_field_is_refused(pair: Pair, missing: str) -> None:
    header = asked(pair.language.query(an_order(), STAMP)).request.headers["Authorization"]
    with pytest.raises(ProtocolError, match=missing):
        read_authorization(header.replace(f'{missing}="', 'other="'))


def fault_of(pair: Pair, answer: HttpAnswer, at_s: int = 0) -> str | None:
    now = NOW + timedelta(seconds=at_s)
    return signature_fault(pair.ours.peers, answer.headers, answer.body, now)


def test_we_believe_what_the_platform_signed(pair: Pair) -> None:
    assert fault_of(pair, pair.answer(A_CODE)) is None
    assert fault_of(pair, pair.answer(None)) is None


def test_header_names_are_compared_without_case(pair: Pair) -> None:
    answer = pair.answer(A_CODE)
    lower = {name.lower(): value for name, value in answer.headers.items()}
    assert fault_of(pair, replace(answer, headers=lower)) is None


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("Wechatpay-Signature", "", "not signed"),
        ("Wechatpay-Signature", "AAAA", "the signature does not fit the content"),
        ("Wechatpay-Signature", "WECHATPAY/SIGNTEST/AAAA", "a probe, signed wrongly on purpose"),
        ("Wechatpay-Serial", "5157F09EFDC096DE15EBE81A47057A72", "signed with a key"),
        ("Wechatpay-Signature-Type", "WECHATPAY2-SM2-WITH-SM3", "the signature type is not"),
        ("Wechatpay-Nonce", "another", "the signature does not fit the content"),
        ("Wechatpay-Nonce", "two\nlines", "the timestamp or the nonce is not well formed"),
        ("Wechatpay-Timestamp", str(int(NOW.timestamp()) + 1), "the signature does not fit"),
        ("Wechatpay-Timestamp", "soon", "the timestamp or the nonce is not well formed"),
        ("Wechatpay-Timestamp", "９９", "the timestamp or the nonce is not well formed"),
    ],
)
def test_an_answer_whose_headers_were_changed_is_not_believed(
    pair: Pair, name: str, value: str, reason: str
) -> None:
    answer = pair.answer(A_CODE)
    changed = replace(answer, headers={**answer.headers, name: value})
    assert (fault_of(pair, changed) or "").startswith(reason)


def test_an_answer_whose_body_was_changed_is_not_believed(pair: Pair) -> None:
    answer = pair.answer(A_CODE)
    changed = replace(answer, body=answer.body.replace(b"abc", b"abd"))
    assert fault_of(pair, changed) == "the signature does not fit the content"


def test_a_signature_with_anything_but_base64_in_it_is_not_believed(pair: Pair) -> None:
    answer = pair.answer(A_CODE)
    signature = answer.headers["Wechatpay-Signature"] + "!"
    changed = replace(answer, headers={**answer.headers, "Wechatpay-Signature": signature})
    assert fault_of(pair, changed) == "the signature does not fit the content"


def test_text_cannot_move_between_nonce_and_body_under_the_same_signature(pair: Pair) -> None:
    answer = pair.signed(200, b"first line\nsecond line")
    headers = {**answer.headers, "Wechatpay-Nonce": f"{NONCE}\nfirst line"}
    moved = HttpAnswer(status=200, headers=headers, body=b"second line")
    assert fault_of(pair, moved) == "the timestamp or the nonce is not well formed"


@pytest.mark.parametrize("at_s", [-301, -300, 300, 301])
def test_answers_more_than_five_minutes_off_our_clock_are_not_believed(
    pair: Pair, at_s: int
) -> None:
    assert (fault_of(pair, pair.answer(A_CODE), at_s) is None) == (abs(at_s) <= 300)


def test_an_answer_to_another_merchant_is_not_believed(pair: Pair, stranger: Pair) -> None:
    assert fault_of(pair, stranger.answer(A_CODE)) is not None


def test_errors_are_not_signed_and_successes_say_their_type(pair: Pair) -> None:
    answer = pair.answer(A_CODE)
    assert answer.headers["Wechatpay-Signature-Type"] == "WECHATPAY2-SHA256-RSA2048"
    assert not [name for name in JSON if name.startswith("Wechatpay")]
