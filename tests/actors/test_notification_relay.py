"""What a lane has too much of waits in its row: nothing is lost, and the order is kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from aio_pika.abc import AbstractQueue
from msgspec.structs import replace
from typer.testing import CliRunner

from actors.notification import relay as relaying
from actors.notification import rules, store
from actors.notification.actor import notification
from actors.notification.actor import wishes as wished
from actors.notification.notification import Notification, NotificationState, next_wish
from actors.notification.posts import record
from actors.notification.relay import ROWS_PER_ROUND, TOLD_UP_TO, Relay
from actors.notification.sweeper import OVERDUE, Sweeper
from actors.notification.tries import opening
from bus import database
from bus.broker import Broker
from bus.database import Pool
from bus.directory import Directory
from bus.effects import Publish
from bus.jobs import now_utc
from handlers.terminal import lanes_cli
from schema.messages.contract import Message
from schema.messages.doors import ResendNotifications
from schema.messages.notification import DeliverNotification
from schema.settings import Settings
from tests.actors.profiles import new_merchant_no, register
from tests.actors.test_notification import a_ticket, add, answers, new_notifications, stored
from tests.actors.test_notification_sweeper import lobby, wishes
from tests.bus.worker import PROCESSES, die
from tests.examples import a_merchant, a_paid_payment
from tests.notifications import HOOK
from tests.sites import Site
from tests.waiting import at_last

assert lobby, "the fixture: where wishes arrive whose lane has no queue"


@pytest.fixture
async def merchant_no(pool: Pool) -> AsyncIterator[str]:
    """A merchant with an address, and nothing kept back of anybody when the test begins."""
    await pool.execute("DELETE FROM notification.notification WHERE is_kept_back")
    number = new_merchant_no()
    await register(pool, a_merchant(merchant_no=number, notify_url=HOOK))
    yield number
    await pool.execute("DELETE FROM notification.notification WHERE merchant_no = $1", number)


def everybodys(_: str) -> bool:
    """Whether a lane is ours: nobody knows of it, so it is everybody's."""
    return True


@pytest.fixture
def relay(pool: Pool, broker: Broker) -> Relay:
    return Relay(pool, broker, everybodys)


def kept_back(count: int, merchant_no: str, **more: Any) -> list[Notification]:
    """What a lane was not told, in the order in which it happened."""
    now = now_utc()
    more = {"due_at": now, "created_at": now, "is_kept_back": True} | more
    return new_notifications(count, merchant_no, **more)


async def add_in_order(pool: Pool, rows: Sequence[Notification]) -> None:
    for row in rows:
        await add(pool, [row])


def ids(rows: Sequence[Notification | DeliverNotification]) -> list[str]:
    return [row.notification_id for row in rows]


async def decided(pool: Pool, directory: Directory, *facts: Message) -> list[Publish]:
    """What one batch of facts says; the rows are stored."""
    decider, effects = notification(directory), list[Any]()
    assert decider.save is not None
    async with pool.acquire() as connection, connection.transaction():
        outbox = await decider.load(connection, facts)
        for fact in facts:
            decision = decider.decide(outbox, fact, now_utc())
            for change in decision.changes:
                outbox.put(change)
            effects += decision.effects
        await decider.save(connection, outbox)
    return effects


def payments(count: int, merchant_no: str) -> list[Message]:
    numbers = range(count)
    return [a_paid_payment(f"pay_{merchant_no}{n:09d}", merchant_no) for n in numbers]


async def test_a_burst_beyond_what_a_lane_may_have_is_rows_and_nothing_else(
    pool: Pool, directory: Directory, merchant_no: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "IN_LANE_MAX", 5)
    monkeypatch.setattr(rules, "IN_LANE_MAX", 5)
    said = await decided(pool, directory, *payments(8, merchant_no))
    assert len(said) == 5
    (more,) = payments(9, merchant_no)[8:]
    assert await decided(pool, directory, more) == [], "nothing overtakes what is kept back"
    rows = await pool.fetch(
        "SELECT is_kept_back FROM notification.notification WHERE merchant_no = $1 ORDER BY serial",
        merchant_no,
    )
    assert [row["is_kept_back"] for row in rows] == [False] * 5 + [True] * 4


