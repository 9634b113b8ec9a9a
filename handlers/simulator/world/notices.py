"""Notices: what is told to a merchant, and the bytes in which a front writes it."""

from __future__ import annotations

from datetime import datetime
from typing import Generic, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from handlers.simulator.world.faults import Fault
from handlers.simulator.world.merchants import Told
from handlers.simulator.world.refunds import Refund
from handlers.simulator.world.shares import Share
from handlers.simulator.world.trades import Trade
from handlers.simulator.world.transfers import Transfer

A = TypeVar("A", bound=Told)
About = Trade | Refund | Transfer | Share


class Letter(Struct, frozen=True, kw_only=True):
    """A notice as it is sent."""

    headers: dict[str, str]
    body: bytes


class Notice(Struct, Generic[A], frozen=True, kw_only=True):
    """Something that is told until it is acknowledged. `about` is read anew at each try."""

    id: str
    """32 characters of 0-9 and a-f; the same at every try."""
    about: A
    url: str
    happened_at: datetime


def twisted(notice: Notice[About], fault: Fault) -> Notice[About]:
    """The notice with an untrue amount or currency, where the fault says so."""
    about = notice.about
    if fault.kind == "wrong_amount_notify":
        if isinstance(about, Share):
            return notice
        amount_fen = about.amount_fen + fault.number
        terms = replace(about.terms, amount_fen=amount_fen)
        return replace(notice, about=replace(about, terms=terms))
    if fault.kind == "wrong_currency_notify" and isinstance(about, Trade):
        terms = replace(about.terms, currency=fault.code)
        return replace(notice, about=replace(about, terms=terms))
    return notice
