"""Money of which nobody can say how it ends: counted after ten minutes, and not before."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

import pytest

from actors.ordering.duties.figures import COUNT, FEN, STATES, Figures
from bus.database import Pool
from bus.jobs import now_utc
from tests.examples import MERCHANT_NO

MINUTE = timedelta(minutes=1)


async def a_payment(pool: Pool, state: str, age: timedelta, **columns: Any) -> None:
    """A payment of ten yuan that came into its state so long ago."""
    then = now_utc() - age
    number = os.urandom(12).hex()
    row = {
        "payment_id": f"pay_{number}",
        "merchant_no": MERCHANT_NO,
        "merchant_order_no": number,
        "state": state,
        "amount_fen": 1_000,
        "currency": "CNY",
        "pay_type": "wechat_native",
        "subject": "tomatoes",
        "metadata": "{}",
        "digest": "",
        "fee_rate_ppm": 0,
        "created_at": then,
        "expires_at": then + timedelta(hours=24),
        "updated_at": then,
        "close_at": then + timedelta(hours=24),
    } | columns
    places = ", ".join(f"${n}" for n in range(1, len(row) + 1))
    await pool.execute(
        f"INSERT INTO ordering.payment ({', '.join(row)}) VALUES ({places})", *row.values()
    )


async def figures(pool: Pool) -> dict[tuple[str, str], tuple[float, float]]:
    await Figures(pool).refresh()
    return {
        labels: (COUNT.labels(*labels)._value.get(), FEN.labels(*labels)._value.get())
        for labels in STATES
    }


@pytest.mark.parametrize(
    ("state", "minutes", "seen"),
    [("unknown", 9, 0), ("unknown", 11, 1), ("closing", 11, 1), ("pending", 60, 0)],
)
async def test_what_is_unclear_for_ten_minutes_is_counted_with_its_money(
    pool: Pool, state: str, minutes: int, seen: int
) -> None:
    before = await figures(pool)
    await a_payment(pool, state, minutes * MINUTE)
    after = await figures(pool)
    label = ("payment", state if state != "pending" else "unknown")
    assert after[label] == (before[label][0] + seen, before[label][1] + seen * 1_000)
    assert all(after[other] == before[other] for other in STATES if other != label)


async def test_a_reminder_does_not_make_a_closing_payment_young_again(pool: Pool) -> None:
    before, now = await figures(pool), now_utc()
    reminded: dict[str, datetime] = {"updated_at": now, "close_at": now + 10 * MINUTE}
    await a_payment(
        pool, "closing", 60 * MINUTE, answered_at=now - 59 * MINUTE, expires_at=now - 55 * MINUTE,
        **reminded,
    )  # fmt: skip
    await a_payment(
        pool, "closing", 60 * MINUTE, answered_at=now - 59 * MINUTE, expires_at=now - 5 * MINUTE,
        **reminded,
    )  # fmt: skip
    label = ("payment", "closing")
    assert (await figures(pool))[label] == (before[label][0] + 1, before[label][1] + 1_000)
