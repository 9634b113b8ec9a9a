"""The wiring of notification: what is to be told, and the telling itself in merchants' lanes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from actors.notification import store
from actors.notification.rules import Notification, NotificationState, Outbox, Try, after, decide
from actors.notification.sender import Ticket, WebhookSender
from bus.caller import Caller, Recorded
from bus.database import Connection
from bus.decider import Decider
from bus.directory import Directory
from bus.topology import Inlet
from bus.vault import Vault
from schema.messages.contract import Message
from schema.messages.notification import DeliverNotification
from schema.messages.ordering import PaymentFailed, PaymentSucceeded
from schema.profiles import MerchantProfile

NOTIFICATION = Inlet("notification", hears=(PaymentSucceeded, PaymentFailed))
LANES = Inlet("notification.lanes", hears=(DeliverNotification,))
INLETS = (NOTIFICATION, LANES)

IN_FLIGHT_PER_LANE_MAX = 32
"""Posts under way to one merchant: enough for 300 a second at 100 ms, and no burden to a server."""


def notification(directory: Directory) -> Decider[Outbox]:
    """The decider that writes notifications."""

    async def load(connection: Connection, messages: Sequence[Message]) -> Outbox:
        return await store.load_outbox(connection, messages, directory)

    return Decider(inlet=NOTIFICATION, load=load, decide=decide, save=store.save_outbox)


def delivery(directory: Directory, vault: Vault, sender: WebhookSender) -> Caller[Ticket, Try]:
    """The caller that posts them. Address and secret are read when it sends, so that a change
    applies to what is waiting."""

    async def opened(
        connection: Connection, messages: Sequence[Message], _: datetime
    ) -> list[Ticket | None]:
        wishes = [m for m in messages if isinstance(m, DeliverNotification)]
        rows = await store.find_notifications(connection, (w.notification_id for w in wishes))
        merchants = await directory.merchants.find({row.merchant_no for row in rows.values()})
        return [_ticket(wish, rows, merchants, vault) for wish in wishes]

    return Caller(inlet=LANES, open=opened, call=sender.post, record=record, lane=_lane)


async def record(
    connection: Connection, pairs: Sequence[tuple[Ticket, Try]], now: datetime
) -> list[Recorded[Ticket]]:
    """Commits tries and what follows from them; a try that was overtaken changes nothing."""
    tries = [tried for _, tried in pairs]
    rows = await store.lock_notifications(connection, (tried.notification_id for tried in tries))
    recorded: list[Recorded[Ticket]] = []
    changed: dict[str, Notification] = {}
    for tried in tries:
        row = changed.get(tried.notification_id) or rows[tried.notification_id]
        if not _is_next(row, tried.number):
            recorded.append(Recorded())
            continue
        changed[row.notification_id], effects = after(row, tried)
        recorded.append(Recorded(effects))
    await store.save_tries(connection, list(changed.values()), tries)
    return recorded


def _ticket(
    wish: DeliverNotification,
    rows: dict[str, Notification],
    merchants: dict[str, MerchantProfile],
    vault: Vault,
) -> Ticket | None:
    row = rows.get(wish.notification_id)
    if row is None or not _is_next(row, wish.attempt):
        return None
    merchant = merchants.get(row.merchant_no)
    sealed = merchant.webhook_secret if merchant is not None else None
    secret = vault.open(sealed, f"webhook:{row.merchant_no}").decode() if sealed else None
    return Ticket(notification=row, number=wish.attempt, secret=secret)


def _is_next(row: Notification, number: int) -> bool:
    return row.state is NotificationState.WAITING and row.attempts + 1 == number


def _lane(ticket: Ticket) -> tuple[str, int]:
    return ticket.notification.merchant_no, IN_FLIGHT_PER_LANE_MAX
