"""The test that a merchant sends to himself: a real event, in every other way."""

from __future__ import annotations

import secrets

import msgspec

from schema.messages.doors import SendNotification
from schema.webhooks import TEST_TYPE

GREETING = "This is a test. 这是一条测试通知。"


def test_event(merchant_no: str, endpoint_id: str) -> SendNotification:
    """One event for one endpoint, tried at once, whatever its filters are."""
    number = secrets.token_hex(12)
    return SendNotification(
        merchant_no=merchant_no,
        event_id=f"evt_{number}_{TEST_TYPE.replace('.', '_')}",
        type=TEST_TYPE,
        subject=endpoint_id,
        data=msgspec.json.encode({"endpoint_id": endpoint_id, "message": GREETING}).decode(),
        acceptance="sync",
        endpoint_id=endpoint_id,
    )
