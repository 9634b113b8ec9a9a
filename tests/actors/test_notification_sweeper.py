"""What the broker has lost is said again; what is late, claimed or waiting in its lane is not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from aio_pika.abc import AbstractQueue
from msgspec.structs import replace

from actors.notification.notification import Notification, NotificationState, next_wish
from actors.notification.sweeper import OVERDUE, Sweeper
from bus import topology
from bus.broker import Broker
from bus.database import Pool
from bus.effects import Outgoing, deliveries
from bus.jobs import now_utc
from bus.origin import new_event
from schema.events import decode_events
from schema.messages.contract import read
from schema.messages.notification import DeliverNotification
from tests.actors.profiles import new_merchant_no
from tests.actors.test_notification import add, new_endpoint, new_notifications, stored


@pytest.fixture
async def lobby(broker: Broker) -> AsyncIterator[AbstractQueue]:
    """Where wishes arrive whose lane has no queue; nobody reads them here."""
    channel = await broker.channel()
    await topology.declare_lanes(channel, "notification")
    queue = await channel.get_queue("notification.lobby")
    await queue.purge()
    yield queue
    await queue.purge()
    await channel.close()


@pytest.fixture
def sweeper(pool: Pool, broker: Broker) -> Sweeper:
    return Sweeper(pool, broker)


def overdue(count: int = 1, **more: Any) -> list[Notification]:
    """Notifications that should have been tried two minutes ago."""
    due_at = now_utc() - 2 * OVERDUE
    rows = new_notifications(count, new_merchant_no(), due_at=due_at, created_at=due_at)
    return [replace(row, **more) for row in rows]


async def wishes(queue: AbstractQueue) -> list[DeliverNotification]:
    found: list[DeliverNotification] = []
    while (delivery := await queue.get(fail=False)) is not None:
        for event in decode_events(delivery.body, delivery.content_type):
            message = read(event)
            assert isinstance(message, DeliverNotification)
            found.append(message)
        await delivery.ack()
    return found


async def test_what_is_overdue_and_lost_is_said_again_once(
    pool: Pool, sweeper: Sweeper, lobby: AbstractQueue
) -> None:
    rows = overdue(3, attempts=2)
    await add(pool, rows)
    assert await sweeper.sweep_once() >= 3
    said = await wishes(lobby)
    mine = {wish.notification_id: wish for wish in said if wish.lane == rows[0].lane}
    assert mine == {row.notification_id: next_wish(row) for row in rows}
    await sweeper.sweep_once()
    assert [w for w in await wishes(lobby) if w.lane == rows[0].lane] == [], "not before a minute"


@pytest.mark.parametrize(
    "differences",
    [
        {"due_at": timedelta(hours=1)},
        {"due_at": timedelta(seconds=-20)},
        {"claimed_until": timedelta(hours=1)},
        {"state": NotificationState.DELIVERED},
        {"state": NotificationState.SKIPPED},
    ],
    ids=["not due", "hardly due", "being tried", "delivered", "skipped"],
)
async def test_what_is_not_lost_is_left_alone(
    pool: Pool, sweeper: Sweeper, lobby: AbstractQueue, differences: dict[str, Any]
) -> None:
    (row,) = overdue(**{name: _from_now(value) for name, value in differences.items()})
    await add(pool, [row])
    await sweeper.sweep_once()
    said = {wish.notification_id for wish in await wishes(lobby)}
    assert row.notification_id not in said
    assert await stored(pool, row) == [row]


def _from_now(value: Any) -> Any:
    return now_utc() + value if isinstance(value, timedelta) else value


async def test_what_waits_in_its_lane_is_late_and_not_lost(
    pool: Pool, broker: Broker, sweeper: Sweeper, lobby: AbstractQueue
) -> None:
    rows = overdue(2)
    await add(pool, rows)
    channel = await broker.channel()
    lane = await channel.declare_queue(
        topology.lane_queue("notification", rows[0].lane), durable=True,
        arguments=topology.lane_arguments("notification", "classic"),
    )  # fmt: skip
    await lane.bind(topology.LANES, topology.lane_key("notification", rows[0].lane))
    wish = next_wish(rows[0])
    await broker.publish(deliveries([Outgoing.of(wish, new_event(wish), rows[0].lane)]))
    await sweeper.sweep_once()
    assert await stored(pool, *rows) == rows
    assert await wishes(lane) == [wish]
    await sweeper.sweep_once()
    assert len(await wishes(lane)) == 2, "now that it is empty, what is overdue is lost"
    await lane.delete()
    await channel.close()


async def test_what_waits_in_order_for_nothing_any_more_is_freed(
    pool: Pool, sweeper: Sweeper, lobby: AbstractQueue
) -> None:
    endpoint = new_endpoint(in_order=True)
    held = overdue(due_at=None, endpoint_id=endpoint.endpoint_id)[0]
    behind = replace(
        overdue(due_at=None, endpoint_id=endpoint.endpoint_id)[0], subject=held.subject
    )
    await add(pool, [held])
    await add(pool, [behind])
    await sweeper.sweep_once()
    said = {wish.notification_id for wish in await wishes(lobby)}
    assert held.notification_id in said and behind.notification_id not in said
