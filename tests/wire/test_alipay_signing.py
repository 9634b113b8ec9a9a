"""Alipay's signatures: who is believed, and that every change on the way is noticed."""

from __future__ import annotations

import subprocess
from hashlib import md5
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec.structs import replace

from handlers.simulator.alipay.accounts import generate_certified_account
from schema.channels import HttpAnswer, Language, Pending, QrCode, Unknown
from schema.channels.alipay import AlipayLanguage
from schema.channels.alipay.documents import PrecreateAnswer
from schema.channels.alipay.keys import certificate_sn, read_certificates, root_sn
from schema.channels.alipay.platform import (
    INVALID_APP,
    INVALID_SIGNATURE,
    Asked,
    CallRefused,
    error_answer,
    read_request,
    signed_notice,
)
from schema.channels.alipay.scanning import members
from schema.channels.alipay.signing import form, notice_message, read_form, request_message
from tests.wire.alipay_pair import (
    NOTIFY_URL,
    NOW,
    ORDER_NO,
    OURS,
    STAMP,
    AlipayPair,
    a_notice,
    an_order,
    asked,
    by_certificates,
    by_keys,
    refuses,
    sent,
)

PRECREATE = "alipay.trade.precreate"
CODE = PrecreateAnswer(out_trade_no=ORDER_NO, qr_code='https://qr.alipay.com/{{"\\}')

MODES = pytest.mark.parametrize("mode", [by_keys, by_certificates])


def test_the_language_is_one_of_all_channels() -> None:
    language: Language = by_keys().ours
    assert language.base_url == "https://alipay.test"
    assert language.renew(STAMP) is None


@MODES
def test_the_platform_believes_our_request(mode: type[AlipayPair]) -> None:
    heard = mode().hear(asked(mode().ours.create(an_order(), STAMP)))
    assert isinstance(heard, Asked) and heard.method == PRECREATE


@MODES
def test_a_request_with_any_parameter_changed_is_refused(mode: type[AlipayPair]) -> None:
    parameters = sent(mode().ours.create(an_order(), STAMP))
    for name in parameters.keys() - {"method", "sign_type", "app_cert_sn", "alipay_root_cert_sn"}:
        changed = parameters | {name: parameters[name] + "0"}
        assert read_request(mode().theirs, changed) == INVALID_SIGNATURE, name
    without_sign_type = read_request(mode().theirs, parameters | {"sign_type": "RSA"})
    assert isinstance(without_sign_type, CallRefused)


def test_a_request_of_another_app_is_refused() -> None:
    question = asked(by_certificates().ours.create(an_order(), STAMP))
    assert by_keys().hear(question) == INVALID_SIGNATURE


def test_a_request_signs_all_but_sign_and_what_is_empty() -> None:
    message = request_message({"b": "2", "a": "1", "empty": "", "sign": "x", "sign_type": "RSA2"})
    assert message == b"a=1&b=2&sign_type=RSA2"


def test_a_notice_signs_what_is_empty_too_but_not_the_signature_type() -> None:
    message = notice_message({"b": "2", "empty": "", "sign": "x", "sign_type": "RSA2"})
    assert message == b"b=2&empty="


@MODES
def test_an_answer_is_believed_by_its_signature(mode: type[AlipayPair]) -> None:
    question = asked(mode().ours.create(an_order(), STAMP))
    answer = mode().done(PRECREATE, CODE)
    assert question.read(answer, NOW) == Pending(offer=QrCode(url=CODE.qr_code))


@MODES
def test_an_answer_changed_in_any_byte_of_its_node_is_not_believed(mode: type[AlipayPair]) -> None:
    question = asked(mode().ours.create(an_order(), STAMP))
    body = mode().done(PRECREATE, CODE).body
    node = members(body)["alipay_trade_precreate_response"]
    begins = body.index(node)
    for at in range(begins, begins + len(node)):
        changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        verdict = question.read(HttpAnswer(status=200, headers={}, body=changed), NOW)
        assert isinstance(verdict, Unknown), changed


@pytest.mark.parametrize("member", ["sign", "alipay_cert_sn"])
def test_an_answer_without_its_proof_is_not_believed(member: str) -> None:
    pair = by_certificates()
    question = asked(pair.ours.create(an_order(), STAMP))
    found = members(pair.done(PRECREATE, CODE).body)
    left = b",".join(b'"%s":%s' % (k.encode(), v) for k, v in found.items() if k != member)
    verdict = question.read(HttpAnswer(status=200, headers={}, body=b"{" + left + b"}"), NOW)
    assert isinstance(verdict, Unknown) and verdict.why == "bad_signature"


