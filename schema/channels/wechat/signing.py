"""Signatures and seals of WeChat Pay API v3, the same rules for whoever signs.

A request is signed over      METHOD LF path-with-query LF timestamp LF nonce LF body LF
an answer and a callback over                             timestamp LF nonce LF body LF
with RSA PKCS#1 v1.5 and SHA-256, in base64. Callbacks seal their content with AES-256-GCM, and the
names of people travel encrypted (RSA-OAEP with SHA-1) for the key that `Wechatpay-Serial` names.
Source: pay.weixin.qq.com, merchant documents v3, "signature generation", "signature verification"
and "decrypting callback messages".

The lines have no length prefix, so a line feed inside a field could move text from one field to the
next under the same signature. Fields come from HTTP, which has none; they are checked all the same.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from msgspec import Struct

from schema.channels import ProtocolError
from schema.channels.wechat.keys import Peers, plain_serial

SCHEME = "WECHATPAY2-SHA256-RSA2048"
AEAD = "AEAD_AES_256_GCM"
AEAD_NONCE_BYTES = 12

FRESHNESS_S = 300
"""Both ends refuse what is further than five minutes from their own clock, in either direction."""

PROBE = "WECHATPAY/SIGNTEST/"
"""The platform sends wrong signatures that begin so, on purpose, to see whether we refuse them."""

_PADDING = PKCS1v15()
_SHA256 = SHA256()
_SECRET = OAEP(mgf=MGF1(SHA1()), algorithm=SHA1(), label=None)  # noqa: S303 - as their rules say
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_ONE_LINE = re.compile(r"[\x20-\x7e]{1,128}")
_AUTHORIZATION_FIELD = re.compile(r'([a-z_]+)="([^"]*)"')


class Authorization(Struct, frozen=True, kw_only=True):
    """What the Authorization header of a request says, not yet believed."""

    mchid: str
    serial_no: str
    nonce_str: str
    timestamp: str
    signature: str


def sign(key: RSAPrivateKey, message: bytes) -> str:
    """The base64 signature; by far the dearest call here, about 0.76 ms of CPU."""
    return b64encode(key.sign(message, _PADDING, _SHA256)).decode("ascii")


def is_signed_by(key: RSAPublicKey, message: bytes, signature: str) -> bool:
    """Whether `signature` is this key's over exactly `message`; about 0.03 ms."""
    try:
        key.verify(b64decode(signature, validate=True), message, _PADDING, _SHA256)
    except (InvalidSignature, ValueError):  # ValueError: not base64
        return False
    return True


def request_message(method: str, path: str, timestamp: str, nonce: str, body: bytes) -> bytes:
    """What a request's signature covers; `path` has the query and is as sent."""
    return f"{method}\n{path}\n{timestamp}\n{nonce}\n".encode() + body + b"\n"


def answer_message(timestamp: str, nonce: str, body: bytes) -> bytes:
    """What the signature of an answer or a callback covers."""
    return f"{timestamp}\n{nonce}\n".encode() + body + b"\n"


def written_authorization(words: Authorization) -> str:
    """The header value of a signed request."""
    return (
        f'{SCHEME} mchid="{words.mchid}",nonce_str="{words.nonce_str}",'
        f'signature="{words.signature}",timestamp="{words.timestamp}",'
        f'serial_no="{words.serial_no}"'
    )


def read_authorization(header: str) -> Authorization:
    """What the header says, its fields in any order. Raises ProtocolError."""
    scheme, _, rest = header.partition(" ")
    if scheme != SCHEME:
        raise ProtocolError(f"the Authorization header is not {SCHEME}")
    fields = dict(_AUTHORIZATION_FIELD.findall(rest))
    try:
        return Authorization(
            mchid=fields["mchid"],
            serial_no=fields["serial_no"],
            nonce_str=fields["nonce_str"],
            timestamp=fields["timestamp"],
            signature=fields["signature"],
        )
    except KeyError as missing:
        raise ProtocolError(f"the Authorization header has no {missing.args[0]}") from None


