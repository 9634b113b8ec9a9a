"""Whatever bytes arrive, every parser gives a declared answer: a value or a ProtocolError."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from schema.channels import (
    BillAt,
    BillWish,
    HttpAnswer,
    Paid,
    Pending,
    ProtocolError,
    Refunded,
    Shared,
    SurelyNotPaid,
    Transferred,
)
from schema.channels.alipay.bills import read_fund_bill, read_trade_bill
from schema.channels.alipay.documents import BILL, NUMBERS, ORDER, TradeAnswer
from schema.channels.alipay.money_documents import (
    REFUND,
    REFUND_QUERY,
    SETTLE,
    SETTLE_QUERY,
    TRANSFER,
    TRANSFER_QUERY,
    RefundAnswer,
    RefundQueryAnswer,
    SettleQueryAnswer,
    TransferAnswer,
)
from schema.channels.alipay.platform import (
    Asked,
    CallRefused,
    read_biz,
    read_request,
    request_parameters,
)
from schema.channels.alipay.scanning import members
from schema.channels.alipay.signing import form, read_form, sign
from schema.channels.alipay.tables import OPERATIONS, Operation
from schema.channels.alipay.texts import china_text, fen, moment, yuan
from tests.wire.alipay_pair import NOW, STAMP, a_notice, by_certificates, by_keys
from tests.wire.alipay_questions import METHOD, question
from tests.wire.test_alipay_bills import DAY, RECORDED, TRADES, packed

thoroughly = settings(
    deadline=None,
    database=None,  # a failure is shown in full; nothing is left behind in the working folder
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
kinds = (TradeAnswer, RefundAnswer, RefundQueryAnswer, TransferAnswer, SettleQueryAnswer)
names = sorted({name for kind in kinds for name in kind.__struct_fields__})
codes = st.sampled_from(["10000", "10003", "20000", "40004", "40002", "99999"])
fields = st.sampled_from([*names, "qr_code", "sub_code", "bill_download_url", "retry_flag"])
states = st.sampled_from(["TRADE_SUCCESS", "SUCCESS", "Y", "N", "19.99", "2026-03-01 12:05:06"])
nodes = st.dictionaries(fields, json_values | states, max_size=9).flatmap(
    lambda node: codes.map(lambda code: node | {"code": code})
)
bodies = st.binary(max_size=200) | json_values.map(msgspec.json.encode)
TOO_DEEP = b'{"a":' * 20_000
PROOFS = Paid | Pending | SurelyNotPaid | Refunded | Transferred | Shared


def signed(method: str, node: bytes) -> HttpAnswer:
    """Any node under the platform's signature."""
    keys = by_certificates().theirs
    body = b'{"%s":%s,"alipay_cert_sn":"%s","sign":"%s"}' % (
        f"{method.replace('.', '_')}_response".encode(),
        node,
        keys.platform_cert_sn.encode(),
        sign(keys.private_key, node).encode(),
    )
    return HttpAnswer(status=200, headers={}, body=body)


@thoroughly
@given(body=bodies)
@example(body=TOO_DEEP)
@example(body=b'{"a":' + b"[" * 20_000)
@example(body=b'{"' + b"\\" * 9_999)
def test_the_members_of_any_bytes_are_found_or_refused(body: bytes) -> None:
    with suppress(ProtocolError):
        assert all(isinstance(value, bytes) for value in members(body).values())


@thoroughly
@given(document=st.dictionaries(st.text(), json_values, max_size=6))
def test_the_members_of_any_object_are_its_values_as_written(document: dict[str, Any]) -> None:
    found = members(msgspec.json.encode(document))
    assert {name: msgspec.json.decode(raw) for name, raw in found.items()} == document


@thoroughly
@given(status=st.sampled_from([200, 204, 302, 404, 429, 500]), body=bodies)
@example(status=200, body=TOO_DEEP)
@example(status=200, body=b'{"error_response":' + b"[" * 20_000)
def test_any_unsigned_answer_gives_a_verdict_and_never_a_proof(status: int, body: bytes) -> None:
    answer = HttpAnswer(status=status, headers={}, body=body)
    for operation in OPERATIONS:
        assert not isinstance(question(operation).read(answer, NOW), PROOFS)
    by_keys().ours.find_bill(BillWish(day=DAY), STAMP).read(answer, NOW)  # type: ignore[union-attr]


@thoroughly
@given(operation=st.sampled_from(OPERATIONS), node=nodes.map(msgspec.json.encode) | bodies)
@example(operation="query", node=TOO_DEEP)
@example(operation="query", node=b'{"code":"10000","out_trade_no":"\\ud800"}')
def test_any_signed_answer_gives_a_verdict(operation: Operation, node: bytes) -> None:
    verdict = question(operation).read(signed(METHOD[operation], node), NOW)
    if isinstance(verdict, Paid):
        assert type(verdict.amount_fen) is int and verdict.amount_fen >= 1
        assert verdict.paid_at.tzinfo is not None


