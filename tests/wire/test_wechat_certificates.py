"""The platform's certificates: several at once, renewed by a call, and old ones run out."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest
from msgspec.structs import replace

from handlers.simulator.wechat.accounts import generate_certified_account
from schema.channels import HttpAnswer, Paid, Unknown
from schema.channels.wechat import (
    PlatformCertificate,
    SimulatorKeys,
    WechatAccount,
    WechatKeys,
    WechatLanguage,
)
from schema.channels.wechat.documents import CertificateList
from schema.channels.wechat.platform import certificate_list, signed_answer
from tests.wire.wechat_pair import (
    APPID,
    MCHID,
    NONCE,
    NOW,
    STAMP,
    Pair,
    a_transaction,
    a_transfer,
    an_order,
    asked,
)

NONCES = ("fdasflkja48a", "fdasflkja48b", "fdasflkja48c")
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def certified() -> Pair:
    """A merchant of a platform with two certificates: one that ends soon and the next."""
    ours, theirs = generate_certified_account(
        MCHID,
        APPID,
        "https://pay.test",
        "https://tomato.test/notices/1",
        periods=((NOW - 360 * DAY, NOW + 5 * DAY), (NOW - DAY, NOW + 365 * DAY)),
    )
    return Pair(WechatKeys.of(ours), SimulatorKeys.of(theirs))


def without_keys(pair: Pair) -> WechatLanguage:
    """Before the first renewal nothing of the platform is known."""
    account: WechatAccount = replace(
        pair.ours.account, platform_certificates_pem=(), public_key_id="", public_key_pem=""
    )
    return WechatLanguage.of(account)


def listed(pair: Pair) -> CertificateList:
    return certificate_list(pair.theirs, NONCES)


def renewed(
    language: WechatLanguage, answer: HttpAnswer, now: datetime = NOW
) -> WechatLanguage | None:
    new = asked(language.renew(STAMP)).read(answer, now)
    assert new is None or isinstance(new, WechatLanguage)
    return new


def paid_by(pair: Pair, language: WechatLanguage, serial: str, now: datetime = NOW) -> object:
    """What an answer is believed to say that the platform signs with this key."""
    answer = pair.answer(a_transaction(), now=now, serial=serial)
    return asked(language.query(an_order(), STAMP)).read(answer, now)


def test_the_first_answer_is_believed_by_the_certificates_that_it_brings(certified: Pair) -> None:
    bare = without_keys(certified)
    (newest, oldest) = certified.theirs.signers
    assert isinstance(paid_by(certified, bare, newest.serial), Unknown)
    language = renewed(bare, certified.answer(listed(certified)))
    assert language is not None
    for signer in (newest, oldest):
        assert isinstance(paid_by(certified, language, signer.serial), Paid)


def test_secrets_are_encrypted_for_the_certificate_that_lasts_longest(certified: Pair) -> None:
    language = renewed(without_keys(certified), certified.answer(listed(certified)))
    assert language is not None
    request = asked(language.query(an_order(), STAMP)).request
    assert request.headers["Wechatpay-Serial"] == certified.theirs.signers[0].serial


def test_before_the_first_renewal_nothing_can_be_encrypted(certified: Pair) -> None:
    bare = without_keys(certified)
    assert "Wechatpay-Serial" not in asked(bare.query(an_order(), STAMP)).request.headers
    named = a_transfer(payee=replace(a_transfer().payee, name="张三"))
    verdict = bare.transfer(named, STAMP)
    assert isinstance(verdict, Unknown) and verdict.code == "incomplete"


def test_a_certificate_that_ran_out_is_not_believed_any_more(certified: Pair) -> None:
    language = renewed(without_keys(certified), certified.answer(listed(certified)))
    assert language is not None
    newest, oldest = certified.theirs.signers
    later = NOW + 6 * DAY
    verdict = paid_by(certified, language, oldest.serial, later)
    assert isinstance(verdict, Unknown) and verdict.why == "bad_signature"
    assert isinstance(paid_by(certified, language, newest.serial, later), Paid)


def test_an_unknown_serial_is_a_bad_signature(certified: Pair, pair: Pair) -> None:
    language = renewed(without_keys(certified), certified.answer(listed(certified)))
    assert language is not None
    verdict = paid_by(pair, language, "")
    assert verdict == Unknown(
        why="bad_signature", message="signed with a key that we do not know, or not any more"
    )


def test_a_renewal_keeps_certificates_that_the_platform_no_longer_lists(certified: Pair) -> None:
    known = WechatLanguage(certified.ours)
    newest = certified.theirs.signers[:1]
    only_new = replace(certified.theirs, signers=newest)
    answer = signed_answer(only_new, certificate_list(only_new, NONCES), now=NOW, nonce=NONCE)
    language = renewed(known, answer)
    assert language is not None
    oldest = certified.theirs.signers[1]
    assert isinstance(paid_by(certified, language, oldest.serial), Paid)
    assert renewed(known, answer, NOW + timedelta(seconds=301)) is None


@pytest.mark.parametrize(
    "changed",
    [{"nonce": "fdasflkja48z"}, {"ciphertext": ""}, {"algorithm": "X"}, {"associated_data": ""}],
    ids=str,
)
def test_a_certificate_that_was_tampered_with_is_not_taken(
    certified: Pair, changed: dict[str, str]
) -> None:
    first, *rest = listed(certified).data
    sealed = replace(first.encrypt_certificate, **changed)
    bad = CertificateList(data=[replace(first, encrypt_certificate=sealed), *rest])
    assert renewed(without_keys(certified), certified.answer(bad)) is None


def test_a_certificate_under_another_number_is_not_taken(certified: Pair) -> None:
    first, *rest = listed(certified).data
    bad = CertificateList(data=[replace(first, serial_no="AB" * 20), *rest])
    assert renewed(without_keys(certified), certified.answer(bad)) is None


def test_a_renewal_that_nobody_signed_or_that_failed_changes_nothing(certified: Pair) -> None:
    answer = certified.answer(listed(certified))
    unsigned = replace(answer, headers={})
    for bad in (
        unsigned,
        replace(answer, status=500),
        replace(answer, body=answer.body[:-1]),
        certified.answer(CertificateList(data=[])),
    ):
        assert renewed(without_keys(certified), bad) is None


def test_another_merchants_certificates_do_not_open(certified: Pair, pair: Pair) -> None:
    bare = without_keys(pair)
    if bare.keys.account.api_v3_key != certified.ours.account.api_v3_key:
        assert renewed(bare, certified.answer(listed(certified))) is None


def test_during_a_migration_the_static_key_and_the_certificates_are_both_believed(
    certified: Pair, pair: Pair
) -> None:
    ours, theirs = certified.ours.account, pair.ours.account
    both = replace(ours, public_key_id=theirs.public_key_id, public_key_pem=theirs.public_key_pem)
    language = WechatLanguage.of(both)
    assert isinstance(paid_by(certified, language, certified.theirs.signers[0].serial), Paid)
    assert isinstance(paid_by(pair, language, theirs.public_key_id), Paid)
    request = asked(language.query(an_order(), STAMP)).request
    assert request.headers["Wechatpay-Serial"] == theirs.public_key_id
    assert language.renew(STAMP) is not None


def test_a_serial_number_is_the_same_in_lower_case_and_without_its_zeros(certified: Pair) -> None:
    language = WechatLanguage(certified.ours)
    answer = certified.answer(a_transaction())
    serial = answer.headers["Wechatpay-Serial"].lower().lstrip("0")
    written_so = replace(answer, headers={**answer.headers, "Wechatpay-Serial": serial})
    assert isinstance(asked(language.query(an_order(), STAMP)).read(written_so, NOW), Paid)


def test_the_platform_needs_a_key_of_some_kind(certified: Pair) -> None:
    with pytest.raises(ValueError, match="platform_certificates"):
        SimulatorKeys.of(replace(certified.theirs.account, platform_certificates=()))
    bad = PlatformCertificate(certificate_pem="x", private_key_pem="x")
    with pytest.raises(ValueError, match="platform_certificates"):
        SimulatorKeys.of(replace(certified.theirs.account, platform_certificates=(bad,)))


def test_an_account_survives_being_written_down(certified: Pair) -> None:
    account = certified.ours.account
    assert msgspec.json.decode(msgspec.json.encode(account), type=WechatAccount) == account
