"""Signing secrets of webhook endpoints: made at the door, shown once, sealed before they travel."""

from __future__ import annotations

import secrets
from base64 import b64encode
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from bus.vault import Vault
from schema.webhooks import SealedSecret, SecretKind

SECRET_BYTES = 32


class NewSecret(Struct, frozen=True):
    """A secret as it is stored, and what the merchant is shown of it, now and never again."""

    stored: SealedSecret
    shown: str

    def __repr__(self) -> str:
        return f"NewSecret(kind={self.stored.kind!r})"


def new_endpoint_id() -> str:
    """Short, since it is part of a queue's name, and not to be guessed."""
    alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
    return "we_" + "".join(secrets.choice(alphabet) for _ in range(16))


def new_secret(vault: Vault, endpoint_id: str, kind: SecretKind, now: datetime) -> NewSecret:
    """A secret to share (`whsec_…`), or a key pair of which only the public half is shown."""
    if kind == "hmac":
        text = f"whsec_{b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"
        return NewSecret(_sealed(vault, endpoint_id, kind, text, None, now), text)
    key = Ed25519PrivateKey.generate()
    seed, public = key.private_bytes_raw(), key.public_key().public_bytes_raw()
    public_key = f"whpk_{b64encode(public).decode()}"
    text = f"whsk_{b64encode(seed + public).decode()}"
    return NewSecret(_sealed(vault, endpoint_id, kind, text, public_key, now), public_key)


def _sealed(
    vault: Vault, endpoint_id: str, kind: SecretKind, text: str, public: str | None, now: datetime
) -> SealedSecret:
    sealed = vault.seal(text.encode(), f"webhook:{endpoint_id}")
    return SealedSecret(kind=kind, sealed=sealed, public_key=public, created_at=now)
