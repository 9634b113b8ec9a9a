"""Notification's SQL: whole batches in, whole batches out.

Rows are locked in one order everywhere: notifications by id, then endpoints by id.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from asyncpg import Record

from actors.notification.endpoint import Endpoint
from actors.notification.events import TELLS, told
from actors.notification.notification import Notification, Try, lane_of
from actors.notification.rules import IN_LANE_MAX, Outbox
from bus.database import Connection, Pool, queries
from bus.directory import Directory
from bus.rows import from_row, to_rows
from schema.messages.contract import Message
from schema.messages.doors import ResendNotifications, SendNotification
from schema.webhooks import EndpointTerms, SealedSecret

SQL = queries(__file__)

_NESTED = {
    "terms": msgspec.json.Decoder(EndpointTerms),
    "secrets": msgspec.json.Decoder(tuple[SealedSecret, ...]),
}

Thing = tuple[str, str]
"""An endpoint and a subject: what is told there of one thing."""

Place = tuple[str, str | None]
"""A merchant and one of his endpoints; without one, the address of his profile or orders."""


async def load_outbox(
    connection: Connection, messages: Sequence[Message], directory: Directory
) -> Outbox:
    """The addresses of the merchants that are to be told something."""
    numbers = sorted({told(message).merchant_no for message in messages if type(message) in TELLS})
    rows = await connection.fetch(SQL.endpoints_of, numbers, [])
    endpoints = [_endpoint(row) for row in rows]
    room = await lane_room(connection, numbers, endpoints)
    return Outbox(endpoints, await directory.merchants.find(numbers), room)


async def load_wishes(
    connection: Connection, messages: Sequence[Message], directory: Directory
) -> Outbox:
    """All that merchants' wishes speak of, locked."""
    numbers = sorted({getattr(message, "merchant_no", "") for message in messages})
    ids = {getattr(message, "endpoint_id", None) or "" for message in messages}
    named = [each for m in messages for each in _notifications_named(m)]
    notifications = await lock_notifications(connection, named)
    rows = await connection.fetch(SQL.lock_endpoints, numbers, sorted(ids))
    endpoints = [_endpoint(row) for row in rows]
    room = await lane_room(connection, numbers, endpoints)
    merchants = await directory.merchants.find(numbers)
    return Outbox([*notifications.values(), *endpoints], merchants, room)


async def lane_room(
    connection: Connection, numbers: Iterable[str], endpoints: Iterable[Endpoint]
) -> dict[str, int]:
    """How many more messages the lanes of these merchants may have."""
    lanes = {lane_of(number) for number in numbers}
    lanes |= {lane_of(each.merchant_no, each.endpoint_id) for each in endpoints if each.is_enabled}
    rows = await connection.fetch(SQL.lane_room, sorted(lanes), IN_LANE_MAX)
    return {row["lane"]: row["room"] for row in rows}


def _notifications_named(message: Message) -> Iterable[str]:
    if isinstance(message, ResendNotifications):
        return message.notification_ids
    if isinstance(message, SendNotification):
        return (message.event_id, f"{message.event_id}_{message.endpoint_id}")
    return ()


async def save_outbox(connection: Connection, outbox: Outbox) -> None:
    """Writes new notifications and endpoints, and those that have changed."""
    added, changed = outbox.added, outbox.changed
    if notifications := _notifications(added):
        await connection.execute(SQL.add_notifications, to_rows(notifications))
    await change_notifications(connection, _notifications(changed))
    if endpoints := _endpoints(added):
        await connection.execute(SQL.add_endpoints, to_rows(endpoints))
    await change_endpoints(connection, _endpoints(changed))


async def find_notifications(connection: Connection, ids: Iterable[str]) -> dict[str, Notification]:
    """Notifications by id."""
    rows = await connection.fetch(SQL.find_notifications, sorted(set(ids)))
    return {row["notification_id"]: _notification(row) for row in rows}


async def lock_notifications(connection: Connection, ids: Iterable[str]) -> dict[str, Notification]:
    """Notifications by id, locked in the order of their ids."""
    wanted = sorted(set(ids))
    rows = await connection.fetch(SQL.lock_notifications, wanted) if wanted else []
    return {row["notification_id"]: _notification(row) for row in rows}


