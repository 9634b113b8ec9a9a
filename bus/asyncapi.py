"""The map of all messages as an AsyncAPI 3.0 document: where each is said and who hears it.

One channel per routing key and one per queue; one `send` per message and its owner, one `receive`
per queue. Payloads are the JSON Schemas beside the document.
https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bus import topology
from bus.topology import Inlet
from schema.contract_schemas import file_name
from schema.events import BATCH, EVENTS_PER_DELIVERY_MAX, SINGLE
from schema.messages.contract import Contract, contract_of

Document = dict[str, Any]

ABOUT = f"""\
Tomato's rooms and doors talk in CloudEvents 1.0, structured as JSON. A delivery holds one event
(`{SINGLE}`) or up to {EVENTS_PER_DELIVERY_MAX} as an array (`{BATCH}`).
Deliveries come at least once; an event that comes again has the same `source` and `id`.
Facts are published under their name for whoever binds it; a command goes to the one queue that
fulfils it. Contracts grow only by optional fields: ignore what you do not know.
"""

UPSTREAM_ID = "upstream"
REPLIES_ID = "replies"
AMQP_BINDING = "0.3.0"

LANES_ENDING = ".lanes"
"""An inlet of this name stands for a queue per lane (`bus/lanes.py`)."""


def asyncapi(contracts: Sequence[Contract], inlets: Sequence[Inlet], version: str) -> Document:
    """The document for these contracts and queues."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Tomato messages",
            "version": version,
            "description": ABOUT,
            "license": {
                "name": "Apache-2.0",
                "url": "https://www.apache.org/licenses/LICENSE-2.0",
            },
        },
        "defaultContentType": SINGLE,
        "servers": {"rabbitmq": _server()},
        "channels": _channels(contracts, inlets),
        "operations": _operations(contracts, inlets),
        "components": {
            "messages": {contract.name: _message(contract) for contract in contracts},
            "securitySchemes": {"password": {"type": "userPassword"}},
        },
    }


def _server() -> Document:
    return {
        "host": "{host}",
        "protocol": "amqp",
        "protocolVersion": "0-9-1",
        "description": "RabbitMQ 3.10 or newer.",
        "variables": {"host": {"default": "127.0.0.1:5672"}},
        "security": [{"$ref": "#/components/securitySchemes/password"}],
    }


def _message(contract: Contract) -> Document:
    summary = (contract.type.__doc__ or contract.name).strip().splitlines()[0]
    return {
        "name": contract.name,
        "title": contract.type.__name__,
        "summary": summary,
        "contentType": SINGLE,
        "tags": [{"name": contract.kind}, {"name": contract.owner}],
        "payload": {"$ref": f"./{file_name(contract)}"},
    }


# Channels: where messages are put, and where they are taken from.


def _channels(contracts: Sequence[Contract], inlets: Sequence[Inlet]) -> Document:
    spoken = [contract for contract in contracts if contract.kind != "answer"]
    answers = [contract for contract in contracts if contract.kind == "answer"]
    channels = {contract.name: _key_channel(contract) for contract in spoken}
    channels |= {_queue_id(inlet): _queue_channel(inlet) for inlet in inlets}
    channels[UPSTREAM_ID] = _upstream_channel(_from_outside(contracts))
    channels[REPLIES_ID] = {
        "address": None,
        "description": "The address that the asker named in `replyto`, for one answer.",
        "messages": _messages(answers),
    }
    return channels


def _key_channel(contract: Contract) -> Document:
    """The exchange and routing key under which a message is said."""
    exchange, kind, address = _route(contract)
    channel: Document = {
        "address": address,
        "messages": _messages([contract]),
        "bindings": _bound({"is": "routingKey", "exchange": _exchange(exchange, kind)}),
    }
    if _has_lanes(contract):
        channel["parameters"] = {"lane": {"description": "Whose lane: a merchant's number."}}
    return channel


def _route(contract: Contract) -> tuple[str, str, str]:
    """Exchange, its type, and routing key."""
    if _has_lanes(contract):
        return topology.LANES, "direct", f"{contract.owner}.{{lane}}"
    if contract.kind == "command":
        return topology.COMMANDS, "direct", contract.routing_key
    if contract.broadcast:
        return topology.BROADCAST, "fanout", contract.routing_key
    return topology.FACTS, "topic", contract.routing_key


