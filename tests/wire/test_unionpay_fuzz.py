"""Whatever arrives, UnionPay's parsers give a value or a ProtocolError, and never a payment."""

from __future__ import annotations

from contextlib import suppress

import msgspec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from schema.channels import (
    HttpAnswer,
    Paid,
    Pending,
    ProtocolError,
    Refunded,
    SurelyNotPaid,
    Unknown,
)
from schema.channels.unionpay.documents import Said, fen, time_of
from schema.channels.unionpay.platform import (
    CallRefused,
    call_fault,
    order_words,
    read_named,
    read_order,
    read_refund,
    refund_words,
)
from schema.channels.unionpay.signing import is_signed_by, read_fields, signed, written
from tests.wire.unionpay_pair import (
    NOW,
    ORDER_NO,
    REFUND_NO,
    STAMP,
    UnionpayPair,
    a_done_refund,
    a_paid_order,
    a_refund,
    an_order,
    asked,
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
WORDS = [*order_words(a_paid_order()), *refund_words(a_done_refund()), "respCode", "payData"]
names = st.sampled_from([*WORDS, "qrCode", "merId", "signature"])
texts = st.dictionaries(names, st.text(max_size=40), max_size=10)
near_misses = st.dictionaries(names, json_values, max_size=8)
bodies = st.binary(max_size=200) | (json_values | near_misses).map(msgspec.json.encode)
statuses = st.sampled_from([200, 204, 301, 400, 401, 429, 500, 502])
TOO_DEEP = b'{"a":' + b'{"a":' * 20_000


@thoroughly
@given(body=bodies)
@example(body=TOO_DEEP)
@example(body=b'{"a":"\\ud800"}')
@example(body=b'{"a":["\xff"]}')
@example(body=b'{"a":1e999}')
def test_any_body_is_read_or_refused(upay: UnionpayPair, body: bytes) -> None:
    with suppress(ProtocolError):
        fields = read_fields(body)
        assert all(type(value) is str for value in fields.values())
        assert not is_signed_by(upay.ours.keys.peer_key, fields)
    for prove in (lambda: upay.ours.prove({}, body, NOW), lambda: upay.ours.read_notice(body)):
        with suppress(ProtocolError):
            prove()


@thoroughly
@given(status=statuses, body=bodies)
@example(status=200, body=TOO_DEEP)
def test_any_unsigned_answer_is_unknown(upay: UnionpayPair, status: int, body: bytes) -> None:
    answer = HttpAnswer(status=status, headers={}, body=body)
    order, refund = an_order(), a_refund()
    for question in (
        upay.ours.create(order, STAMP),
        upay.ours.query(order, STAMP),
        upay.ours.close(order, STAMP),
        upay.ours.refund(refund, STAMP),
        upay.ours.query_refund(refund, STAMP),
    ):
        assert isinstance(asked(question).read(answer, NOW), Unknown)


@thoroughly
@given(fields=texts)
def test_any_signed_answer_gives_a_verdict(upay: UnionpayPair, fields: dict[str, str]) -> None:
    answer = upay.said(fields)
    for question in (
        upay.ours.create(an_order(), STAMP),
        upay.ours.create(an_order(pay_type="unionpay_jsapi"), STAMP),
        upay.ours.query(an_order(), STAMP),
        upay.ours.query_refund(a_refund(), STAMP),
    ):
        verdict = asked(question).read(answer, NOW)
        assert isinstance(verdict, msgspec.Struct)
    with suppress(ProtocolError):
        upay.ours.read_notice(answer.body)


@thoroughly
@given(name=st.sampled_from(Said.__struct_encode_fields__), value=st.text(max_size=40))
@example(name="transIndex", value="\x1f")
def test_a_payment_with_one_strange_field_is_read_whole_or_not_at_all(
    upay: UnionpayPair, name: str, value: str
) -> None:
    words = order_words(a_paid_order()) | {"respCode": "00", "orderNo": ORDER_NO, name: value}
    verdict = asked(upay.ours.query(an_order(), STAMP)).read(upay.said(words), NOW)
    if isinstance(verdict, Paid):
        assert type(verdict.amount_fen) is int and verdict.amount_fen >= 1
        assert verdict.paid_at.tzinfo is not None and verdict.channel_payment_id != ""
    assert not isinstance(verdict, SurelyNotPaid | Pending) or name == "origRespCode"


@thoroughly
@given(name=st.sampled_from(Said.__struct_encode_fields__), value=st.text(max_size=40))
def test_a_refund_with_one_strange_field_is_read_whole_or_not_at_all(
    upay: UnionpayPair, name: str, value: str
) -> None:
    words = refund_words(a_done_refund()) | {"respCode": "00", "orderNo": REFUND_NO, name: value}
    verdict = asked(upay.ours.query_refund(a_refund(), STAMP)).read(upay.said(words), NOW)
    if isinstance(verdict, Refunded):
        assert type(verdict.refund_fen) is int and verdict.refund_fen >= 1


@thoroughly
@given(fields=texts)
def test_the_platform_reads_any_call_or_names_the_fault(
    upay: UnionpayPair, fields: dict[str, str]
) -> None:
    assert isinstance(call_fault(upay.theirs, fields), CallRefused)
    read_order("unifiedorder", fields)
    read_order("micropay", fields)
    read_named(fields)
    read_refund(fields)


@thoroughly
@given(fields=texts)
def test_what_is_signed_is_proven_and_reads_back(
    upay: UnionpayPair, fields: dict[str, str]
) -> None:
    document = signed(upay.theirs.private_key, fields)
    assert is_signed_by(upay.ours.keys.peer_key, document)
    with suppress(ProtocolError):  # a value that looks like a field of ours
        assert read_fields(written(document)) == document


@thoroughly
@given(text=st.text())
@example(text="9" * 5_000)
@example(text="00000101000000")
@example(text="99991231235959")
def test_any_amount_and_time_is_read_or_refused(text: str) -> None:
    with suppress(ProtocolError):
        assert fen(text) >= 1
    with suppress(ProtocolError):
        assert time_of(text).tzinfo is not None