async def lock_siblings(
    connection: Connection, things: Iterable[Thing]
) -> dict[Thing, list[Notification]]:
    """What is still to be told of these things, locked."""
    wanted = sorted(set(things))
    siblings: dict[Thing, list[Notification]] = {thing: [] for thing in wanted}
    if wanted:
        endpoint_ids, subjects = zip(*wanted, strict=True)
        for row in await connection.fetch(SQL.lock_siblings, endpoint_ids, subjects):
            siblings[row["endpoint_id"], row["subject"]].append(_notification(row))
    return siblings


async def find_endpoints(connection: Connection, ids: Iterable[str]) -> dict[str, Endpoint]:
    """Endpoints by id."""
    wanted = sorted(set(ids))
    rows = await connection.fetch(SQL.find_endpoints, wanted) if wanted else []
    return {row["endpoint_id"]: _endpoint(row) for row in rows}


async def lock_endpoints(connection: Connection, ids: Iterable[str]) -> dict[str, Endpoint]:
    """Endpoints by id, locked in the order of their ids."""
    wanted = sorted(set(ids))
    rows = await connection.fetch(SQL.lock_endpoints, [], wanted) if wanted else []
    return {row["endpoint_id"]: _endpoint(row) for row in rows}


async def change_notifications(
    connection: Connection, notifications: Sequence[Notification]
) -> None:
    """Writes what became of notifications."""
    if notifications:
        await connection.execute(
            SQL.change_notifications,
            [row.notification_id for row in notifications],
            [row.state.value for row in notifications],
            [row.attempts for row in notifications],
            [row.ladder_from for row in notifications],
            [row.due_at for row in notifications],
            [row.claimed_until for row in notifications],
            [row.delivered_at for row in notifications],
            [row.is_kept_back for row in notifications],
        )


async def change_endpoints(connection: Connection, endpoints: Sequence[Endpoint]) -> None:
    """Writes what became of endpoints."""
    if endpoints:
        await connection.execute(SQL.change_endpoints, to_rows(endpoints))


async def add_tries(connection: Connection, tries: Sequence[Try]) -> None:
    """Writes tries."""
    if tries:
        await connection.execute(SQL.add_attempts, to_rows(tries))


async def claim(
    pool: Pool, row: Notification, until: datetime, now: datetime, *, ours: datetime | None
) -> bool:
    """Makes the next try ours, or ours for longer; False if it is somebody else's, or done.

    `ours` is the end of our own claim, where we have one.
    """
    values = row.notification_id, row.attempts + 1, until, now, ours
    return bool(await pool.fetchval(SQL.claim_notification, *values))


async def claimed_until(pool: Pool, row: Notification) -> datetime | None:
    """Until when somebody makes the next try; None once it is recorded."""
    return await pool.fetchval(SQL.claimed_until, row.notification_id, row.attempts + 1)


async def overdue_lanes(connection: Connection, before: datetime, limit: int) -> list[Place]:
    """The addresses for which something was due before a moment and is tried by nobody."""
    rows = await connection.fetch(SQL.overdue_lanes, before, limit)
    return [(row["merchant_no"], row["endpoint_id"]) for row in rows]


async def take_overdue(
    connection: Connection, place: Place, before: datetime, limit: int
) -> list[Notification]:
    """What was due there before a moment and is tried by nobody."""
    rows = await connection.fetch(SQL.take_overdue, before, *place, limit)
    return [_notification(row) for row in rows]


async def lanes_kept_back(pool: Pool, limit: int) -> list[str]:
    """The lanes of which something is kept back."""
    return [row["lane"] for row in await pool.fetch(SQL.lanes_kept_back, limit)]


async def take_kept_back(
    connection: Connection, lane: str, most: int, limit: int
) -> list[Notification]:
    """The oldest of what is kept back of a lane that may have `most`; nothing where somebody else
    is telling it."""
    if not await connection.fetchval(SQL.lock_lane, lane):
        return []
    rows = await connection.fetch(SQL.take_kept_back, lane, most, limit)
    return [_notification(row) for row in rows]


async def take_held(connection: Connection, before: datetime, limit: int) -> list[Notification]:
    """What waits in order, for nothing any more."""
    return [_notification(row) for row in await connection.fetch(SQL.take_held, before, limit)]


def _endpoint(row: Record) -> Endpoint:
    return from_row(row, Endpoint, _NESTED)


def _notification(row: Record) -> Notification:
    return from_row(row, Notification, {})


def _notifications(rows: Iterable[object]) -> list[Notification]:
    return [row for row in rows if isinstance(row, Notification)]


def _endpoints(rows: Iterable[object]) -> list[Endpoint]:
    return [row for row in rows if isinstance(row, Endpoint)]
