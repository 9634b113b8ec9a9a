"""How a merchant signs a request: pure functions, the same for the server and for every client.

    Authorization: TOMATO-HMAC-SHA256 merchant="…",key="…",timestamp="…",nonce="…",signature="…"

The signature covers    METHOD LF path-with-query LF timestamp LF nonce LF body LF

with the path exactly as it is sent, and is written in base64: HMAC with SHA-256 under the shared
secret, or (TOMATO-RSA-SHA256) RSA with SHA-256 and PKCS#1 v1.5 padding under the merchant's key.
The lines have no length prefix; none of the fields before the body can hold a line feed.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

HMAC_SCHEME = "TOMATO-HMAC-SHA256"
RSA_SCHEME = "TOMATO-RSA-SHA256"

WINDOW_S = 300
"""A request whose timestamp is further than five minutes from our clock is refused."""

KEYS_PARSED_MAX = 4096
"""Public keys kept ready: parsing one takes as long as checking three signatures."""

_PADDING = PKCS1v15()
_SHA256 = SHA256()


def string_to_sign(method: str, path: str, timestamp: int | str, nonce: str, body: bytes) -> bytes:
    """What a signature covers. `path` has the query and stands as it is sent.

    Bytes of a path that are not UTF-8 arrive as surrogates and are signed as the bytes they were.
    """
    head = f"{method}\n{path}\n{timestamp}\n{nonce}\n"
    return head.encode("utf-8", "surrogateescape") + body + b"\n"


def hmac_signature(secret: bytes, signed: bytes) -> str:
    """The base64 signature under a shared secret: the bytes of the text that we handed out."""
    return b64encode(hmac.digest(secret, signed, "sha256")).decode()


def rsa_signature(key: RSAPrivateKey, signed: bytes) -> str:
    """The base64 signature under a merchant's own private key."""
    return b64encode(key.sign(signed, _PADDING, _SHA256)).decode()


def is_hmac_signature(secret: bytes, signed: bytes, signature: str) -> bool:
    """Whether the signature is right, in a time that does not tell how much of it is."""
    return hmac.compare_digest(hmac_signature(secret, signed).encode(), signature.encode())


def is_rsa_signature(public_key_pem: str, signed: bytes, signature: str) -> bool:
    """Whether the signature was made with the private key that belongs to this public one."""
    key = _public_key(public_key_pem)
    if key is None:
        return False
    try:
        key.verify(b64decode(signature, validate=True), signed, _PADDING, _SHA256)
    except (InvalidSignature, ValueError):  # ValueError: not base64
        return False
    return True


def hmac_authorization(
    merchant_no: str,
    key_id: str,
    secret: bytes,
    method: str,
    path: str,
    body: bytes,
    timestamp: int,
    nonce: str,
) -> str:
    """The Authorization header of a request signed with a shared secret."""
    signature = hmac_signature(secret, string_to_sign(method, path, timestamp, nonce, body))
    return _header(HMAC_SCHEME, merchant_no, key_id, timestamp, nonce, signature)


def rsa_authorization(
    merchant_no: str,
    key_id: str,
    key: RSAPrivateKey,
    method: str,
    path: str,
    body: bytes,
    timestamp: int,
    nonce: str,
) -> str:
    """The Authorization header of a request signed with the merchant's private key."""
    signature = rsa_signature(key, string_to_sign(method, path, timestamp, nonce, body))
    return _header(RSA_SCHEME, merchant_no, key_id, timestamp, nonce, signature)


def _header(
    scheme: str, merchant_no: str, key_id: str, timestamp: int, nonce: str, signature: str
) -> str:
    return (
        f'{scheme} merchant="{merchant_no}",key="{key_id}",'
        f'timestamp="{timestamp}",nonce="{nonce}",signature="{signature}"'
    )


@lru_cache(maxsize=KEYS_PARSED_MAX)
def _public_key(pem: str) -> RSAPublicKey | None:
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, RSAPublicKey) else None
