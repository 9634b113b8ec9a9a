"""The evidence: what everybody believes of the same payments, as it is stored or was heard.

Rooms' rows are read in one snapshot of the database; the channels' are asked of the simulator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import aiohttp
import asyncpg
import msgspec
from msgspec import Struct

from handlers.simulator.desk.views import RefundView, TradePage, TradeView
from tests.journeys.shop import Shop

PAYMENTS = """
SELECT payment_id, merchant_no, merchant_order_no, state, amount_fen, fee_fen, attempt_id,
    is_late, late_payment, refunding_fen, refunded_fen
FROM ordering.payment WHERE merchant_no = ANY($1)
"""

REFUNDS = """
SELECT refund_id, payment_id, merchant_no, merchant_refund_no, kind, state, amount_fen, attempt_id
FROM ordering.refund WHERE merchant_no = ANY($1)
"""

ATTEMPTS = """
SELECT a.attempt_id, a.payment_id, a.channel_no, a.state, a.channel_code FROM channels.attempt AS a
JOIN ordering.payment AS p USING (payment_id) WHERE p.merchant_no = ANY($1)
"""

BOOKINGS = """
SELECT b.booking_key, b.amount_fen, coalesce(sum(e.amount_fen), 0)::bigint AS sum_fen
FROM accounting.booking AS b LEFT JOIN accounting.entry AS e USING (booking_id)
GROUP BY b.booking_id
"""

BALANCES = """
SELECT role || '.' || kind AS name, owner, sum(standing_fen)::bigint AS fen
FROM accounting.standing GROUP BY role, kind, owner
"""

ALARMS = "SELECT alarm_no FROM accounting.alarm WHERE cleared_at IS NULL"

TOLD = """
SELECT event_id, merchant_no, subject, type, state, body::json -> 'data' ->> 'id' AS about
FROM notification.notification WHERE merchant_no = ANY($1)
"""

PAGE = 10_000

T = TypeVar("T", bound=Struct)


class PaymentRow(Struct, frozen=True, kw_only=True):
    """A payment, as ordering stores it."""

    payment_id: str
    merchant_no: str
    merchant_order_no: str
    state: str
    amount_fen: int
    fee_fen: int | None
    attempt_id: str | None
    is_late: bool
    late_payment: str
    refunding_fen: int
    refunded_fen: int


class RefundRow(Struct, frozen=True, kw_only=True):
    """A refund, as ordering stores it."""

    refund_id: str
    payment_id: str
    merchant_no: str
    merchant_refund_no: str
    kind: str
    state: str
    amount_fen: int
    attempt_id: str


class AttemptRow(Struct, frozen=True, kw_only=True):
    """An attempt, as channels stores it."""

    attempt_id: str
    payment_id: str
    channel_no: str
    state: str
    channel_code: str | None


class BookingRow(Struct, frozen=True, kw_only=True):
    """A booking, and what its entries add up to."""

    booking_key: str
    amount_fen: int
    sum_fen: int


class BalanceRow(Struct, frozen=True, kw_only=True):
    """What an owner's accounts of one kind stand at."""

    name: str
    owner: str
    fen: int


class ToldRow(Struct, frozen=True, kw_only=True):
    """A webhook, as notification stores it."""

    event_id: str
    merchant_no: str
    subject: str
    type: str
    state: str
    about: str


class Evidence(Struct, frozen=True, kw_only=True):
    """Everybody's belief about the same payments."""

    payments: list[PaymentRow]
    refunds: list[RefundRow]
    attempts: list[AttemptRow]
    bookings: list[BookingRow]
    balances: list[BalanceRow]
    alarms: set[str]
    """The open ones, of all merchants."""
    told: list[ToldRow]
    trades: list[TradeView]
    """Of all merchants at the channel; so are the refunds."""
    repaid: list[RefundView]
    heard: list[tuple[str, str, str]]
    """What shops heard, each with a good signature: event id, type, and what it is about."""


async def collect(
    database_url: str, simulator_url: str, session: aiohttp.ClientSession, shops: Sequence[Shop]
) -> Evidence:
    """Everybody's belief now, of these shops' payments."""
    numbers = [shop.merchant_no for shop in shops]
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return Evidence(
                payments=await _rows(connection, PaymentRow, PAYMENTS, numbers),
                refunds=await _rows(connection, RefundRow, REFUNDS, numbers),
                attempts=await _rows(connection, AttemptRow, ATTEMPTS, numbers),
                bookings=await _rows(connection, BookingRow, BOOKINGS),
                balances=await _rows(connection, BalanceRow, BALANCES),
                alarms={row["alarm_no"] for row in await connection.fetch(ALARMS)},
                told=await _rows(connection, ToldRow, TOLD, numbers),
                trades=await trades_at(simulator_url, session),
                repaid=await repaid_at(simulator_url, session),
                heard=[heard for shop in shops for heard in _heard(shop)],
            )
    finally:
        await connection.close()


async def trades_at(simulator_url: str, session: aiohttp.ClientSession) -> list[TradeView]:
    """All orders that the channels know."""
    trades, after = list[TradeView](), 0
    while True:
        url = f"{simulator_url}/simulator/trades?after={after}&limit={PAGE}"
        async with session.get(url) as answer:
            page = msgspec.json.decode(await answer.read(), type=TradePage)
        trades += page.trades
        if page.next is None:
            return trades
        after = page.next


async def repaid_at(simulator_url: str, session: aiohttp.ClientSession) -> list[RefundView]:
    """All refunds that the channels know."""
    async with session.get(f"{simulator_url}/simulator/refunds") as answer:
        return msgspec.json.decode(await answer.read(), type=list[RefundView])


def _heard(shop: Shop) -> list[tuple[str, str, str]]:
    secret = shop.created.webhook_secret
    assert all(hook.is_signed_with(secret) for hook in shop.hooks)
    documents = [(hook.id, hook.document) for hook in shop.hooks]
    return [(id, said["type"], said["data"]["id"]) for id, said in documents]


async def _rows(
    connection: asyncpg.Connection, kind: type[T], statement: str, *arguments: Any
) -> list[T]:
    found = await connection.fetch(statement, *arguments)
    return [msgspec.convert(dict(row), kind) for row in found]
