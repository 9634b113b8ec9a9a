"""What notification says about webhooks to merchants."""

from __future__ import annotations

from schema.messages.contract import Message, command, fact


@command("notification.deliver", owner="notification", to="notification.lanes")
class DeliverNotification(Message, frozen=True, kw_only=True):
    """Send this notification now. Address, body and secret are read at send time."""

    notification_id: str
    lane: str
    attempt: int


@fact("notification.exhausted", owner="notification")
class NotificationExhausted(Message, frozen=True, kw_only=True):
    """The last try failed; the merchant does not know. An operator should."""

    notification_id: str
    merchant_no: str
    attempts: int
    last_error: str
