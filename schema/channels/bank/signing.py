"""Signatures of the bank protocol, the same rules for whoever signs (docs/bank_protocol.md).

HMAC-SHA256 with the account's secret, as 64 hex digits, over lines that each end with LF:

    request   TOMATO-BANK-1 request  METHOD path-with-query merchant timestamp nonce sha256(body)
    answer    TOMATO-BANK-1 answer   nonce-of-the-request status sha256(body)
    notice    TOMATO-BANK-1 notice   merchant timestamp nonce sha256(body)

Both ends have the same secret, so each line set begins with who speaks: nobody's own words can be
sent back to him. An answer is bound to its question by the nonce, so it can't be another's, or old.
No line can hold an LF, so text can't move from one line to the next.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Literal

from msgspec import Struct

from schema.channels.http import ProtocolError

SCHEME = "TOMATO-BANK-1"
FRESHNESS_S = 300
"""Both ends refuse what is further than five minutes from their own clock, in either direction."""

Speech = Literal["request", "answer", "notice"]

_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_WORD = re.compile(r"[0-9A-Za-z_\-]{1,64}")
_LINE = re.compile(r"[\x21-\x7e]{1,2048}")


class Signed(Struct, frozen=True, kw_only=True):
    """The four headers of a request or a notice, not yet believed."""

    merchant: str
    timestamp: str
    nonce: str
    signature: str


def read_headers(headers: Mapping[str, str]) -> Signed:
    """Who says it, when, and under which nonce. Raises ProtocolError for what is missing or odd."""
    given = {name.lower(): value for name, value in headers.items()}
    words = Signed(
        merchant=given.get("bank-merchant", ""),
        timestamp=given.get("bank-timestamp", ""),
        nonce=given.get("bank-nonce", ""),
        signature=given.get("bank-signature", ""),
    )
    for name, value in (("Bank-Merchant", words.merchant), ("Bank-Nonce", words.nonce)):
        if not _WORD.fullmatch(value):
            raise ProtocolError(f"{name} is missing or not well formed")
    if not _TIMESTAMP.fullmatch(words.timestamp):
        raise ProtocolError("Bank-Timestamp is missing or not well formed")
    return words


def signed_headers(
    secret: str, merchant: str, *, speech: Speech, lines: tuple[str, ...], body: bytes,
    now: datetime, nonce: str,
) -> dict[str, str]:  # fmt: skip
    """The headers under which a request or a notice is sent; `lines` come before the merchant."""
    timestamp = str(int(now.timestamp()))
    signature = sign(secret, speech, (*lines, merchant, timestamp, nonce), body)
    return {
        "Bank-Merchant": merchant,
        "Bank-Timestamp": timestamp,
        "Bank-Nonce": nonce,
        "Bank-Signature": signature,
    }


def sign(secret: str, speech: Speech, lines: tuple[str, ...], body: bytes) -> str:
    """The signature over these lines and this body. Raises ProtocolError for what is no line."""
    if not all(_LINE.fullmatch(line) for line in lines):
        raise ProtocolError("a signed line is empty, too long, or not printable ASCII")
    text = "\n".join((SCHEME, speech, *lines, sha256(body).hexdigest())) + "\n"
    return hmac.new(secret.encode(), text.encode("ascii"), sha256).hexdigest()


def fault(
    secret: str, words: Signed, *, speech: Speech, lines: tuple[str, ...], body: bytes,
    now: datetime,
) -> str | None:  # fmt: skip
    """Why this request or notice is not proven to be the other end's, said just now."""
    if abs(int(words.timestamp) - int(now.timestamp())) > FRESHNESS_S:
        return f"the timestamp is more than {FRESHNESS_S} s from our clock"
    covered = (*lines, words.merchant, words.timestamp, words.nonce)
    return None if fits(secret, speech, covered, body, words.signature) else "a wrong signature"


def fits(secret: str, speech: Speech, lines: tuple[str, ...], body: bytes, signature: str) -> bool:
    """Whether the signature is the account's over exactly this; in the same time for all."""
    try:
        expected = sign(secret, speech, lines, body)
    except ProtocolError:
        return False
    return hmac.compare_digest(expected.encode(), signature.encode(errors="replace"))
