"""Whatever arrives, the bank's parsers give a value or a ProtocolError, and never a payment."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schema.channels import (
    BillWish,
    HttpAnswer,
    Paid,
    ProtocolError,
    Refunded,
    SurelyNotPaid,
    Transferred,
    Unknown,
)
from schema.channels.bank.documents import (
    ORDER_ASK,
    REFUND_ASK,
    TRANSFER_ASK,
    OrderDocument,
    RefundDocument,
    TransferDocument,
    written,
)
from schema.channels.bank.platform import CallRefused, read_call
from schema.channels.bank.signing import read_headers
from tests.wire.bank_pair import (
    BANK,
    NOW,
    STAMP,
    a_refund,
    a_transfer,
    an_order,
    asked,
    order_document,
    refund_document,
    signed,
    transfer_document,
)

thoroughly = settings(deadline=None, database=None)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
KINDS = (OrderDocument, RefundDocument, TransferDocument)
names = st.sampled_from(sorted({name for kind in KINDS for name in kind.__struct_fields__}))
near_misses = st.dictionaries(names, json_values, max_size=8)
bodies = st.binary(max_size=200) | (json_values | near_misses).map(msgspec.json.encode)
statuses = st.sampled_from([200, 204, 301, 400, 401, 403, 404, 409, 429, 500, 503])
headers = st.dictionaries(
    st.sampled_from(["Bank-Merchant", "Bank-Timestamp", "Bank-Nonce", "Bank-Signature"]), st.text()
)
TOO_DEEP = b'{"a":' * 20_000


def questions() -> list[Any]:
    return [
        asked(each)
        for each in (
            BANK.create(an_order(), STAMP),
            BANK.query(an_order(), STAMP),
            BANK.close(an_order(), STAMP),
            BANK.reverse(an_order(), STAMP),
            BANK.refund(a_refund(), STAMP),
            BANK.query_refund(a_refund(), STAMP),
            BANK.transfer(a_transfer(), STAMP),
            BANK.query_transfer(a_transfer(), STAMP),
            BANK.find_bill(BillWish(day=NOW.date()), STAMP),
        )
    ]


@thoroughly
@given(status=statuses, body=bodies, headers=headers)
@example(status=200, body=TOO_DEEP, headers={"Bank-Signature": "é"})
@example(status=200, body=b"", headers={"bank-signature": "\udcff"})
def test_any_unsigned_answer_is_unknown(status: int, body: bytes, headers: dict[str, str]) -> None:
    answer = HttpAnswer(status=status, headers=headers, body=body)
    assert all(isinstance(each.read(answer, NOW), Unknown) for each in questions())


@thoroughly
@given(status=statuses, body=bodies)
@example(status=200, body=TOO_DEEP)
@example(status=404, body=TOO_DEEP)
def test_any_signed_answer_gives_a_verdict(status: int, body: bytes) -> None:
    answer = signed(status, body)
    for question in questions():
        verdict = question.read(answer, NOW)
        assert not isinstance(verdict, Paid | Refunded | Transferred | SurelyNotPaid)


@thoroughly
@given(
    document=st.sampled_from([order_document(), refund_document(), transfer_document()]),
    name=names,
    value=json_values,
)
def test_a_document_with_one_strange_field_is_read_whole_or_not_at_all(
    document: msgspec.Struct, name: str, value: object
) -> None:
    body = msgspec.json.encode(msgspec.json.decode(written(document)) | {name: value})
    for question in questions():
        verdict = question.read(signed(200, body), NOW)
        if isinstance(verdict, Paid | Transferred):
            assert type(verdict.amount_fen) is int and verdict.amount_fen >= 1
        if isinstance(verdict, Refunded):
            assert type(verdict.refund_fen) is int and verdict.refund_fen >= 1


@thoroughly
@given(headers=headers, body=bodies)
@example(headers={}, body=TOO_DEEP)
def test_no_notice_is_believed_that_the_bank_did_not_sign(
    headers: dict[str, str], body: bytes
) -> None:
    refused = False
    try:
        BANK.prove(headers, body, NOW)
    except ProtocolError:
        refused = True
    assert refused
    with suppress(ProtocolError):
        BANK.read_notice(body)
    with suppress(ProtocolError):
        read_headers(headers)


@thoroughly
@given(body=bodies)
@example(body=TOO_DEEP)
def test_the_bank_reads_any_call_or_names_the_fault(body: bytes) -> None:
    for decoder in (ORDER_ASK, REFUND_ASK, TRANSFER_ASK):
        read = read_call(decoder, body)
        assert not isinstance(read, CallRefused) or read.code == "MALFORMED"
