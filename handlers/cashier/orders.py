"""Orders as their pages show them, read from ordering's rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from bus.database import Pool, queries
from bus.rows import from_row
from schema.channels.offers import Offer
from schema.ids import epoch_ms
from schema.payments import CloseReason, PaymentState, Refusal
from schema.products import PayWay

SQL = queries(__file__)

NESTED = {"offer": msgspec.json.Decoder(Offer), "failure": msgspec.json.Decoder(Refusal)}


class Order(Struct, frozen=True, kw_only=True):
    """What of an order its payer may know."""

    payment_id: str
    merchant_no: str
    merchant_order_no: str
    state: PaymentState
    amount_fen: int
    currency: str
    pay_type: PayWay
    subject: str
    offer: Offer | None
    failure: Refusal | None
    payer_id: str | None
    return_url: str | None
    close_reason: CloseReason | None
    expires_at: datetime
    updated_at: datetime

    @property
    def version(self) -> str:
        """Another one whenever the page would look otherwise."""
        return version_of(self.state, self.updated_at)


def version_of(state: str, updated_at: datetime) -> str:
    """A version by what changes with every change."""
    return f"{state}.{epoch_ms(updated_at)}"


async def find_order(pool: Pool, payment_id: str) -> Order | None:
    """The order, if its payer chooses how to pay."""
    row = await pool.fetchrow(SQL.find_order, payment_id)
    return None if row is None else from_row(row, Order, NESTED)


async def find_versions(pool: Pool, payment_ids: Sequence[str]) -> dict[str, str]:
    """At which version each order is."""
    rows = await pool.fetch(SQL.find_versions, payment_ids)
    return {row["payment_id"]: version_of(row["state"], row["updated_at"]) for row in rows}
