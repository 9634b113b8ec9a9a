"""The wiring of ordering."""

from __future__ import annotations

from collections.abc import Sequence

from actors.ordering.payment import Orders
from actors.ordering.rules import decide
from actors.ordering.store import load_orders, save_orders
from bus.database import Connection
from bus.decider import Decider
from bus.directory import Directory
from bus.topology import Inlet
from schema.messages.channels import (
    AttemptFailed,
    AttemptPending,
    AttemptSucceeded,
    AttemptUnknown,
)
from schema.messages.contract import Message
from schema.messages.doors import PlacePayment
from schema.messages.risk import PaymentRefused
from schema.messages.routing import PaymentUnroutable

ORDERING = Inlet(
    "ordering",
    hears=(
        PlacePayment,
        PaymentRefused,
        PaymentUnroutable,
        AttemptPending,
        AttemptSucceeded,
        AttemptFailed,
        AttemptUnknown,
    ),
)
INLETS = (ORDERING,)


def ordering(directory: Directory) -> Decider[Orders]:
    """The decider that owns payments."""

    async def load(connection: Connection, messages: Sequence[Message]) -> Orders:
        return await load_orders(connection, messages, directory)

    return Decider(inlet=ORDERING, load=load, decide=decide, save=save_orders)
