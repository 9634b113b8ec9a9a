"""An attempt: one try to have a payment paid through one channel, under a number of our own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from actors.channels.talk.account import Account
from bus.books import Book
from schema.bookings import FundsFlow
from schema.channels import Offer
from schema.payments import PaymentTerms, RiskDecision, RoutingDecision


class AttemptState(StrEnum):
    """Where an attempt stands; unknown is a state, never a failure."""

    OPENED = "opened"
    WAITING = "waiting"
    """In its channel's lane: nothing was sent yet."""
    PENDING = "pending"
    UNKNOWN = "unknown"
    CLOSING = "closing"
    """Nobody shall pay it any more; the channel has yet to confirm that nobody can."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CLOSED = "closed"


class Decisions(Struct, frozen=True, kw_only=True):
    """The records that explain why this attempt was made."""

    risk: RiskDecision
    routing: RoutingDecision


class Mispaid(Struct, frozen=True, kw_only=True):
    """What the channel has said of other money than was asked for."""

    paid_fen: int
    paid_currency: str
    funds_flow: FundsFlow


class Attempt(Struct, frozen=True, kw_only=True):
    """Field names are the columns of `channels.attempt`."""

    attempt_id: str
    payment_id: str
    channel_no: str
    rank: int
    state: AttemptState
    terms: PaymentTerms
    decisions: Decisions
    offer: Offer | None = None
    channel_trade_no: str | None = None
    paid_fen: int | None = None
    mispaid: Mispaid | None = None
    channel_code: str | None = None
    channel_message: str | None = None
    queries: int = 0
    query_at: datetime | None = None
    opened_at: datetime
    answered_at: datetime | None = None
    paid_at: datetime | None = None
    updated_at: datetime


class Attempts(Book[str, Attempt]):
    """Attempts by id, with the accounts of their channels."""

    def __init__(
        self, attempts: Iterable[Attempt] = (), accounts: Mapping[str, Account] = {}
    ) -> None:
        super().__init__(attempts, key=lambda attempt: attempt.attempt_id)
        self.accounts = accounts
