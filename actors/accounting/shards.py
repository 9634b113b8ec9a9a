"""Which shard works on a message. Pure.

Shards divide the work, never the truth: any of them may book on any account, since rows are locked
and keys are unique. Messages about one owner go to one shard so that shards seldom wait for each
other.
"""

from __future__ import annotations

from zlib import crc32

from schema.messages.accounting import PostBooking
from schema.messages.contract import Message
from schema.messages.ordering import (
    PaymentSucceeded,
    RefundFailed,
    RefundPlaced,
    RefundSucceeded,
)

NAMED_BY = ("owner", "merchant_no", "account_no", "debit_account_no", "adjustment_no", "alarm_no")
"""What the other messages speak of, first found first."""


def shard_of(message: Message) -> int:
    """A number that is the same for all messages about one owner; modulo the shards, the shard."""
    return crc32(_about(message).encode())


def _about(message: Message) -> str:
    match message:
        case PaymentSucceeded():
            return message.payment.merchant_no
        case RefundPlaced(terms=terms) | RefundSucceeded(terms=terms) | RefundFailed(terms=terms):
            return terms.merchant_no
        case PostBooking(wish=wish):
            owner = getattr(wish, "owner", None) or getattr(wish, "merchant_no", None)
            return owner or wish.no
        case _:
            found = (getattr(message, name, "") for name in NAMED_BY)
            return next(filter(None, found), "")
