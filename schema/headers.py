"""Headers that a merchant adds to his webhooks: which may be, and which stay ours."""

from __future__ import annotations

import re
from collections.abc import Mapping

HEADERS_MAX = 20
HEADERS_BYTES_MAX = 4_096

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}")
"""RFC 9110, section 5.6.2."""

_VALUE = re.compile(r"[\x20-\x7e\t]*")
"""No line break (it would begin another header), no NUL, and nothing that servers read in
different ways."""

OURS = frozenset({
    "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "cookie",
    "date", "expect", "forwarded", "host", "keep-alive", "te", "trailer", "transfer-encoding",
    "upgrade", "user-agent", "via",
})  # fmt: skip
OUR_PREFIXES = ("webhook-", "proxy-", "sec-", "x-forwarded-", ":")


def headers_objection(headers: Mapping[str, str]) -> tuple[str, str] | None:
    """The header that may not be added, and why; None where all may."""
    if len(headers) > HEADERS_MAX:
        return "", f"{HEADERS_MAX} headers at most"
    if sum(len(name) + len(value) for name, value in headers.items()) > HEADERS_BYTES_MAX:
        return "", f"{HEADERS_BYTES_MAX} bytes at most, together"
    lower = [name.lower() for name in headers]
    for name, value in headers.items():
        reason = _reason(name, value)
        if reason is None and lower.count(name.lower()) > 1:
            reason = "it stands there twice"
        if reason is not None:
            return name, reason
    return None


def _reason(name: str, value: str) -> str | None:
    if not _TOKEN.fullmatch(name):
        return "not a header's name"
    if name.lower() in OURS or name.lower().startswith(OUR_PREFIXES):
        return "this header is ours to set"
    if not _VALUE.fullmatch(value):
        return "only printable ASCII may stand in a header"
    return None
