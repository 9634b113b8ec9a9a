"""Whatever bytes arrive, every parser gives a declared answer: a value or a ProtocolError."""

from __future__ import annotations

import gzip
from contextlib import suppress
from datetime import date
from hashlib import sha1
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from schema.channels import (
    BillAt,
    BillWish,
    HttpAnswer,
    NotKnownThere,
    Paid,
    ProtocolError,
    Refunded,
    SurelyNotPaid,
    Transferred,
    Unknown,
)
from schema.channels.reading import read
from schema.channels.wechat import certificates, documents, money_documents, sheets
from schema.channels.wechat.documents import Notice, Resource, Transaction, written
from schema.channels.wechat.money_documents import RefundStanding, ShareStanding, TransferStanding
from schema.channels.wechat.platform import CallRefused, read_parameters
from schema.channels.wechat.signing import (
    Authorization,
    decrypt,
    read_authorization,
    signature_fault,
)
from schema.channels.wechat.tables import OPERATIONS, Operation
from tests.wire.wechat_pair import (
    NOW,
    STAMP,
    Pair,
    a_refund_standing,
    a_transaction,
    a_transfer_standing,
)

thoroughly = settings(
    deadline=None,
    database=None,  # a failure is shown in full; nothing is left behind in the working folder
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
# Documents that look right and have strange values: they reach deeper than random bytes do.
KINDS = (Transaction, Notice, Resource, RefundStanding, TransferStanding, ShareStanding)
known_fields = sorted({name for kind in KINDS for name in kind.__struct_fields__})
field_names = st.sampled_from([*known_fields, "code", "message", "code_url", "total", "data"])
near_misses = st.dictionaries(field_names, json_values, max_size=8)
bodies = st.binary(max_size=200) | (json_values | near_misses).map(msgspec.json.encode)
headers = st.dictionaries(
    st.sampled_from(
        ["Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Signature", "Wechatpay-Serial"]
    ),
    st.text(),
)
statuses = st.sampled_from([200, 202, 204, 301, 400, 401, 403, 404, 429, 500, 502])
operations = st.sampled_from(OPERATIONS)
TOO_DEEP = b'{"a":' * 20_000
WISH = BillWish(day=date(2026, 3, 1))


@thoroughly
@given(st.text() | st.text().map(lambda rest: f"WECHATPAY2-SHA256-RSA2048 {rest}"))
def test_any_authorization_header_is_read_or_refused(header: str) -> None:
    with suppress(ProtocolError):
        assert isinstance(read_authorization(header), Authorization)


@thoroughly
@given(path=st.text(), method=st.text(st.characters(codec="ascii")), body=st.binary())
@example(path="/v3/\udcff", method="GET", body=b"")
def test_no_request_but_the_signed_one_is_ever_believed(
    pair: Pair, path: str, method: str, body: bytes
) -> None:
    fault = pair.fault(pair.questions["query"].request, path=path, method=method, body=body)
    assert fault is not None and fault.code == "SIGN_ERROR"


@thoroughly
@given(headers=headers, body=st.binary(max_size=100))
def test_no_invented_signature_is_ever_believed(
    pair: Pair, headers: dict[str, str], body: bytes
) -> None:
    given_id = {"Wechatpay-Serial": pair.ours.account.public_key_id} | headers
    assert signature_fault(pair.ours.peers, given_id, body, NOW)


@thoroughly
@given(operation=operations, status=statuses, body=bodies)
@example(operation="query", status=404, body=TOO_DEEP)
def test_an_unsigned_answer_proves_at_most_that_no_money_moved(
    pair: Pair, operation: Operation, status: int, body: bytes
) -> None:
    answer = HttpAnswer(status=status, headers={}, body=body)
    verdict = pair.questions[operation].read(answer, NOW)
    assert type(verdict).__name__.startswith("SurelyNot") or isinstance(
        verdict, Unknown | NotKnownThere
    )


@thoroughly
@given(operation=operations, body=bodies)
@example(operation="create", body=TOO_DEEP)
@example(operation="create", body=b'{"code_url":"\xff"}')
def test_any_signed_answer_gives_a_verdict(pair: Pair, operation: Operation, body: bytes) -> None:
    verdict = pair.questions[operation].read(pair.signed(200, body), NOW)
    assert isinstance(verdict, Struct)
    assert not isinstance(verdict, Paid | Refunded | Transferred)


@pytest.mark.parametrize(
    ("operation", "document"),
    [
        ("query", a_transaction()),
        ("refund", a_refund_standing()),
        ("query_transfer", a_transfer_standing()),
    ],
    ids=["payment", "refund", "transfer"],
)
@thoroughly
@given(values=st.data())
def test_money_with_one_strange_field_is_read_whole_or_not_at_all(
    pair: Pair, operation: Operation, document: Struct, values: st.DataObject
) -> None:
    field = values.draw(st.sampled_from(document.__struct_fields__))
    changed = msgspec.json.decode(written(document)) | {field: values.draw(json_values)}
    verdict = pair.questions[operation].read(pair.signed(200, msgspec.json.encode(changed)), NOW)
    match verdict:
        case Paid(amount_fen=fen, paid_at=at):
            assert type(fen) is int and fen >= 1 and at.tzinfo is not None
        case Refunded(refund_fen=fen):
            assert fen == 500
        case Transferred(amount_fen=fen):
            assert fen == 100_000
        case _:
            assert not isinstance(verdict, SurelyNotPaid) or field == "trade_state"


@thoroughly
@given(headers=headers, body=bodies)
@example(headers={}, body=TOO_DEEP)
def test_any_callback_is_refused_unless_the_platform_signed_it(
    pair: Pair, headers: dict[str, str], body: bytes
) -> None:
    with pytest.raises(ProtocolError):
        pair.language.prove(headers, body, NOW)
    with suppress(ProtocolError):
        pair.language.read_notice(body)


@thoroughly
@given(body=bodies, event=st.sampled_from(["TRANSACTION.SUCCESS", "REFUND.CLOSED"]))
def test_whatever_was_sealed_is_read_or_refused(pair: Pair, body: bytes, event: str) -> None:
    sealed = pair.ours.aead.encrypt(b"fdasflkja484", body, b"")
    resource = {
        "algorithm": "AEAD_AES_256_GCM",
        "nonce": "fdasflkja484",
        "ciphertext": msgspec.json.decode(msgspec.json.encode(sealed)),
    }
    notice = {
        "id": "1",
        "create_time": "2026-03-01T12:00:00+08:00",
        "event_type": event,
        "resource_type": "encrypt-resource",
        "resource": resource,
    }
    with pytest.raises(ProtocolError):
        pair.language.read_notice(msgspec.json.encode(notice))


@thoroughly
@given(
    nonce=st.text(max_size=14),
    ciphertext=st.text() | st.binary().map(lambda raw: raw.hex()),
    associated=st.text(),
)
def test_any_seal_that_the_platform_did_not_make_stays_shut(
    pair: Pair, nonce: str, ciphertext: str, associated: str
) -> None:
    resource = Resource(
        algorithm="AEAD_AES_256_GCM",
        nonce=nonce,
        ciphertext=ciphertext,
        associated_data=associated,
    )
    notice = Notice(
        id="1",
        create_time=NOW,
        event_type="TRANSACTION.SUCCESS",
        resource_type="encrypt-resource",
        resource=resource,
    )
    with pytest.raises(ProtocolError):
        pair.language.read_notice(written(notice))


@thoroughly
@given(st.text() | st.binary().map(lambda raw: raw.hex()))
def test_any_secret_that_was_not_encrypted_for_this_key_stays_one(pair: Pair, text: str) -> None:
    with pytest.raises(ProtocolError):
        decrypt(pair.ours.private_key, text)


@thoroughly
@given(status=statuses, body=bodies)
def test_any_list_of_certificates_is_taken_or_changes_nothing(
    pair: Pair, status: int, body: bytes
) -> None:
    assert certificates.renewed(pair.ours, pair.signed(status, body), NOW) is None


cells = st.text(st.characters(codec="utf-8", exclude_characters="\n\r")) | st.sampled_from(
    ["0.00", "1", "SUCCESS"]
)
lines = st.lists(cells, max_size=4).map(lambda row: ",".join(f"`{cell}" for cell in row))
texts = st.lists(lines | cells, max_size=6).map(lambda rows: "\n".join(rows).encode())


@thoroughly
@given(content=st.binary(max_size=300) | texts, kind=st.sampled_from(["trades", "funds"]))
@example(content=b"\xef\xbb\xbfa\n`1\nb\n`2", kind="trades")
def test_any_bill_is_read_or_unknown(pair: Pair, content: bytes, kind: Any) -> None:
    wish = BillWish(day=WISH.day, kind=kind)
    digest = sha1(content, usedforsecurity=False).hexdigest()
    place = BillAt(url="https://pay.test/bill", digest=digest, digest_kind="sha1")
    question = pair.language.fetch_bill(wish, place, STAMP)
    for body in (content, gzip.compress(content), b"\x1f\x8b" + content):
        assert isinstance(
            question.read(HttpAnswer(status=200, headers={}, body=body), NOW), Unknown
        )


@thoroughly
@given(status=statuses, body=bodies)
def test_any_answer_about_a_bill_is_understood(pair: Pair, status: int, body: bytes) -> None:
    question = pair.language.find_bill(WISH, STAMP)
    assert not isinstance(question, Unknown)
    for answer in (pair.signed(status, body), HttpAnswer(status=status, headers={}, body=body)):
        assert isinstance(question.read(answer, NOW), Struct)


@thoroughly
@given(st.integers(-(10**12), 10**12))
def test_an_amount_of_a_bill_survives_being_written(amount_fen: int) -> None:
    assert sheets.fen(sheets.yuan(amount_fen)) == amount_fen


@thoroughly
@given(st.text(max_size=20))
@example("1.005")
@example("１.00")
def test_any_amount_of_a_bill_is_whole_fen_or_refused(text: str) -> None:
    with suppress(ProtocolError):
        assert type(sheets.fen(text)) is int


ASKED_OF_THEM = (
    documents.ORDER,
    documents.WHOSE,
    documents.ANYTHING,
    money_documents.REFUND,
    money_documents.ABNORMAL,
    money_documents.TRANSFER,
    money_documents.SHARE,
    money_documents.UNFREEZE,
    money_documents.RETURN,
)


@thoroughly
@given(body=bodies)
@example(body=TOO_DEEP)
@example(body=b'{"a":1e999}')
def test_the_platform_reads_any_request_body_or_names_the_fault(body: bytes) -> None:
    for decoder in ASKED_OF_THEM:
        told: object = read_parameters(decoder, body)
        assert not isinstance(told, CallRefused) or told.code == "PARAM_ERROR"


@thoroughly
@given(body=bodies)
def test_every_document_is_read_or_refused(body: bytes) -> None:
    for module in (documents, money_documents):
        for decoder in vars(module).values():
            if isinstance(decoder, msgspec.json.Decoder):
                with suppress(ProtocolError):
                    read(decoder, body)
