"""UnionPay's signatures: the documented steps, bytes once recorded, and every kind of tampering."""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from msgspec.structs import replace

from schema.channels import ProtocolError
from schema.channels.unionpay import UnionpayAccount, UnionpayLanguage
from schema.channels.unionpay.platform import call_fault, notice
from schema.channels.unionpay.signing import (
    fingerprint,
    is_signed_by,
    read_fields,
    signed,
    signed_text,
    written,
)
from tests.wire.unionpay_pair import (
    NOW,
    ORDER_NO,
    PROVIDER,
    STAMP,
    UnionpayPair,
    a_paid_order,
    an_order,
    sent,
)
from tests.wire.unionpay_recorded import (
    NOTICE,
    NOTICE_ID,
    PLATFORM_KEY,
    PROVIDER_KEY,
    REQUEST,
    REQUEST_TEXT,
)


def test_what_is_signed_is_every_field_by_name_joined_by_ampersands() -> None:
    fields = {"txnAmt": "1", "merId": "8", "orderNo": "a", "acqCode": "", "signature": "x"}
    assert signed_text(fields) == "acqCode=&merId=8&orderNo=a&txnAmt=1"


def test_the_signature_covers_the_hex_digits_of_the_hash(upay: UnionpayPair) -> None:
    fields = sent(upay.ours.create(an_order(), STAMP))
    digest = sha256(signed_text(fields).encode()).hexdigest()
    key = upay.theirs.peer_key
    key.verify(b64decode(fields["signature"]), digest.encode(), PKCS1v15(), SHA256())


def test_a_recorded_request_still_proves_its_provider() -> None:
    fields = read_fields(REQUEST)
    assert signed_text(fields) == REQUEST_TEXT
    assert is_signed_by(load_pem_public_key(PROVIDER_KEY), fields)  # type: ignore[arg-type]


def test_a_recorded_notice_still_proves_the_platform(upay: UnionpayPair) -> None:
    account = replace(upay.account, platform_public_key=PLATFORM_KEY.decode())
    language = UnionpayLanguage.of(account)
    assert language.prove({}, NOTICE, NOW) == NOTICE_ID
    assert language.read_notice(NOTICE).number == ORDER_NO  # type: ignore[union-attr]


def test_we_write_an_order_today_as_it_was_recorded(upay: UnionpayPair) -> None:
    fields = sent(upay.ours.create(an_order(), STAMP))
    assert signed_text(fields) == REQUEST_TEXT


@pytest.mark.parametrize("field", sorted(read_fields(NOTICE)))
def test_a_notice_with_one_changed_field_is_refused(upay: UnionpayPair, field: str) -> None:
    _, body = notice(upay.theirs, a_paid_order())
    fields = read_fields(body)
    changed = written(fields | {field: fields[field][:-1] + "!"})
    with pytest.raises(ProtocolError):
        upay.ours.prove({}, changed, NOW)


@pytest.mark.parametrize("field", sorted(read_fields(NOTICE)))
def test_a_notice_that_lacks_a_field_is_refused(upay: UnionpayPair, field: str) -> None:
    _, body = notice(upay.theirs, a_paid_order())
    fields = read_fields(body)
    del fields[field]
    with pytest.raises(ProtocolError):
        upay.ours.prove({}, written(fields), NOW)


@pytest.mark.parametrize("field", sorted(read_fields(REQUEST)))
def test_the_platform_refuses_a_request_with_one_changed_field(
    upay: UnionpayPair, field: str
) -> None:
    fields = sent(upay.ours.create(an_order(), STAMP))
    assert call_fault(upay.theirs, fields) is None
    fault = call_fault(upay.theirs, fields | {field: fields[field][:-1] + "!"})
    assert fault is not None and fault.code in ("11", "31")


def test_a_field_that_was_added_breaks_the_signature(upay: UnionpayPair) -> None:
    _, body = notice(upay.theirs, a_paid_order())
    with pytest.raises(ProtocolError, match="signature"):
        upay.ours.prove({}, written(read_fields(body) | {"extra": "1"}), NOW)


def test_fields_without_a_value_change_neither_the_proof_nor_the_notice(
    upay: UnionpayPair,
) -> None:
    _, body = notice(upay.theirs, a_paid_order())
    with_empty = written(read_fields(body) | {"reserved": "", "acqCode": ""})
    assert upay.ours.prove({}, with_empty, NOW) == upay.ours.prove({}, body, NOW)


