"""The documents of the UnionPay cloud pass: flat, every value a text.

Field names: public clients of the service-provider API; `qrCode` and `payTime` from the contents of
the partner platform's guide, which lists names and not their forms. Reading is strict about what we
rely on and tolerant of all else. Amounts are fen, times are China's as yyyyMMddHHmmss.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from schema.channels.http import ProtocolError
from schema.channels.unionpay.signing import Fields
from schema.days import CHINA
from schema.money import AMOUNT_FEN_MAX

CURRENCY = "156"
"""Yuan, by ISO 4217's number; it is also what a missing currency means."""

ORDER_TYPE = "unionpay"

_FEN = re.compile(r"[0-9]{1,12}")
_TIME = re.compile(r"[0-9]{14}")
_NUMBER = re.compile(r"[0-9A-Za-z_\-]{1,64}")


class Said(Struct, frozen=True, kw_only=True, rename="camel"):
    """An answer or a notice, whatever it is about. Empty is what was not said."""

    ser_prov_id: str = ""
    mer_id: str = ""
    order_no: str = ""
    orig_order_no: str = ""
    resp_code: str = ""
    resp_msg: str = ""
    orig_resp_code: str = ""
    orig_resp_msg: str = ""
    txn_amt: str = ""
    currency_code: str = ""
    trans_index: str = ""
    pay_time: str = ""
    payer_info: str = ""
    pay_data: str = ""
    qr_code: str = ""


def said(fields: Fields) -> Said:
    """What a document says that is proven already."""
    return msgspec.convert(fields, Said)


def fen(text: str) -> int:
    """An amount in fen, from 1. Raises ProtocolError."""
    if not text.isascii() or not _FEN.fullmatch(text):
        raise ProtocolError("an amount is not a number of fen")
    if not 1 <= int(text) <= AMOUNT_FEN_MAX:
        raise ProtocolError("an amount is not within its limits")
    return int(text)


def number_of(text: str) -> str:
    """A number of the platform's own, unchanged. Raises ProtocolError."""
    if not _NUMBER.fullmatch(text):
        raise ProtocolError("a number is missing or has other characters than letters and digits")
    return text


def time_of(text: str) -> datetime:
    """A moment of China's clock. Raises ProtocolError."""
    if not text.isascii() or not _TIME.fullmatch(text):
        raise ProtocolError("a time is not yyyyMMddHHmmss")
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=CHINA).astimezone(UTC)
    except (ValueError, OverflowError):  # OverflowError: before the year 1 in UTC
        raise ProtocolError("a time is not in the calendar") from None


def time_text(moment: datetime) -> str:
    """A moment as their documents write it."""
    return f"{moment.astimezone(CHINA):%Y%m%d%H%M%S}"
