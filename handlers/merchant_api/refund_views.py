"""Refunds as merchants see them, read from ordering's rows; never another merchant's."""

from __future__ import annotations

import asyncpg
import msgspec
from msgspec import UNSET, Struct

from bus.database import Pool, queries
from handlers.merchant_api.cursors import cursor_of, place_in
from handlers.merchant_api.views import known
from schema.payments import Refusal
from schema.refunds import RefundState, RefundView
from schema.text import Metadata, RefundId

SQL = queries(__file__)

NEWEST = "ref_" + "z" * 24
"""After every refund: where a list begins that has no cursor."""

_metadata = msgspec.json.Decoder(Metadata)
_refusal = msgspec.json.Decoder(Refusal)


class RefundPage(Struct, frozen=True, kw_only=True):
    """A part of the merchant's refunds, newest first."""

    items: list[RefundView]
    next_cursor: str | None = None
    """Ask with this for what comes after; null at the end."""


class Refunds:
    """Reads refunds. What it shows may be some milliseconds old, never wrong."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, merchant_no: str, refund_id: str) -> RefundView | None:
        """The merchant's refund with our number."""
        row = await self._pool.fetchrow(SQL.find_refund, merchant_no, refund_id)
        return None if row is None else view_of_refund(row)

    async def find_number(self, merchant_no: str, merchant_refund_no: str) -> RefundView | None:
        """The merchant's refund with his own number."""
        row = await self._pool.fetchrow(SQL.find_refund_number, merchant_no, merchant_refund_no)
        return None if row is None else view_of_refund(row)

    async def page(
        self, merchant_no: str, payment_id: str | None, before: str, limit: int
    ) -> RefundPage:
        """Up to `limit` refunds (of one payment) older than the one with the id `before`."""
        rows = await self._pool.fetch(SQL.list_refunds, merchant_no, payment_id, before, limit + 1)
        items = [view_of_refund(row) for row in rows[:limit]]
        return RefundPage(
            items=items, next_cursor=cursor_of(items[-1].id) if len(rows) > limit else None
        )


def view_of_refund(row: asyncpg.Record) -> RefundView:
    """The refund in a row of ordering.refund."""
    return RefundView(
        id=row["refund_id"],
        merchant_no=row["merchant_no"],
        merchant_refund_no=row["merchant_refund_no"] if row["kind"] == "merchant" else UNSET,
        payment_id=row["payment_id"],
        merchant_order_no=row["merchant_order_no"],
        kind=row["kind"],
        state=RefundState(row["state"]),
        amount_fen=row["amount_fen"],
        currency=row["currency"],
        metadata=_metadata.decode(row["metadata"]),
        created_at=row["created_at"],
        reason=known(row["reason"]),
        channel_refund_no=known(row["channel_refund_no"]),
        refunded_at=known(row["refunded_at"]),
        failure=known(row["failure"] and _refusal.decode(row["failure"])),
    )


def read_cursor(cursor: str) -> str | None:
    """The refund id in a cursor of ours; None for anything else."""
    try:
        return msgspec.convert(place_in(cursor), RefundId)
    except ValueError:  # not base64, not UTF-8, or not a refund id
        return None
