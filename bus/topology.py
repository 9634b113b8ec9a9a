"""Exchanges, queues and how a message finds its way. Everything else about AMQP is in `broker.py`.

Facts go to a topic exchange under their name, commands to a direct exchange under the queue that
fulfils them. Queues are durable quorum queues with a delivery limit and a dead-letter queue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel

from schema.messages.contract import Message, contract_of

DEFAULT_EXCHANGE = ""
FACTS = "tomato.facts"
COMMANDS = "tomato.commands"
BROADCAST = "tomato.broadcast"
UPSTREAM = "tomato.upstream"
LANES = "tomato.lanes"
LANES_UNOPENED = "tomato.lanes.unopened"

DELIVERY_LIMIT = 20
"""Redeliveries before the broker gives up on a delivery that keeps killing its reader: the default
of RabbitMQ 4, far above what restarts and cut connections cause, set here for 3.10 too."""


@dataclass(frozen=True, slots=True)
class Inlet:
    """A queue and what it hears. One actor reads it, in as many workers as are started."""

    queue: str
    """The actor's, under which it also remembers and buries messages, whatever the shard."""
    hears: tuple[type[Message], ...]
    shard: int | None = None
    """A shard's queue is bound to no exchange: a dispatcher fills it."""

    @property
    def source(self) -> str:
        """The queue that is read."""
        return self.queue if self.shard is None else shard_queue(self.queue, self.shard)


UPSTREAM_QUEUE = "upstream"
"""What outside systems publish, waiting to be validated at the door."""


def address(message: Message, lane: str | None = None) -> tuple[str, str, bool]:
    """Exchange, routing key and whether the broker must find a queue (commands: always)."""
    contract = contract_of(message)
    assert contract.kind != "answer", f"{contract.name} is an answer: use Reply"
    if lane is not None:
        return LANES, lane_key(contract.owner, lane), True
    if contract.kind == "command":
        return COMMANDS, contract.routing_key, True
    return (BROADCAST if contract.broadcast else FACTS), contract.routing_key, False


def dead_queue(queue: str) -> str:
    """Where the messages of `queue` lie that a person has to look at."""
    return f"{queue}.dead"


def shard_queue(queue: str, shard: int) -> str:
    """Where the messages of one shard wait."""
    return f"{queue}.{shard}"


def queue_arguments(queue: str) -> dict[str, Any]:
    """Arguments of a work queue; the same in every place that declares it."""
    return {
        "x-queue-type": "quorum",
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": DEFAULT_EXCHANGE,
        "x-dead-letter-routing-key": dead_queue(queue),
    }


QUEUE_KINDS = ("classic", "quorum")

LANE_DELIVERY_LIMIT = 50
"""Of a quorum lane. Messages go back to it when a lane is paused or changes hands, too."""


def lobby_queue(actor: str) -> str:
    """Where messages for lanes that have no queue wait."""
    return f"{actor}.lobby"


def lane_key(actor: str, lane: str) -> str:
    """The routing key of a lane's messages."""
    return f"{actor}.{lane}"


def lane_queue(actor: str, lane: str) -> str:
    """The name of a lane's queue."""
    return f"{actor}{_LANE}{lane}"


_LANE = ".lane."


def lane_arguments(actor: str, kind: str) -> dict[str, Any]:
    """Arguments of a lane's queue. No expiry: RabbitMQ would delete messages with it."""
    arguments: dict[str, Any] = {
        "x-queue-type": kind,
        "x-dead-letter-exchange": DEFAULT_EXCHANGE,
        "x-dead-letter-routing-key": dead_queue(f"{actor}.lanes"),
    }
    return arguments | ({"x-delivery-limit": LANE_DELIVERY_LIMIT} if kind == "quorum" else {})


def way_to(queue: str) -> tuple[str, str]:
    """Exchange and routing key that lead back to a queue; to a lane also when it has closed."""
    actor, is_lane, lane = queue.partition(_LANE)
    return (LANES, lane_key(actor, lane)) if is_lane else (DEFAULT_EXCHANGE, queue)


DEAD_ARGUMENTS: dict[str, Any] = {"x-queue-type": "classic"}
"""Classic: a quorum queue would count each look at a dead letter against a delivery limit."""


async def declare(channel: AbstractChannel, inlets: tuple[Inlet, ...]) -> None:
    """Makes all that `inlets` need; repeating it changes nothing."""
    await channel.declare_exchange(FACTS, ExchangeType.TOPIC, durable=True)
    await channel.declare_exchange(COMMANDS, ExchangeType.DIRECT, durable=True)
    await channel.declare_exchange(BROADCAST, ExchangeType.FANOUT, durable=True)
    await channel.declare_exchange(UPSTREAM, ExchangeType.FANOUT, durable=True)
    for inlet in inlets:
        await _declare_inlet(channel, inlet)


async def declare_lanes(channel: AbstractChannel, actor: str) -> None:
    """Makes what an actor's lanes need: their exchange, the lobby behind it and one dead queue."""
    queue = f"{actor}.lanes"
    await channel.declare_exchange(LANES_UNOPENED, ExchangeType.TOPIC, durable=True)
    await channel.declare_exchange(
        LANES,
        ExchangeType.DIRECT,
        durable=True,
        arguments={"alternate-exchange": LANES_UNOPENED},
    )
    await channel.declare_queue(dead_queue(queue), durable=True, arguments=DEAD_ARGUMENTS)
    waiting = await channel.declare_queue(
        lobby_queue(actor), durable=True, arguments=queue_arguments(queue)
    )
    await waiting.bind(LANES_UNOPENED, routing_key=f"{actor}.#")


async def _declare_inlet(channel: AbstractChannel, inlet: Inlet) -> None:
    dead = dead_queue(inlet.queue)
    await channel.declare_queue(dead, durable=True, arguments=DEAD_ARGUMENTS)
    queue = await channel.declare_queue(
        inlet.source, durable=True, arguments=queue_arguments(inlet.queue)
    )
    if inlet.shard is not None:
        return
    if inlet.queue == UPSTREAM_QUEUE:
        await queue.bind(UPSTREAM)
    for message in inlet.hears:
        contract = contract_of(message)
        exchange = COMMANDS if contract.kind == "command" else FACTS
        await queue.bind(exchange, routing_key=contract.routing_key)
