"""Secrets at rest: AES-256-GCM under one key of the installation, generated at set-up.

A sealed text names its purpose as associated data: a secret cut out of one place does not open in
another.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bus.errors import OurMistake

NONCE_BYTES = 12


class Vault:
    """Seals and opens secrets. The key is 32 bytes in base64."""

    def __init__(self, master_key: str) -> None:
        key = b64decode(master_key, validate=True)
        if len(key) != 32:
            raise ValueError(f"TOMATO_MASTER_KEY: 32 bytes in base64 are needed, not {len(key)}")
        self._key, self._cipher = key, AESGCM(key)
        self._opened: dict[tuple[str, str], bytes] = {}

    def seal(self, secret: bytes, purpose: str) -> str:
        """The secret as text that may be stored, cached and sent."""
        nonce = os.urandom(NONCE_BYTES)
        return b64encode(nonce + self._cipher.encrypt(nonce, secret, purpose.encode())).decode()

    def derived_key(self, purpose: str) -> bytes:
        """A key of its own for this purpose, the same in every process (HKDF, RFC 5869)."""
        return HKDF(SHA256(), length=32, salt=None, info=purpose.encode()).derive(self._key)

    def open(self, sealed: str, purpose: str) -> bytes:
        """The secret. Raises OurMistake when another key or purpose has sealed it."""
        opened = self._opened.get((sealed, purpose))
        if opened is None:
            opened = self._decrypt(sealed, purpose)
            if len(self._opened) > 10_000:
                self._opened.clear()
            self._opened[sealed, purpose] = opened
        return opened

    def _decrypt(self, sealed: str, purpose: str) -> bytes:
        try:
            raw = b64decode(sealed)
            return self._cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], purpose.encode())
        except (InvalidTag, ValueError):
            raise OurMistake(f"what should be a secret for {purpose!r} is none of ours") from None