def test_the_members_of_an_answer_may_come_in_any_order_and_with_any_spaces() -> None:
    pair = by_keys()
    found = members(pair.done(PRECREATE, CODE).body)
    turned = b" , ".join(b'\n"%s" :\t%s' % (k.encode(), v) for k, v in reversed(found.items()))
    answer = HttpAnswer(status=200, headers={}, body=b" { " + turned + b" } \r\n")
    question = asked(pair.ours.create(an_order(), STAMP))
    assert question.read(answer, NOW) == Pending(offer=QrCode(url=CODE.qr_code))


def test_an_answer_that_names_its_node_twice_is_not_read() -> None:
    pair = by_keys()
    body = pair.done(PRECREATE, CODE).body
    node = members(body)["alipay_trade_precreate_response"]
    doubled = body[:-1] + b',"alipay_trade_precreate_response":' + node + b"}"
    spelt = doubled.replace(b',"alipay_trade', b',"\\u0061lipay_trade')
    question = asked(pair.ours.create(an_order(), STAMP))
    for each in (doubled, spelt):
        verdict = question.read(HttpAnswer(status=200, headers={}, body=each), NOW)
        assert isinstance(verdict, Unknown) and verdict.why == "unparsable"


def test_the_answer_to_another_method_proves_nothing() -> None:
    pair = by_keys()
    question = asked(pair.ours.query(an_order(), STAMP))
    verdict = question.read(pair.done(PRECREATE, CODE), NOW)
    assert isinstance(verdict, Unknown) and verdict.why == "unparsable"


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"a":{"b":"}{\\"}"},"sign":"x"}', {"a": b'{"b":"}{\\"}"}', "sign": b'"x"'}),
        (b'{"a":[{},[1,"]"]],"b":-1.5e3 ,"c":null}', {"a": b'[{},[1,"]"]]', "b": b"-1.5e3"}),
        (b"{}", {}),
    ],
)
def test_members_are_cut_out_as_they_were_sent(body: bytes, found: dict[str, bytes]) -> None:
    assert found.items() <= members(body).items()


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{", b'{"a"}', b'{"a":}', b'{"a":1,}', b'{"a":1}x', b'{"a":{}', b'{"a":[}]}',
        b'{"a":"\n"}', b'{"a":"\\x"}', b'{a:1}', b'{"a":1,"a":1}', b'{"a":"', b'{"\\ud800":1}',
    ],
)  # fmt: skip
def test_what_is_no_object_has_no_members(body: bytes) -> None:
    assert refuses(members, body)


@MODES
def test_a_notice_is_proved_and_its_id_is_the_platforms(mode: type[AlipayPair]) -> None:
    pair = mode()
    assert pair.ours.prove({}, pair.notice(), NOW) == a_notice()["notify_id"]
    assert pair.ours.thanks().body == b"success"
    assert pair.ours.no_thanks(500, "no").body != b"success"


def test_a_notice_with_any_parameter_changed_added_or_left_out_is_refused() -> None:
    pair = by_keys()
    parameters = read_form(pair.notice())
    for name in parameters.keys() - {"sign_type"}:
        changed = form(parameters | {name: parameters[name] + "0"})
        assert refuses(pair.ours.prove, {}, changed, NOW), name
        left = {each: value for each, value in parameters.items() if each != name}
        assert refuses(pair.ours.prove, {}, form(left), NOW), name
    assert refuses(pair.ours.prove, {}, form(parameters | {"more": ""}), NOW)
    assert refuses(pair.ours.prove, {}, form(parameters | {"sign_type": "RSA"}), NOW)


@pytest.mark.parametrize(
    "changed",
    [
        {"app_id": "2021000000000002"},
        {"seller_id": "2088000000000002"},
        {"notify_id": ""},
    ],
)
def test_a_true_notice_for_somebody_else_is_refused(changed: dict[str, str]) -> None:
    pair = by_keys()
    assert refuses(pair.ours.prove, {}, pair.notice(**changed), NOW)


def test_a_notice_signed_by_another_app_of_ours_is_refused() -> None:
    assert refuses(by_keys().ours.prove, {}, by_certificates().notice(), NOW)


