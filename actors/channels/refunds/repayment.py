"""A repayment: one refund that a channel is asked for, under the last of the refund's numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from actors.channels.talk.account import Account
from bus.books import Book
from schema import ids
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
    numbers: int = 1
    """How many it was given. Those before the last are spent: the channel has proved each dead."""
    number_is_spent: bool = False
    """Whether the last one is spent too: then it is asked about, and nothing is sent under it."""
    repaid_ordinal: int | None = None
    """Which of its numbers the payer has the money by."""
    channel_refund_no: str | None = None
    channel_code: str | None = None
    channel_message: str | None = None
    queries: int = 0
    query_at: datetime | None = None
    order_opened_at: datetime
    """When the order was made there that was paid: some channels find it by that."""
    opened_at: datetime
    """When it was given its last number; some channels find it by that."""
    refunded_at: datetime | None = None
    updated_at: datetime


class Repayments(Book[str, Repayment]):
    """Repayments by refund id, with the accounts of their channels."""

    def __init__(
        self, repayments: Iterable[Repayment] = (), accounts: Mapping[str, Account] = {}
    ) -> None:
        super().__init__(repayments, key=lambda repayment: repayment.refund_id)
        self.accounts = accounts


def is_over(repayment: Repayment) -> bool:
    """Whether nothing is left to ask. A refund that was made under an earlier number has succeeded,
    and is asked about all the same until it is known what became of the last one."""
    return repayment.state in ENDED and repayment.query_at is None


def is_only_asked_about(repayment: Repayment) -> bool:
    """Whether nothing may be sent any more: its number is spent, or money left under another."""
    has_left = repayment.state in (RepaymentState.SUCCEEDED, RepaymentState.ABNORMAL)
    return repayment.number_is_spent or (has_left and repayment.numbers > 1)


def refund_id_of(number: str) -> str:
    """The refund that the channel speaks of, by whichever of its numbers."""
    return ids.refund_of(number)[0]


def wish_of(repayment: Repayment) -> Refund:
    """The refund as every channel understands it."""
    terms = repayment.terms
    return Refund(
        number=ids.refund_number(terms.refund_id, repayment.numbers),
        order_number=terms.attempt_id,
        channel_payment_id=terms.channel_trade_no,
        refund_fen=terms.refund_fen,
        paid_fen=terms.paid_fen,
        currency=terms.currency,
        reason=terms.reason or "",
        opened_at=repayment.opened_at,
        order_opened_at=repayment.order_opened_at,
    )
