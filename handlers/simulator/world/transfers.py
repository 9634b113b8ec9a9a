"""Transfers: a merchant's money that goes to a payee, who may have to confirm it first."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Any

from msgspec import Struct

from handlers.simulator.world.merchants import MerchantKey, Told

CONFIRM_WITHIN_S = 24 * 3_600


class TransferState(Enum):
    """How a transfer stands."""

    CONFIRMING = "confirming"
    """The payee has to confirm with the package."""
    PROCESSING = "processing"
    TRANSFERRED = "transferred"
    FAILED = "failed"
    CANCELLED = "cancelled"
    RETURNED = "returned"
    """It had arrived, and the payee's bank sent it back."""


class TransferTerms(Struct, frozen=True, kw_only=True, gc=False):
    """What the merchant asked for."""

    number: str
    amount_fen: int
    payee: str
    needs_confirmation: bool = False
    takes_s: int = 0
    """How long the platform works on it once it may; at 0 it is done before the answer."""
    notify_url: str = ""
    document: Any = None


class Transfer(Told, kw_only=True, gc=False):
    """One transfer."""

    terms: TransferTerms
    parameters: bytes
    channel_number: str
    package: str
    """What the payee confirms with; empty where they need not."""
    opened_at: datetime
    changed_at: datetime
    transferred_at: datetime | None = None
    state: TransferState = TransferState.PROCESSING
    failure_code: str = ""
    """In the platform's word, where a fault gave one."""

    @property
    def number(self) -> str:
        """The merchant's."""
        return self.terms.number

    @property
    def amount_fen(self) -> int:
        """What goes to the payee."""
        return self.terms.amount_fen


class TransferReturn(Struct, frozen=True, kw_only=True, gc=False):
    """The payee's bank sent a transfer back."""

    transfer: Transfer
    returned_at: datetime

    @property
    def merchant(self) -> MerchantKey:
        """Whose transfer it was."""
        return self.transfer.merchant

    @property
    def channel_number(self) -> str:
        """The platform's, of what came back."""
        return f"{self.transfer.channel_number}R"
