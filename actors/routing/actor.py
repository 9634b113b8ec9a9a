"""The wiring of routing."""

from __future__ import annotations

from collections.abc import Sequence

from actors.routing.rules import Board, decide
from bus.database import Connection
from bus.decider import Decider
from bus.directory import Directory
from bus.topology import Inlet
from schema.messages.contract import Message
from schema.messages.risk import PaymentCleared

ROUTING = Inlet("routing", hears=(PaymentCleared,))
INLETS = (ROUTING,)


def routing(directory: Directory) -> Decider[Board]:
    """The decider that ranks channels; all that it reads comes from cached profiles."""

    async def load(_: Connection, messages: Sequence[Message]) -> Board:
        cleared = [message.terms for message in messages if isinstance(message, PaymentCleared)]
        merchants = await directory.merchants.find({terms.merchant_no for terms in cleared})
        bound = {b.channel_no for merchant in merchants.values() for b in merchant.bindings}
        return Board(merchants, await directory.channels.find(bound))

    return Decider(inlet=ROUTING, load=load, decide=decide)
