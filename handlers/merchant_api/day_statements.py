"""`/v1/statements/{day}.csv` 交易对账单: what was paid and refunded on a day, one line each.

A payment stands on the day on which its payer paid, a refund on the day on which he got it back,
by China's calendar and by the channel's word. Money that was paid twice never was the merchant's:
neither it nor its refund is here. The last three lines are totals; without them it is not whole.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime

import asyncpg
import msgspec
from aiohttp import web
from msgspec import Struct

from bus.database import Pool, queries
from bus.jobs import now_utc
from handlers.merchant_api.account_queries import objection_to_day
from handlers.merchant_api.authentication import Call
from handlers.merchant_api.files import CSV_TYPE, cell, hand_out_file, table
from handlers.merchant_api.parameters import wrong
from handlers.merchant_api.problems import Problem
from schema.days import end_of, start_of

SQL = queries(__file__)

PATH = "/v1/statements/{day}.csv"

PAGE_LINES = 1_000


class Line(Struct, frozen=True, kw_only=True):
    """One line of a statement; its field names are the columns. Fees that come back are negative,
    and so is what goes out: `net_fen` is `gross_fen` less `fee_fen`, always."""

    kind: str
    at: datetime | None = None
    payment_id: str | None = None
    merchant_order_no: str | None = None
    refund_id: str | None = None
    merchant_refund_no: str | None = None
    pay_type: str | None = None
    channel_no: str | None = None
    channel_trade_no: str | None = None
    channel_refund_no: str | None = None
    currency: str | None = None
    gross_fen: int
    fee_fen: int
    net_fen: int
    count: int | None = None
    """How many lines a total sums up."""
    text: str | None = None
    """What was paid for, or why it was refunded."""


COLUMNS = Line.__struct_fields__


class DayBook:
    """Reads what moved on a merchant's day."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def lines(self, merchant_no: str, day: date) -> AsyncIterator[list[Line]]:
        """Payments, then refunds, each oldest first, in pages."""
        async for rows in self._pages(SQL.list_day_payments, merchant_no, day):
            yield [_of_payment(row) for row in rows]
        async for rows in self._pages(SQL.list_day_refunds, merchant_no, day):
            fees = await self._fees([row["id"] for row in rows])
            yield [_of_refund(row, fees.get(row["id"], 0)) for row in rows]

    async def _pages(
        self, statement: str, merchant_no: str, day: date
    ) -> AsyncIterator[list[asyncpg.Record]]:
        after: tuple[datetime, str] = (start_of(day), "")
        while True:
            rows = await self._pool.fetch(statement, merchant_no, *after, end_of(day), PAGE_LINES)
            if rows:
                yield rows
            if len(rows) < PAGE_LINES:
                return
            after = (rows[-1]["at"], rows[-1]["id"])

    async def _fees(self, refund_ids: Sequence[str]) -> dict[str, int]:
        """What each refund cost, less what it gave back of the payment's fee; the books know."""
        rows = await self._pool.fetch(SQL.find_refund_fees, refund_ids)
        return {row["refund_no"]: row["fee_fen"] for row in rows}


class DayStatementDoor:
    """The statement of a day, for those whom the gate has let in."""

    def __init__(self, book: DayBook) -> None:
        self._book = book

    async def hand_out(self, call: Call) -> web.StreamResponse | Problem:
        """The day's statement, streamed."""
        day = read_day(call.request)
        if isinstance(day, Problem):
            return day
        if call.request.query:
            return wrong(next(iter(call.request.query)), "there is nothing to choose here")
        pages = self._book.lines(call.merchant.merchant_no, day)
        first = await anext(pages, [])  # before anything is sent: the database may be away
        name = f"payments-{call.merchant.merchant_no}-{day}.csv"
        return await hand_out_file(call, name, CSV_TYPE, written(first, pages))


def read_day(request: web.Request) -> date | Problem:
    """The day in the path: one that has begun."""
    try:
        day = msgspec.convert(request.match_info["day"], date)
    except msgspec.ValidationError:
        return wrong("day", "a day such as 2026-02-14 is needed")
    return objection_to_day("day", day, now_utc()) or day


async def written(
    first: Sequence[Line], pages: AsyncIterator[Sequence[Line]]
) -> AsyncIterator[bytes]:
    """The file: the names of the columns, all lines, and what they come to."""
    yield table([COLUMNS])
    paid, refunded = _total("payments_total", ()), _total("refunds_total", ())
    lines = first
    while lines:
        yield table(map(_cells, lines))
        paid = _total(paid.kind, (paid, *(line for line in lines if line.refund_id is None)))
        refunded = _total(refunded.kind, (refunded, *(line for line in lines if line.refund_id)))
        lines = await anext(pages, [])
    yield table(map(_cells, (paid, refunded, _total("total", (paid, refunded)))))


def _total(kind: str, lines: Sequence[Line]) -> Line:
    return Line(
        kind=kind,
        gross_fen=sum(line.gross_fen for line in lines),
        fee_fen=sum(line.fee_fen for line in lines),
        net_fen=sum(line.net_fen for line in lines),
        count=sum(1 if line.count is None else line.count for line in lines),
    )


def _cells(line: Line) -> list[object]:
    return [cell(getattr(line, name)) for name in COLUMNS]


def _of_payment(row: asyncpg.Record) -> Line:
    return Line(
        kind="late_payment" if row["is_late"] else "payment",
        at=row["at"],
        payment_id=row["id"],
        merchant_order_no=row["merchant_order_no"],
        pay_type=row["pay_type"],
        channel_no=row["channel_no"],
        channel_trade_no=row["channel_trade_no"],
        currency=row["currency"],
        gross_fen=row["amount_fen"],
        fee_fen=row["fee_fen"],
        net_fen=row["amount_fen"] - row["fee_fen"],
        text=row["subject"],
    )


def _of_refund(row: asyncpg.Record, fee_fen: int) -> Line:
    is_wished = row["kind"] == "merchant"
    return Line(
        kind="refund" if is_wished else f"{row['kind']}_refund",
        at=row["at"],
        payment_id=row["payment_id"],
        merchant_order_no=row["merchant_order_no"],
        refund_id=row["id"],
        merchant_refund_no=row["merchant_refund_no"] if is_wished else None,
        pay_type=row["pay_type"],
        channel_no=row["channel_no"],
        channel_trade_no=row["channel_trade_no"],
        channel_refund_no=row["channel_refund_no"],
        currency=row["currency"],
        gross_fen=-row["amount_fen"],
        fee_fen=fee_fen,
        net_fen=-row["amount_fen"] - fee_fen,
        text=row["reason"],
    )
