"""Whatever bytes arrive, every parser gives a declared answer: a value or a ProtocolError."""

from __future__ import annotations

from contextlib import suppress

import msgspec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from schema.channels import HttpAnswer, Paid, Pending, ProtocolError, SurelyNotPaid
from schema.channels.wechat import (
    Notice,
    NoticeRefused,
    Transaction,
    decode_close,
    decode_create,
    decode_query,
    decrypt_notice,
    query,
    read_notice,
    verify_notice,
)
from schema.channels.wechat.documents import ANYTHING, CLOSE, ORDER, Resource, written
from schema.channels.wechat.platform import CallRefused, read_parameters
from schema.channels.wechat.signing import Authorization, read_authorization, signature_fault
from tests.wire.wechat_pair import NOW, ORDER_NO, Pair, a_transaction

thoroughly = settings(
    max_examples=150,
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
known_fields = [name for kind in (Transaction, Notice, Resource) for name in kind.__struct_fields__]
field_names = st.sampled_from([*known_fields, "code", "message", "code_url", "total", "mchid"])
near_misses = st.dictionaries(field_names, json_values, max_size=8)
bodies = st.binary(max_size=200) | (json_values | near_misses).map(msgspec.json.encode)
headers = st.dictionaries(
    st.sampled_from(
        ["Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Signature", "Wechatpay-Serial"]
    ),
    st.text(),
)
statuses = st.sampled_from([200, 202, 204, 301, 400, 401, 403, 404, 429, 500, 502])
TOO_DEEP = b'{"a":' * 20_000


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
    request = query(pair.ours, ORDER_NO, now=NOW, nonce="n")
    fault = pair.fault(request, path=path, method=method, body=body)
    assert fault is not None and fault.code == "SIGN_ERROR"


@thoroughly
@given(headers=headers, body=st.binary(max_size=100))
def test_no_invented_signature_is_ever_believed(
    pair: Pair, headers: dict[str, str], body: bytes
) -> None:
    given_id = {"Wechatpay-Serial": pair.ours.account.public_key_id} | headers
    assert signature_fault(pair.ours.peers, given_id, body, NOW)


@thoroughly
@given(status=statuses, body=bodies)
@example(status=404, body=TOO_DEEP)
def test_any_unsigned_answer_gives_a_verdict_and_never_a_payment(
    pair: Pair, status: int, body: bytes
) -> None:
    answer = HttpAnswer(status=status, headers={}, body=body)
    verdicts = [
        decode_create(pair.ours, answer, NOW),
        decode_query(pair.ours, ORDER_NO, answer, NOW),
        decode_close(pair.ours, answer, NOW),
    ]
    assert not [verdict for verdict in verdicts if isinstance(verdict, Paid | Pending)]


@thoroughly
@given(body=bodies)
@example(body=TOO_DEEP)
@example(body=b'{"code_url":"\xff"}')
def test_any_signed_answer_gives_a_verdict(pair: Pair, body: bytes) -> None:
    answer = pair.signed(200, body)
    decode_create(pair.ours, answer, NOW)
    assert not isinstance(decode_query(pair.ours, ORDER_NO, answer, NOW), Paid | SurelyNotPaid)


@thoroughly
@given(field=st.sampled_from(Transaction.__struct_fields__), value=json_values)
def test_a_payment_with_one_strange_field_is_read_whole_or_not_at_all(
    pair: Pair, field: str, value: object
) -> None:
    document = msgspec.json.decode(written(a_transaction())) | {field: value}
    answer = pair.signed(200, msgspec.json.encode(document))
    verdict = decode_query(pair.ours, ORDER_NO, answer, NOW)
    if isinstance(verdict, Paid):
        assert type(verdict.amount_fen) is int and verdict.amount_fen >= 1
        assert verdict.paid_at.tzinfo is not None


@thoroughly
@given(headers=headers, body=bodies)
@example(headers={}, body=TOO_DEEP)
def test_any_callback_is_refused_unless_the_platform_signed_it(
    pair: Pair, headers: dict[str, str], body: bytes
) -> None:
    assert isinstance(verify_notice(pair.ours, headers, body, NOW), NoticeRefused)
    assert isinstance(read_notice(body), Notice | NoticeRefused)


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
    assert isinstance(decrypt_notice(pair.ours, notice), NoticeRefused)


@thoroughly
@given(body=bodies)
@example(body=TOO_DEEP)
@example(body=b'{"a":1e999}')
def test_the_platform_reads_any_request_body_or_names_the_fault(body: bytes) -> None:
    for read in (
        read_parameters(ORDER, body),
        read_parameters(CLOSE, body),
        read_parameters(ANYTHING, body),
    ):
        assert not isinstance(read, CallRefused) or read.code == "PARAM_ERROR"
