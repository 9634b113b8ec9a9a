"""Signatures of the UnionPay cloud pass, the same rules for whoever signs.

All fields but `signature`, sorted by name, are written as name=value and joined by &. The SHA-256
of that text, as 64 hex digits, is what SHA256withRSA signs; the result travels in base64.
Source: the signature rules of open.unionpay.com (version 5.1.0), as public clients follow them.

Fields without a value: the rules keep them, some clients leave them out. Whoever signs here sends
no such field, so both ways give the same text. Whoever verifies takes both: a field without a value
says nothing, so adding or dropping one changes nothing that we read.

The text is not unambiguous: `a=1&b=2` may be two fields, or one whose value has an & in it. So no
value may look as if it held a field that we rely on, and what we write has no & in a free text.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import cast

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from schema.channels.http import ProtocolError
from schema.channels.reading import read

Fields = dict[str, str]
"""A document: flat, every value as the text that is signed."""

SIGNATURE = "signature"
FIELDS_MAX = 128

_PADDING = PKCS1v15()
_SHA256 = SHA256()
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_RELIED_ON = re.compile(
    r"&(serProvId|merId|orderNo|origOrderNo|respCode|origRespCode|txnAmt|currencyCode|transIndex"
    r"|payTime)="
)
_MADE_BY_THEM = frozenset({"payData", "qrCode"})
"""Addresses with parameters of their own, in which nobody else has a word."""

_raw_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_text = msgspec.json.Decoder(str)
_encoder = msgspec.json.Encoder()


def read_fields(body: bytes) -> Fields:
    """The document in `body`; numbers stay as they are written, null is left out.

    Raises ProtocolError, also for names and values that could be read in two ways when signed.
    """
    fields = {name: _value(raw) for name, raw in read(_raw_fields, body).items()}
    if len(fields) > FIELDS_MAX:
        raise ProtocolError(f"more than {FIELDS_MAX} fields")
    known = {name: value for name, value in fields.items() if value is not None}
    for name, value in known.items():
        if not _NAME.fullmatch(name):
            raise ProtocolError("a field's name has other characters than letters and digits")
        if name not in _MADE_BY_THEM and _RELIED_ON.search(value):
            raise ProtocolError(f"the value of {name} looks like another field")
    return known


def written(fields: Fields) -> bytes:
    """The bytes of a document."""
    return _encoder.encode(fields)


def signed(key: RSAPrivateKey, fields: Fields) -> Fields:
    """The same document with its signature; what has no value is left out."""
    known = {name: value for name, value in fields.items() if value and name != SIGNATURE}
    signature = key.sign(_digest(known), _PADDING, _SHA256)
    return known | {SIGNATURE: b64encode(signature).decode("ascii")}


def is_signed_by(key: RSAPublicKey, fields: Fields) -> bool:
    """Whether the document's signature is this key's over exactly its other fields."""
    try:
        signature = b64decode(fields.get(SIGNATURE, ""), validate=True)
    except ValueError:
        return False
    kept = {name: value for name, value in fields.items() if name != SIGNATURE}
    known = {name: value for name, value in kept.items() if value}
    return any(_fits(key, each, signature) for each in ([kept] if known == kept else [kept, known]))


def fingerprint(fields: Fields) -> str:
    """32 hex digits that are the same whenever the same document is sent again."""
    known = {name: value for name, value in fields.items() if value and name != SIGNATURE}
    return _digest(known)[:32].decode("ascii")


def signed_text(fields: Fields) -> str:
    """What the signature covers, before it is hashed."""
    return "&".join(f"{name}={fields[name]}" for name in sorted(fields) if name != SIGNATURE)


def _digest(fields: Fields) -> bytes:
    return sha256(signed_text(fields).encode()).hexdigest().encode("ascii")


def _fits(key: RSAPublicKey, fields: Fields, signature: bytes) -> bool:
    try:
        key.verify(signature, _digest(fields), _PADDING, _SHA256)
    except InvalidSignature:
        return False
    return True


def _value(raw: msgspec.Raw) -> str | None:
    """A string's content, and the bare text of anything else."""
    piece = bytes(cast(bytes, raw)).strip()
    if piece == b"null":
        return None
    if piece.startswith(b'"'):
        return read(_text, piece)
    try:
        return piece.decode()
    except UnicodeDecodeError as error:
        raise ProtocolError(str(error)) from error
