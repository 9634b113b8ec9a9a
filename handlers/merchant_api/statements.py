"""Statements 对账单: a day of an account as a file, written while it is read.

A file has no end that is known when it begins. So whatever can be refused is refused before the
first byte; and one that can't be finished is broken off, so that no reader takes it for whole. Its
last line says how the account stood at the day's end.
"""

from __future__ import annotations

import asyncio
import csv
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from io import StringIO
from typing import Literal, Protocol

import msgspec
from aiohttp import web

from handlers.merchant_api.account_books import Sheet
from handlers.merchant_api.account_views import AccountEntry, Statement
from handlers.merchant_api.authentication import Call
from schema.days import CHINA

READER_WAIT_S = 60
"""How long a reader may take for one page; who stops reading does not hold us up."""

COLUMNS = AccountEntry.__struct_fields__

FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
"""With one of these, a spreadsheet takes a text for a formula (OWASP, CSV Injection)."""

Pages = AsyncIterator[list[AccountEntry]]


class Form(Protocol):
    """How a statement is written down."""

    content_type: str

    def head(self, sheet: Sheet) -> bytes:
        """What stands before the entries."""
        ...

    def lines(self, sheet: Sheet, entries: Sequence[AccountEntry]) -> bytes:
        """Some entries."""
        ...

    def foot(self, sheet: Sheet) -> bytes:
        """What stands after them."""
        ...


class Csv:
    """A table (RFC 4180) for spreadsheets; its times are China's, like its day."""

    content_type = "text/csv; charset=utf-8; header=present"

    def head(self, sheet: Sheet) -> bytes:
        """The names of the columns, and the opening balance."""
        opening = _marked("opening_balance", sheet.opening.balance_fen)
        return _table([COLUMNS, opening])

    def lines(self, sheet: Sheet, entries: Sequence[AccountEntry]) -> bytes:
        """One line each."""
        return _table([[_cell(getattr(entry, name)) for name in COLUMNS] for entry in entries])

    def foot(self, sheet: Sheet) -> bytes:
        """The closing balance."""
        return _table([_marked("closing_balance", sheet.closing.balance_fen)])


class Json:
    """The document that `Statement` describes."""

    content_type = "application/json"

    def head(self, sheet: Sheet) -> bytes:
        """All fields up to the list."""
        statement = Statement(
            account_no=sheet.account.account_no,
            currency=sheet.account.currency,
            day=sheet.day,
            opening_balance_fen=sheet.opening.balance_fen,
            entries=[],
            closing_balance_fen=sheet.closing.balance_fen,
        )
        return msgspec.json.encode(statement).partition(b"]")[0]

    def lines(self, sheet: Sheet, entries: Sequence[AccountEntry]) -> bytes:
        """Entries with commas between them, and before them where others stand there already."""
        is_first = entries[0].serial == sheet.opening.serial + 1
        return (b"" if is_first else b",") + msgspec.json.encode(entries)[1:-1]

    def foot(self, sheet: Sheet) -> bytes:
        """The closing balance."""
        return b'],"closing_balance_fen":%d}' % sheet.closing.balance_fen


FORMS: dict[str, Form] = {"csv": Csv(), "json": Json()}


async def hand_out(
    call: Call, sheet: Sheet, pages: Pages, form: Literal["csv", "json"]
) -> web.StreamResponse:
    """The statement as an answer. At any time one page of it is in memory."""
    first = await anext(pages, [])  # before anything is sent: the database may be away
    response = web.StreamResponse(headers=_headers(call, sheet, form))
    await response.prepare(call.request)
    if call.request.method == "HEAD":
        return response
    is_taken = False
    try:
        is_taken = await _taken(response, _chunks(FORMS[form], sheet, first, pages))
    finally:
        if not is_taken and call.request.transport is not None:
            call.request.transport.abort()
    return response


def _headers(call: Call, sheet: Sheet, form: str) -> dict[str, str]:
    name = f"statement-{sheet.account.account_no}-{sheet.day}.{form}"
    return {
        "Content-Type": FORMS[form].content_type,
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Request-Id": call.request_id,
    }


async def _chunks(
    form: Form, sheet: Sheet, first: Sequence[AccountEntry], pages: Pages
) -> AsyncIterator[bytes]:
    yield form.head(sheet)
    if first:
        yield form.lines(sheet, first)
    async for entries in pages:
        yield form.lines(sheet, entries)
    yield form.foot(sheet)


async def _taken(response: web.StreamResponse, chunks: AsyncIterator[bytes]) -> bool:
    """Whether the reader has taken everything; one who is slow is waited for."""
    async for chunk in chunks:
        try:
            async with asyncio.timeout(READER_WAIT_S):
                await response.write(chunk)
        except (ConnectionResetError, TimeoutError):
            return False
    return True


def _table(rows: Iterable[Iterable[object]]) -> bytes:
    text = StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _marked(kind: str, balance_fen: int) -> list[object]:
    """A line that is no entry: a balance under the name of what it is."""
    cells: dict[str, object] = {"kind": kind, "balance_after_fen": balance_fen}
    return [cells.get(name, "") for name in COLUMNS]


def _cell(value: object) -> object:
    """A value as a spreadsheet may be shown it: amounts are numbers, texts are never formulas."""
    if isinstance(value, datetime):
        return value.astimezone(CHINA).isoformat(timespec="milliseconds")
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
