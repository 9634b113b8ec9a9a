"""The wiring of risk."""

from __future__ import annotations

from collections.abc import Sequence

from actors.risk.rules import Watch, decide
from actors.risk.store import load_watch
from bus.database import Connection
from bus.decider import Decider
from bus.directory import Directory
from bus.topology import Inlet
from schema.messages.contract import Message
from schema.messages.ordering import PaymentPlaced

RISK = Inlet("risk", hears=(PaymentPlaced,))
INLETS = (RISK,)


def risk(directory: Directory) -> Decider[Watch]:
    """The decider that clears or refuses payments; it keeps no state of its own."""

    async def load(connection: Connection, messages: Sequence[Message]) -> Watch:
        return await load_watch(connection, messages, directory)

    return Decider(inlet=RISK, load=load, decide=decide)
