"""What merchants are told, and when it is tried again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from bus.books import Book
from bus.decider import Decision
from bus.effects import Effect, Later, Publish
from schema.messages.contract import Message, contract_of
from schema.messages.notification import DeliverNotification, NotificationExhausted
from schema.messages.ordering import PaymentFailed, PaymentSucceeded
from schema.payments import PaymentView
from schema.profiles import MerchantProfile

LADDER_S = (5, 30, 120, 600, 1_800, 3_600, 10_800, 21_600, 43_200)
"""Waits between tries: ten tries in about 23 hours, as long as WeChat and Alipay keep trying."""

TRIES_MAX = len(LADDER_S) + 1


class NotificationState(StrEnum):
    """Where a notification stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    EXHAUSTED = "exhausted"


class Notification(Struct, frozen=True, kw_only=True):
    """One webhook; field names are the columns of `notification.notification`."""

    notification_id: str
    merchant_no: str
    subject: str
    type: str
    url: str
    body: str
    state: NotificationState = NotificationState.WAITING
    attempts: int = 0
    due_at: datetime | None = None
    created_at: datetime
    delivered_at: datetime | None = None


class Try(Struct, frozen=True, kw_only=True):
    """One try to deliver; field names are the columns of `notification.attempt`."""

    notification_id: str
    number: int
    started_at: datetime
    cost_ms: int
    status: int | None
    response_head: str | None
    error: str | None

    @property
    def is_delivered(self) -> bool:
        """Any 2xx, as Standard Webhooks has it. A redirect is a failure."""
        return self.status is not None and 200 <= self.status < 300


class WebhookBody(Struct, frozen=True, kw_only=True):
    """What a merchant receives (https://www.standardwebhooks.com, payload structure)."""

    type: str
    timestamp: datetime
    data: PaymentView


class Outbox(Book[str, Notification]):
    """The notifications that a batch speaks of, with the merchants' profiles."""

    def __init__(
        self,
        notifications: Iterable[Notification] = (),
        merchants: Mapping[str, MerchantProfile] = {},
    ) -> None:
        super().__init__(notifications, key=lambda row: row.notification_id)
        self.merchants = merchants


def decide(outbox: Outbox, message: Message, now: datetime) -> Decision:
    """Writes a notification for the end of a payment and has it delivered."""
    assert isinstance(message, (PaymentSucceeded, PaymentFailed))
    payment, type = message.payment, contract_of(message).name
    merchant = outbox.merchants.get(payment.merchant_no)
    url = message.notify_url or (merchant.notify_url if merchant is not None else None)
    if url is None:
        return Decision()
    body = msgspec.json.encode(WebhookBody(type=type, timestamp=now, data=payment)).decode()
    notification = Notification(
        notification_id=notification_id(payment.id, type),
        merchant_no=payment.merchant_no,
        subject=payment.id,
        type=type,
        url=url,
        body=body,
        due_at=now,
        created_at=now,
    )
    return Decision(changes=(notification,), effects=(deliver(notification),))


def notification_id(subject: str, type: str) -> str:
    """One notification per thing and event type: a repeated fact is the same notification.

    No dots, since Standard Webhooks signs `id.timestamp.body`.
    """
    return f"evt_{subject.removeprefix('pay_')}_{type.replace('.', '_')}"


def lane_of(merchant_no: str) -> str:
    """Each merchant has a lane of its own."""
    return f"m{merchant_no}"


def deliver(notification: Notification) -> Effect:
    """The wish to make the next try now."""
    return Publish(
        _wish(notification),
        subject=notification.subject,
        lane=lane_of(notification.merchant_no),
    )


def after(notification: Notification, tried: Try) -> tuple[Notification, tuple[Effect, ...]]:
    """What one try makes of a notification: delivered, tried again later, or given up."""
    number, ended_at = tried.number, tried.started_at + timedelta(milliseconds=tried.cost_ms)
    counted = replace(notification, attempts=number, due_at=None)
    if tried.is_delivered:
        delivered = replace(counted, state=NotificationState.DELIVERED, delivered_at=ended_at)
        return delivered, ()
    if number >= TRIES_MAX:
        return replace(counted, state=NotificationState.EXHAUSTED), (_gave_up(counted, tried),)
    due_at = ended_at + timedelta(seconds=LADDER_S[number - 1])
    waiting = replace(counted, due_at=due_at)
    lane = lane_of(notification.merchant_no)
    return waiting, (Later(_wish(waiting), due_at, subject=waiting.subject, lane=lane),)


def _wish(notification: Notification) -> DeliverNotification:
    return DeliverNotification(
        notification_id=notification.notification_id,
        lane=lane_of(notification.merchant_no),
        attempt=notification.attempts + 1,
    )


def _gave_up(notification: Notification, tried: Try) -> Effect:
    return Publish(
        NotificationExhausted(
            notification_id=notification.notification_id,
            merchant_no=notification.merchant_no,
            attempts=notification.attempts,
            last_error=tried.error or f"status {tried.status}",
        ),
        subject=notification.subject,
    )
