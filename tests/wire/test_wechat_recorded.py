"""Recorded bytes of both roles: what was believed once is believed for ever, to the byte."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from schema.channels import Paid, PaymentNotice, Unknown
from schema.channels.wechat import SimulatorKeys, WechatKeys, WechatLanguage
from schema.channels.wechat.payments import verdict_of
from tests.wire import wechat_recorded as recorded
from tests.wire.wechat_pair import NOW, ORDER_NO, STAMP, Pair, a_transaction, an_order, asked


@pytest.fixture(scope="module")
def then(pair: Pair) -> Pair:
    """The recorded merchant as both ends knew it, with other private keys: nothing is signed."""
    shared = {
        "api_v3_key": recorded.API_V3_KEY,
        "merchant_serial": recorded.MERCHANT_SERIAL,
        "public_key_id": recorded.PUBLIC_KEY_ID,
    }
    ours = replace(pair.ours.account, **shared, public_key_pem=recorded.PLATFORM_PUBLIC_KEY)
    theirs = replace(
        pair.theirs.account, **shared, merchant_public_key_pem=recorded.MERCHANT_PUBLIC_KEY
    )
    return Pair(WechatKeys.of(ours), SimulatorKeys.of(theirs))


def test_the_platform_believes_the_recorded_request_and_we_would_write_it_again(
    then: Pair,
) -> None:
    assert then.fault(recorded.CREATE) is None
    again = asked(then.language.create(an_order(), STAMP)).request
    assert (again.method, again.path, again.body) == (
        recorded.CREATE.method,
        recorded.CREATE.path,
        recorded.CREATE.body,
    )
    names = [name for name in again.headers if name != "Authorization"]
    assert [again.headers[name] for name in names] == [
        recorded.CREATE.headers[name] for name in names
    ]


def test_the_recorded_answer_is_a_payment(then: Pair) -> None:
    verdict = asked(then.language.query(an_order(), STAMP)).read(recorded.PAID, NOW)
    assert isinstance(verdict, Paid)
    assert verdict == verdict_of(then.ours.account, a_transaction())


def test_every_byte_of_the_recorded_answer_counts(then: Pair) -> None:
    question = asked(then.language.query(an_order(), STAMP))
    body = recorded.PAID.body
    for place in range(0, len(body), 7):
        changed = bytearray(body)
        changed[place] ^= 1
        verdict = question.read(replace(recorded.PAID, body=bytes(changed)), NOW)
        assert isinstance(verdict, Unknown) and verdict.why == "bad_signature"


def test_the_recorded_notice_opens(then: Pair) -> None:
    headers, body = recorded.NOTICE_HEADERS, recorded.NOTICE
    assert then.language.prove(headers, body, NOW) == "EV-2018022511223320873"
    verdict = verdict_of(then.ours.account, a_transaction())
    assert then.language.read_notice(body) == PaymentNotice(number=ORDER_NO, verdict=verdict)


def test_the_recorded_certificate_is_taken_while_it_is_fresh(then: Pair) -> None:
    bare = replace(then.ours.account, public_key_id="", public_key_pem="")
    question = WechatLanguage.of(bare).renew(STAMP)
    language = asked(question).read(recorded.CERTIFICATES, NOW)
    assert isinstance(language, WechatLanguage) and len(language.keys.peers) == 1
    late = NOW + timedelta(seconds=301)
    assert asked(question).read(recorded.CERTIFICATES, late) is None
