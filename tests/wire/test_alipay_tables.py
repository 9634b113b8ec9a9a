"""Alipay's codes: what each proves in each call, and that nothing else is believed."""

from __future__ import annotations

from typing import get_args

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
from schema.channels.alipay.platform import CallRefused
from schema.channels.alipay.scanning import members
from schema.channels.alipay.tables import (
    BILL_CODES,
    GATEWAY_CODES,
    OPERATIONS,
    RECEIPT_STATES,
    SUB_CODES,
    TRADE_STATES,
    TRANSFER_STATES,
    UNWELL,
    Operation,
)
from tests.wire.alipay_pair import NOW, asked, by_certificates
from tests.wire.alipay_questions import METHOD, question

REFUSED = {
    "pay": SurelyNotPaid,
    "refund": SurelyNotRefunded,
    "transfer": SurelyNotTransferred,
    "share": SurelyNotShared,
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_question_is_understood_by_the_platform(operation: Operation) -> None:
    understood = by_certificates().hear(asked(question(operation)))
    assert not isinstance(understood, CallRefused) and understood.method == METHOD[operation]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_listed_code_proves_what_its_table_says(operation: Operation) -> None:
    pair = by_certificates()
    family = REFUSED.get(operation.removeprefix("query_"), SurelyNotPaid)
    for codes, answered in ((SUB_CODES, pair.refused), (GATEWAY_CODES, pair.turned_away)):
        for code, by_operation in codes.items():
            means = by_operation[operation]
            verdict = asked(question(operation)).read(answered(METHOD[operation], code), NOW)
            kind = {"refused": family, "not_known": NotKnownThere, "unsettled": Unknown}
            assert type(verdict) is kind[means.proof], (code, verdict)
            assert verdict.code in (code, "isv.said-no")
            if not isinstance(verdict, NotKnownThere):
                assert verdict.cause == means.cause


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("code", ["ACQ.NEVER_HEARD_OF", "acq.system_error", ""])
def test_a_code_that_is_not_listed_is_unknown_and_never_a_failure(
    operation: Operation, code: str
) -> None:
    pair = by_certificates()
    verdict = asked(question(operation)).read(pair.refused(METHOD[operation], code), NOW)
    assert isinstance(verdict, Unknown) and verdict.why == "unlisted"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_refusal_of_the_business_has_to_be_signed_and_one_of_the_gateway_need_not(
    operation: Operation,
) -> None:
    pair = by_certificates()
    for answer, why in (
        (pair.refused(METHOD[operation], "ACQ.INVALID_PARAMETER"), "bad_signature"),
        (pair.turned_away(METHOD[operation], "40002"), "ambiguous"),
    ):
        [(name, node)] = [
            (name, node) for name, node in members(answer.body).items() if "_response" in name
        ]
        bare = HttpAnswer(status=200, headers={}, body=b'{"%s":%s}' % (name.encode(), node))
        verdict = asked(question(operation)).read(bare, NOW)
        assert not isinstance(verdict, Unknown) or verdict.why == why
        assert isinstance(verdict, Unknown) or why == "ambiguous"


def test_the_tables_are_whole_and_say_nothing_else() -> None:
    proofs = {"refused", "not_known", "unsettled"}
    for by_operation in (*SUB_CODES.values(), *GATEWAY_CODES.values()):
        assert by_operation.keys() == set(OPERATIONS)
        assert {means.proof for means in by_operation.values()} <= proofs
        assert {means.cause for means in by_operation.values()} <= set(get_args(Cause))
    for code in UNWELL:
        known = {**SUB_CODES, **GATEWAY_CODES}[code]
        assert {means.proof for means in known.values()} == {"unsettled"}
        assert known["create"].cause == "channel"


def test_what_the_documents_stress_is_in_the_tables() -> None:
    """The codes that cost money when they are read wrongly, said once more by hand."""

    def proof(code: str) -> str:
        return "".join(SUB_CODES[code][each].proof[0] for each in OPERATIONS)

    assert proof("ACQ.SYSTEM_ERROR") == "u" * 11
    assert proof("ACQ.TRADE_HAS_SUCCESS") == "u" * 11
    assert proof("ACQ.CONTEXT_INCONSISTENT") == "u" * 11
    assert proof("ACQ.DISCORDANT_REPEAT_REQUEST") == "u" * 11
    assert proof("PAYMENT_INFO_INCONSISTENCY") == "u" * 11
    assert proof("ACQ.TRADE_NOT_EXIST") == "uunnnnnuunn"
    assert proof("ORDER_NOT_EXIST") == "u" * 8 + "n" + "u" * 2
    assert list(TRADE_STATES.values()) == ["pending", "paid", "paid", "ended"]
    assert [TRANSFER_STATES[s] for s in ("SUCCESS", "FAIL", "DEALING", "REFUND")] == [
        "transferred", "refused", "pending", "refused",
    ]  # fmt: skip
    assert set(RECEIPT_STATES) == {"PROCESSING", "SUCCESS", "FAIL"}
    assert set(BILL_CODES.values()) == {"absent", "nothing"}


@pytest.mark.parametrize(
    ("status", "why"),
    [(500, "server_error"), (502, "server_error"), (429, "rate_limited"), (302, "unparsable"),
     (404, "unparsable")],
)  # fmt: skip
def test_what_is_no_answer_of_the_gateway_is_unknown(status: int, why: str) -> None:
    verdict = asked(question("create")).read(HttpAnswer(status=status, headers={}, body=b""), NOW)
    assert isinstance(verdict, Unknown) and verdict.why == why