async def test_another_merchants_lane_is_told_at_once_meanwhile(
    pool: Pool, directory: Directory, merchant_no: str
) -> None:
    other = new_merchant_no()
    await register(pool, a_merchant(merchant_no=other, notify_url=HOOK))
    await add(pool, kept_back(3, merchant_no))
    facts = [*payments(1, merchant_no), *payments(1, other)]
    said = await decided(pool, directory, *facts)
    assert [effect.lane for effect in said] == [f"m{other}"]


async def test_what_was_kept_back_is_said_in_order_as_the_lane_drains(
    pool: Pool, relay: Relay, lobby: AbstractQueue, merchant_no: str
) -> None:
    rows = kept_back(TOLD_UP_TO + 40, merchant_no)
    await add_in_order(pool, rows)
    rounds = [await relay.relay_once() for _ in range(TOLD_UP_TO // ROWS_PER_ROUND + 3)]
    assert max(rounds) == ROWS_PER_ROUND and sum(rounds) == TOLD_UP_TO
    said = await wishes(lobby)
    assert ids(said) == ids(rows[:TOLD_UP_TO])
    await _delivered(pool, rows[:60])
    assert await relay.relay_once() == 40, "no more than there is"
    assert ids(await wishes(lobby)) == ids(rows[TOLD_UP_TO:])


async def _delivered(pool: Pool, rows: Sequence[Notification]) -> None:
    told = [
        replace(row, state=NotificationState.DELIVERED, is_kept_back=False, attempts=1)
        for row in rows
    ]
    await store.change_notifications(pool, told)


async def test_what_waits_for_a_later_try_takes_no_room_in_its_lane(
    pool: Pool, relay: Relay, lobby: AbstractQueue, merchant_no: str
) -> None:
    later = now_utc() + timedelta(hours=1)
    await add(pool, kept_back(TOLD_UP_TO, merchant_no, is_kept_back=False, due_at=later))
    rows = kept_back(3, merchant_no)
    await add_in_order(pool, rows)
    assert await relay.relay_once() == 3
    assert ids(await wishes(lobby)) == ids(rows)


async def test_a_lane_that_others_serve_or_that_is_held_is_left_alone(
    pool: Pool, broker: Broker, lobby: AbstractQueue, merchant_no: str
) -> None:
    rows = kept_back(3, merchant_no)
    await add_in_order(pool, rows)
    assert await Relay(pool, broker, lambda _: False).relay_once() == 0
    assert await wishes(lobby) == [] and await stored(pool, *rows) == rows
    assert await Relay(pool, broker, lambda lane: lane == rows[0].lane).relay_once() == 3


async def test_two_workers_tell_a_lane_one_after_the_other(
    pool: Pool, broker: Broker, lobby: AbstractQueue, merchant_no: str
) -> None:
    rows = kept_back(ROWS_PER_ROUND + 20, merchant_no)
    await add_in_order(pool, rows)
    relays = [Relay(pool, broker, everybodys) for _ in range(4)]
    while await pool.fetchval("SELECT count(*) FROM notification.notification WHERE is_kept_back"):
        await asyncio.gather(*(relay.relay_once() for relay in relays))
    assert ids(await wishes(lobby)) == ids(rows)


async def test_what_is_kept_back_is_not_lost_in_the_sweepers_eyes(
    pool: Pool, broker: Broker, lobby: AbstractQueue, merchant_no: str
) -> None:
    long_ago = now_utc() - 2 * OVERDUE
    rows = kept_back(3, merchant_no, due_at=long_ago, created_at=long_ago)
    await add_in_order(pool, rows)
    await Sweeper(pool, broker).sweep_once()
    assert await stored(pool, *rows) == rows
    assert [wish for wish in await wishes(lobby) if wish.lane == rows[0].lane] == []


async def test_a_resend_is_made_now_and_takes_it_out_of_the_line(
    pool: Pool, directory: Directory, merchant_no: str
) -> None:
    (row,) = kept_back(1, merchant_no)
    await add(pool, [row])
    decider = wished(directory)
    assert decider.save is not None
    wish = ResendNotifications(
        merchant_no=merchant_no, notification_ids=(row.notification_id,), acceptance="sync"
    )
    async with pool.acquire() as connection, connection.transaction():
        outbox = await decider.load(connection, [wish])
        for change in decider.decide(outbox, wish, now_utc()).changes:
            outbox.put(change)
        await decider.save(connection, outbox)
    assert [each.is_kept_back for each in await stored(pool, row)] == [False]


async def test_an_operator_sees_what_waits_in_the_rows_of_a_lane(
    pool: Pool, site: Site, merchant_no: str
) -> None:
    rows = kept_back(7, merchant_no)
    await add(pool, rows)
    lane = rows[0].lane
    await pool.execute("INSERT INTO bus.lane (actor, lane) VALUES ('notification', $1)", lane)
    settings = Settings.read(site.environment())
    invoke, words = CliRunner().invoke, ["list", "--json"]
    result = await asyncio.to_thread(invoke, lanes_cli, words, obj=lambda: settings)
    await pool.execute("DELETE FROM bus.lane WHERE lane = $1", lane)
    (look,) = [look for look in json.loads(result.stdout) if look["lane"] == lane]
    assert (look["depth"], look["kept_back"]) == (7, 7)


# Whoever tells may die at any moment.


@pytest.mark.parametrize(
    ("point", "said_before"), [("before publish", 0), ("between publish and commit", 5)]
)
async def test_nothing_is_lost_when_the_one_who_tells_dies(
    pool: Pool, site: Site, relay: Relay, lobby: AbstractQueue, merchant_no: str,
    point: str, said_before: int,
) -> None:  # fmt: skip
    rows = kept_back(5, merchant_no)
    await add_in_order(pool, rows)
    process = PROCESSES.Process(target=relay_and_die, args=(site, point))
    process.start()
    await at_last(lambda: _has_ended(process))
    assert process.exitcode == -9
    assert ids(await wishes(lobby)) == ids(rows)[:said_before]
    assert await stored(pool, *rows) == rows, "not marked as said"
    await at_last(lambda: _relayed(relay))
    assert ids(await wishes(lobby)) == ids(rows)
    assert [next_wish(row) for row in rows] == [next_wish(row) for row in await stored(pool, *rows)]


async def test_a_wish_that_was_said_before_its_row_says_so_is_fulfilled_and_not_said_again(
    pool: Pool, relay: Relay, lobby: AbstractQueue, merchant_no: str
) -> None:
    first, second = kept_back(2, merchant_no)
    await add_in_order(pool, [first, second])
    async with pool.acquire() as connection, connection.transaction():
        rows = await store.lock_notifications(connection, [first.notification_id])
        (row,) = rows.values()
        found = opening(row, 1, None, (), now_utc())
        assert found.is_ours and found.row is not None
        await store.change_notifications(connection, [found.row])
    async with pool.acquire() as connection, connection.transaction():
        answer = answers(first, status=204)
        await record(connection, [(a_ticket(found.row), answer)], now_utc())
    (told,) = await stored(pool, first)
    assert (told.state, told.is_kept_back) == (NotificationState.DELIVERED, False)
    assert await relay.relay_once() == 1
    assert ids(await wishes(lobby)) == [second.notification_id]


async def _has_ended(process: Any) -> bool:
    return not process.is_alive()


async def _relayed(relay: Relay) -> bool:
    """The server notices soon that a dead one's transaction has nobody any more."""
    return await relay.relay_once() == 5


def relay_and_die(site: Site, point: str) -> None:
    """One round, which does not end."""
    asyncio.run(_relay_and_die(site, point))


async def _relay_and_die(site: Site, point: str) -> None:
    pool = await database.connect(site.postgres_url, size_max=2, name="dying")
    broker = Broker(site.rabbitmq_url, name="dying")
    await broker.connect()
    if point == "before publish":
        broker.publish = die  # type: ignore[method-assign]
    else:
        relaying.store.change_notifications = die  # type: ignore[assignment]
    await Relay(pool, broker, everybodys).relay_once()
