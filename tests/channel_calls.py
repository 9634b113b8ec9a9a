"""What channels are heard doing, as the channels room and ordering say it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from schema.messages.channels import ChannelCalled
from schema.messages.ordering import PaymentSucceeded
from tests.examples import NOW, PAYMENT_ID, a_paid_payment

NOW_S = int(NOW.timestamp())


def a_call(
    outcome: str = "ok", *, called_at: datetime = NOW, cost_ms: int = 80, **differences: Any
) -> ChannelCalled:
    """A payment is asked for through the usual channel."""
    usual: dict[str, Any] = {
        "channel_no": "wechat_a", "pay_type": "wechat_native", "operation": "create",
        "payment_id": PAYMENT_ID, "attempt_id": "att_1",
    }  # fmt: skip
    return ChannelCalled(
        outcome=outcome, called_at=called_at, cost_ms=cost_ms, **usual | differences
    )


def a_paid(channel_no: str = "wechat_a") -> PaymentSucceeded:
    """A payer has paid through a channel."""
    return a_paid_payment(channel_no=channel_no)
