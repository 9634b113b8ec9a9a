"""Bills 对账单 in one form for all channels, and how one is asked for."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from msgspec import Struct

from schema.channels.verdicts import Unknown


class BillAt(Struct, frozen=True, kw_only=True, tag="bill_at"):
    """The bill can be fetched there, for a short time. `digest` is what its content must hash to,
    in hex, by `digest_kind`; empty where the channel gives none."""

    url: str
    digest: str = ""
    digest_kind: Literal["", "sha1", "sha256"] = ""


class BillNotReady(Struct, frozen=True, kw_only=True, tag="bill_not_ready"):
    """The channel still writes it: ask later."""

    code: str = ""


class NoBill(Struct, frozen=True, kw_only=True, tag="no_bill"):
    """There was nothing that day."""

    code: str = ""


class TradeLine(Struct, frozen=True, kw_only=True):
    """A payment or a refund as the channel has it. Amounts in fen; a fee that is given back is
    below zero."""

    kind: Literal["payment", "refund"]
    number: str
    """Our number: of the order, or of the refund."""
    order_number: str
    channel_number: str
    channel_payment_id: str
    amount_fen: int
    fee_fen: int
    state: str
    """In the channel's own word."""
    happened_at: datetime
    payer_id: str = ""


class FundLine(Struct, frozen=True, kw_only=True):
    """One movement on our account at the channel: `amount_fen` above zero is money in."""

    channel_number: str
    """Of the movement."""
    business_number: str
    """The channel's number of what caused it."""
    number: str
    """Ours, where the channel repeats it."""
    business: str
    """Its kind, in the channel's own word."""
    amount_fen: int
    balance_fen: int
    happened_at: datetime
    remark: str = ""


class TradeBill(Struct, frozen=True, kw_only=True, tag="trade_bill"):
    """All trades of a day; what the footer says has been compared with the lines."""

    day: date | None
    lines: tuple[TradeLine, ...]


class FundBill(Struct, frozen=True, kw_only=True, tag="fund_bill"):
    """All movements of a day; what the footer says has been compared with the lines."""

    day: date | None
    lines: tuple[FundLine, ...]


Bill = TradeBill | FundBill
BillPlace = BillAt | BillNotReady | NoBill | Unknown
BillRead = Bill | Unknown
