"""Facts as ordering says them, for merchants who listen; and a burst of them for one merchant.

The burst is said by a process of its own, so that whoever says what is measured is not delayed.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from collections.abc import Iterable

import msgspec
from msgspec import Struct

from bus.broker import Broker
from bus.effects import Delivery, Outgoing, deliveries
from bus.jobs import now_utc
from bus.origin import new_event
from schema.ids import payment_id
from schema.messages.ordering import PaymentSucceeded
from schema.payments import PaymentState, PaymentView

SLICE_S = 0.05
"""A burst is said in slices of so long, which travel in one delivery each."""


class Burst(Struct, frozen=True, kw_only=True):
    """What the process that says a burst is told on its standard input."""

    rabbitmq_url: str
    merchant_no: str
    count: int
    per_s: float


def paid(merchant_no: str) -> PaymentSucceeded:
    """A payment of this merchant has succeeded."""
    now = now_utc()
    order_no = secrets.token_hex(8)
    view = PaymentView(
        id=payment_id(merchant_no, order_no, now), merchant_no=merchant_no,
        merchant_order_no=order_no, state=PaymentState.SUCCEEDED, amount_fen=1_999,
        currency="CNY", pay_type="wechat_native", subject="两斤番茄", metadata={},
        created_at=now, expires_at=now, paid_at=now, fee_fen=12,
    )  # fmt: skip
    return PaymentSucceeded(
        payment=view, channel_no="wechat_bench", channel_trade_no="42", funds_flow="platform",
        amount_fen=1_999, fee_fen=12, fee_rate_ppm=6_000, paid_at=now,
    )  # fmt: skip


def webhook_id(fact: PaymentSucceeded) -> str:
    """What the merchant sees of it."""
    return f"evt_{fact.payment.id.removeprefix('pay_')}_payment_succeeded"


def said(facts: Iterable[PaymentSucceeded]) -> list[Delivery]:
    """The facts on their way to whoever listens."""
    return deliveries(Outgoing.of(f, new_event(f, subject=f.payment.id)) for f in facts)


async def pour(burst: Burst) -> None:
    """Says a burst at its rate, however slowly the broker confirms it."""
    broker = Broker(burst.rabbitmq_url, name="burst")
    await broker.connect()
    begun_s, done = time.monotonic(), 0
    async with asyncio.TaskGroup() as saying:
        while done < burst.count:
            await asyncio.sleep(SLICE_S)
            due = min(int((time.monotonic() - begun_s) * burst.per_s), burst.count)
            facts = [paid(burst.merchant_no) for _ in range(due - done)]
            saying.create_task(broker.publish(said(facts)))
            done = due
    await broker.stop()


if __name__ == "__main__":
    asyncio.run(pour(msgspec.json.decode(sys.stdin.buffer.read(), type=Burst)))
