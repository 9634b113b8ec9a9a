"""Secrets that the registry makes or takes in: sealed before anything stores them.

What is sealed is exactly what the merchant is shown, as UTF-8: an HMAC secret is used as it reads,
a webhook secret is in the form of Standard Webhooks, `whsec_` and base64 of 24 to 64 bytes
(https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
"""

from __future__ import annotations

import secrets
from base64 import b64encode

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from msgspec import Struct

from bus.vault import Vault
from schema.channels.language import Protocols
from schema.channels.languages import LANGUAGES, Spoken
from schema.payments import Refusal
from schema.profiles import ApiKey

SECRET_BYTES = 32
RSA_BITS_MIN = 2048


def new_key_id() -> str:
    """The name of a key, which requests carry in the clear."""
    return f"key_{secrets.token_hex(8)}"


def new_hmac_secret() -> str:
    """A secret for the merchant's requests to us: 256 random bits."""
    return f"sk_{secrets.token_urlsafe(SECRET_BYTES)}"


def new_webhook_secret() -> str:
    """A secret for our webhooks to the merchant: 256 random bits."""
    return f"whsec_{b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"


def hmac_key(vault: Vault, merchant_no: str, key_id: str, secret: str) -> ApiKey:
    """A key whose secret opens only as this key of this merchant."""
    return ApiKey(
        key_id=key_id, hmac_secret=vault.seal(secret.encode(), f"hmac:{merchant_no}:{key_id}")
    )


def rsa_key(key_id: str, public_key_pem: str) -> ApiKey | Refusal:
    """A key that the merchant keeps the private half of."""
    try:
        key = load_pem_public_key(public_key_pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPublicKey) or key.key_size < RSA_BITS_MIN:
        reason = f"rsa_public_key: a PEM RSA public key of {RSA_BITS_MIN} bits or more is needed"
        return Refusal(code="invalid_value", reason=reason, param="rsa_public_key")
    return ApiKey(key_id=key_id, rsa_public_key_pem=public_key_pem)


def seal_webhook_secret(vault: Vault, merchant_no: str, secret: str) -> str:
    """The secret as the merchant's profile keeps it."""
    return vault.seal(secret.encode(), f"webhook:{merchant_no}")


def seal_account(vault: Vault, channel_no: str, account: Struct) -> str | Refusal:
    """The account as the channel's profile keeps it, after its keys have been tried."""
    try:
        _spoken(account).open(account)
    except ValueError as error:  # its words name the field and never quote the key
        return Refusal(code="invalid_value", reason=f"account.{error}", param="account")
    return vault.seal(msgspec.json.encode(account), f"channel:{channel_no}")


def protocol_of(account: Struct) -> Protocols:
    """Which protocol this account document is of."""
    return next(name for name, each in LANGUAGES.items() if type(account) is each.account)


def _spoken(account: Struct) -> Spoken[Struct]:
    return LANGUAGES[protocol_of(account)]
