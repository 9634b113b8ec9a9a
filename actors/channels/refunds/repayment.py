"""A repayment: one refund that a channel is asked for, under the refund's number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from actors.channels.talk.account import Account
from bus.books import Book
from schema.channels import Refund
from schema.refunds import RefundTerms


class RepaymentState(StrEnum):
    """Where a repayment stands; unknown is a state, never a failure."""

    OPENED = "opened"
    PENDING = "pending"
    UNKNOWN = "unknown"
    ABNORMAL = "abnormal"
    """The money left the merchant and did not reach the payer."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"


ENDED = (RepaymentState.SUCCEEDED, RepaymentState.FAILED)


class Repayment(Struct, frozen=True, kw_only=True):
    """Field names are the columns of `channels.repayment`."""

    refund_id: str
    payment_id: str
    channel_no: str
    state: RepaymentState
    terms: RefundTerms
    channel_refund_no: str | None = None
    channel_code: str | None = None
    channel_message: str | None = None
    queries: int = 0
    query_at: datetime | None = None
    order_opened_at: datetime
    """When the order was made there that was paid: some channels find it by that."""
    opened_at: datetime
    refunded_at: datetime | None = None
    updated_at: datetime


class Repayments(Book[str, Repayment]):
    """Repayments by refund id, with the accounts of their channels."""

    def __init__(
        self, repayments: Iterable[Repayment] = (), accounts: Mapping[str, Account] = {}
    ) -> None:
        super().__init__(repayments, key=lambda repayment: repayment.refund_id)
        self.accounts = accounts


def number_of(refund_id: str) -> str:
    """The refund's number at the channel: 24 characters of a-z and 0-9."""
    return refund_id.removeprefix("ref_")


def refund_id_of(number: str) -> str:
    """The refund that the channel speaks of."""
    return f"ref_{number}"


def wish_of(repayment: Repayment) -> Refund:
    """The refund as every channel understands it."""
    terms = repayment.terms
    return Refund(
        number=number_of(terms.refund_id),
        order_number=terms.attempt_id,
        channel_payment_id=terms.channel_trade_no,
        refund_fen=terms.refund_fen,
        paid_fen=terms.paid_fen,
        currency=terms.currency,
        reason=terms.reason or "",
        opened_at=repayment.opened_at,
        order_opened_at=repayment.order_opened_at,
    )
