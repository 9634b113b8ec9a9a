"""Callbacks: two locks, a signature for who and when, a seal for whom; each is tried in turn."""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from schema.channels.wechat import (
    NOTICE_TAKEN,
    Notice,
    NoticeRefused,
    Transaction,
    decrypt_notice,
    notice_not_taken,
    read_notice,
    verdict_of,
    verify_notice,
)
from tests.wire.wechat_pair import NOW, Pair, a_transaction


def taken(pair: Pair, transaction: Transaction) -> Notice:
    headers, body = pair.notice(transaction)
    notice = verify_notice(pair.ours, headers, body, NOW)
    assert isinstance(notice, Notice)
    return notice


def with_resource(notice: Notice, **changed: Any) -> Notice:
    resource = msgspec.structs.replace(notice.resource, **changed)
    return msgspec.structs.replace(notice, resource=resource)


def test_a_payment_notice_arrives_as_it_was_sealed(pair: Pair) -> None:
    notice = taken(pair, a_transaction())
    assert decrypt_notice(pair.ours, notice) == a_transaction()
    assert (notice.id, notice.event_type) == ("EV-2018022511223320873", "TRANSACTION.SUCCESS")


def test_a_notice_means_the_same_as_the_query_of_that_order(pair: Pair) -> None:
    opened = decrypt_notice(pair.ours, taken(pair, a_transaction()))
    assert isinstance(opened, Transaction)
    assert verdict_of(pair.ours, opened) == verdict_of(pair.ours, a_transaction())


def test_a_stored_notice_can_be_opened_long_after_it_was_verified(pair: Pair) -> None:
    _, body = pair.notice(a_transaction())
    stored = read_notice(body)
    assert isinstance(stored, Notice)
    assert decrypt_notice(pair.ours, stored) == a_transaction()


@pytest.mark.parametrize("late_s", [-301, 301])
def test_a_notice_replayed_later_is_refused(pair: Pair, late_s: int) -> None:
    headers, body = pair.notice(a_transaction())
    refused = verify_notice(pair.ours, headers, body, NOW + timedelta(seconds=late_s))
    assert isinstance(refused, NoticeRefused) and "300 s" in refused.reason


def test_a_notice_with_a_changed_byte_is_refused(pair: Pair) -> None:
    headers, body = pair.notice(a_transaction())
    refused = verify_notice(pair.ours, headers, body.replace(b"SUCCESS", b"SUCCESs", 1), NOW)
    assert refused == NoticeRefused(reason="the signature does not fit the content")


def test_a_signature_probe_is_refused(pair: Pair) -> None:
    headers, body = pair.notice(a_transaction())
    probe = {**headers, "Wechatpay-Signature": "WECHATPAY/SIGNTEST/" + "A" * 300}
    refused = verify_notice(pair.ours, probe, body, NOW)
    assert refused == NoticeRefused(reason="a probe, signed wrongly on purpose")


def test_a_notice_of_another_merchant_is_refused_by_its_key(pair: Pair, stranger: Pair) -> None:
    headers, body = stranger.notice(a_transaction())
    assert isinstance(verify_notice(pair.ours, headers, body, NOW), NoticeRefused)


def test_a_notice_sealed_for_another_merchant_does_not_open(pair: Pair, stranger: Pair) -> None:
    _, body = stranger.notice(a_transaction())
    notice = read_notice(body)
    assert isinstance(notice, Notice)
    assert decrypt_notice(pair.ours, notice) == NoticeRefused(
        reason="the sealed part does not open with our API v3 key"
    )


@pytest.mark.parametrize("changed", [{"mchid": "1900000002"}, {"appid": "wx2"}], ids=str)
def test_a_notice_about_another_merchant_or_app_is_refused(
    pair: Pair, changed: dict[str, str]
) -> None:
    refused = decrypt_notice(pair.ours, taken(pair, a_transaction(**changed)))
    assert refused == NoticeRefused(reason="about another merchant or app")


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
    notice = with_resource(taken(pair, a_transaction()), **changed)
    assert isinstance(decrypt_notice(pair.ours, notice), NoticeRefused)


@pytest.mark.parametrize("place", [0, 100, -17, -1], ids=["first", "inner", "last", "tag"])
def test_a_ciphertext_with_one_changed_bit_does_not_open(pair: Pair, place: int) -> None:
    notice = taken(pair, a_transaction())
    sealed = bytearray(b64decode(notice.resource.ciphertext))
    sealed[place] ^= 1
    changed = with_resource(notice, ciphertext=b64encode(sealed).decode())
    assert isinstance(decrypt_notice(pair.ours, changed), NoticeRefused)


def test_a_notice_of_another_kind_is_not_taken_for_a_payment(pair: Pair) -> None:
    other = msgspec.structs.replace(taken(pair, a_transaction()), event_type="REFUND.SUCCESS")
    assert decrypt_notice(pair.ours, other) == NoticeRefused(reason="not about a payment")


def test_our_answers_to_callbacks_are_those_of_the_documents() -> None:
    assert (NOTICE_TAKEN.status, NOTICE_TAKEN.body) == (204, b"")
    later = notice_not_taken("try later")
    assert (later.status, later.body) == (500, b'{"code":"FAIL","message":"try later"}')
