"""The table of events: which facts merchants are told, and what of them.

A fact that shall be told needs one line here, and its type in `schema/webhooks.py`.

Pure: no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from schema.messages.contract import Message, contract_of
from schema.messages.ordering import (
    PaymentClosed,
    PaymentFailed,
    PaymentLatePaid,
    PaymentSucceeded,
    RefundAbnormal,
    RefundFailed,
    RefundSucceeded,
)

D = TypeVar("D")


class WebhookBody(Struct, Generic[D], frozen=True, kw_only=True):
    """What a merchant receives (https://www.standardwebhooks.com, payload structure)."""

    type: str
    timestamp: datetime
    data: D


class Told(Struct, frozen=True, kw_only=True):
    """What a fact says to its merchant."""

    merchant_no: str
    subject: str
    type: str
    data: Any
    notify_url: str | None = None
    """Where the order wants it told, beside the merchant's endpoints."""

    def body(self, now: datetime) -> str:
        """The bytes that are signed and sent, in every try the same."""
        body = WebhookBody(type=self.type, timestamp=now, data=self.data)
        return msgspec.json.encode(body).decode()


def told(fact: Message) -> Told:
    """What this fact says to its merchant."""
    return TELLS[type(fact)](fact)


def _payment(fact: PaymentSucceeded | PaymentFailed | PaymentClosed) -> Told:
    return Told(
        merchant_no=fact.payment.merchant_no,
        subject=fact.payment.id,
        type=contract_of(fact).name,
        data=fact.payment,
        notify_url=fact.notify_url,
    )


def _refund(fact: RefundSucceeded | RefundFailed | RefundAbnormal) -> Told:
    return Told(
        merchant_no=fact.refund.merchant_no,
        subject=fact.refund.payment_id,
        type=contract_of(fact).name,
        data=fact.refund,
        notify_url=fact.notify_url,
    )


TELLS: dict[type[Message], Callable[[Any], Told]] = {
    PaymentSucceeded: _payment,
    PaymentLatePaid: _payment,
    PaymentFailed: _payment,
    PaymentClosed: _payment,
    RefundSucceeded: _refund,
    RefundFailed: _refund,
    RefundAbnormal: _refund,
}
