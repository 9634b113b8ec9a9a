"""Standard Webhooks signatures (https://www.standardwebhooks.com, symmetric signatures v1)."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from hashlib import sha256

SECRET_PREFIX = "whsec_"  # noqa: S105 - a prefix, not a secret


def signature(secret: str, id: str, timestamp: int, body: str) -> str:
    """`v1,` and the HMAC-SHA256 over id, timestamp in seconds, and the exact body."""
    key = b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = f"{id}.{timestamp}.{body}".encode()
    return "v1," + b64encode(hmac.digest(key, signed, sha256)).decode()


def signed_headers(secret: str | None, id: str, timestamp: int, body: str) -> dict[str, str]:
    """The headers of one webhook. Without a secret the merchant can't check who speaks."""
    headers = {
        "content-type": "application/json",
        "user-agent": "tomato-webhooks",
        "accept-encoding": "identity",
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
    }
    if secret is not None:
        headers["webhook-signature"] = signature(secret, id, timestamp, body)
    return headers
