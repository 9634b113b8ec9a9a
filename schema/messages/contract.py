"""What makes a Struct a contract: a stable name, one owner, a kind and a version.

Contracts grow only by optional fields. A change that an old reader would misread is a new name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct

from schema.events import Event, encode_data

Kind = Literal["command", "fact", "answer"]


class Part(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A value inside messages. Unknown fields are ignored, so that a newer writer can be read."""


class Message(Part, frozen=True, kw_only=True):
    """What travels. Frozen: a message is a fact about the past or a wish, neither can be edited."""


M = TypeVar("M", bound=type[Message])


class Contract(Struct, frozen=True, kw_only=True):
    """One registered message: what docs, topology, golden files and compatibility tests read."""

    name: str
    kind: Kind
    owner: str
    to: str | None
    """The queue that a command is for; a fact goes to whoever binds it."""
    broadcast: bool
    outside: bool
    """Whether systems outside may give this command, through the upstream exchange, or get this
    answer to one."""
    version: int
    type: type[Message]
    decoder: Any

    @property
    def routing_key(self) -> str:
        """Facts and commands are routed by their name; commands by the queue they are for."""
        return self.to or self.name


CONTRACTS: dict[str, Contract] = {}
_by_type: dict[type[Message], Contract] = {}


class UnreadableMessage(ValueError):
    """The data of this event does not fit its contract."""


def command(
    name: str, *, owner: str, to: str, outside: bool = False, version: int = 1
) -> Callable[[M], M]:
    """Registers a wish, named in the imperative, that exactly one queue fulfils."""
    return _registered(name, "command", owner, to, version, outside=outside)


def fact(name: str, *, owner: str, broadcast: bool = False, version: int = 1) -> Callable[[M], M]:
    """Registers what has happened, in the past tense. A broadcast fact reaches every process."""
    return _registered(name, "fact", owner, None, version, broadcast=broadcast)


def answer(name: str, *, owner: str, outside: bool = False, version: int = 1) -> Callable[[M], M]:
    """Registers what goes back to the reply address of a command."""
    return _registered(name, "answer", owner, None, version, outside=outside)


def _registered(
    name: str, kind: Kind, owner: str, to: str | None, version: int,
    *, broadcast: bool = False, outside: bool = False,
) -> Callable[[M], M]:  # fmt: skip
    def register(cls: M) -> M:
        assert name not in CONTRACTS, f"two contracts are named {name}"
        contract = Contract(
            name=name, kind=kind, owner=owner, to=to, broadcast=broadcast, outside=outside,
            version=version, type=cls, decoder=msgspec.json.Decoder(cls),
        )  # fmt: skip
        CONTRACTS[name] = _by_type[cls] = contract
        return cls

    return register


def contract_of(message: Message | type[Message]) -> Contract:
    """The contract of a message or of its type."""
    return _by_type[message if isinstance(message, type) else type(message)]


def read(event: Event) -> Message:
    """The typed message of an event, decoded strictly. Raises UnreadableMessage with the place."""
    contract = CONTRACTS.get(event.type)
    if contract is None:
        raise UnreadableMessage(f"type: no contract is named {event.type!r}")
    try:
        return contract.decoder.decode(event.data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableMessage(f"data: {error}") from error


def write(message: Message, **attributes: Any) -> Event:
    """The event that carries a message; `attributes` are those of the envelope (id, time …)."""
    contract = contract_of(message)
    return Event(
        type=contract.name,
        source=f"tomato/{contract.owner}",
        specversion="1.0",
        data=encode_data(message),
        **attributes,
    )
