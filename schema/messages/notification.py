"""What notification says about webhooks to merchants."""

from __future__ import annotations

from schema.events import Moment
from schema.messages.contract import Message, answer, command, fact
from schema.payments import Refusal
from schema.webhooks import EndpointId, NotificationStateName


@command("notification.deliver", owner="notification", to="notification.lanes")
class DeliverNotification(Message, frozen=True, kw_only=True):
    """Send this notification now. Address, body and secret are read at send time."""

    notification_id: str
    lane: str
    attempt: int


@command("notification.try", owner="notification", to="notification.now")
class TryNotification(Message, frozen=True, kw_only=True):
    """Make this try at once, beside the lane: somebody waits for the answer."""

    notification_id: str
    attempt: int


@fact("notification.exhausted", owner="notification")
class NotificationExhausted(Message, frozen=True, kw_only=True):
    """The last try failed; the merchant does not know. An operator should."""

    notification_id: str
    merchant_no: str
    attempts: int
    last_error: str
    endpoint_id: EndpointId | None = None


@fact("webhook_endpoint.disabled", owner="notification")
class WebhookEndpointDisabled(Message, frozen=True, kw_only=True):
    """Nothing is sent to this endpoint any more; what it would hear is kept for a replay."""

    merchant_no: str
    endpoint_id: EndpointId
    reason: str


@fact("webhook_endpoint.failing", owner="notification")
class WebhookEndpointFailing(Message, frozen=True, kw_only=True):
    """Nothing was acknowledged for so much of the time after which an endpoint is disabled."""

    merchant_no: str
    endpoint_id: EndpointId
    percent: int
    """50, 70, 90, and 100 when it is disabled; each once for as long as it fails."""
    failing_since: Moment


@fact("alarm.unheard", owner="notification")
class AlarmUnheard(Message, frozen=True, kw_only=True):
    """The books are broken where no merchant can be told: for operators alone."""

    alarm_no: str
    check_name: str
    role: str
    owner: str
    account_no: str


@answer("notification.answered", owner="notification", outside=True)
class NotificationAnswered(Message, frozen=True, kw_only=True):
    """What became of a wish to send: accepted or, where that was asked for, tried; or why not."""

    notification_ids: tuple[str, ...] = ()
    state: NotificationStateName | None = None
    """Of the one notification that was tried."""
    attempts: int = 0
    refusal: Refusal | None = None


@answer("webhook_endpoint.answered", owner="notification")
class WebhookEndpointAnswered(Message, frozen=True, kw_only=True):
    """The endpoint is now at this version; or why it is not changed."""

    endpoint_id: EndpointId
    version: int = 0
    refusal: Refusal | None = None
