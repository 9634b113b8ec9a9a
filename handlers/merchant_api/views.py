"""Payments as merchants see them, read from ordering's rows; never another merchant's."""

from __future__ import annotations

from typing import TypeVar

import asyncpg
import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from bus.database import Pool, queries
from bus.jobs import now_utc
from handlers.merchant_api.cursors import cursor_of, place_in
from schema.cashier import Links
from schema.channels.offers import Offer
from schema.payments import PaymentState, PaymentView, Refusal
from schema.text import Metadata, PaymentId

SQL = queries(__file__)

NEWEST = "pay_" + "z" * 24
"""After every payment: where a list begins that has no cursor."""

OPEN = (
    PaymentState.PLACED,
    PaymentState.SCREENING,
    PaymentState.ROUTING,
    PaymentState.PENDING,
    PaymentState.UNKNOWN,
)
"""Where somebody may still pay, and nobody has asked for the end."""

T = TypeVar("T")

_metadata = msgspec.json.Decoder(Metadata)
_offer = msgspec.json.Decoder(Offer)
_refusal = msgspec.json.Decoder(Refusal)


class PaymentPage(Struct, frozen=True, kw_only=True):
    """A part of the merchant's payments, newest first."""

    items: list[PaymentView]
    next_cursor: str | None = None
    """Ask with this for what comes after; null at the end."""


class Payments:
    """Reads payments. What it shows may be some milliseconds old, never wrong."""

    def __init__(self, pool: Pool, links: Links) -> None:
        self._pool, self._links = pool, links

    async def find(self, merchant_no: str, payment_id: str) -> PaymentView | None:
        """The merchant's payment with our number."""
        row = await self._pool.fetchrow(SQL.find_payment, merchant_no, payment_id)
        return None if row is None else self._view(row)

    async def find_order(self, merchant_no: str, merchant_order_no: str) -> PaymentView | None:
        """The merchant's payment with his own order number."""
        row = await self._pool.fetchrow(SQL.find_order, merchant_no, merchant_order_no)
        return None if row is None else self._view(row)

    async def page(self, merchant_no: str, before: str, limit: int) -> PaymentPage:
        """Up to `limit` payments older than the one with the id `before`."""
        rows = await self._pool.fetch(SQL.list_payments, merchant_no, before, limit + 1)
        items = [self._view(row) for row in rows[:limit]]
        return PaymentPage(
            items=items, next_cursor=cursor_of(items[-1].id) if len(rows) > limit else None
        )

    def _view(self, row: asyncpg.Record) -> PaymentView:
        view = view_of(row)
        if row["rounds"] is None or view.state not in OPEN or view.expires_at <= now_utc():
            return view
        return replace(view, cashier_url=self._links.order_url(view.id))


def view_of(row: asyncpg.Record) -> PaymentView:
    """The payment in a row of ordering.payment, but for the page on which its payer chooses."""
    return PaymentView(
        id=row["payment_id"],
        merchant_no=row["merchant_no"],
        merchant_order_no=row["merchant_order_no"],
        state=PaymentState(row["state"]),
        amount_fen=row["amount_fen"],
        currency=row["currency"],
        pay_type=row["pay_type"],
        subject=row["subject"],
        metadata=_metadata.decode(row["metadata"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        pay=known(row["offer"] and _offer.decode(row["offer"])),
        channel_no=known(row["channel_no"]),
        channel_trade_no=known(row["channel_trade_no"]),
        paid_at=known(row["paid_at"]),
        fee_fen=known(row["fee_fen"]),
        refunded_fen=row["refunded_fen"] or UNSET,
        is_late=row["is_late"] or UNSET,
        closed_at=known(row["closed_at"]),
        close_reason=known(row["close_reason"]),
        failure=known(row["failure"] and _refusal.decode(row["failure"])),
    )


def read_cursor(cursor: str) -> str | None:
    """The payment id in a cursor of ours; None for anything else."""
    try:
        return msgspec.convert(place_in(cursor), PaymentId)
    except ValueError:  # not base64, not UTF-8, or not a payment id
        return None


def known(value: T | None) -> T | UnsetType:
    """A value, or nothing at all where there is none: documents have no nulls."""
    return UNSET if value is None else value
