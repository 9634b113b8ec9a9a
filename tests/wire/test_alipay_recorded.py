"""Both roles against bytes that were recorded once: what was right then is right for good."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from schema.channels import HttpAnswer, Paid, PaymentNotice, Pending, Unknown
from schema.channels.alipay import AlipayLanguage, AlipayPlatformKeys
from schema.channels.alipay.platform import INVALID_SIGNATURE, Asked, read_request
from schema.channels.alipay.signing import read_form
from tests.wire.alipay_pair import NOW, ORDER_NO, STAMP, TRADE_NO, an_order, asked, by_keys, refuses
from tests.wire.alipay_recorded import (
    ALIPAY_PUBLIC_KEY,
    ANSWER,
    APP_PUBLIC_KEY,
    NOTICE,
    REFUSAL,
    REQUEST,
)

PAID = Paid(
    channel_payment_id=TRADE_NO,
    amount_fen=1999,
    currency="CNY",
    paid_at=datetime(2026, 3, 1, 4, 5, 6, tzinfo=UTC),
    payer_id="2088000000000009",
)


@pytest.fixture(scope="module")
def ours() -> AlipayLanguage:
    """Our end, which knows the recorded platform."""
    account = replace(by_keys().accounts[0], alipay_public_key_pem=ALIPAY_PUBLIC_KEY)
    return AlipayLanguage.of(account)


def heard(ours: AlipayLanguage, text: str) -> object:
    answer = HttpAnswer(status=200, headers={}, body=text.encode())
    return asked(ours.query(an_order(), STAMP)).read(answer, NOW)


def test_the_recorded_answers_are_believed_and_read(ours: AlipayLanguage) -> None:
    assert heard(ours, ANSWER) == PAID
    waits = heard(ours, REFUSAL)
    assert isinstance(waits, Pending) and waits.code == "ACQ.TRADE_NOT_EXIST"


def test_a_recorded_answer_with_another_amount_is_not_believed(ours: AlipayLanguage) -> None:
    cheaper = heard(ours, ANSWER.replace('"total_amount":"19.99"', '"total_amount":"0.01"'))
    assert isinstance(cheaper, Unknown) and cheaper.why == "bad_signature"


def test_the_recorded_notice_is_believed_and_read(ours: AlipayLanguage) -> None:
    body = NOTICE.encode()
    assert ours.prove({}, body, NOW) == "2026030100222120506033341449276012"
    assert ours.read_notice(body) == PaymentNotice(number=ORDER_NO, verdict=PAID)
    cheaper = NOTICE.replace("total_amount=19.99", "total_amount=0.01").encode()
    assert refuses(ours.prove, {}, cheaper, NOW)


def test_the_platform_believes_the_recorded_request() -> None:
    theirs = replace(by_keys().accounts[1], app_public_key_pem=APP_PUBLIC_KEY)
    keys, parameters = AlipayPlatformKeys.of(theirs), read_form(REQUEST.encode())
    understood = read_request(keys, parameters)
    assert isinstance(understood, Asked) and understood.method == "alipay.trade.query"
    changed = parameters | {"biz_content": '{"out_trade_no":"another"}'}
    assert read_request(keys, changed) == INVALID_SIGNATURE
