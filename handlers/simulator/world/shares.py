"""Profit shares 分账: parts of a paid order that go to others."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Any

from msgspec import Struct

from handlers.simulator.world.merchants import Told
from handlers.simulator.world.trades import Trade


class PartState(Enum):
    """How one receiver's part stands."""

    PENDING = "pending"
    SHARED = "shared"
    REFUSED = "refused"


class Part(Struct, frozen=True, kw_only=True, gc=False):
    """One receiver's part, as the merchant asked for it."""

    kind: str
    """In the platform's own word: MERCHANT_ID, PERSONAL_OPENID."""
    account: str
    amount_fen: int
    description: str = ""


class ShareTerms(Struct, frozen=True, kw_only=True, gc=False):
    """What the merchant asked for."""

    number: str
    parts: tuple[Part, ...]
    is_last: bool = False
    """What is left becomes the merchant's own."""
    takes_s: int = 0
    notify_url: str = ""
    document: Any = None


class ShareReturn(Struct, frozen=True, kw_only=True, gc=False):
    """What a receiver gave back of its part."""

    number: str
    channel_number: str
    account: str
    amount_fen: int
    description: str = ""
    returned_at: datetime


class Share(Told, kw_only=True, gc=False):
    """One profit share of one trade."""

    terms: ShareTerms
    parameters: bytes
    trade: Trade
    channel_number: str
    opened_at: datetime
    states: tuple[PartState, ...]
    """Of the parts, in their order."""
    finished_at: datetime | None = None
    failure_code: str = ""
    """Why the parts were refused, in the platform's word, where a fault gave one."""
    returns: tuple[ShareReturn, ...] = ()

    @property
    def number(self) -> str:
        """The merchant's."""
        return self.terms.number

    @property
    def amount_fen(self) -> int:
        """All parts together."""
        return sum(part.amount_fen for part in self.terms.parts)
