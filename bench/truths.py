"""What each room, and the channel, believes after a run: rows as they are stored, by the room."""

from __future__ import annotations

from typing import TypeVar

import aiohttp
import asyncpg
import msgspec
from msgspec import Struct

from bus.database import queries
from handlers.simulator.desk.views import TradePage, TradeView

SQL = queries(__file__)
TRADES_PER_PAGE = 10_000

T = TypeVar("T", bound=Struct)


class PaymentRow(Struct, frozen=True, kw_only=True):
    """A payment, as ordering stores it."""

    payment_id: str
    merchant_no: str
    merchant_order_no: str
    state: str
    amount_fen: int
    fee_fen: int | None


class BookingRow(Struct, frozen=True, kw_only=True):
    """A booking, with what its entries add up to."""

    booking_key: str
    payment_id: str
    sum_fen: int
    gross_fen: int


class AccountRow(Struct, frozen=True, kw_only=True):
    """An account, with what its entries add up to."""

    kind: str
    owner: str
    balance_fen: int
    posted_fen: int


class AttemptRow(Struct, frozen=True, kw_only=True):
    """An attempt, as channels stores it."""

    attempt_id: str
    payment_id: str
    state: str
    paid_fen: int | None


class NotificationRow(Struct, frozen=True, kw_only=True):
    """A webhook, as notification stores it."""

    notification_id: str
    payment_id: str
    type: str
    state: str


class Truths(Struct, frozen=True, kw_only=True):
    """Everybody's belief about the same payments."""

    payments: list[PaymentRow]
    bookings: list[BookingRow]
    accounts: list[AccountRow]
    attempts: list[AttemptRow]
    notifications: list[NotificationRow]
    trades: list[TradeView]


async def read_truths(
    database_url: str, session: aiohttp.ClientSession, simulator_url: str
) -> Truths:
    """Everybody's belief now; the rooms' in one snapshot of the database."""
    trades = await _trades(session, simulator_url)
    connection = await asyncpg.connect(database_url, command_timeout=60)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return Truths(
                payments=await _rows(connection, SQL.payments, PaymentRow),
                bookings=await _rows(connection, SQL.bookings, BookingRow),
                accounts=await _rows(connection, SQL.accounts, AccountRow),
                attempts=await _rows(connection, SQL.attempts, AttemptRow),
                notifications=await _rows(connection, SQL.notifications, NotificationRow),
                trades=trades,
            )
    finally:
        await connection.close()


async def _rows(connection: asyncpg.Connection, statement: str, kind: type[T]) -> list[T]:
    return [msgspec.convert(dict(row), kind) for row in await connection.fetch(statement)]


async def _trades(session: aiohttp.ClientSession, simulator_url: str) -> list[TradeView]:
    trades: list[TradeView] = []
    after: int | None = 0
    while after is not None:
        where = f"{simulator_url}/simulator/trades?after={after}&limit={TRADES_PER_PAGE}"
        async with session.get(where) as answer:
            page = msgspec.json.decode(await answer.read(), type=TradePage)
        trades, after = [*trades, *page.trades], page.next
    return trades
