"""Webhook endpoints and notifications as merchants and operators see them; secrets stay sealed."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from asyncpg import Record
from msgspec import UNSET, Struct, UnsetType

from bus.database import Pool, queries
from schema.events import Moment
from schema.webhooks import (
    Acknowledgement,
    EndpointId,
    EndpointState,
    EndpointTerms,
    NotificationStateName,
    Policy,
    SealedSecret,
    SecretKind,
)

SQL = queries(__file__)

REPLAYED_MAX = 10_000

Cursor = tuple[datetime, str]
"""What a page ended with: a notification's time and number."""

_terms = msgspec.json.Decoder(EndpointTerms)
_secrets = msgspec.json.Decoder(tuple[SealedSecret, ...])
_cursor = msgspec.json.Decoder(tuple[Moment, str])


class SecretView(Struct, frozen=True, kw_only=True):
    """A secret, as far as it may be seen."""

    kind: SecretKind
    public_key: str | UnsetType = UNSET
    created_at: Moment
    expires_at: Moment | UnsetType = UNSET
    """Until when it still signs; absent for the present one."""


class EndpointView(Struct, frozen=True, kw_only=True):
    """A webhook endpoint."""

    id: EndpointId
    merchant_no: str
    state: EndpointState
    disabled_reason: str | UnsetType = UNSET
    url: str
    description: str
    event_types: tuple[str, ...]
    acknowledgement: Acknowledgement
    expected_body: str
    policy: Policy
    ladder_s: tuple[int, ...] | None
    deadline_ms: int
    requests_per_s_max: int | None
    in_order: bool
    latest_only: bool
    header_names: tuple[str, ...]
    secrets: tuple[SecretView, ...]
    version: int
    failing_since: Moment | UnsetType = UNSET
    created_at: Moment
    updated_at: Moment


class EndpointPage(Struct, frozen=True, kw_only=True):
    """The merchant's endpoints, oldest first. There are so few that one page holds them all."""

    items: list[EndpointView]


class TryView(Struct, frozen=True, kw_only=True):
    """One try to deliver a notification."""

    number: int
    started_at: Moment
    cost_ms: int
    status: int | None
    """Of HTTP; null where there was no answer."""
    response_head: str | None
    error: str | None


class NotificationView(Struct, frozen=True, kw_only=True):
    """One event for one address."""

    id: str
    event_id: str
    """The `webhook-id` of each of its requests."""
    type: str
    subject: str
    endpoint_id: str | None
    """Null: it goes to the address of the order or of the merchant's profile."""
    url: str
    state: NotificationStateName
    attempts: int
    next_attempt_at: Moment | UnsetType = UNSET
    created_at: Moment
    delivered_at: Moment | UnsetType = UNSET


class NotificationDetails(NotificationView, frozen=True, kw_only=True):
    """The same with what is sent, and every try."""

    body: str
    tries: list[TryView]


class NotificationPage(Struct, frozen=True, kw_only=True):
    """A part of the merchant's notifications, newest first."""

    items: list[NotificationView]
    next_cursor: str | None = None
    """Ask with this for what comes after; null at the end."""


class Wanted(Struct, frozen=True, kw_only=True):
    """Which notifications are looked for; what is None does not matter."""

    endpoint_id: str | None = None
    state: str | None = None
    type: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Webhooks:
    """Reads endpoints and notifications. What it shows may be some milliseconds old."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def endpoints(self, merchant_no: str) -> EndpointPage:
        """All endpoints of a merchant."""
        rows = await self._pool.fetch(SQL.list_endpoints, merchant_no)
        return EndpointPage(items=[endpoint_view(row) for row in rows])

    async def endpoint(
        self, merchant_no: str, endpoint_id: str
    ) -> tuple[EndpointView, EndpointTerms] | None:
        """One endpoint, and its terms as they are stored."""
        row = await self._pool.fetchrow(SQL.find_endpoint, merchant_no, endpoint_id)
        return None if row is None else (endpoint_view(row), _terms.decode(row["terms"]))

    async def notification(
        self, merchant_no: str, notification_id: str
    ) -> NotificationDetails | None:
        """One notification with its tries."""
        row = await self._pool.fetchrow(SQL.find_notification, merchant_no, notification_id)
        if row is None:
            return None
        tries = await self._pool.fetch(SQL.list_tries, notification_id)
        shown = [msgspec.convert(dict(each), TryView) for each in tries]
        return NotificationDetails(**_fields(row), body=row["body"], tries=shown)

    async def page(
        self, merchant_no: str, wanted: Wanted, after: Cursor | None, limit: int
    ) -> NotificationPage:
        """Up to `limit` notifications, newest first."""
        rows = await self._pool.fetch(
            SQL.list_notifications, merchant_no, *_listed(wanted), *(after or (None, None)),
            limit + 1,
        )  # fmt: skip
        items = [NotificationView(**_fields(row)) for row in rows[:limit]]
        more = len(rows) > limit
        return NotificationPage(items=items, next_cursor=cursor_of(items[-1]) if more else None)

    async def matching(self, merchant_no: str, states: Sequence[str], wanted: Wanted) -> list[str]:
        """The numbers of notifications to replay, oldest first; one more than may be asked for."""
        rows = await self._pool.fetch(
            SQL.notifications_to_replay, merchant_no, wanted.endpoint_id, wanted.since,
            wanted.until, list(states), REPLAYED_MAX + 1,
        )  # fmt: skip
        return [row["notification_id"] for row in rows]


def endpoint_view(row: Record) -> EndpointView:
    """The endpoint in a row of notification.endpoint."""
    terms = _terms.decode(row["terms"])
    shared = set(EndpointTerms.__struct_fields__) & set(EndpointView.__struct_fields__)
    return EndpointView(
        id=row["endpoint_id"],
        merchant_no=row["merchant_no"],
        state=row["state"],
        disabled_reason=row["reason"] or UNSET,
        secrets=tuple(map(_secret_view, _secrets.decode(row["secrets"]))),
        version=row["version"],
        failing_since=row["failing_since"] or UNSET,
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        **{name: getattr(terms, name) for name in shared},
    )


def cursor_of(last: NotificationView) -> str:
    """The cursor for what comes after this one: opaque, so that it may change its inside."""
    text = msgspec.json.encode((last.created_at, last.id))
    return urlsafe_b64encode(text).decode().rstrip("=")


def read_cursor(cursor: str) -> Cursor | None:
    """What a cursor of ours ended with; None for anything else."""
    try:
        return _cursor.decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        return None


def _secret_view(secret: SealedSecret) -> SecretView:
    return SecretView(
        kind=secret.kind,
        public_key=secret.public_key or UNSET,
        created_at=secret.created_at,
        expires_at=secret.expires_at or UNSET,
    )


def _fields(row: Record) -> dict[str, Any]:
    is_due = row["state"] == "waiting" and row["due_at"] is not None
    return {
        "id": row["notification_id"],
        "next_attempt_at": row["due_at"] if is_due else UNSET,
        "delivered_at": row["delivered_at"] or UNSET,
        **{
            name: row[name]
            for name in (
                "event_id", "type", "subject", "endpoint_id", "url", "state", "attempts",
                "created_at",
            )
        },
    }  # fmt: skip


def _listed(wanted: Wanted) -> tuple[object, ...]:
    return (
        wanted.endpoint_id, wanted.state, wanted.type, wanted.subject, wanted.since, wanted.until,
    )  # fmt: skip
