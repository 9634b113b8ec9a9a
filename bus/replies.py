"""Answers that come back: this process's own queue, and those who wait beside it.

The queue is exclusive and goes with the connection. After a reconnect it is there again under the
same name, so that answers still under way arrive; or under a new one, where the broker has not
noticed yet that the old connection is gone and holds its queues. (So the queue is not "robust" in
aio-pika's sense: a locked queue would fail its whole reconnect, until the broker's heartbeat ends.)
An answer that was sent meanwhile is lost, and whoever waits for it is told `processing`: a repeat
of the request gets it.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress

from aio_pika import RobustChannel
from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from aiormq.exceptions import ChannelLockedResource

from bus.broker import Broker
from bus.logs import log
from bus.tasks import Tasks
from schema.events import Event, UndecodableDelivery, decode_events
from schema.messages.contract import Message, UnreadableMessage, read

PREFIX = "reply."


class Replies:
    """Hands each answer to the one who asked, by correlation id."""

    def __init__(self, broker: Broker) -> None:
        self.queue = _new_name()
        """Where to answer, for commands that are sent now."""
        self._broker = broker
        self._waiting: dict[str, asyncio.Future[Message]] = {}
        self._channel: RobustChannel | None = None
        self._returning = Tasks("replies")
        broker.on_reconnect(lambda: self._returning.spawn(self._listen()))

    async def start(self) -> None:
        await self._listen()

    async def stop(self) -> None:
        await self._returning.cancel()
        await self._leave()

    async def answer(self, correlation_id: str) -> Message:
        """Waits for the answer with this correlation id, for as long as the caller lets it."""
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[correlation_id] = answer
        try:
            return await answer
        finally:
            del self._waiting[correlation_id]

    async def _listen(self) -> None:
        await self._leave()
        try:
            await self._consume()
        except ChannelLockedResource:
            log.warning("reply_queue_locked", queue=self.queue)
            self.queue = _new_name()
            await self._leave()
            await self._consume()

    async def _consume(self) -> None:
        self._channel = await self._broker.channel()
        queue = await self._channel.declare_queue(
            self.queue, exclusive=True, auto_delete=True, robust=False
        )
        await queue.consume(self._hear, no_ack=True)

    async def _leave(self) -> None:
        if self._channel is not None:
            with suppress(*CONNECTION_EXCEPTIONS, RuntimeError):
                await self._channel.close()

    async def _hear(self, delivery: AbstractIncomingMessage) -> None:
        try:
            events = decode_events(delivery.body, delivery.content_type)
        except UndecodableDelivery as error:
            log.warning("answer_undecodable", error=str(error))
            return
        for event in events:
            self._hand_over(event)

    def _hand_over(self, event: Event) -> None:
        answer = self._waiting.get(event.correlationid or "")
        if answer is None or answer.done():
            return
        try:
            answer.set_result(read(event))
        except UnreadableMessage as error:
            log.error("answer_unreadable", event_id=event.id, error=str(error))


def _new_name() -> str:
    """Nobody can guess it, so nobody else can have our answers or send us any."""
    return f"{PREFIX}{secrets.token_hex(16)}"
