"""Callbacks: two locks, a signature for who and when, a seal for whom; each is tried in turn."""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from schema.channels import (
    OtherNotice,
    Paid,
    PaymentNotice,
    ProtocolError,
    RefundAbnormal,
    RefundNotice,
    SurelyNotRefunded,
    SurelyNotTransferred,
    TransferNotice,
    Transferred,
)
from schema.channels.reading import read
from schema.channels.wechat.documents import NOTICE, Notice, written
from schema.channels.wechat.payments import verdict_of
from tests.wire.wechat_pair import (
    MCHID,
    NOW,
    ORDER_NO,
    REFUND_NO,
    TRANSFER_NO,
    Pair,
    a_refund_standing,
    a_transaction,
    a_transfer_standing,
)


def taken(pair: Pair, document: Any, event: str = "TRANSACTION.SUCCESS") -> bytes:
    headers, body = pair.notice(document, event)
    assert pair.language.prove(headers, body, NOW) == "EV-2018022511223320873"
    return body


def a_refund_notice(**changed: Any) -> Any:
    told = a_refund_standing(mchid=MCHID, refund_status="SUCCESS", status="", create_time=None)
    return msgspec.structs.replace(told, **changed)


def changed_body(pair: Pair, **changed: Any) -> bytes:
    """A payment notice whose sealed part was changed in some way."""
    notice = read(NOTICE, taken(pair, a_transaction()))
    resource = msgspec.structs.replace(notice.resource, **changed)
    return written(msgspec.structs.replace(notice, resource=resource))


def refusal(pair: Pair, headers: Any, body: bytes, late_s: int = 0) -> str:
    with pytest.raises(ProtocolError) as refused:
        pair.language.prove(headers, body, NOW + timedelta(seconds=late_s))
    return str(refused.value)


def test_a_payment_notice_means_the_same_as_the_query_of_that_order(pair: Pair) -> None:
    told = pair.language.read_notice(taken(pair, a_transaction()))
    verdict = verdict_of(pair.ours.account, a_transaction())
    assert isinstance(verdict, Paid)
    assert told == PaymentNotice(number=ORDER_NO, verdict=verdict)


@pytest.mark.parametrize(
    ("state", "kind"), [("ABNORMAL", RefundAbnormal), ("CLOSED", SurelyNotRefunded)]
)
def test_a_refund_notice_says_how_it_ended(pair: Pair, state: str, kind: type) -> None:
    document = a_refund_notice(refund_status=state, success_time=None)
    told = pair.language.read_notice(taken(pair, document, f"REFUND.{state}"))
    assert isinstance(told, RefundNotice) and isinstance(told.verdict, kind)
    assert (told.number, told.order_number) == (REFUND_NO, ORDER_NO)


def test_a_transfer_notice_says_that_the_payee_took_it_or_not(pair: Pair) -> None:
    event = "MCHTRANSFER.BILL.FINISHED"
    told = pair.language.read_notice(taken(pair, a_transfer_standing(), event))
    assert isinstance(told, TransferNotice) and isinstance(told.verdict, Transferred)
    overdue = a_transfer_standing(state="FAIL", fail_reason="OVERDUE_CLOSE")
    told = pair.language.read_notice(taken(pair, overdue, event))
    ended = SurelyNotTransferred(code="OVERDUE_CLOSE", cause="payer")
    assert told == TransferNotice(number=TRANSFER_NO, verdict=ended)


def test_a_notice_of_another_kind_is_true_and_not_followed(pair: Pair) -> None:
    notice = read(NOTICE, taken(pair, a_transaction()))
    body = written(msgspec.structs.replace(notice, event_type="COMPLAINT.CREATE"))
    assert pair.language.read_notice(body) == OtherNotice(what="COMPLAINT.CREATE")


@pytest.mark.parametrize("late_s", [-301, 301])
def test_a_notice_replayed_later_is_refused(pair: Pair, late_s: int) -> None:
    headers, body = pair.notice(a_transaction())
    assert "300 s" in refusal(pair, headers, body, late_s)


