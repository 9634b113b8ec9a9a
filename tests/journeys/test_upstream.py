"""A system next door orders over AMQP, as the user who may do nothing but that."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aio_pika
import msgspec
import pytest
from aio_pika import Message
from aio_pika.abc import AbstractIncomingMessage

from bus.topology import UPSTREAM
from schema.events import SINGLE
from schema.ids import attempt_id
from tests.journeys.channel import Channel
from tests.journeys.platform import Platform
from tests.journeys.shop import Shop
from tests.sites import Site

REPLY_TO = "amq.rabbitmq.reply-to"
"""Answers without a queue of one's own (RabbitMQ documentation, "Direct Reply-to")."""


class Neighbour:
    """A system next door, with its connection and the answers that it got."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self._answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def listen(self) -> None:
        replies = await self._channel.get_queue(REPLY_TO, ensure=False)
        await replies.consume(self._hear, no_ack=True)

    async def order(self, shop: Shop, *, event_id: str, **request: Any) -> dict[str, Any]:
        """Orders ten yuan of tomatoes for a shop; returns the answer's event."""
        exchange = await self._channel.get_exchange(UPSTREAM, ensure=False)
        message = Message(
            msgspec.json.encode(an_event(shop, event_id, request)),
            content_type=SINGLE,
            reply_to=REPLY_TO,
            correlation_id=event_id,
        )
        await exchange.publish(message, routing_key="")
        async with asyncio.timeout(30):
            return await self._answers.get()

    async def _hear(self, message: AbstractIncomingMessage) -> None:
        self._answers.put_nowait(msgspec.json.decode(message.body))


def an_event(shop: Shop, event_id: str, request: dict[str, Any]) -> dict[str, Any]:
    """A CloudEvent as any program may write it."""
    usual = {
        "merchant_order_no": event_id,
        "amount_fen": 1_000,
        "pay_type": "wechat_native",
        "subject": "两斤番茄",
    }
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": "/next-door",
        "type": "payment.place",
        "time": datetime.now(UTC),
        "data": {"merchant_no": shop.merchant_no, "request": usual | request},
    }


@pytest.fixture
async def neighbour(platform: Platform, place: Site) -> AsyncIterator[Neighbour]:
    async with await aio_pika.connect(place.upstream_url) as connection:
        neighbour = Neighbour(await connection.channel())
        await neighbour.listen()
        yield neighbour


def new_id() -> str:
    return os.urandom(8).hex()


async def test_an_order_over_amqp_is_answered_and_paid_like_any_other(
    platform: Platform, channel: Channel, shop: Shop, neighbour: Neighbour
) -> None:
    event_id = new_id()
    answer = await neighbour.order(shop, event_id=event_id)
    assert (answer["type"], answer["correlationid"]) == ("payment.answered", event_id)
    payment = answer["data"]["payment"]
    assert payment == await shop.find(payment["id"])
    assert payment["state"] == "pending"
    await channel.pay(attempt_id(payment["id"], 1))
    (told,) = await shop.told()
    assert told["data"]["state"] == "succeeded"


async def test_an_order_that_is_sent_twice_is_one_order(
    channel: Channel, shop: Shop, neighbour: Neighbour
) -> None:
    number = {"merchant_order_no": new_id()}
    first = await neighbour.order(shop, event_id=new_id(), **number)
    second = await neighbour.order(shop, event_id=new_id(), **number)
    assert second["data"] == first["data"]


async def test_a_conflict_is_told_over_amqp_too(shop: Shop, neighbour: Neighbour) -> None:
    number = {"merchant_order_no": new_id()}
    await neighbour.order(shop, event_id=new_id(), **number)
    conflict = await neighbour.order(shop, event_id=new_id(), amount_fen=2_000, **number)
    assert conflict["data"]["refusal"]["code"] == "order_no_conflict"
