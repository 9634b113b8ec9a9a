"""Signatures of Standard Webhooks: HMAC-SHA256 (v1) and ed25519 (v1a). Pure.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

HMAC_PREFIX, ED25519_PREFIX = "whsec_", "whsk_"


def signature(secret: str, id: str, timestamp: int, body: str) -> str:
    """Over id, timestamp in seconds and the exact body; the secret's prefix says in which way.

    Raises ValueError for a secret that is none.
    """
    signed = f"{id}.{timestamp}.{body}".encode()
    if secret.startswith(ED25519_PREFIX):
        key = Ed25519PrivateKey.from_private_bytes(_bytes(secret, ED25519_PREFIX)[:32])
        return "v1a," + b64encode(key.sign(signed)).decode()
    return "v1," + b64encode(hmac.digest(_bytes(secret, HMAC_PREFIX), signed, sha256)).decode()


def _bytes(secret: str, prefix: str) -> bytes:
    text = secret.removeprefix(prefix).rstrip("=")
    key = b64decode(text + "=" * (-len(text) % 4), validate=True)
    if not key:
        raise ValueError("an empty secret signs nothing")
    return key
