"""RabbitMQ through FastStream: one connection per process, confirmed publishes, clean stops.

FastStream owns the connection and the subscribers. Publishing takes aio-pika's channel under it:
there `mandatory` returns raise, confirms are pipelined, and a delivery costs half as much
(docs/decisions.md).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

import aiormq
from aio_pika import RobustChannel, RobustConnection
from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from aiormq.abc import AbstractConnection, DeliveredMessage
from aiormq.exceptions import PublishError
from faststream import AckPolicy
from faststream.rabbit import Channel, QueueType, RabbitBroker, RabbitQueue
from faststream.rabbit.subscriber import RabbitSubscriber
from pamqp.commands import Basic

from bus import metrics, topology
from bus.effects import Delivery
from bus.errors import is_broker_trouble
from bus.logs import log
from bus.topology import Inlet

PREFETCH_DEFAULT = 64
"""Deliveries in hand per queue: at least two full batches of small deliveries, so that the next
batch gathers while the last one commits."""

CONFIRM_TIMEOUT_S = 10.0
"""A publish that a forced close has swallowed is noticed only by this; saying it again is harmless,
since it has the same id."""
GRACEFUL_STOP_S = 30.0
CANCEL_TIMEOUT_S = 3.0
"""A broker that is away has taken all deliveries back: there is nothing to wait for."""

ACKS_SETTLE_S = 0.1
"""RabbitMQ holds back what a channel acknowledges beyond 32 at a time until its quorum queue has
applied those, and forgets it when the channel closes meanwhile (`rabbit_fifo_client`)."""

BACK_OFF_MAX_S = 5.0


@dataclass(frozen=True, slots=True)
class Arrived:
    """A delivery as it came in, before anything is believed about it."""

    body: bytes
    content_type: str | None
    message_id: str | None
    correlation_id: str | None
    reply_to: str | None
    redelivered: bool
    queue: str
    """Where it was read: a dead letter goes back there."""

    @classmethod
    def of(cls, message: AbstractIncomingMessage, queue: str) -> Arrived:
        """A message of aio-pika that was read from `queue`."""
        return cls(
            body=message.body,
            content_type=message.content_type,
            message_id=message.message_id,
            correlation_id=message.correlation_id,
            reply_to=message.reply_to,
            redelivered=bool(message.redelivered),
            queue=queue,
        )

    @classmethod
    def of_delivered(cls, message: DeliveredMessage, queue: str) -> Arrived:
        """A message of aiormq that was read from `queue`."""
        properties = message.header.properties
        return cls(
            body=message.body,
            content_type=properties.content_type,
            message_id=properties.message_id,
            correlation_id=properties.correlation_id,
            reply_to=properties.reply_to,
            redelivered=bool(message.redelivered),
            queue=queue,
        )


Reader = Callable[[Arrived], Awaitable[None]]


class _AsItIs:
    """A FastStream codec that decodes nothing: its own decoder would coerce types."""

    def __init__(self, queue: str) -> None:
        self._queue = queue

    async def decode(self, msg: Any) -> Arrived:
        return Arrived.of(msg.raw_message, self._queue)

    async def encode(self, msg: Any, serializer: Any = None) -> tuple[bytes, str | None]:
        return msg, None


class Broker:
    """One process's connection to RabbitMQ."""

    def __init__(self, url: str, *, name: str) -> None:
        self._url = url
        self._name = name
        self._faststream = RabbitBroker(
            url,
            app_id=name,
            client_properties=None,
            default_channel=Channel(prefetch_count=1, on_return_raises=True),
            graceful_timeout=GRACEFUL_STOP_S,
            logger=logging.getLogger("tomato.faststream"),
            log_level=logging.DEBUG,
            apply_types=False,
            on_reconnected=[self._declare_again],
            reconnect_interval=1.0,
        )
        self._inlets: list[Inlet] = []
        self._subscribers: list[RabbitSubscriber] = []
        self._connection: RobustConnection | None = None
        self._outlet: RobustChannel | None = None
        self._when_back: list[Callable[[], None]] = []
        self._while_pausing: list[Callable[[], Awaitable[None]]] = []

    def on_reconnect(self, listener: Callable[[], None]) -> None:
        """Has `listener` called after a lost connection is back."""
        self._when_back.append(listener)

    def on_pause(self, listener: Callable[[], Awaitable[None]]) -> None:
        """Has `listener` awaited when consuming ends, before work in hand is waited for."""
        self._while_pausing.append(listener)

    async def connect(self) -> None:
        """Connects, waiting for a broker that is not there yet."""
        wait_s = 0.2
        while True:
            try:
                self._connection = await self._faststream.connect()
                break
            except (*CONNECTION_EXCEPTIONS, OSError) as error:
                log.warning("broker_away", error=repr(error))
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, BACK_OFF_MAX_S)
        self._outlet = await self.channel()

    async def channel(self, *, prefetch: int | None = None) -> RobustChannel:
        """A channel of one's own, on which an unroutable mandatory publish raises."""
        assert self._connection is not None, "connect first"
        channel = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
        if prefetch is not None:
            await channel.set_qos(prefetch_count=prefetch)
        return cast(RobustChannel, channel)

    async def plain_connection(self, purpose: str) -> AbstractConnection:
        """A further connection, which does not come back by itself when it is lost."""
        properties: dict[str, Any] = {"connection_name": f"{self._name} {purpose}"}
        return await aiormq.connect(self._url, client_properties=properties)

    def subscribe(self, inlet: Inlet, reader: Reader, *, prefetch: int = PREFETCH_DEFAULT) -> None:
        """Has `reader` called per delivery: its return acknowledges, an exception dead-letters."""
        queue = RabbitQueue(
            inlet.source,
            durable=True,
            queue_type=QueueType.QUORUM,
            arguments=cast(Any, topology.queue_arguments(inlet.queue)),
        )
        subscriber = self._faststream.subscriber(
            queue,
            channel=Channel(prefetch_count=prefetch, on_return_raises=True),
            ack_policy=AckPolicy.REJECT_ON_ERROR,
            codec=cast(Any, _AsItIs(inlet.source)),
            no_reply=True,
        )
        subscriber(reader)
        self.expect(inlet)
        self._subscribers.append(subscriber)

    def expect(self, inlet: Inlet) -> None:
        """Has this inlet's queue made wherever those of the subscribers are."""
        self._inlets.append(inlet)

    async def start(self) -> None:
        """Declares what the subscribers need and begins to consume."""
        await self.declare()
        for subscriber in self._subscribers:
            # FastStream drops (and never settles) what arrives before it calls itself running.
            subscriber.running = True
        await self._faststream.start()

    async def pause(self) -> None:
        """Stops new deliveries and waits for those in hand: after this, nothing is unacknowledged.

        FastStream's own stop waits first and cancels the consumer afterwards, which leaves what
        arrives in between unacknowledged, to be delivered again.
        """
        await end_consuming(
            (subscriber._queue_obj, subscriber._consumer_tag)
            for subscriber in self._subscribers
            if subscriber._queue_obj is not None and subscriber._consumer_tag is not None
        )
        for subscriber in self._subscribers:
            subscriber._consumer_tag = None
        await asyncio.gather(
            *(listener() for listener in self._while_pausing),
            *(subscriber.stop() for subscriber in self._subscribers),
        )
        await asyncio.sleep(ACKS_SETTLE_S)

    async def stop(self) -> None:
        """Closes the connection; what is in hand had its time when consuming paused."""
        self._faststream.config.broker_config.graceful_timeout = None
        await self._faststream.stop()

    async def ping(self) -> bool:
        """Whether the broker answers within a second."""
        return await self._faststream.ping(timeout=1.0)

    async def declare(self, inlets: Sequence[Inlet] = ()) -> None:
        """Makes exchanges, queues and bindings, on a channel that is closed again."""
        channel = await self.channel()
        try:
            await topology.declare(channel, (*self._inlets, *inlets))
        finally:
            await channel.close()

    async def publish(self, deliveries: Sequence[Delivery]) -> None:
        """Returns when the broker has confirmed every delivery, however often it must be asked.

        A broker that is away, and a command that finds no queue, are no message's fault: the
        topology is made again and the publish repeated. Only cancelling ends the wait, and then
        the cause is still unacknowledged and its effects are in the inbox.
        """
        waiting, wait_s = list(deliveries), 0.1
        while waiting:
            results = await asyncio.gather(
                *(self._publish_once(delivery) for delivery in waiting), return_exceptions=True
            )
            waiting = [d for d, result in zip(waiting, results, strict=True) if _failed(result)]
            if waiting:
                log.warning("publish_repeated", deliveries=len(waiting), keys=waiting[0].key)
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, BACK_OFF_MAX_S)
                await self._make_routable(results)

    async def publish_once(self, delivery: Delivery) -> None:
        """Publishes or raises; PublishError means that no queue was found."""
        await self._publish_once(delivery)

    async def _publish_once(self, delivery: Delivery) -> None:
        assert self._outlet is not None, "connect first"
        channel: Any = await self._outlet.get_underlay_channel()
        await channel.basic_publish(
            delivery.body,
            exchange=delivery.exchange,
            routing_key=delivery.key,
            mandatory=delivery.mandatory,
            properties=Basic.Properties(
                content_type=delivery.content_type, delivery_mode=2, headers=delivery.headers
            ),
            timeout=CONFIRM_TIMEOUT_S,
            wait=False,  # for the socket's buffer; the confirm is awaited all the same
        )
        metrics.DELIVERIES_OUT.inc()
        metrics.EVENTS_OUT.inc(delivery.events)

    async def _make_routable(self, results: Sequence[BaseException | None]) -> None:
        if any(isinstance(result, PublishError) for result in results):
            with suppress(*CONNECTION_EXCEPTIONS, RuntimeError):
                await self.declare()

    async def _declare_again(self, *_: Any) -> None:
        log.info("broker_back")
        for listener in self._when_back:
            listener()
        with suppress(*CONNECTION_EXCEPTIONS, RuntimeError):
            await self.declare()


async def end_consuming(consumers: Iterable[tuple[Any, str]]) -> None:
    """Cancels consumers, each a queue and a tag, so that no more is delivered to them.

    What a quorum queue had on its way just then, the broker takes back by itself: such a message
    is marked as redelivered although nobody has seen it (RabbitMQ, `rabbit_fifo_client`).
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(CANCEL_TIMEOUT_S):
            cancels = [queue.cancel(tag) for queue, tag in consumers]
            await asyncio.gather(*cancels, return_exceptions=True)


def _failed(result: BaseException | None) -> bool:
    if result is None:
        return False
    if not is_broker_trouble(result):
        raise result
    return True