def signature_headers(
    key: RSAPrivateKey, key_id: str, body: bytes, *, now: datetime, nonce: str
) -> dict[str, str]:
    """The five headers under which the platform sends an answer or a callback."""
    timestamp = str(int(now.timestamp()))
    return {
        "Wechatpay-Timestamp": timestamp,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Signature": sign(key, answer_message(timestamp, nonce, body)),
        "Wechatpay-Serial": key_id,
        "Wechatpay-Signature-Type": SCHEME,
    }


def signature_fault(
    peers: Peers, headers: Mapping[str, str], body: bytes, now: datetime
) -> str | None:
    """Why this is not proven to be the platform's own word, said just now; None if it is.

    `now` is when the bytes arrived. The signature type is optional, as older answers lack it, but a
    type that is not ours is refused: it would be another algorithm.
    """
    given = {name.lower(): value for name, value in headers.items()}
    timestamp, nonce = given.get("wechatpay-timestamp", ""), given.get("wechatpay-nonce", "")
    signature = given.get("wechatpay-signature", "")
    if not signature:
        return "not signed"
    if signature.startswith(PROBE):
        return "a probe, signed wrongly on purpose"
    if given.get("wechatpay-signature-type", SCHEME) != SCHEME:
        return f"the signature type is not {SCHEME}"
    peer = peers.get(plain_serial(given.get("wechatpay-serial", "")))
    if peer is None or not peer.is_valid(now):
        return "signed with a key that we do not know, or not any more"
    if fault := moment_fault(timestamp, nonce, now):
        return fault
    if not is_signed_by(peer.key, answer_message(timestamp, nonce, body), signature):
        return "the signature does not fit the content"
    return None


def moment_fault(timestamp: str, nonce: str, now: datetime) -> str | None:
    """Why these two fields can't be part of something said just now; None if they can."""
    if not _TIMESTAMP.fullmatch(timestamp) or not _ONE_LINE.fullmatch(nonce):
        return "the timestamp or the nonce is not well formed"
    if abs(int(timestamp) - int(now.timestamp())) > FRESHNESS_S:
        return f"the timestamp is more than {FRESHNESS_S} s from our clock"
    return None


def seal(aead: AESGCM, plain: bytes, *, nonce: str, associated: str) -> str:
    """Ciphertext in base64, its last 16 bytes the tag. `nonce` is 12 characters, used once."""
    return b64encode(aead.encrypt(nonce.encode(), plain, associated.encode())).decode("ascii")


def unseal(aead: AESGCM, ciphertext: str, *, nonce: str, associated: str) -> bytes:
    """The plain bytes, exactly as they were sealed. Raises ProtocolError."""
    if len(nonce.encode()) != AEAD_NONCE_BYTES:
        raise ProtocolError(f"the nonce of the sealed part is not {AEAD_NONCE_BYTES} bytes")
    try:
        sealed = b64decode(ciphertext, validate=True)
        return aead.decrypt(nonce.encode(), sealed, associated.encode())
    except (InvalidTag, ValueError):  # ValueError: not base64
        raise ProtocolError("the sealed part does not open with our API v3 key") from None


def encrypt(key: RSAPublicKey, text: str) -> str:
    """A name or account that only the key's owner can read; at most 214 bytes of UTF-8. Another
    text every time, for the padding is random: nobody can tell who is meant by comparing."""
    return b64encode(key.encrypt(text.encode(), _SECRET)).decode("ascii")


def decrypt(key: RSAPrivateKey, ciphertext: str) -> str:
    """What was encrypted for this key. Raises ProtocolError."""
    try:
        return key.decrypt(b64decode(ciphertext, validate=True), _SECRET).decode()
    except ValueError:  # not base64, not for this key, not UTF-8
        raise ProtocolError("a secret that was not encrypted for this key") from None
