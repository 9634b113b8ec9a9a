"""The wiring of notification: what is to be told, what is wished for, and the telling itself."""

from __future__ import annotations

from collections.abc import Sequence

from actors.notification import store
from actors.notification.crowds import Crowds
from actors.notification.events import TELLS, told
from actors.notification.health import CONCURRENCY_MAX
from actors.notification.notification import Outcome
from actors.notification.posts import Posts, Ticket, record
from actors.notification.rules import WISHES, Outbox, decide, decide_wish
from bus.caller import Caller
from bus.database import Connection
from bus.decider import Decider
from bus.directory import Directory
from bus.topology import Inlet
from schema.messages.contract import Message
from schema.messages.notification import DeliverNotification, TryNotification

NOTIFICATION = Inlet("notification", hears=tuple(TELLS))
WISHED = Inlet("notification.wishes", hears=tuple(WISHES))
NOW = Inlet("notification.now", hears=(TryNotification,))
LANES = Inlet("notification.lanes", hears=(DeliverNotification,))
INLETS = (NOTIFICATION, WISHED, NOW, LANES)


def notification(directory: Directory) -> Decider[Outbox]:
    """The decider that writes notifications of facts. Those about a merchant of whom more is said
    than his lanes take are told later anyway, so that they may wait for company."""
    crowds = Crowds()

    async def load(connection: Connection, messages: Sequence[Message]) -> Outbox:
        outbox = await store.load_outbox(connection, messages, directory)
        crowds.note(outbox.crowded())
        return outbox

    def can_wait(message: Message) -> bool:
        return crowds.has(told(message).merchant_no)

    return Decider(
        inlet=NOTIFICATION, load=load, decide=decide, save=store.save_outbox, can_wait=can_wait
    )


def wishes(directory: Directory) -> Decider[Outbox]:
    """The decider that fulfils the wishes of merchants, operators and other systems."""

    async def load(connection: Connection, messages: Sequence[Message]) -> Outbox:
        return await store.load_wishes(connection, messages, directory)

    return Decider(inlet=WISHED, load=load, decide=decide_wish, save=store.save_outbox)


def delivery(posts: Posts) -> Caller[Ticket, Outcome]:
    """The caller that posts in lanes."""

    def can_wait(message: Message) -> bool:
        assert isinstance(message, DeliverNotification)
        return posts.pacing.is_crowded(message.lane)

    return Caller(
        inlet=LANES, open=posts.open, call=posts.call, record=record, lane=_lane, can_wait=can_wait
    )


def at_once(posts: Posts) -> Caller[Ticket, Outcome]:
    """The caller that posts beside the lanes, for those who wait for the answer."""
    return Caller(inlet=NOW, open=posts.open, call=posts.call, record=record, lane=_lane)


def _lane(ticket: Ticket) -> tuple[str, int]:
    return ticket.lane, CONCURRENCY_MAX
