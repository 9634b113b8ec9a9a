"""Effects: what a decision wants done, as values, and the events that they become.

An effect's id derives from its cause's id, the actor and its place, so that a decision made twice
says the same thing with the same identity. Correlation, reply address and trace are copied on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Raw, Struct

from bus import topology
from schema.events import BATCH, EVENTS_PER_DELIVERY_MAX, SINGLE, Event
from schema.ids import derived_id
from schema.messages.contract import Message, contract_of, write

DELIVERY_BYTES_MAX = 512 * 1024
"""Half a megabyte: RabbitMQ splits bodies into 128 kB frames, and a reader decodes it in 2 ms."""


@dataclass(frozen=True, slots=True)
class Publish:
    """Say this to whoever listens (a fact) or to the one queue that fulfils it (a command)."""

    message: Message
    subject: str | None = None
    lane: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer the one who asked; nothing happens if nobody did."""

    message: Message
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Later:
    """Say this at `due_at` or soon after, at least once, even if every process dies meanwhile."""

    message: Message
    due_at: datetime
    subject: str | None = None
    lane: str | None = None


@dataclass(frozen=True, slots=True)
class Bury:
    """Put this command into the dead-letter queue of those who fulfil it, with the reason.

    Not an error: everything was tried, and a person may have it tried once more (`dead replay`).
    """

    message: Message
    reason: str
    subject: str | None = None
    lane: str | None = None


Effect = Publish | Reply | Later | Bury


class Outgoing(Struct, frozen=True, array_like=True):
    """An encoded event with its address; the inbox keeps these so that they can be said again."""

    exchange: str
    key: str
    mandatory: bool
    event: Raw
    headers: dict[str, str] | None = None

    @classmethod
    def of(cls, message: Message, event: Event, lane: str | None = None) -> Outgoing:
        """An event on its way to where its message belongs."""
        return cls(*topology.address(message, lane), Raw(_encoder.encode(event)))


class Timer(Struct, frozen=True):
    """An outgoing event that waits for its time."""

    id: UUID
    due_at: datetime
    outgoing: Outgoing


class Delivery(Struct, frozen=True):
    """One AMQP message to publish: the events of one address."""

    exchange: str
    key: str
    mandatory: bool
    body: bytes
    content_type: str
    events: int = 1
    headers: dict[str, Any] | None = None


_encoder = msgspec.json.Encoder()
_outgoing_list = msgspec.json.Decoder(list[Outgoing])


def spoken(
    effects: Iterable[Effect], cause: Event, actor: str, now: datetime
) -> tuple[list[Outgoing], list[Timer]]:
    """What the effects of one cause become: events to publish now, and timers."""
    outgoing: list[Outgoing] = []
    timers: list[Timer] = []
    for index, effect in enumerate(effects):
        event_id = derived_id(cause.id, actor, index)
        if isinstance(effect, Reply) and cause.replyto is None:
            continue
        sent = _outgoing(effect, event_id, cause, now)
        if isinstance(effect, Later):
            timers.append(Timer(id=UUID(event_id), due_at=effect.due_at, outgoing=sent))
        else:
            outgoing.append(sent)
    return outgoing, timers


def _outgoing(effect: Effect, event_id: str, cause: Event, now: datetime) -> Outgoing:
    event = write(
        effect.message,
        id=event_id,
        time=now,
        subject=effect.subject or cause.subject,
        causationid=cause.id,
        correlationid=cause.correlationid,
        replyto=None if isinstance(effect, Reply) else cause.replyto,
        traceparent=child_trace(cause.traceparent, event_id),
    )
    headers = _headers(effect, event, now) if isinstance(effect, Bury) else None
    return Outgoing(*_address(effect, cause), Raw(_encoder.encode(event)), headers)


def _address(effect: Effect, cause: Event) -> tuple[str, str, bool]:
    match effect:
        case Reply():
            assert cause.replyto is not None
            return topology.DEFAULT_EXCHANGE, cause.replyto, False
        case Bury():
            queue = topology.dead_queue(contract_of(effect.message).routing_key)
            return topology.DEFAULT_EXCHANGE, queue, True
        case Publish() | Later():
            return topology.address(effect.message, effect.lane)


def _headers(effect: Bury, event: Event, now: datetime) -> dict[str, str]:
    """What `bus/dead.py` reads of a letter: why it lies there and where a replay takes it."""
    contract = contract_of(effect.message)
    in_lane = effect.lane is not None
    came_from = topology.lane_queue(contract.owner, effect.lane or "")
    return {
        "x-reason": effect.reason,
        "x-died-at": now.isoformat(timespec="seconds"),
        "x-event-id": event.id,
        "x-event-type": event.type,
        "x-came-from": came_from if in_lane else contract.routing_key,
    }


def child_trace(traceparent: str | None, event_id: str) -> str | None:
    """The same W3C trace with a span of its own, named by the event (no randomness needed)."""
    if traceparent is None:
        return None
    version, trace, _, flags = traceparent.split("-")
    return f"{version}-{trace}-{event_id.replace('-', '')[16:]}-{flags}"


def encode_outgoing(outgoing: Sequence[Outgoing]) -> bytes:
    """The effects of one message as the inbox stores them."""
    return _encoder.encode(outgoing)


def decode_outgoing(stored: bytes) -> list[Outgoing]:
    """The effects of one message as they were stored."""
    return _outgoing_list.decode(stored)


def deliveries(outgoing: Iterable[Outgoing]) -> list[Delivery]:
    """One delivery per address, split where it would grow too large; events keep their order.

    In a lane each event travels alone: what a lane has in hand is then exactly its concurrency, and
    the rest waits in its queue, where a pause leaves it.
    """
    packs: dict[tuple[str, str, bool], list[list[bytes]]] = {}
    sizes: dict[tuple[str, str, bool], int] = {}
    letters: list[Delivery] = []
    for item in outgoing:
        if item.headers:  # a dead letter, which is looked at and replayed alone
            letters.append(_delivery(_place(item), [bytes(item.event)], item.headers))
            continue
        address = _place(item)
        body = bytes(item.event)
        chunks = packs.setdefault(address, [[]])
        length = len(body) + 1  # with the comma or bracket after it
        size = sizes.get(address, 1) + length
        events_max = 1 if item.exchange == topology.LANES else EVENTS_PER_DELIVERY_MAX
        if chunks[-1] and (size > DELIVERY_BYTES_MAX or len(chunks[-1]) >= events_max):
            chunks.append([])
            size = 1 + length
        chunks[-1].append(body)
        sizes[address] = size
    packed = [_delivery(address, chunk) for address, chunks in packs.items() for chunk in chunks]
    return packed + letters


def _place(item: Outgoing) -> tuple[str, str, bool]:
    return item.exchange, item.key, item.mandatory


def _delivery(
    address: tuple[str, str, bool], bodies: list[bytes], headers: dict[str, str] | None = None
) -> Delivery:
    single = len(bodies) == 1
    body = bodies[0] if single else b"[" + b",".join(bodies) + b"]"
    return Delivery(*address, body, SINGLE if single else BATCH, len(bodies), headers)
