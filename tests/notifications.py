"""Builders of notifications, endpoints and tries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from actors.notification.endpoint import Endpoint
from actors.notification.notification import Answer, Notification, Try
from actors.notification.rules import event_id
from schema.webhooks import EndpointTerms
from tests.examples import MERCHANT_NO, NOW, PAYMENT_ID

HOOK = "https://shop.test/hooks"
ENDPOINT_ID = "we_0123456789abcdef"
NOTIFICATION_ID = event_id(PAYMENT_ID, "payment.succeeded")
TOOK_MS = 2_000
ENDED_AT = NOW + timedelta(milliseconds=TOOK_MS)


def a_notification(**differences: Any) -> Notification:
    """What a merchant is about to be told of the payment of `tests/examples.py`."""
    id = differences.get("notification_id", NOTIFICATION_ID)
    usual: dict[str, Any] = {
        "notification_id": id,
        "event_id": id,
        "merchant_no": MERCHANT_NO,
        "subject": PAYMENT_ID,
        "type": "payment.succeeded",
        "url": HOOK,
        "body": "{}",
        "due_at": NOW,
        "created_at": NOW,
    }
    return Notification(**usual | differences)


def an_endpoint(**differences: Any) -> Endpoint:
    """An endpoint that hears everything; fields of its terms may be named as well."""
    terms = {
        name: differences.pop(name)
        for name in EndpointTerms.__struct_fields__
        if name in differences
    }
    usual: dict[str, Any] = {
        "endpoint_id": ENDPOINT_ID,
        "merchant_no": MERCHANT_NO,
        "terms": EndpointTerms(**{"url": HOOK, **terms}),
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Endpoint(**usual | differences)


def a_try(number: int = 1, status: int | None = 500, **differences: Any) -> Try:
    """A try that took two seconds."""
    usual: dict[str, Any] = {
        "notification_id": NOTIFICATION_ID,
        "number": number,
        "started_at": NOW,
        "cost_ms": TOOK_MS,
        "status": status,
        "response_head": None,
        "error": None,
    }
    return Try(**usual | differences)


def an_answer(number: int = 1, status: int | None = 500, **differences: Any) -> Answer:
    """What came of it; 2xx is an acknowledgement unless told otherwise."""
    own = {name: differences.pop(name) for name in ("retry_after",) if name in differences}
    is_2xx = status is not None and 200 <= status < 300
    taken = differences.pop("is_acknowledged", is_2xx)
    tried = a_try(number, status, **differences)
    return Answer(tried=tried, is_acknowledged=taken, **own)
