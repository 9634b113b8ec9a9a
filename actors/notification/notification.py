"""A notification: one event for one address of a merchant, and the tries to deliver it.

Pure: no I/O, no clock.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from bus.effects import Effect, Later, Publish
from schema.messages.notification import DeliverNotification, TryNotification


class NotificationState(StrEnum):
    """Where a notification stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    EXHAUSTED = "exhausted"
    SKIPPED = "skipped"
    """Its endpoint is disabled or gone; kept, so that it can be replayed."""
    SUPERSEDED = "superseded"
    """Something newer about the same thing is told instead, as the endpoint wishes."""


def lane_of(merchant_no: str, endpoint_id: str | None = None) -> str:
    """The lane of one of a merchant's addresses; without an endpoint, that of his profile or
    orders."""
    return f"m{merchant_no}" if endpoint_id is None else f"m{merchant_no}.{endpoint_id}"


def merchant_of(lane: str) -> str:
    """Whose lane it is."""
    return lane.removeprefix("m").partition(".")[0]


class Notification(Struct, frozen=True, kw_only=True):
    """One webhook; field names are the columns of `notification.notification`."""

    notification_id: str
    event_id: str
    """The `webhook-id` that the merchant sees: the same at each of his endpoints."""
    merchant_no: str
    subject: str
    type: str
    endpoint_id: str | None = None
    url: str
    url_from: str = "order"
    """`order`: the order named it; else the profile's or endpoint's of the moment counts."""
    body: str
    state: NotificationState = NotificationState.WAITING
    attempts: int = 0
    ladder_from: int = 0
    """Tries that were made before it was replayed: its ladder begins again after them."""
    due_at: datetime | None = None
    """Of the next try. None while it waits for what has to be told before it."""
    claimed_until: datetime | None = None
    """Whoever makes the next try has until then to record it."""
    created_at: datetime
    delivered_at: datetime | None = None
    is_kept_back: bool = False
    """Its lane has too much already, and is told of it when there is room (`relay.py`)."""
    serial: int = 0

    @property
    def lane(self) -> str:
        """Each address of a merchant has a lane of its own."""
        return lane_of(self.merchant_no, self.endpoint_id)

    @property
    def is_open(self) -> bool:
        """Whether it still waits to be told."""
        return self.state is NotificationState.WAITING


class Try(Struct, frozen=True, kw_only=True):
    """One try to deliver; field names are the columns of `notification.attempt`."""

    notification_id: str
    number: int
    started_at: datetime
    cost_ms: int
    status: int | None
    response_head: str | None
    error: str | None


class Answer(Struct, frozen=True, kw_only=True):
    """What came of one try, besides what is stored of it."""

    tried: Try
    is_acknowledged: bool = False
    retry_after: str | None = None
    """The header as the merchant's server sent it."""


class PutOff(Struct, frozen=True):
    """No try was made: the lane that should make it has to wait; nothing is counted."""


class Overtaken(Struct, frozen=True):
    """No try was made: another owner has made it meanwhile."""


Outcome = Answer | PutOff | Overtaken


def next_wish(notification: Notification) -> DeliverNotification:
    """The wish for the next try."""
    return DeliverNotification(
        notification_id=notification.notification_id,
        lane=notification.lane,
        attempt=notification.attempts + 1,
    )


def deliver(notification: Notification, due_at: datetime | None = None) -> Effect:
    """The wish for the next try, said in its lane now or at `due_at`."""
    wish, subject, lane = next_wish(notification), notification.subject, notification.lane
    if due_at is None:
        return Publish(wish, subject=subject, lane=lane)
    return Later(wish, due_at, subject=subject, lane=lane)


def try_now(notification: Notification) -> Effect:
    """The wish to make the next try beside its lane, because somebody waits for the answer."""
    wish = TryNotification(
        notification_id=notification.notification_id, attempt=notification.attempts + 1
    )
    return Publish(wish, subject=notification.subject)
