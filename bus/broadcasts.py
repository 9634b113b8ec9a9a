"""Broadcast facts reach every process: each has a queue of its own that goes when it goes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import CONNECTION_EXCEPTIONS

from bus import topology
from bus.broker import Broker
from bus.logs import log
from bus.tasks import Tasks
from schema.events import UndecodableDelivery, decode_events
from schema.messages.contract import Message, UnreadableMessage, read

Listener = Callable[[Any], Awaitable[None]]


class Broadcasts:
    """Hands broadcast facts to listeners. A process that is away misses them, by design."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._listeners: dict[type[Message], list[Listener]] = {}
        self._channel: Any = None
        self._returning = Tasks("broadcasts")
        broker.on_reconnect(lambda: self._returning.spawn(self._join()))

    def listen(self, message: type[Message], listener: Listener) -> None:
        """Has `listener` called for each broadcast of this type."""
        self._listeners.setdefault(message, []).append(listener)

    async def start(self) -> None:
        await self._join()

    async def stop(self) -> None:
        await self._returning.cancel()
        await self._leave()

    async def _join(self) -> None:
        """A queue of a new name for each connection.

        The broker may still hold the old one for a connection whose end it has not noticed; asking
        for it again would then fail aio-pika's whole reconnect until the heartbeat ends (minutes).
        """
        await self._leave()
        self._channel = await self._broker.channel(prefetch=100)
        queue = await self._channel.declare_queue(
            "", exclusive=True, auto_delete=True, robust=False
        )
        await queue.bind(topology.BROADCAST)
        await queue.consume(self._hear, no_ack=True)

    async def _leave(self) -> None:
        if self._channel is not None:
            with suppress(*CONNECTION_EXCEPTIONS, RuntimeError):
                await self._channel.close()

    async def _hear(self, delivery: AbstractIncomingMessage) -> None:
        try:
            messages = [read(e) for e in decode_events(delivery.body, delivery.content_type)]
        except (UndecodableDelivery, UnreadableMessage) as error:
            log.warning("broadcast_unreadable", error=str(error))
            return
        for message in messages:
            for listener in self._listeners.get(type(message), ()):
                await listener(message)
