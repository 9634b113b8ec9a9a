"""Signatures: the published vectors, several secrets at once, and the reference library."""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError

from actors.notification.signing import signature, signed_headers
from tests.notifications import NOTIFICATION_ID

PUBLISHED = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, AT, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, '{"test": 2432232314}'
SIGNED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def a_secret() -> str:
    return f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"


def now_s() -> int:
    return int(datetime.now(UTC).timestamp())


@pytest.mark.parametrize("secret", [PUBLISHED, PUBLISHED.removeprefix("whsec_")])
def test_the_published_example_of_standard_webhooks_is_signed_alike(secret: str) -> None:
    assert signature(secret, ID, AT, BODY) == SIGNED


def test_a_secret_without_its_padding_is_the_same_secret() -> None:
    padded = f"whsec_{b64encode(b'a' * 25).decode()}"
    assert padded.endswith("==")
    assert signature(padded.rstrip("="), ID, AT, BODY) == signature(padded, ID, AT, BODY)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_====", "whsec_not base64!", "whsk_AAAA"])
def test_what_is_no_secret_signs_nothing(secret: str) -> None:
    with pytest.raises(ValueError):
        signature(secret, ID, AT, BODY)


def test_the_reference_library_takes_our_signature() -> None:
    secret, body = a_secret(), '{"subject":"两斤番茄"}'
    headers = signed_headers([secret], NOTIFICATION_ID, now_s(), body)
    assert Webhook(secret).verify(body, headers) == {"subject": "两斤番茄"}


def test_while_a_secret_is_replaced_each_of_both_is_enough_to_check() -> None:
    old, new = a_secret(), a_secret()
    headers = signed_headers([new, old], NOTIFICATION_ID, now_s(), BODY)
    for secret in (old, new):
        Webhook(secret).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(a_secret()).verify(BODY, headers)


@pytest.mark.parametrize("tampered", ["body", "webhook-id", "webhook-timestamp", "secret"])
def test_the_reference_library_refuses_what_was_changed_on_the_way(tampered: str) -> None:
    secret, body, now = a_secret(), '{"amount_fen":1000}', now_s()
    headers = signed_headers([secret], NOTIFICATION_ID, now, body)
    changes = {"webhook-id": "evt_other", "webhook-timestamp": str(now - 1)}
    if tampered in changes:
        headers[tampered] = changes[tampered]
    body = '{"amount_fen":9000}' if tampered == "body" else body
    with pytest.raises(WebhookVerificationError):
        Webhook(a_secret() if tampered == "secret" else secret).verify(body, headers)


@pytest.mark.parametrize("off_s", [-301, 301])
def test_the_reference_library_refuses_what_is_more_than_five_minutes_off(off_s: int) -> None:
    secret = a_secret()
    headers = signed_headers([secret], NOTIFICATION_ID, now_s() + off_s, BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY, headers)


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_the_reference_library_needs_all_three_headers(missing: str) -> None:
    secret = a_secret()
    headers = signed_headers([secret], NOTIFICATION_ID, now_s(), BODY)
    del headers[missing]
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY, headers)


def test_an_ed25519_signature_is_checked_with_the_public_half() -> None:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    private = f"whsk_{b64encode(key.private_bytes_raw() + public).decode()}"
    kind, _, signed = signature(private, ID, AT, BODY).partition(",")
    assert kind == "v1a"
    checker, message = Ed25519PublicKey.from_public_bytes(public), f"{ID}.{AT}.{BODY}".encode()
    checker.verify(b64decode(signed), message)
    with pytest.raises(InvalidSignature):
        checker.verify(b64decode(signed), message + b" ")


def test_without_a_secret_nothing_is_signed() -> None:
    assert "webhook-signature" not in signed_headers([], NOTIFICATION_ID, 1, "{}")
