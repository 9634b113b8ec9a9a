"""The bank's bills, both ways: CSV in UTF-8 with a heading, a line per trade or movement, a footer.

Amounts are fen, moments RFC 3339. The footer repeats how many lines there are and what they sum to,
so a bill that was cut, or has a line too many, is no bill. Whoever adds a column adds it by name.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import cast

import msgspec

from schema.channels.bills import FundBill, FundLine, TradeBill, TradeLine
from schema.channels.http import ProtocolError
from schema.days import CHINA
from schema.events import Moment

TRADE_COLUMNS = (
    "kind", "number", "order_number", "bank_number", "bank_order_number", "amount_fen", "fee_fen",
    "state", "happened_at", "payer_account",
)  # fmt: skip
FUND_COLUMNS = (
    "bank_number", "business_number", "number", "business", "amount_fen", "balance_fen",
    "happened_at", "remark",
)  # fmt: skip
FOOTER = "#total"

_FEN = re.compile(r"-?[0-9]{1,15}")

Row = dict[str, str]


def written_trades(lines: Sequence[TradeLine]) -> bytes:
    """A day's trades as a file."""
    rows = [
        (
            line.kind, line.number, line.order_number, line.channel_number,
            line.channel_payment_id, line.amount_fen, line.fee_fen, line.state,
            line.happened_at.astimezone(CHINA).isoformat(), line.payer_id,
        )
        for line in lines
    ]  # fmt: skip
    return _file(TRADE_COLUMNS, rows, _trade_totals(lines))


def written_funds(lines: Sequence[FundLine]) -> bytes:
    """A day's movements as a file."""
    rows = [
        (
            line.channel_number, line.business_number, line.number, line.business,
            line.amount_fen, line.balance_fen, line.happened_at.astimezone(CHINA).isoformat(),
            line.remark,
        )
        for line in lines
    ]  # fmt: skip
    return _file(FUND_COLUMNS, rows, _fund_totals(lines))


def read_trades(day: date, body: bytes) -> TradeBill:
    """The trades in a file, which fit its footer. Raises ProtocolError."""
    rows, footer = _rows(TRADE_COLUMNS, body)
    lines = tuple(_trade(row) for row in rows)
    _compare(footer, _trade_totals(lines))
    return TradeBill(day=day, lines=lines)


def read_funds(day: date, body: bytes) -> FundBill:
    """The movements in a file, which fit its footer. Raises ProtocolError."""
    rows, footer = _rows(FUND_COLUMNS, body)
    lines = tuple(_movement(row) for row in rows)
    _compare(footer, _fund_totals(lines))
    return FundBill(day=day, lines=lines)


def _file(
    columns: tuple[str, ...], rows: Sequence[tuple[object, ...]], totals: tuple[int, ...]
) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows(rows)
    writer.writerow((FOOTER, *totals))
    return text.getvalue().encode()


def _rows(columns: tuple[str, ...], body: bytes) -> tuple[list[Row], list[str]]:
    """The lines by their columns' names, and the footer's values."""
    try:
        table = list(csv.reader(io.StringIO(body.decode(), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ProtocolError(f"not a CSV file: {error}") from error
    if len(table) < 2 or not table[-1] or table[-1][0] != FOOTER:
        raise ProtocolError("a bill without its heading or its footer")
    heading = table[0]
    if set(columns) - set(heading) or len(set(heading)) != len(heading):
        raise ProtocolError("a bill's heading lacks a column, or names one twice")
    if any(len(row) != len(heading) for row in table[1:-1]):
        raise ProtocolError("a bill's line has more or fewer values than the heading")
    return [dict(zip(heading, row, strict=True)) for row in table[1:-1]], table[-1][1:]


def _trade(row: Row) -> TradeLine:
    kind = row["kind"]
    if kind != "payment" and kind != "refund":
        raise ProtocolError("a line that is neither a payment nor a refund")
    return TradeLine(
        kind=kind,
        number=row["number"],
        order_number=row["order_number"],
        channel_number=row["bank_number"],
        channel_payment_id=row["bank_order_number"],
        amount_fen=_fen(row["amount_fen"]),
        fee_fen=_fen(row["fee_fen"]),
        state=row["state"],
        happened_at=_moment(row["happened_at"]),
        payer_id=row["payer_account"],
    )


def _movement(row: Row) -> FundLine:
    return FundLine(
        channel_number=row["bank_number"],
        business_number=row["business_number"],
        number=row["number"],
        business=row["business"],
        amount_fen=_fen(row["amount_fen"]),
        balance_fen=_fen(row["balance_fen"]),
        happened_at=_moment(row["happened_at"]),
        remark=row["remark"],
    )


def _trade_totals(lines: Sequence[TradeLine]) -> tuple[int, ...]:
    """Lines, what was paid, what was refunded, the fees."""
    paid = sum(line.amount_fen for line in lines if line.kind == "payment")
    refunded = sum(line.amount_fen for line in lines if line.kind == "refund")
    return len(lines), paid, refunded, sum(line.fee_fen for line in lines)


def _fund_totals(lines: Sequence[FundLine]) -> tuple[int, ...]:
    """Lines, what came in, what went out."""
    amounts = [line.amount_fen for line in lines]
    return len(lines), sum(a for a in amounts if a > 0), -sum(a for a in amounts if a < 0)


def _compare(footer: list[str], totals: tuple[int, ...]) -> None:
    if tuple(_fen(value) for value in footer) != totals:
        raise ProtocolError("a bill's lines do not fit its footer")


def _fen(text: str) -> int:
    if not text.isascii() or not _FEN.fullmatch(text):
        raise ProtocolError("an amount is not a whole number of fen")
    return int(text)


def _moment(text: str) -> datetime:
    try:
        return cast(datetime, msgspec.convert(text, Moment))
    except msgspec.ValidationError as error:
        raise ProtocolError(str(error)) from error
