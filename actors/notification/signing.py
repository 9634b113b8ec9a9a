"""The headers of a webhook, with one signature per secret that is valid.

Pure: no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Sequence

from schema.webhook_signing import signature


def signed_headers(secrets: Sequence[str], id: str, timestamp: int, body: str) -> dict[str, str]:
    """The headers of one webhook. Without a secret the merchant can't check who speaks."""
    headers = {
        "content-type": "application/json",
        "user-agent": "tomato-webhooks",
        "accept-encoding": "identity",
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
    }
    if secrets:
        signatures = (signature(secret, id, timestamp, body) for secret in secrets)
        headers["webhook-signature"] = " ".join(signatures)
    return headers
