"""Files that are written while they are read, and cells that are safe in a spreadsheet.

A file has no end that is known when it begins. So whatever can be refused is refused before the
first byte; and one that can't be finished is broken off, so that no reader takes it for whole.
"""

from __future__ import annotations

import asyncio
import csv
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from io import StringIO

from aiohttp import web

from handlers.merchant_api.authentication import Call
from schema.days import CHINA

READER_WAIT_S = 60
"""How long a reader may take for one page; who stops reading does not hold us up."""

CSV_TYPE = "text/csv; charset=utf-8; header=present"

FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
"""With one of these, a spreadsheet takes a text for a formula (OWASP, CSV Injection)."""


async def hand_out_file(
    call: Call, name: str, content_type: str, chunks: AsyncIterator[bytes]
) -> web.StreamResponse:
    """The chunks as an answer. At any time one of them is in memory."""
    response = web.StreamResponse(headers=_headers(call, name, content_type))
    await response.prepare(call.request)
    if call.request.method == "HEAD":
        return response
    is_taken = False
    try:
        is_taken = await _taken(response, chunks)
    finally:
        if not is_taken and call.request.transport is not None:
            call.request.transport.abort()
    return response


def table(rows: Iterable[Iterable[object]]) -> bytes:
    """Lines of a table (RFC 4180)."""
    text = StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def cell(value: object) -> object:
    """A value as a spreadsheet may be shown it: amounts are numbers, texts are never formulas."""
    if isinstance(value, datetime):
        return value.astimezone(CHINA).isoformat(timespec="milliseconds")
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _headers(call: Call, name: str, content_type: str) -> dict[str, str]:
    return {
        "Content-Type": content_type,
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Request-Id": call.request_id,
    }


async def _taken(response: web.StreamResponse, chunks: AsyncIterator[bytes]) -> bool:
    """Whether the reader has taken everything; one who is slow is waited for."""
    async for chunk in chunks:
        try:
            async with asyncio.timeout(READER_WAIT_S):
                await response.write(chunk)
        except (ConnectionResetError, TimeoutError):
            return False
    return True