def test_who_speaks_for_others_hears_only_of_them() -> None:
    pair = by_keys()
    account = replace(pair.accounts[0], auth_app_id="2021999999999999", app_auth_token="t0ken")
    language = AlipayLanguage.of(account)
    assert sent(language.query(an_order(), STAMP))["app_auth_token"] == "t0ken"
    assert refuses(language.prove, {}, pair.notice(), NOW)
    theirs = pair.notice(auth_app_id="2021999999999999")
    assert language.prove({}, theirs, NOW) == a_notice()["notify_id"]
    heard = pair.hear(asked(language.query(an_order(), STAMP)))
    assert isinstance(heard, CallRefused) and heard.code == "20001"


def test_the_next_certificate_of_the_platform_may_be_known_before_it_is_used() -> None:
    now = by_certificates()
    next_ours, next_theirs = generate_certified_account("2021000000000009", OURS, NOTIFY_URL)
    account = replace(
        now.accounts[0],
        alipay_certificates_pem=(
            *now.accounts[0].alipay_certificates_pem,
            *next_ours.alipay_certificates_pem,
        ),
    )
    language = AlipayLanguage.of(account)
    changed_over = replace(
        now.accounts[1],
        platform_private_key_pem=next_theirs.platform_private_key_pem,
        platform_certificate_pem=next_theirs.platform_certificate_pem,
    )
    later = AlipayPair((account, changed_over))
    for pair in (now, later):
        question = asked(language.create(an_order(), STAMP))
        answer = pair.done(PRECREATE, CODE)
        assert question.read(answer, NOW) == Pending(offer=QrCode(url=CODE.qr_code))
    verdict = asked(now.ours.create(an_order(), STAMP)).read(later.done(PRECREATE, CODE), NOW)
    assert isinstance(verdict, Unknown) and later.theirs.platform_cert_sn in verdict.message


def test_a_certificates_number_is_the_digest_of_its_issuer_and_serial(tmp_path: Path) -> None:
    """As openssl reads the certificate, which is not our reader."""
    pem = by_certificates().accounts[0].app_certificate_pem
    (tmp_path / "app.pem").write_text(pem)
    command = ["openssl", "x509", "-in", "app.pem", "-noout", "-issuer", "-serial", "-nameopt"]
    told = subprocess.run(
        [*command, "RFC2253"], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    fields = dict(line.split("=", 1) for line in told)
    named = f"{fields['issuer']}{int(fields['serial'], 16)}"
    assert fields["issuer"].startswith("CN=")
    [certificate] = read_certificates("app", pem)
    assert certificate_sn(certificate) == md5(named.encode()).hexdigest()


def test_only_rsa_certificates_of_the_root_file_are_counted() -> None:
    pem = by_certificates().accounts[0].alipay_root_certificates_pem
    name = x509.Name([])
    key = ec.generate_private_key(ec.SECP256R1())
    other = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(NOW)
        .not_valid_after(NOW)
        .sign(key, SHA256())
        .public_bytes(Encoding.PEM)
        .decode()
    )
    [root] = read_certificates("root", pem)
    assert root_sn(read_certificates("root", pem + other + pem)) == "_".join(
        [certificate_sn(root)] * 2
    )


def test_keys_may_be_given_as_alipays_own_tools_give_them() -> None:
    account = by_keys().accounts[0]
    bare = {
        name: "".join(line for line in getattr(account, name).splitlines() if "-----" not in line)
        for name in ("app_private_key_pem", "alipay_public_key_pem")
    }
    language = AlipayLanguage.of(replace(account, **bare))
    assert isinstance(by_keys().hear(asked(language.query(an_order(), STAMP))), Asked)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("app_private_key_pem", "nonsense"),
        ("alipay_public_key_pem", ""),
        ("app_certificate_pem", "nonsense"),
    ],
)
def test_an_account_with_a_wrong_key_names_the_field_and_shows_no_secret(
    field: str, value: str
) -> None:
    account = replace(by_keys().accounts[0], **{field: value})
    with pytest.raises(ValueError, match=field):
        AlipayLanguage.of(account)
    assert "BEGIN" not in f"{account!r}{by_keys().ours!r}"


def test_whoever_is_not_known_gets_an_unsigned_answer() -> None:
    answer = error_answer(None, "", INVALID_APP)
    assert members(answer.body).keys() == {"error_response"}


def test_free_text_in_a_notice_can_not_become_a_parameter() -> None:
    """Cut at its `&`, a subject could name a parameter of its own under the same signature: but
    what we rely on would stand there twice then."""
    pair = by_keys()
    body = signed_notice(pair.theirs, a_notice() | {"subject": "x&total_amount=0.01"})
    parameters = read_form(body) | {"subject": "x"}
    moved = form(parameters) + b"&total_amount=0.01"
    assert refuses(pair.ours.prove, {}, moved, NOW)
