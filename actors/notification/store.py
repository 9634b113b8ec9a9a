"""Notification's SQL: whole batches in, whole batches out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from actors.notification.rules import Notification, Outbox, Try
from bus.database import Connection, queries
from bus.directory import Directory
from bus.rows import from_row, to_rows
from schema.messages.contract import Message
from schema.messages.ordering import PaymentFailed, PaymentSucceeded

SQL = queries(__file__)


async def load_outbox(_: Connection, messages: Sequence[Message], directory: Directory) -> Outbox:
    """The profiles of the merchants that are to be told something."""
    ended = [m for m in messages if isinstance(m, (PaymentSucceeded, PaymentFailed))]
    return Outbox((), await directory.merchants.find({m.payment.merchant_no for m in ended}))


async def save_outbox(connection: Connection, outbox: Outbox) -> None:
    """Writes new notifications."""
    if outbox.added:
        await connection.execute(SQL.add_notifications, to_rows(outbox.added))


async def find_notifications(connection: Connection, ids: Iterable[str]) -> dict[str, Notification]:
    """Notifications by id."""
    rows = await connection.fetch(SQL.find_notifications, sorted(set(ids)))
    return {row["notification_id"]: from_row(row, Notification, {}) for row in rows}


async def lock_notifications(connection: Connection, ids: Iterable[str]) -> dict[str, Notification]:
    """Notifications by id, locked in the order of their ids."""
    rows = await connection.fetch(SQL.lock_notifications, sorted(set(ids)))
    return {row["notification_id"]: from_row(row, Notification, {}) for row in rows}


async def save_tries(
    connection: Connection, notifications: Sequence[Notification], tries: Sequence[Try]
) -> None:
    """Writes tries and what became of their notifications."""
    await connection.execute(SQL.add_attempts, to_rows(tries))
    await connection.execute(
        SQL.change_notifications,
        [row.notification_id for row in notifications],
        [row.state.value for row in notifications],
        [row.attempts for row in notifications],
        [row.due_at for row in notifications],
        [row.delivered_at for row in notifications],
    )
