"""Payments' successes as ordering publishes them, encoded before anybody measures anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import aio_pika
from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel

from actors.accounting.actor import INLETS
from bench.ledger.lots import Lot, messages
from bus import topology
from bus.jobs import now_utc
from bus.origin import new_event
from schema.events import EVENTS_PER_DELIVERY_MAX, encode_events
from schema.messages.contract import contract_of
from schema.messages.ordering import PaymentSucceeded

WINDOW = 64
"""Deliveries that wait for their confirms together."""


def encoded(lot: Lot, size: int = EVENTS_PER_DELIVERY_MAX) -> list[Message]:
    """The deliveries of a lot, each with up to `size` events."""
    events = [
        new_event(message, subject=message.payment.id) for message in messages(lot, now_utc())
    ]
    bodies = (encode_events(events[at : at + size]) for at in range(0, len(events), size))
    return [
        Message(body, content_type=content_type, delivery_mode=DeliveryMode.PERSISTENT)
        for body, content_type in bodies
    ]


class Feed:
    """The way from ordering to accounting."""

    def __init__(self, channel: AbstractChannel) -> None:
        self._channel = channel

    async def publish(self, deliveries: Sequence[Message]) -> None:
        """Returns when the broker has confirmed them all."""
        key = contract_of(PaymentSucceeded).routing_key
        exchange = await self._channel.get_exchange(topology.FACTS)
        for at in range(0, len(deliveries), WINDOW):
            await asyncio.gather(
                *(exchange.publish(each, key) for each in deliveries[at : at + WINDOW])
            )


@asynccontextmanager
async def a_feed(rabbitmq_url: str) -> AsyncGenerator[Feed]:
    """With accounting's queue made, whether accounting runs or not."""
    async with await aio_pika.connect(rabbitmq_url) as connection:
        channel = await connection.channel(publisher_confirms=True)
        await topology.declare(channel, INLETS)
        yield Feed(channel)
