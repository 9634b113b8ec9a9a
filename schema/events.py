"""The envelope of every message: CloudEvents 1.0 in JSON, alone or as a batch.

An event carries who caused it and who waits for an answer, so that identity, trace and reply
address belong to the event and not to the delivery that happens to transport it.
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw, Struct

SINGLE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"

EVENTS_PER_DELIVERY_MAX = 256
"""A bound on one delivery, so that a reader's memory and one bad delivery's blast are bounded."""

EventId = Annotated[str, Meta(min_length=1, max_length=128)]
Source = Annotated[str, Meta(min_length=1, max_length=256)]
Moment = Annotated[datetime, Meta(tz=True)]


class Event(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message on its way. `data` stays raw JSON until its contract is known."""

    id: EventId
    source: Source
    type: Annotated[str, Meta(min_length=1, max_length=128)]
    specversion: Literal["1.0"]
    time: Moment
    subject: Annotated[str, Meta(max_length=256)] | None = None
    """The key of the thing spoken of, such as a payment id."""
    datacontenttype: Literal["application/json"] = "application/json"
    causationid: Annotated[str, Meta(max_length=128)] | None = None
    correlationid: Annotated[str, Meta(max_length=128)] | None = None
    replyto: Annotated[str, Meta(max_length=255)] | None = None
    traceparent: Annotated[str, Meta(max_length=64)] | None = None
    data: Raw


class UndecodableDelivery(ValueError):
    """These bytes are not a CloudEvents document that we can read."""


_one = msgspec.json.Decoder(Event)
_many = msgspec.json.Decoder(Annotated[list[Event], Meta(max_length=EVENTS_PER_DELIVERY_MAX)])
_unread = msgspec.json.Decoder(Annotated[list[Raw], Meta(max_length=EVENTS_PER_DELIVERY_MAX)])
_encoder = msgspec.json.Encoder()


def encode_events(events: Sequence[Event]) -> tuple[bytes, str]:
    """One delivery's body and content type; a single event travels without the array."""
    if len(events) == 1:
        return _encoder.encode(events[0]), SINGLE
    return _encoder.encode(events), BATCH


def decode_events(body: bytes, content_type: str | None) -> list[Event]:
    """The events of one delivery, in order. Raises UndecodableDelivery, which names the place."""
    if content_type not in (SINGLE, BATCH):
        raise UndecodableDelivery(f"content type {content_type!r} is not {SINGLE} or {BATCH}")
    return [_decoded(_one, body)] if content_type == SINGLE else _decoded(_many, body)


def split_batch(body: bytes) -> list[bytes]:
    """The events of a batch, unread, each as the body of a delivery of its own.

    For a batch that has an unreadable event in it. Raises UndecodableDelivery where it is no batch.
    """
    return [bytes(piece) for piece in _decoded(_unread, body)]


def encode_data(message: Any) -> Raw:
    """A message as the raw `data` of an event."""
    return Raw(_encoder.encode(message))


def _decoded(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    try:
        return decoder.decode(body)
    except RecursionError as error:
        raise UndecodableDelivery("nested too deep") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UndecodableDelivery(str(error)) from error