@thoroughly
@given(body=st.binary(max_size=200) | st.dictionaries(st.text(), st.text(), max_size=6).map(form))
@example(body=b"&".join(b"a%d=" % n for n in range(1_000)))
@example(body=b"a=%ff")
def test_any_notice_is_refused_unless_the_platform_signed_it(body: bytes) -> None:
    for proven in (by_keys().ours, by_certificates().ours):
        try:
            proven.prove({}, body, NOW)
        except ProtocolError:
            continue
        raise AssertionError("somebody else's notice was believed")


@thoroughly
@given(
    changes=st.dictionaries(
        st.sampled_from([*a_notice(), "msg_method", "biz_content", "utc_timestamp"]), st.text()
    )
)
@example(changes={"msg_method": "alipay.fund.trans.order.changed", "biz_content": "[" * 20_000})
@example(changes={"msg_method": "alipay.fund.trans.order.changed", "utc_timestamp": "9" * 14})
def test_any_notice_that_was_proved_is_read_or_refused(changes: dict[str, str]) -> None:
    told = {
        "msg_method": "", "utc_timestamp": "1", "biz_content": '{"out_biz_no":"1","status":"FAIL"}'
    } | changes  # fmt: skip
    parameters = a_notice() | (told if "msg_method" in changes else changes)
    with suppress(ProtocolError):
        by_keys().ours.read_notice(form(parameters))


@thoroughly
@given(query=st.text(), body=st.binary(max_size=200))
@example(query="a=\udcff", body=b"")
def test_any_request_is_heard_or_refused(query: str, body: bytes) -> None:
    with suppress(ProtocolError):
        heard = read_request(by_keys().theirs, request_parameters(query, body))
        assert isinstance(heard, CallRefused)


@thoroughly
@given(content=(nodes | json_values).map(msgspec.json.encode) | st.binary(max_size=99))
@example(content=TOO_DEEP)
def test_the_platform_reads_any_business_content_or_names_the_fault(content: bytes) -> None:
    decoders = (
        ORDER, NUMBERS, BILL, REFUND, REFUND_QUERY, TRANSFER, TRANSFER_QUERY, SETTLE, SETTLE_QUERY,
    )  # fmt: skip
    for decoder in decoders:
        asked = Asked(
            method="alipay.trade.pay", parameters={}, biz_content=content, auth_app_id="1"
        )
        found = read_biz(decoder, asked)  # type: ignore[arg-type]
        assert not isinstance(found, CallRefused) or found.sub_code == "ACQ.INVALID_PARAMETER"


@thoroughly
@given(body=st.binary(max_size=300), at=st.integers(0, len(TRADES) - 1), byte=st.integers(0, 255))
def test_any_bill_is_read_or_refused(body: bytes, at: int, byte: int) -> None:
    damaged = TRADES[:at] + bytes([byte]) + TRADES[at + 1 :]
    for content in (body, damaged, TRADES[:at]):
        for read in (read_trade_bill, read_fund_bill):
            with suppress(ProtocolError):
                read(content)


@thoroughly
@given(at=st.integers(0, len(RECORDED) - 1), text=st.text(st.characters(codec="gbk"), max_size=9))
def test_any_damaged_lines_are_read_or_refused(at: int, text: str) -> None:
    with suppress(ProtocolError):
        read_trade_bill(packed(RECORDED[:at] + text + RECORDED[at:]))


@thoroughly
@given(url=st.text())
@example(url="http://[")
@example(url="file:///etc/passwd")
def test_any_address_of_a_bill_makes_a_request(url: str) -> None:
    request = by_keys().ours.fetch_bill(BillWish(day=DAY), BillAt(url=url), STAMP).request
    assert request.origin == "" or request.origin.startswith("http")


@thoroughly
@given(text=st.text(), amount=st.integers(-(10**12), 10**12))
def test_any_amount_or_time_is_read_exactly_or_refused(text: str, amount: int) -> None:
    assert fen(yuan(amount)) == amount
    with suppress(ProtocolError):
        assert type(fen(text)) is int
    with suppress(ProtocolError):
        assert moment(text).tzinfo
    assert moment(china_text(NOW)) == NOW


@thoroughly
@given(parameters=st.dictionaries(st.sampled_from(["a", "b.c", "d_e"]), st.text()))
def test_a_form_is_read_as_it_was_written(parameters: dict[str, str]) -> None:
    with suppress(ProtocolError, UnicodeEncodeError):
        assert not parameters or read_form(form(parameters)) == parameters
