"""Ordering's SQL: whole batches in, whole batches out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import msgspec
from asyncpg import Record
from msgspec import Struct

from actors.ordering.payment import Decisions, Orders, Payment, Round
from actors.ordering.refund import Refund, automatic_number
from bus.database import Connection, queries
from bus.directory import Directory
from bus.rows import from_row, narrowed, to_rows
from schema.cashier import Links
from schema.channels.offers import Offer
from schema.messages.accounting import RefundFunded, RefundUnfunded
from schema.messages.channels import (
    AttemptSucceeded,
    RepaymentAbnormal,
    RepaymentFailed,
    RepaymentPending,
    RepaymentSucceeded,
    RepaymentUnknown,
)
from schema.messages.contract import Message
from schema.messages.doors import ChoosePayType, PlacePayment, PlaceRefund
from schema.messages.ordering import RetryRefund
from schema.messages.risk import PaymentCleared
from schema.payments import Refusal

SQL = queries(__file__)

METADATA = msgspec.json.Decoder(dict[str, str])
FAILURE = msgspec.json.Decoder(Refusal)
NESTED = {
    "offer": msgspec.json.Decoder(Offer),
    "metadata": METADATA,
    "failure": FAILURE,
    "decisions": msgspec.json.Decoder(Decisions),
    "rounds": msgspec.json.Decoder(tuple[Round, ...]),
}
NESTED_IN_REFUND = {"metadata": METADATA, "failure": FAILURE}

OF_REFUNDS = (
    RefundFunded,
    RefundUnfunded,
    RepaymentPending,
    RepaymentUnknown,
    RepaymentAbnormal,
    RepaymentSucceeded,
    RepaymentFailed,
    RetryRefund,
)
"""What speaks of a refund by its id, and of its payment."""

Number = tuple[str, str]
"""A merchant and its own number of an order or a refund."""


class RefundChange(Struct, frozen=True, kw_only=True):
    """The key of a refund and the columns that may change."""

    refund_id: str
    state: str
    tries: int
    channel_refund_no: str | None
    failure: Refusal | None
    refunded_at: datetime | None
    updated_at: datetime


async def load_orders(
    connection: Connection,
    messages: Sequence[Message],
    directory: Directory,
    links: Links | None = None,
) -> Orders:
    """The payments and refunds that a batch speaks of, and the profiles that it needs."""
    placed = await _find(connection, set(_orders(messages, PlacePayment)))
    named = await _find(connection, set(_orders(messages, PlaceRefund)))
    ids = set(_payment_ids(messages)) | {row["payment_id"] for row in named}
    locked = await connection.fetch(SQL.lock_payments, sorted(ids)) if ids else []
    rows = [*locked, *(row for row in placed if row["payment_id"] not in ids)]
    payments = [from_row(row, Payment, NESTED) for row in rows]
    refunds = await _refunds(connection, messages, payments)
    merchants = await directory.merchants.find(set(_merchants(messages, payments, refunds)))
    return Orders(payments, merchants, refunds, links)


async def _find(connection: Connection, numbers: set[Number]) -> list[Record]:
    """Rows under merchants' own order numbers. Nothing is locked: a repeat changes nothing."""
    return await connection.fetch(SQL.find_by_number, *_columns(numbers)) if numbers else []


async def _refunds(
    connection: Connection, messages: Sequence[Message], payments: Iterable[Payment]
) -> list[Refund]:
    """Refunds by id or by number. They need no lock of their own: who changes one has its payment
    locked."""
    ids = sorted({m.refund_id for m in messages if isinstance(m, OF_REFUNDS)})
    numbers = {
        (message.merchant_no, message.request.merchant_refund_no)
        for message in messages
        if isinstance(message, PlaceRefund)
    }
    numbers |= set(_doubled(messages, payments))
    if not ids and not numbers:
        return []
    rows = await connection.fetch(SQL.find_refunds, ids, *_columns(numbers))
    return [from_row(row, Refund, NESTED_IN_REFUND) for row in rows]


def _doubled(messages: Sequence[Message], payments: Iterable[Payment]) -> Iterator[Number]:
    """The numbers of refunds for what was paid once more."""
    paid = {p.payment_id: p for p in payments if p.attempt_id is not None}
    for message in messages:
        if isinstance(message, AttemptSucceeded) and message.payment_id in paid:
            merchant_no = paid[message.payment_id].merchant_no
            yield merchant_no, automatic_number("duplicate", message.attempt_id)


def _orders(
    messages: Sequence[Message], kind: type[PlacePayment | PlaceRefund]
) -> Iterator[Number]:
    for message in messages:
        if isinstance(message, kind) and message.request.merchant_order_no is not None:
            yield message.merchant_no, message.request.merchant_order_no


def _payment_ids(messages: Sequence[Message]) -> Iterator[str]:
    for message in messages:
        match message:
            case PlacePayment():
                pass
            case PaymentCleared(terms=terms):
                yield terms.payment_id
            case PlaceRefund(request=request):
                if request.payment_id is not None:
                    yield request.payment_id
            case _:
                yield message.payment_id  # type: ignore[attr-defined]


def _merchants(
    messages: Sequence[Message], payments: Iterable[Payment], refunds: Iterable[Refund]
) -> Iterator[str]:
    """Merchants whose profile counts: who places orders, whose payers choose, and whose balance is
    short."""
    yield from (message.merchant_no for message in messages if isinstance(message, PlacePayment))
    if any(isinstance(message, ChoosePayType) for message in messages):
        yield from (payment.merchant_no for payment in payments)
    if any(isinstance(message, RefundUnfunded) for message in messages):
        yield from (refund.merchant_no for refund in refunds)


def _columns(numbers: Iterable[Number]) -> tuple[list[str], list[str]]:
    pairs = sorted(numbers)
    return [merchant_no for merchant_no, _ in pairs], [number for _, number in pairs]


async def save_orders(connection: Connection, orders: Orders) -> None:
    """Writes what a batch has placed and changed."""
    if orders.added:
        await connection.execute(SQL.add_payments, to_rows(orders.added))
    if orders.changed:
        await connection.execute(SQL.change_payments, to_rows(orders.changed))
    if orders.refunds.added:
        await connection.execute(SQL.add_refunds, to_rows(orders.refunds.added))
    if orders.refunds.changed:
        changes = narrowed(orders.refunds.changed, RefundChange)
        await connection.execute(SQL.change_refunds, to_rows(changes))


async def postpone_ends(connection: Connection, now: datetime, limit: int) -> list[str]:
    """Payments whose end has to be seen to, by id. Nobody else gets them for a while."""
    rows = await connection.fetch(SQL.postpone_ends, now, limit)
    return [row["payment_id"] for row in rows]
