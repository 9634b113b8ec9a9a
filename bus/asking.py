"""How a terminal asks: a command through the bus, and a wait for its answer.

The command is published like any other, mandatory and confirmed, with a reply address of this
process's own. That no answer comes in time proves nothing: the command may be carried out later.
"""

from __future__ import annotations

import asyncio

from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from aiormq.exceptions import PublishError

from bus.broker import Broker
from bus.effects import Outgoing, deliveries
from bus.errors import TryLater
from bus.jobs import now_utc
from bus.origin import new_event, new_message_id
from bus.replies import Replies
from schema.messages.contract import Message, contract_of

WITHIN_S = 10.0
"""A person waits no longer; a command that is so slow has a queue before it."""


class Asking:
    """Asks, and waits for answers, on a connection that somebody else opens and closes."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._replies = Replies(broker)

    async def start(self) -> None:
        await self._replies.start()

    async def stop(self) -> None:
        await self._replies.stop()

    async def ask(
        self, message: Message, *, subject: str | None = None, within_s: float = WITHIN_S
    ) -> Message:
        """The answer to a command. Raises TryLater, which says what is missing."""
        correlation_id = new_message_id(now_utc())
        event = new_event(
            message, subject=subject, correlationid=correlation_id, replyto=self._replies.queue
        )
        answer = asyncio.ensure_future(self._replies.answer(correlation_id))
        try:
            async with asyncio.timeout(within_s):
                (delivery,) = deliveries([Outgoing.of(message, event)])
                await self._broker.publish_once(delivery)
                return await answer
        except PublishError:
            raise TryLater(f"nobody has opened the queue {contract_of(message).to}") from None
        except TimeoutError:
            name = contract_of(message).name
            raise TryLater(
                f"no answer to {name} in {within_s:g} s; it may still be carried out"
            ) from None
        except CONNECTION_EXCEPTIONS as error:
            raise TryLater(f"RabbitMQ has gone away: {error!r}") from None
        finally:
            answer.cancel()


async def ask(
    url: str, message: Message, *, subject: str | None = None, within_s: float = WITHIN_S
) -> Message:
    """Connects, asks one question and leaves. Raises TryLater, which says what is missing."""
    broker = Broker(url, name="tomato-terminal")
    asking = Asking(broker)
    try:
        try:
            async with asyncio.timeout(within_s):
                await broker.connect()
                await asking.start()
        except TimeoutError:
            raise TryLater(f"RabbitMQ does not answer in {within_s:g} s") from None
        return await asking.ask(message, subject=subject, within_s=within_s)
    finally:
        await asking.stop()
        await broker.stop()
