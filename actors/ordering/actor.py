"""The wiring of ordering."""

from __future__ import annotations

from collections.abc import Sequence

from actors.ordering.payment import Orders
from actors.ordering.rules import HEARS, decide
from actors.ordering.store import load_orders, postpone_ends, save_orders
from bus.broker import Broker
from bus.database import Connection, Pool
from bus.decider import Decider
from bus.directory import Directory
from bus.duty import Duty
from bus.effects import Outgoing, deliveries
from bus.jobs import now_utc
from bus.origin import new_event
from bus.topology import Inlet
from schema.cashier import Links
from schema.messages.contract import Message
from schema.messages.ordering import ExpirePayment

ORDERING = Inlet("ordering", hears=HEARS)
INLETS = (ORDERING,)

ENDS_PER_ROUND = 200


def ordering(directory: Directory, links: Links) -> Decider[Orders]:
    """The decider that owns payments and refunds; `links` lead payers to where they choose."""

    async def load(connection: Connection, messages: Sequence[Message]) -> Orders:
        return await load_orders(connection, messages, directory, links)

    return Decider(inlet=ORDERING, load=load, decide=decide, save=save_orders)


def see_to_ends(pool: Pool, broker: Broker) -> Duty:
    """The duty that notices orders whose life is over. It works from the orders' own rows, so no
    timer has to be kept for each."""

    async def run_once() -> int:
        async with pool.acquire() as connection, connection.transaction():
            due = await postpone_ends(connection, now_utc(), ENDS_PER_ROUND)
            events = [
                Outgoing.of(message, new_event(message, subject=payment_id))
                for payment_id in due
                for message in [ExpirePayment(payment_id=payment_id)]
            ]
            await broker.publish(deliveries(events))
        return len(due)

    return Duty("ordering.see_to_ends", run_once, every_s=1.0, batch=ENDS_PER_ROUND)