def test_a_notice_with_a_changed_byte_is_refused(pair: Pair) -> None:
    headers, body = pair.notice(a_transaction())
    changed = body.replace(b"SUCCESS", b"SUCCESs", 1)
    assert refusal(pair, headers, changed) == "the signature does not fit the content"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Wechatpay-Timestamp", str(int(NOW.timestamp()) + 1)),
        ("Wechatpay-Nonce", "another"),
        ("Wechatpay-Serial", "PUB_KEY_ID_0"),
        ("Wechatpay-Signature", "AAAA"),
        ("Wechatpay-Signature", ""),
        ("Wechatpay-Signature-Type", "WECHATPAY2-SM2-WITH-SM3"),
    ],
)
def test_a_notice_with_a_changed_header_is_refused(pair: Pair, name: str, value: str) -> None:
    headers, body = pair.notice(a_transaction())
    refusal(pair, {**headers, name: value}, body)


def test_a_signature_probe_is_refused(pair: Pair) -> None:
    headers, body = pair.notice(a_transaction())
    probe = {**headers, "Wechatpay-Signature": "WECHATPAY/SIGNTEST/" + "A" * 300}
    assert refusal(pair, probe, body) == "a probe, signed wrongly on purpose"


def test_a_notice_of_another_merchant_is_refused_by_its_key(pair: Pair, stranger: Pair) -> None:
    refusal(pair, *stranger.notice(a_transaction()))


def test_a_notice_sealed_for_another_merchant_does_not_open(pair: Pair, stranger: Pair) -> None:
    _, body = stranger.notice(a_transaction())
    with pytest.raises(ProtocolError, match="does not open with our API v3 key"):
        pair.language.read_notice(body)


@pytest.mark.parametrize(
    ("document", "event"),
    [
        (a_transaction(mchid="1900000002"), "TRANSACTION.SUCCESS"),
        (a_transaction(appid="wx2"), "TRANSACTION.SUCCESS"),
        (a_refund_notice(mchid="1900000002"), "REFUND.SUCCESS"),
        (a_transfer_standing(mch_id="1900000002"), "MCHTRANSFER.BILL.FINISHED"),
    ],
)
def test_a_notice_about_another_merchant_or_app_is_refused(
    pair: Pair, document: Any, event: str
) -> None:
    with pytest.raises(ProtocolError, match="about another merchant"):
        pair.language.read_notice(taken(pair, document, event))


@pytest.mark.parametrize(
    "changed",
    [
        {"nonce": "fdasflkja485"},
        {"nonce": "short"},
        {"associated_data": ""},
        {"algorithm": "AEAD_SM4_GCM"},
        {"ciphertext": ""},
        {"ciphertext": "not base64!"},
    ],
    ids=str,
)
def test_a_seal_that_was_tampered_with_does_not_open(pair: Pair, changed: dict[str, str]) -> None:
    with pytest.raises(ProtocolError):
        pair.language.read_notice(changed_body(pair, **changed))


@pytest.mark.parametrize("place", [0, 100, -17, -1], ids=["first", "inner", "last", "tag"])
def test_a_ciphertext_with_one_changed_bit_does_not_open(pair: Pair, place: int) -> None:
    notice: Notice = read(NOTICE, taken(pair, a_transaction()))
    sealed = bytearray(b64decode(notice.resource.ciphertext))
    sealed[place] ^= 1
    with pytest.raises(ProtocolError):
        pair.language.read_notice(changed_body(pair, ciphertext=b64encode(sealed).decode()))


def test_our_answers_to_callbacks_are_those_of_the_documents(pair: Pair) -> None:
    thanks = pair.language.thanks()
    assert (thanks.status, thanks.body) == (204, b"")
    later = pair.language.no_thanks(500, "try later")
    assert (later.status, later.body) == (500, b'{"code":"FAIL","message":"try later"}')
