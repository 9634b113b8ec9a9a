"""The bank's signatures: bytes once recorded, what each covers, and every kind of tampering."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from schema.channels import HttpAnswer, Paid, ProtocolError, Unknown
from schema.channels.bank import BankLanguage
from schema.channels.bank.platform import call_fault, notice, notice_headers, signed_answer
from schema.channels.bank.signing import read_headers, sign
from tests.wire.bank_pair import (
    BANK,
    LATER,
    NONCE,
    NOW,
    OURS,
    SECRET,
    STAMP,
    THEIRS,
    an_order,
    asked,
    order_document,
    said,
)

REQUEST_BODY = (
    '{"number":"01jx3k5m7n9p2q4r6s8t0v2w01","product":"page","subject":"两斤番茄",'
    '"amount_fen":1999,"currency":"CNY","expires_at":"2026-03-01T04:10:06Z",'
    '"notify_url":"https://tomato.test/notices/b1","return_url":"https://shop.test/thanks"}'
).encode()
REQUEST_SIGNATURE = "fdb5c22aeb4edbec5db7bb720fef7c1cf62367cf4f7610f2477c8a851ec55509"
ANSWER_BODY = (
    b'{"number":"01jx3k5m7n9p2q4r6s8t0v2w01","bank_number":"BO20260301000000000001",'
    b'"product":"page","state":"PAID","amount_fen":1999,"currency":"CNY",'
    b'"paid_at":"2026-03-01T04:06:36Z","payer_account":"6222-1"}'
)
ANSWER_SIGNATURE = "d9d9a50f15a900fc08e146314106c242d632458622d4909b34a29b3483f7a02d"
NOTICE_BODY = (
    b'{"id":"ff00","event":"order","created_at":"2026-03-01T04:06:36Z","content":'
    + ANSWER_BODY
    + b"}"
)
NOTICE_SIGNATURE = "a666489ca56726a2c4f6a732ecca9c63256af76bda5d965749a5526b05863c3a"


def a_notice() -> bytes:
    return notice(order_document(), notice_id="ff00", created_at=LATER)


def letter(body: bytes, **changed: str) -> dict[str, str]:
    return notice_headers(THEIRS, body, now=NOW, nonce=NONCE) | changed


def fault(request: Any, **changed: Any) -> Any:
    """What the bank finds wrong with our request, parts of it changed on the way."""
    headers = request.headers | changed.pop("headers", {})
    whole: dict[str, Any] = {
        "method": request.method, "path": request.path, "body": request.body, "now": NOW,
    }  # fmt: skip
    return call_fault(THEIRS, read_headers(headers), **(whole | changed))


def test_a_request_is_written_as_it_was_recorded() -> None:
    request = asked(BANK.create(an_order(), STAMP)).request
    assert (request.method, request.path) == ("POST", "/bank/v1/orders")
    assert request.body == REQUEST_BODY
    assert request.headers == {
        "Content-Type": "application/json",
        "Bank-Merchant": "M0001",
        "Bank-Timestamp": "1772337906",
        "Bank-Nonce": NONCE,
        "Bank-Signature": REQUEST_SIGNATURE,
    }


def test_an_answer_is_written_as_it_was_recorded_and_read_as_it_was_meant() -> None:
    answer = said(order_document())
    assert (answer.body, answer.headers["Bank-Signature"]) == (ANSWER_BODY, ANSWER_SIGNATURE)
    assert isinstance(asked(BANK.query(an_order(), STAMP)).read(answer, NOW), Paid)


def test_a_notice_is_written_as_it_was_recorded_and_proven() -> None:
    body = a_notice()
    assert (body, letter(body)["Bank-Signature"]) == (NOTICE_BODY, NOTICE_SIGNATURE)
    assert BANK.prove(letter(body), body, NOW) == "ff00"


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "PUT"},
        {"path": "/bank/v1/orders?x=1"},
        {"body": REQUEST_BODY.replace(b"1999", b"1998")},
        {"body": b""},
        {"headers": {"Bank-Merchant": "M0002"}},
        {"headers": {"Bank-Timestamp": "1772337907"}},
        {"headers": {"Bank-Nonce": NONCE[::-1]}},
        {"headers": {"Bank-Signature": "0" * 64}},
        {"headers": {"Bank-Signature": ""}},
        {"headers": {"Bank-Signature": "é" * 64}},
        {"now": NOW + timedelta(seconds=301)},
        {"now": NOW - timedelta(seconds=301)},
    ],
    ids=str,
)
def test_the_bank_refuses_a_request_that_was_changed(changed: dict[str, Any]) -> None:
    request = asked(BANK.create(an_order(), STAMP)).request
    assert fault(request) is None
    assert fault(request, **changed).code == "UNSIGNED"


@pytest.mark.parametrize("name", ["Bank-Merchant", "Bank-Timestamp", "Bank-Nonce"])
@pytest.mark.parametrize("value", ["", "a b", "a\nb", "ü", "9" * 70])
def test_a_header_that_is_not_well_formed_is_no_signature(name: str, value: str) -> None:
    headers = asked(BANK.query(an_order(), STAMP)).request.headers
    with pytest.raises(ProtocolError, match=name):
        read_headers(headers | {name: value})


def test_an_answer_to_another_question_is_not_ours() -> None:
    answer = said(order_document(), nonce="another-question")
    verdict = asked(BANK.query(an_order(), STAMP)).read(answer, NOW)
    assert isinstance(verdict, Unknown) and verdict.why == "bad_signature"


@pytest.mark.parametrize(
    "changed",
    [
        {"body": ANSWER_BODY.replace(b"WAITING", b"PAID").replace(b"1999", b"9999")},
        {"headers": {}},
        {"headers": {"Bank-Signature": REQUEST_SIGNATURE}},
        {"status": 404},
    ],
    ids=str,
)
def test_an_answer_that_was_changed_proves_nothing(changed: dict[str, Any]) -> None:
    answer = replace(said(order_document()), **changed)
    verdict = asked(BANK.query(an_order(), STAMP)).read(answer, NOW)
    assert isinstance(verdict, Unknown) and verdict.why == "bad_signature"


def test_our_own_words_can_not_be_sent_back_to_us() -> None:
    """The secret is the same at both ends, so the signatures say who speaks."""
    body = a_notice()
    ours = asked(BANK.query(an_order(), STAMP)).request.headers
    with pytest.raises(ProtocolError, match="a wrong signature"):
        BANK.prove(ours, b"", NOW)
    as_request = sign(SECRET, "request", ("M0001", "1772337906", NONCE), body)
    with pytest.raises(ProtocolError, match="a wrong signature"):
        BANK.prove(letter(body) | {"Bank-Signature": as_request}, body, NOW)
    echo = HttpAnswer(status=200, headers=letter(ANSWER_BODY), body=ANSWER_BODY)
    assert isinstance(asked(BANK.query(an_order(), STAMP)).read(echo, NOW), Unknown)


@pytest.mark.parametrize(
    "changed",
    [
        {"Bank-Merchant": "M0002"},
        {"Bank-Timestamp": "1772337907"},
        {"Bank-Nonce": NONCE[::-1]},
        {"Bank-Signature": "0" * 64},
    ],
    ids=str,
)
def test_a_notice_with_a_changed_header_is_refused(changed: dict[str, str]) -> None:
    body = a_notice()
    with pytest.raises(ProtocolError):
        BANK.prove(letter(body, **changed), body, NOW)


def test_a_notice_with_a_changed_byte_is_refused() -> None:
    body = a_notice()
    with pytest.raises(ProtocolError, match="a wrong signature"):
        BANK.prove(letter(body), body.replace(b"1999", b"1998"), NOW)


@pytest.mark.parametrize("late_s", [-301, 301])
def test_a_notice_replayed_later_is_refused(late_s: int) -> None:
    body = a_notice()
    with pytest.raises(ProtocolError, match="300 s"):
        BANK.prove(letter(body), body, NOW + timedelta(seconds=late_s))


def test_a_notice_for_another_merchant_is_refused_though_the_secret_be_the_same() -> None:
    other = replace(THEIRS, merchant="M0002")
    body = a_notice()
    headers = notice_headers(other, body, now=NOW, nonce=NONCE)
    with pytest.raises(ProtocolError, match="another merchant"):
        BANK.prove(headers, body, NOW)


def test_a_line_feed_can_not_move_text_from_one_signed_line_to_the_next() -> None:
    with pytest.raises(ProtocolError, match="signed line"):
        signed_answer(THEIRS, "nonce\n200", 200, b"")


@pytest.mark.parametrize("changed", [{"secret": "short"}, {"merchant": "M 1"}, {"merchant": "M\n"}])
def test_an_account_names_the_field_that_is_wrong_and_not_its_secret(
    changed: dict[str, str],
) -> None:
    with pytest.raises(ValueError, match=next(iter(changed))) as refused:
        BankLanguage.of(replace(OURS, **changed))
    assert "short" not in str(refused.value)


def test_an_account_is_shown_without_its_secret() -> None:
    shown = f"{OURS!r} {BANK!r} {THEIRS!r}"
    assert "M0001" in shown and SECRET not in shown
