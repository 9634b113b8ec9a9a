"""Statements 对账单: a day of an account as a file, written while it is read.

Its last line says how the account stood at the day's end; without it, it is not whole.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Literal, Protocol

import msgspec
from aiohttp import web

from handlers.merchant_api.account_books import Sheet
from handlers.merchant_api.account_views import AccountEntry, Statement
from handlers.merchant_api.authentication import Call
from handlers.merchant_api.files import CSV_TYPE, cell, hand_out_file, table

COLUMNS = AccountEntry.__struct_fields__

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

    content_type = CSV_TYPE

    def head(self, sheet: Sheet) -> bytes:
        """The names of the columns, and the opening balance."""
        opening = _marked("opening_balance", sheet.opening.balance_fen)
        return table([COLUMNS, opening])

    def lines(self, sheet: Sheet, entries: Sequence[AccountEntry]) -> bytes:
        """One line each."""
        return table([[cell(getattr(entry, name)) for name in COLUMNS] for entry in entries])

    def foot(self, sheet: Sheet) -> bytes:
        """The closing balance."""
        return table([_marked("closing_balance", sheet.closing.balance_fen)])


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
    name = f"statement-{sheet.account.account_no}-{sheet.day}.{form}"
    chunks = _chunks(FORMS[form], sheet, first, pages)
    return await hand_out_file(call, name, FORMS[form].content_type, chunks)


async def _chunks(
    form: Form, sheet: Sheet, first: Sequence[AccountEntry], pages: Pages
) -> AsyncIterator[bytes]:
    yield form.head(sheet)
    if first:
        yield form.lines(sheet, first)
    async for entries in pages:
        yield form.lines(sheet, entries)
    yield form.foot(sheet)


def _marked(kind: str, balance_fen: int) -> list[object]:
    """A line that is no entry: a balance under the name of what it is."""
    cells: dict[str, object] = {"kind": kind, "balance_after_fen": balance_fen}
    return [cells.get(name, "") for name in COLUMNS]
