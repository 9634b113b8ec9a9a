"""Amounts and times as Alipay writes them: yuan with two decimals, and the wall clock in China."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from schema.channels.http import ProtocolError
from schema.money import AMOUNT_FEN_MAX

CHINA = timezone(timedelta(hours=8))

_YUAN = re.compile(r"(-?)([0-9]{1,12})(?:\.([0-9]{1,2})0*)?", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,3})?", re.ASCII)


def yuan(fen: int) -> str:
    """An amount in fen, in yuan: 1 is 0.01."""
    sign, whole = "-" if fen < 0 else "", abs(fen)
    return f"{sign}{whole // 100}.{whole % 100:02d}"


def fen(text: str) -> int:
    """An amount in yuan, in fen. Raises ProtocolError."""
    written = _YUAN.fullmatch(text.removeprefix("+"))
    if written is None:
        raise ProtocolError("not an amount in yuan")
    sign, whole, decimals = written.groups()
    amount_fen = int(whole) * 100 + int((decimals or "").ljust(2, "0"))
    return -amount_fen if sign else amount_fen


def paid_fen(text: str) -> int:
    """An amount that somebody paid: above zero, within the limits. Raises ProtocolError."""
    amount_fen = fen(text)
    if not 1 <= amount_fen <= AMOUNT_FEN_MAX:
        raise ProtocolError("an amount that nobody can have paid")
    return amount_fen


def china_text(moment: datetime) -> str:
    """A moment, in whole seconds."""
    return f"{moment.astimezone(CHINA):%Y-%m-%d %H:%M:%S}"


def moment(text: str) -> datetime:
    """The moment that a text names. Raises ProtocolError."""
    if not _TIME.fullmatch(text):
        raise ProtocolError("not a time")
    try:
        return datetime.fromisoformat(text).replace(tzinfo=CHINA)
    except ValueError as error:
        raise ProtocolError("not a time of any day") from error
