"""What each answer proves about the money; whatever is not known to prove something, does not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from schema.channels import (
    AtTheTill,
    HttpAnswer,
    Paid,
    Pending,
    QrCode,
    Receipt,
    RefundAbnormal,
    Refunded,
    RefundPending,
    Shared,
    SharePending,
    SurelyNotPaid,
    SurelyNotRefunded,
    SurelyNotShared,
    SurelyNotTransferred,
    TransferPending,
    Transferred,
    Unknown,
)
from schema.channels.wechat.documents import Prepared, WhoseDocument, china_time
from schema.channels.wechat.money_documents import ReturnStanding, TransferAccepted
from schema.channels.wechat.platform import (
    typing_answer,
)
from schema.channels.wechat.tables import (
    OPERATIONS,
    REFUND_STATES,
    RETURN_STATES,
    TRADE_STATES,
    TRANSFER_STATES,
    Operation,
)
from tests.wire.wechat_pair import (
    NONCE,
    NOW,
    OPENID,
    STAMP,
    TRANSACTION_ID,
    TRANSFER_NO,
    Pair,
    a_refund_standing,
    a_share,
    a_share_standing,
    a_transaction,
    a_transfer_standing,
    an_order,
    asked,
)

DOCUMENTED_QUERY_ANSWER = """{
    "amount": {"currency": "CNY", "payer_currency": "CNY", "payer_total": 3, "total": 3},
    "appid": "wx1234567890abcdef", "attach": "", "bank_type": "OTHERS", "mchid": "1900000001",
    "out_trade_no": "1217752501201407033233368018",
    "payer": {"openid": "o4GgauMQHaUO3ujLXV92Hs9O7pJo"},
    "promotion_detail": [{"amount": 1, "coupon_id": "109519", "scope": "GLOBAL"}],
    "scene_info": {"device_id": "013467007045764"},
    "success_time": "2021-09-08T14:36:29+08:00", "trade_state": "SUCCESS",
    "trade_state_desc": "支付成功", "trade_type": "NATIVE",
    "transaction_id": "4200001234202109081234567890"
}"""


def decoded(pair: Pair, operation: Operation, answer: HttpAnswer) -> Any:
    return pair.questions[operation].read(answer, NOW)


def good_answers(pair: Pair) -> dict[Operation, HttpAnswer]:
    """One success of each kind."""
    paid, refunded = pair.answer(a_transaction()), pair.answer(a_refund_standing())
    shared = pair.answer(a_share_standing())
    return {
        "create": pair.answer(Prepared(code_url="weixin://x")),
        "codepay": paid,
        "query": paid,
        "close": pair.answer(None),
        "reverse": pair.answer(WhoseDocument(out_trade_no=an_order().number)),
        "refund": refunded,
        "query_refund": refunded,
        "transfer": pair.answer(accepted()),
        "query_transfer": pair.answer(a_transfer_standing()),
        "share": shared,
        "query_share": shared,
    }


def accepted(**changed: Any) -> TransferAccepted:
    answer = TransferAccepted(
        out_bill_no=TRANSFER_NO,
        transfer_bill_no="1330000071100999991182020050700019480001",
        create_time=china_time(NOW),
        state="WAIT_USER_CONFIRM",
        package_info="affffddafdfafddffda==",
    )
    return msgspec.structs.replace(answer, **changed)


def test_a_created_order_waits_for_its_payer_with_a_code(pair: Pair) -> None:
    answer = pair.answer(Prepared(code_url="weixin://wxpay/bizpayurl?pr=p4lpSuKzz"))
    assert decoded(pair, "create", answer) == Pending(
        offer=QrCode(url="weixin://wxpay/bizpayurl?pr=p4lpSuKzz")
    )


def test_a_confirmed_close_and_a_confirmed_reverse_prove_that_nobody_paid(pair: Pair) -> None:
    assert decoded(pair, "close", pair.answer(None)) == SurelyNotPaid(
        code="CLOSED", message="closed at our request", cause="payer"
    )
    reversed_ = SurelyNotPaid(code="REVOKED", message="reversed at our request", cause="payer")
    assert decoded(pair, "reverse", good_answers(pair)["reverse"]) == reversed_
    assert decoded(pair, "reverse", pair.answer(None)) == reversed_


def test_a_payment_is_read_from_an_answer_with_everything_the_documents_list(pair: Pair) -> None:
    answer = pair.signed(200, DOCUMENTED_QUERY_ANSWER.encode())
    order = an_order(number="1217752501201407033233368018")
    question = asked(pair.language.query(order, STAMP))
    assert question.read(answer, NOW) == Paid(
        channel_payment_id="4200001234202109081234567890",
        amount_fen=3,
        currency="CNY",
        paid_at=datetime(2021, 9, 8, 6, 36, 29, tzinfo=UTC),
        payer_id="o4GgauMQHaUO3ujLXV92Hs9O7pJo",
    )


def test_a_refunded_order_was_paid(pair: Pair) -> None:
    verdict = decoded(pair, "query", pair.answer(a_transaction(trade_state="REFUND")))
    assert isinstance(verdict, Paid) and verdict.is_refunded


def test_a_scanned_payment_code_is_paid_at_once_or_waits_for_a_password(pair: Pair) -> None:
    assert isinstance(decoded(pair, "codepay", pair.answer(a_transaction())), Paid)
    typing = typing_answer(pair.theirs, now=NOW, nonce=NONCE, serial="")
    assert typing.status == 202
    assert decoded(pair, "codepay", typing) == Pending(
        offer=AtTheTill(), code="USERPAYING", message="用户支付中，需要输入密码"
    )
    unsigned = msgspec.structs.replace(typing, headers={})
    assert isinstance(decoded(pair, "codepay", unsigned), Unknown)


@pytest.mark.parametrize("state", [*TRADE_STATES, "PAID_WITH_SHELLS", "success", ""])
def test_each_trade_state_proves_what_the_documents_say(pair: Pair, state: str) -> None:
    verdict = decoded(pair, "query", pair.answer(a_transaction(trade_state=state)))
    if state in ("SUCCESS", "REFUND"):
        assert isinstance(verdict, Paid)
    elif state in ("NOTPAY", "USERPAYING"):
        assert verdict == Pending(code=state, message="支付成功")
    elif state in ("CLOSED", "REVOKED", "PAYERROR"):
        assert verdict == SurelyNotPaid(code=state, message="支付成功", cause="payer")
    else:
        assert isinstance(verdict, Unknown) and verdict.why == "unlisted"
        assert verdict.code == state


@pytest.mark.parametrize("state", [*REFUND_STATES, "HALF_BACK"])
@pytest.mark.parametrize("operation", ["refund", "query_refund"])
def test_each_refund_state_proves_what_the_documents_say(
    pair: Pair, operation: Operation, state: str
) -> None:
    standing = a_refund_standing(status=state)
    number = standing.refund_id
    assert (
        decoded(pair, operation, pair.answer(standing))
        == {
            "SUCCESS": Refunded(
                channel_refund_id=number,
                refund_fen=500,
                currency="CNY",
                refunded_at=NOW,
                received_by="招商银行信用卡0403",
            ),
            "PROCESSING": RefundPending(channel_refund_id=number, code="PROCESSING"),
            "ABNORMAL": RefundAbnormal(channel_refund_id=number, code="ABNORMAL"),
            "CLOSED": SurelyNotRefunded(code="CLOSED", cause="merchant", number_is_spent=True),
            "HALF_BACK": Unknown(why="unlisted", code="HALF_BACK"),
        }[state]
    )


@pytest.mark.parametrize("state", [*TRANSFER_STATES, "IN_THE_POST"])
def test_each_transfer_state_proves_what_the_documents_say(pair: Pair, state: str) -> None:
    standing = a_transfer_standing(state=state)
    verdict = decoded(pair, "query_transfer", pair.answer(standing))
    number = standing.transfer_bill_no
    if state == "SUCCESS":
        assert verdict == Transferred(
            channel_transfer_id=number, amount_fen=100_000, currency="CNY", transferred_at=NOW
        )
    elif state == "FAIL":
        assert verdict == SurelyNotTransferred(code="FAIL", cause="channel")
    elif state == "CANCELLED":
        assert verdict == SurelyNotTransferred(code="CANCELLED", cause="platform")
    elif state == "IN_THE_POST":
        assert verdict == Unknown(why="unlisted", code="IN_THE_POST")
    else:
        assert verdict == TransferPending(channel_transfer_id=number, code=state)


def test_an_accepted_transfer_waits_for_its_payee_with_a_package(pair: Pair) -> None:
    assert decoded(pair, "transfer", pair.answer(accepted())) == TransferPending(
        channel_transfer_id="1330000071100999991182020050700019480001",
        package="affffddafdfafddffda==",
        code="WAIT_USER_CONFIRM",
    )


def test_a_failed_transfer_says_whose_doing_it_was(pair: Pair) -> None:
    failed = accepted(state="FAIL", fail_reason="REAL_NAME_CHECK_FAIL", package_info="")
    verdict = decoded(pair, "transfer", pair.answer(failed))
    assert verdict == SurelyNotTransferred(code="REAL_NAME_CHECK_FAIL", cause="payer")


def test_a_success_without_amount_is_left_to_the_query(pair: Pair) -> None:
    verdict = decoded(pair, "transfer", pair.answer(accepted(state="SUCCESS")))
    assert isinstance(verdict, TransferPending) and not verdict.package


def test_a_finished_share_says_what_became_of_each_part(pair: Pair) -> None:
    receipts = (
        Receipt(account="1900000008", amount_fen=300, state="shared"),
        Receipt(account=OPENID, amount_fen=100, state="refused", code="NO_RELATION"),
    )
    number = "3008450740201411110007820472"
    for operation in ("share", "query_share"):
        verdict = decoded(pair, operation, pair.answer(a_share_standing()))
        assert verdict == Shared(channel_share_id=number, receipts=receipts)
    pending = decoded(pair, "share", pair.answer(a_share_standing(state="PROCESSING")))
    assert pending == SharePending(channel_share_id=number, receipts=receipts, code="PROCESSING")
    odd = decoded(pair, "share", pair.answer(a_share_standing(state="EATEN")))
    assert odd == Unknown(why="unlisted", code="EATEN")


@pytest.mark.parametrize("result", [*RETURN_STATES, "LOST"])
def test_each_return_of_a_part_proves_what_the_documents_say(pair: Pair, result: str) -> None:
    standing = ReturnStanding(
        order_id="3008450740201411110007820472",
        out_order_no=a_share().number,
        out_return_no="back-1",
        return_id="3008450740201411110007820473",
        return_mchid="1900000008",
        amount=300,
        result=result,
        fail_reason="TIME_OUT_CLOSED" if result == "FAILED" else "",
    )
    number, asking = standing.return_id, pair.language
    returned = Receipt(account="1900000008", amount_fen=300, state="shared")
    pending = replace(returned, state="pending")
    expected = {
        "SUCCESS": Shared(channel_share_id=number, receipts=(returned,)),
        "PROCESSING": SharePending(channel_share_id=number, receipts=(pending,)),
        "FAILED": SurelyNotShared(code="TIME_OUT_CLOSED", cause="merchant"),
        "LOST": Unknown(why="unlisted", code="LOST"),
    }[result]
    for question in (
        asking.return_share(a_share(), a_share().parts[0], "back-1", STAMP),
        asking.query_return(a_share(), "back-1", STAMP),
    ):
        assert question.read(pair.answer(standing), NOW) == expected
        other = replace(standing, out_return_no="back-2")
        assert question.read(pair.answer(other), NOW).why == "other_order"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_success_without_signature_is_unknown(pair: Pair, operation: Operation) -> None:
    answer = good_answers(pair)[operation]
    assert not isinstance(decoded(pair, operation, answer), Unknown)
    unsigned = msgspec.structs.replace(answer, headers={})
    verdict = decoded(pair, operation, unsigned)
    assert verdict == Unknown(why="bad_signature", message="not signed")


@pytest.mark.parametrize(
    ("operation", "status", "body"),
    [
        ("create", 200, b"{}"),
        ("create", 200, b'{"code_url":""}'),
        ("create", 200, b'{"prepay_id":"wx1"}'),
        ("create", 202, b'{"code_url":"weixin://x"}'),
        ("query", 200, b'{"trade_state":"SUCCESS"}'),
        ("query", 200, b"[" * 50_000),
        ("close", 204, b"{}"),
        ("close", 200, b""),
        ("reverse", 200, b"[]"),
        ("refund", 200, b"{}"),
        ("transfer", 200, b'{"state":"SUCCESS"}'),
        ("query_share", 200, b"null"),
    ],
)
def test_a_signed_success_that_is_not_what_was_asked_for_is_unknown(
    pair: Pair, operation: Operation, status: int, body: bytes
) -> None:
    verdict = decoded(pair, operation, pair.signed(status, body))
    assert isinstance(verdict, Unknown) and verdict.why == "unparsable"


@pytest.mark.parametrize(
    "changed",
    [{"out_trade_no": "another-order"}, {"mchid": "1900000002"}, {"appid": "wx2"}],
    ids=str,
)
def test_a_payment_of_somebody_else_is_not_ours(pair: Pair, changed: dict[str, str]) -> None:
    for operation in ("query", "codepay"):
        verdict = decoded(pair, operation, pair.answer(a_transaction(**changed)))
        assert isinstance(verdict, Unknown) and verdict.why == "other_order"


@pytest.mark.parametrize(
    ("operation", "document"),
    [
        ("refund", a_refund_standing(out_refund_no="another")),
        ("refund", a_refund_standing(out_trade_no="another")),
        ("reverse", WhoseDocument(out_trade_no="another")),
        ("transfer", accepted(out_bill_no="another")),
        ("query_transfer", a_transfer_standing(out_bill_no="another")),
        ("query_transfer", a_transfer_standing(mch_id="1900000002")),
        ("query_transfer", a_transfer_standing(transfer_amount=1)),
        ("share", a_share_standing(out_order_no="another")),
        ("share", a_share_standing(transaction_id=TRANSACTION_ID[:-1])),
    ],
)
def test_an_answer_about_something_else_is_not_about_ours(
    pair: Pair, operation: Operation, document: Any
) -> None:
    verdict = decoded(pair, operation, pair.answer(document))
    assert isinstance(verdict, Unknown) and verdict.why == "other_order"


@pytest.mark.parametrize("missing", ["transaction_id", "amount", "success_time"])
def test_a_payment_without_its_number_amount_or_time_is_unknown(pair: Pair, missing: str) -> None:
    verdict = decoded(pair, "query", pair.answer(a_transaction(**{missing: None})))
    assert isinstance(verdict, Unknown) and verdict.why == "unparsable"


@pytest.mark.parametrize("missing", ["amount", "success_time"])
def test_a_refund_without_its_amount_or_time_is_unknown(pair: Pair, missing: str) -> None:
    verdict = decoded(pair, "refund", pair.answer(a_refund_standing(**{missing: None})))
    assert isinstance(verdict, Unknown) and verdict.why == "unparsable"
