"""Traces that begin outside: the W3C `traceparent`, taken over only where it is well formed."""

from __future__ import annotations

import re

_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def accepted_trace(traceparent: str | None) -> str | None:
    """The outsider's trace, or None if it is not one: then the chain begins a trace of its own.

    Version 00 only; the standard lets a receiver restart what it can't read.
    Source: https://www.w3.org/TR/trace-context/ section 3.2.
    """
    if traceparent is None or not _TRACEPARENT.fullmatch(traceparent):
        return None
    return traceparent