def _queue_channel(inlet: Inlet) -> Document:
    """A queue that an actor reads; one per lane where there are lanes."""
    laned = inlet.queue.endswith(LANES_ENDING)
    name = f"{inlet.queue.removesuffix('s')}.{{lane}}" if laned else inlet.queue
    queue = {"name": name, "durable": True, "exclusive": False, "autoDelete": False, "vhost": "/"}
    channel: Document = {
        "address": name,
        "messages": _messages(map(contract_of, inlet.hears)),
        "bindings": _bound({"is": "queue", "queue": queue}),
    }
    if laned:
        channel["parameters"] = {"lane": {"description": "Whose lane: a merchant's number."}}
    return channel


def _upstream_channel(contracts: Iterable[Contract]) -> Document:
    return {
        "address": topology.UPSTREAM,
        "description": "The one place where systems outside may publish; see docs/upstream.md.",
        "messages": _messages(contracts),
        "bindings": _bound(
            {"is": "routingKey", "exchange": _exchange(topology.UPSTREAM, "fanout")}
        ),
    }


# Operations: who says, and who hears.


def _operations(contracts: Sequence[Contract], inlets: Sequence[Inlet]) -> Document:
    spoken = [contract for contract in contracts if contract.kind != "answer"]
    answers = [contract for contract in contracts if contract.kind == "answer"]
    operations = {f"{c.owner}.says.{c.name}": _says(c) for c in spoken}
    operations |= {f"{c.owner}.answers.{c.name}": _says(c) for c in answers}
    operations |= {f"{inlet.queue}.hears": _hears(inlet) for inlet in inlets}
    operations["doors.lets_in"] = {
        "action": "receive",
        "channel": _reference("channels", UPSTREAM_ID),
        "summary": "Wishes of systems outside, validated like HTTP requests.",
        "messages": _picked(UPSTREAM_ID, _from_outside(contracts)),
        "reply": {
            "address": {
                "description": "The AMQP property reply_to, or `replyto` of the event.",
                "location": "$message.payload#/replyto",
            },
            "channel": _reference("channels", REPLIES_ID),
            "messages": _picked(REPLIES_ID, [answer for answer in answers if answer.outside]),
        },
    }
    return operations


def _says(contract: Contract) -> Document:
    channel = REPLIES_ID if contract.kind == "answer" else contract.name
    return {
        "action": "send",
        "channel": _reference("channels", channel),
        "summary": f"{contract.owner} is the only one who says this.",
        "messages": _picked(channel, [contract]),
        "bindings": _bound({"deliveryMode": 2, "mandatory": contract.kind == "command"}),
    }


def _hears(inlet: Inlet) -> Document:
    channel = _queue_id(inlet)
    return {
        "action": "receive",
        "channel": _reference("channels", channel),
        "summary": f"Read by {inlet.queue.partition('.')[0]}, in as many processes as there are.",
        "messages": _picked(channel, map(contract_of, inlet.hears)),
        "bindings": _bound({"ack": True}),
    }


def _from_outside(contracts: Iterable[Contract]) -> list[Contract]:
    """What doors pass on for others: the commands that an outsider may give too."""
    return [c for c in contracts if c.outside and c.kind == "command"]


def _has_lanes(contract: Contract) -> bool:
    return (contract.to or "").endswith(LANES_ENDING)


def _queue_id(inlet: Inlet) -> str:
    return f"queue.{inlet.queue}"


def _messages(contracts: Iterable[Contract]) -> Document:
    return {c.name: _reference("components/messages", c.name) for c in contracts}


def _picked(channel: str, contracts: Iterable[Contract]) -> list[Document]:
    return [_reference(f"channels/{channel}/messages", c.name) for c in contracts]


def _reference(place: str, name: str) -> Document:
    return {"$ref": f"#/{place}/{name}"}


def _bound(binding: Document) -> Document:
    return {"amqp": {**binding, "bindingVersion": AMQP_BINDING}}


def _exchange(name: str, kind: str) -> Document:
    return {"name": name, "type": kind, "durable": True, "autoDelete": False, "vhost": "/"}
