"""Bills 对账单 as WeChat Pay writes them: a head, lines, a foot's head and the foot.

UTF-8 text; every value has a back-tick before it, so that spreadsheets leave numbers alone, and a
comma between values can be told from one inside a value. Amounts are in yuan with a point. The same
layout is read (ours) and written (the simulator's), columns are found by their names.
Source: pay.weixin.qq.com, merchant documents v3, trade bill and fund flow bill.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from schema.channels import ProtocolError
from schema.channels.wechat.documents import CHINA

BILL_BYTES_MAX = 512 * 1024 * 1024
"""Unpacked; about two million lines. More is taken for an attack by a packed bill."""

_YUAN = re.compile(r"(-?)([0-9]{1,13})(?:\.([0-9]{1,5}))?\Z")
_TIME = "%Y-%m-%d %H:%M:%S"

Row = Mapping[str, str]


class Sheet(Struct, frozen=True):
    """A bill as a table."""

    columns: tuple[str, ...]
    rows: list[dict[str, str]]
    totals: dict[str, str]


def unpacked(body: bytes) -> bytes:
    """The content of a bill, packed with GZIP or not. Raises ProtocolError."""
    if body[:2] != b"\x1f\x8b":
        return body
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        content = unpacker.decompress(body, BILL_BYTES_MAX)
    except zlib.error:
        raise ProtocolError("the bill can't be unpacked") from None
    if not unpacker.eof:
        raise ProtocolError("the bill is cut off, or too large")
    return content


def read_sheet(content: bytes) -> Sheet:
    """The table in the content of a bill. Raises ProtocolError."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ProtocolError("the bill is not UTF-8") from None
    lines = [line for line in text.replace("\r\n", "\n").split("\n") if line]
    if len(lines) < 3:
        raise ProtocolError("the bill has no head or no foot")
    head, *values, foot_head, foot = lines
    columns = tuple(head.split(","))
    if len(set(columns)) != len(columns):
        raise ProtocolError("the bill names a column twice")
    rows = [_row(columns, line) for line in values]
    return Sheet(columns, rows, _row(tuple(foot_head.split(",")), foot))


def write_sheet(columns: Sequence[str], rows: Sequence[Row], totals: Row) -> bytes:
    """The content of a bill; a column that a row does not have stays empty."""
    lines = [
        ",".join(columns),
        *(_line([row.get(column, "") for column in columns]) for row in rows),
        ",".join(totals),
        _line(list(totals.values())),
    ]
    return "".join(f"{line}\r\n" for line in lines).encode()


def fen(yuan: str) -> int:
    """Whole fen, with the sign. Raises ProtocolError for anything finer."""
    match = _YUAN.fullmatch(yuan)
    if match is None:
        raise ProtocolError("an amount of the bill is not in yuan")
    sign, whole, fraction = match[1], match[2], (match[3] or "").ljust(5, "0")
    if fraction[2:] != "000":
        raise ProtocolError("an amount of the bill is finer than a fen")
    amount_fen = int(whole) * 100 + int(fraction[:2])
    return -amount_fen if sign else amount_fen


def yuan(amount_fen: int) -> str:
    """As bills write it: two digits behind the point."""
    sign, amount_fen = ("-" if amount_fen < 0 else ""), abs(amount_fen)
    return f"{sign}{amount_fen // 100}.{amount_fen % 100:02d}"


def moment(text: str) -> datetime:
    """A time of the bill, which is China's. Raises ProtocolError."""
    try:
        return datetime.strptime(text, _TIME).replace(tzinfo=CHINA)
    except ValueError:
        raise ProtocolError("a time of the bill is not well formed") from None


def shown(at: datetime) -> str:
    """A moment as bills write it."""
    return at.astimezone(CHINA).strftime(_TIME)


def cell(row: Row, *names: str) -> str:
    """The value in the first of these columns that there is. Raises ProtocolError."""
    for name in names:
        if name in row:
            return row[name]
    raise ProtocolError(f"the bill has no column {names[0]}")


def _row(columns: tuple[str, ...], line: str) -> dict[str, str]:
    if not line.startswith("`"):
        raise ProtocolError("a value of the bill has no back-tick")
    values = line[1:].split(",`")
    if len(values) != len(columns):
        raise ProtocolError("a line of the bill does not fit its head")
    return dict(zip(columns, values, strict=True))


def _line(values: Sequence[str]) -> str:
    return ",".join("`" + value.replace(",`", ", ").replace("\n", " ") for value in values)
