"""Ordering's SQL: whole batches in, whole batches out."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from actors.ordering.payment import Decisions, Orders, Payment
from bus.database import Connection, queries
from bus.directory import Directory
from bus.rows import from_row, to_rows
from schema.channels.offers import Offer
from schema.messages.contract import Message
from schema.messages.doors import PlacePayment
from schema.payments import Refusal

SQL = queries(__file__)

NESTED = {
    "offer": msgspec.json.Decoder(Offer),
    "metadata": msgspec.json.Decoder(dict[str, str]),
    "failure": msgspec.json.Decoder(Refusal),
    "decisions": msgspec.json.Decoder(Decisions),
}


async def load_orders(
    connection: Connection, messages: Sequence[Message], directory: Directory
) -> Orders:
    """The payments that a batch speaks of, and the profiles of merchants that place orders."""
    placing = [message for message in messages if isinstance(message, PlacePayment)]
    rows = []
    if placing:
        numbers = [message.request.merchant_order_no for message in placing]
        merchants = [message.merchant_no for message in placing]
        rows = await connection.fetch(SQL.find_by_number, merchants, numbers)
    ids = {message.payment_id for message in messages if not isinstance(message, PlacePayment)}  # type: ignore[attr-defined]
    if ids:
        rows += await connection.fetch(SQL.lock_payments, sorted(ids))
    profiles = await directory.merchants.find({message.merchant_no for message in placing})
    return Orders([from_row(row, Payment, NESTED) for row in rows], profiles)


async def save_orders(connection: Connection, orders: Orders) -> None:
    """Writes what a batch has placed and changed."""
    if orders.added:
        await connection.execute(SQL.add_payments, to_rows(orders.added))
    if orders.changed:
        await connection.execute(SQL.change_payments, to_rows(orders.changed))
