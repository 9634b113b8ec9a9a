"""Refunds: money that goes back to the payer, at once or after a while, or does not arrive."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Any

from msgspec import Struct

from handlers.simulator.world.merchants import Told
from handlers.simulator.world.trades import Trade


class RefundState(Enum):
    """How a refund stands."""

    PROCESSING = "processing"
    REFUNDED = "refunded"
    ABNORMAL = "abnormal"
    """The money left the merchant and could not reach the payer."""
    CLOSED = "closed"
    """Nothing went back, and nothing will."""


class RefundTerms(Struct, frozen=True, kw_only=True, gc=False):
    """What the merchant asked for."""

    number: str
    amount_fen: int
    key: str = ""
    """What a repeat is known by among all refunds of the merchant; empty where `number` does."""
    reason: str = ""
    notify_url: str = ""
    takes_s: int = 0
    """How long the platform works on it; at 0 it is refunded before the call is answered."""
    document: Any = None


class Refund(Told, kw_only=True, gc=False):
    """One refund of one trade."""

    terms: RefundTerms
    trade: Trade
    channel_number: str
    opened_at: datetime
    state: RefundState = RefundState.PROCESSING
    refunded_at: datetime | None = None
    fee_fen: int = 0
    """What of the platform's fee goes back to the merchant."""

    @property
    def number(self) -> str:
        """The merchant's."""
        return self.terms.number

    @property
    def amount_fen(self) -> int:
        """What goes back."""
        return self.terms.amount_fen
