"""Rows as the rooms would have stored them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from bus.database import Pool
from schema.ids import attempt_id, payment_id, refund_id
from tests.doors.street import Merchant, Street

NOON = datetime(2026, 2, 14, 12, tzinfo=UTC)


async def insert(pool: Pool, table: str, row: dict[str, Any]) -> None:
    """Puts a row into a table."""
    places = ", ".join(f"${n}" for n in range(1, len(row) + 1))
    await pool.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", *row.values())


async def a_payment(street: Street, merchant: Merchant, number: str, **columns: Any) -> str:
    """A payment that waits for its payer, unless told otherwise; returns its id."""
    created_at = columns.get("created_at", NOON)
    row = {
        "payment_id": payment_id(merchant.merchant_no, number, created_at),
        "merchant_no": merchant.merchant_no,
        "merchant_order_no": number,
        "state": "pending",
        "amount_fen": 1999,
        "currency": "CNY",
        "pay_type": "wechat_native",
        "subject": "两斤番茄",
        "metadata": "{}",
        "digest": "",
        "fee_rate_ppm": 6000,
        "created_at": created_at,
        "expires_at": created_at + timedelta(minutes=5),
        "updated_at": created_at,
    } | columns
    await insert(street.shared.pool, "ordering.payment", row)
    return row["payment_id"]


async def a_paid_payment(street: Street, merchant: Merchant, number: str, **columns: Any) -> str:
    """A payment of 19.99 yuan, paid half a minute after it was ordered."""
    created_at = columns.get("created_at", NOON)
    paid = {
        "state": "succeeded",
        "fee_fen": 12,
        "channel_no": "wechat_1",
        "channel_trade_no": f"42{number}",
        "funds_flow": "platform",
        "paid_at": created_at + timedelta(seconds=30),
    }
    return await a_payment(street, merchant, number, **(paid | columns))


async def a_refund(
    street: Street, merchant: Merchant, payment: str, number: str, **columns: Any
) -> str:
    """A refund of five yuan that the payer has got, unless told otherwise; returns its id."""
    created_at = columns.get("created_at", NOON + timedelta(hours=1))
    row = {
        "refund_id": refund_id(merchant.merchant_no, number, created_at),
        "merchant_no": merchant.merchant_no,
        "merchant_refund_no": number,
        "kind": "merchant",
        "payment_id": payment,
        "merchant_order_no": "o-1",
        "state": "succeeded",
        "amount_fen": 500,
        "currency": "CNY",
        "reason": "太熟了",
        "metadata": "{}",
        "digest": "",
        "attempt_id": attempt_id(payment, 1),
        "channel_no": "wechat_1",
        "channel_trade_no": "42o-1",
        "funds_flow": "platform",
        "pay_type": "wechat_native",
        "paid_fen": 1999,
        "paid_at": NOON + timedelta(seconds=30),
        "tries": 0,
        "channel_refund_no": f"50{number}",
        "created_at": created_at,
        "refunded_at": created_at + timedelta(seconds=7),
        "updated_at": created_at + timedelta(seconds=7),
    } | columns
    await insert(street.shared.pool, "ordering.refund", row)
    return row["refund_id"]
