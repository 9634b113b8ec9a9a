"""Where chains of messages begin: an event without a cause gets its id, time and trace here."""

from __future__ import annotations

import os
from datetime import datetime

from bus.jobs import now_utc
from schema.events import Event
from schema.ids import epoch_ms, message_id
from schema.messages.contract import Message, write


def new_message_id(now: datetime) -> str:
    """A message id of this moment."""
    return message_id(epoch_ms(now), os.urandom(10))


def new_traceparent() -> str:
    """A sampled W3C trace context with fresh ids (https://www.w3.org/TR/trace-context/)."""
    return f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-01"


def new_event(
    message: Message,
    *,
    subject: str | None = None,
    correlationid: str | None = None,
    replyto: str | None = None,
    traceparent: str | None = None,
) -> Event:
    """The first event of a chain."""
    now = now_utc()
    return write(
        message,
        id=new_message_id(now),
        time=now,
        subject=subject,
        correlationid=correlationid,
        replyto=replyto,
        traceparent=traceparent or new_traceparent(),
    )