def test_a_signature_over_fields_without_a_value_is_taken_as_the_rules_keep_them(
    upay: UnionpayPair,
) -> None:
    fields = {"orderNo": ORDER_NO, "acqCode": "", "txnAmt": "1"}
    digest = sha256(b"acqCode=&orderNo=" + ORDER_NO.encode() + b"&txnAmt=1").hexdigest()
    signature = upay.theirs.private_key.sign(digest.encode(), PKCS1v15(), SHA256())
    fields["signature"] = b64encode(signature).decode()
    assert is_signed_by(upay.ours.keys.peer_key, fields)


def test_a_value_that_looks_like_a_field_of_ours_is_no_document(upay: UnionpayPair) -> None:
    smuggled = signed(upay.theirs.private_key, {"orderInfo": "tea&orderNo=other", "txnAmt": "1"})
    with pytest.raises(ProtocolError, match="looks like another field"):
        read_fields(written(smuggled))


def test_a_subject_with_an_ampersand_can_not_look_like_a_field(upay: UnionpayPair) -> None:
    fields = sent(upay.ours.create(an_order(subject="茶&txnAmt=1"), STAMP))
    assert fields["orderInfo"] == "茶＆txnAmt=1"


def test_numbers_and_text_are_signed_alike() -> None:
    assert read_fields(b'{"txnAmt":100,"merId":"8","flag":true,"none":null}') == {
        "txnAmt": "100",
        "merId": "8",
        "flag": "true",
    }


def test_a_notice_sent_again_is_known_by_what_it_says(upay: UnionpayPair) -> None:
    first, again = (notice(upay.theirs, a_paid_order())[1] for _ in range(2))
    other = notice(upay.theirs, a_paid_order(state="refunded"))[1]
    ids = [fingerprint(read_fields(body)) for body in (first, again, other)]
    assert ids[0] == ids[1] != ids[2]


def test_a_notice_of_another_merchant_is_refused(upay: UnionpayPair) -> None:
    stranger = UnionpayPair("898000000000002")
    own_key = replace(stranger.theirs, private_key=upay.theirs.private_key)
    for keys in (stranger.theirs, own_key):
        _, body = notice(keys, a_paid_order())
        with pytest.raises(ProtocolError):
            upay.ours.prove({}, body, NOW)


def test_a_key_in_a_pfx_file_speaks_like_the_same_key_in_pem(upay: UnionpayPair) -> None:
    pem = upay.account.private_key_pem
    key = load_pem_private_key(pem.encode(), None)
    pfx = serialize_key_and_certificates(b"k", key, None, None, BestAvailableEncryption(b"pw"))  # type: ignore[arg-type]
    bare = upay.theirs.private_key.public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    account = replace(
        upay.account,
        private_key_pem="",
        private_key_pfx=b64encode(pfx).decode(),
        pfx_password="pw",
        platform_public_key=b64encode(bare).decode(),
    )
    assert UnionpayLanguage.of(account).create(an_order(), STAMP).request == (  # type: ignore[union-attr]
        upay.ours.create(an_order(), STAMP).request  # type: ignore[union-attr]
    )
    wrong = replace(account, pfx_password="other")
    with pytest.raises(ValueError, match="private_key_pfx: must be an RSA private key"):
        UnionpayLanguage.of(wrong)


@pytest.mark.parametrize("field", ["private_key_pem", "platform_public_key"])
def test_an_account_with_a_wrong_key_names_the_field_and_not_the_key(
    upay: UnionpayPair, field: str
) -> None:
    account = replace(upay.account, **{field: "not a key at all"})
    with pytest.raises(ValueError, match=f"{field}: must be an RSA") as refused:
        UnionpayLanguage.of(account)
    assert "not a key" not in str(refused.value)


def test_an_account_is_shown_without_its_keys(upay: UnionpayPair) -> None:
    shown = f"{upay.account!r} {upay.ours!r} {upay.theirs!r}"
    assert upay.account.mer_id in shown and PROVIDER not in shown
    assert "PRIVATE" not in shown and "password" not in shown
    assert isinstance(upay.account, UnionpayAccount)
