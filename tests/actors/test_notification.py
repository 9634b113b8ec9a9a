"""Notifications on a real database: every column, every try, and what overtakes what."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import astuple, replace

from actors.notification import store
from actors.notification.actor import delivery, notification, record
from actors.notification.rules import LADDER_S, Notification, NotificationState, Outbox, Try
from actors.notification.sender import Ticket, WebhookSender
from bus.caller import Recorded
from bus.database import Connection, Pool
from bus.directory import Directory
from bus.effects import Later
from bus.vault import Vault
from schema import ids
from schema.messages.notification import DeliverNotification
from tests.actors.profiles import new_merchant_no, register
from tests.actors.two_at_once import BATCH, against_each_other, in_line_behind
from tests.examples import MERCHANT_NO, NOW, a_merchant, a_paid_payment

HOOK = "https://shop.test/hooks"
LATER = NOW + timedelta(hours=1, microseconds=7)


def new_notifications(count: int = 1, merchant_no: str = MERCHANT_NO) -> list[Notification]:
    """Notifications that no other test has, about to be sent."""
    return [
        Notification(
            notification_id=f"evt_{os.urandom(12).hex()}_payment_succeeded",
            merchant_no=merchant_no,
            subject=ids.payment_id(merchant_no, os.urandom(8).hex(), NOW),
            type="payment.succeeded",
            url=HOOK,
            body='{"subject":"两斤番茄 \\" \'"}',
            due_at=NOW,
            created_at=NOW,
        )
        for _ in range(count)
    ]


async def add(connection: Connection | Pool, rows: Sequence[Notification]) -> None:
    outbox = Outbox()
    for row in rows:
        outbox.put(row)
    await store.save_outbox(connection, outbox)


async def stored(pool: Pool, *rows: Notification) -> list[Notification]:
    found = await store.find_notifications(pool, (row.notification_id for row in rows))
    return [found[row.notification_id] for row in rows]


def a_try(row: Notification, number: int = 1, status: int | None = 500, **more: Any) -> Try:
    usual: dict[str, Any] = {"response_head": "oh no", "error": None}
    return Try(
        notification_id=row.notification_id,
        number=number,
        started_at=NOW,
        cost_ms=2_000,
        status=status,
        **usual | more,
    )


def a_ticket(row: Notification, number: int = 1) -> Ticket:
    return Ticket(notification=row, number=number, secret=None)


async def recorded(pool: Pool, *tries: Try, of: Notification) -> list[Recorded[Ticket]]:
    async with pool.acquire() as connection, connection.transaction():
        return await record(connection, [(a_ticket(of, t.number), t) for t in tries], NOW)


async def tries_of(pool: Pool, row: Notification) -> list[dict[str, Any]]:
    rows = await pool.fetch(
        "SELECT * FROM notification.attempt WHERE notification_id = $1 ORDER BY number",
        row.notification_id,
    )
    return [dict(each) for each in rows]


async def test_every_column_of_a_notification_comes_back(pool: Pool) -> None:
    (row,) = new_notifications()
    await add(pool, [row])
    assert await stored(pool, row) == [row]
    changed = replace(
        row, state=NotificationState.EXHAUSTED, attempts=10, due_at=LATER, delivered_at=LATER
    )
    await store.save_tries(pool, [changed], [])
    assert await stored(pool, row) == [changed]
    assert None not in astuple(changed), "every column was tried"


async def test_every_column_of_a_try_is_kept_and_a_repeat_changes_none(pool: Pool) -> None:
    (row,) = new_notifications()
    await add(pool, [row])
    tried = a_try(row, status=502, error="ServerDisconnectedError")
    await store.save_tries(pool, [], [tried])
    await store.save_tries(pool, [], [a_try(row, status=200)])
    assert await tries_of(pool, row) == [
        {name: getattr(tried, name) for name in Try.__struct_fields__}
    ]


async def test_a_batch_of_hundreds_is_written_once(pool: Pool) -> None:
    rows = new_notifications(BATCH)
    await add(pool, rows)
    await add(pool, [replace(row, body="{}") for row in rows[::-1]])
    assert await stored(pool, *rows) == rows


async def test_the_same_notifications_in_opposite_order_are_written_once(pool: Pool) -> None:
    rows = new_notifications(BATCH)
    raised = await against_each_other(pool, lambda c: add(c, rows), lambda c: add(c, rows[::-1]))
    assert raised == []
    assert await stored(pool, *rows) == rows


async def test_a_fact_is_told_to_the_address_of_the_merchants_profile(
    pool: Pool, directory: Directory
) -> None:
    merchant = a_merchant(merchant_no=new_merchant_no(), notify_url=HOOK)
    await register(pool, merchant)
    room, paid = notification(directory), a_paid_payment(merchant_no=merchant.merchant_no)
    async with pool.acquire() as connection:
        outbox = await room.load(connection, [paid])
    (row,) = room.decide(outbox, paid, NOW).changes
    assert (row.url, row.merchant_no) == (HOOK, merchant.merchant_no)


async def test_a_delivered_notification_is_closed_and_its_try_kept(pool: Pool) -> None:
    (row,) = new_notifications()
    await add(pool, [row])
    assert await recorded(pool, a_try(row, status=204), of=row) == [Recorded()]
    (now,) = await stored(pool, row)
    assert (now.state, now.attempts, now.due_at) == (NotificationState.DELIVERED, 1, None)
    assert now.delivered_at == NOW + timedelta(seconds=2)
    assert len(await tries_of(pool, row)) == 1


async def test_a_failed_try_sets_the_time_of_the_next(pool: Pool) -> None:
    (row,) = new_notifications()
    await add(pool, [row])
    (result,) = await recorded(pool, a_try(row), of=row)
    (effect,) = result.effects
    due_at = NOW + timedelta(seconds=2 + LADDER_S[0])
    assert isinstance(effect, Later) and effect.due_at == due_at
    (now,) = await stored(pool, row)
    assert (now.state, now.attempts, now.due_at) == (NotificationState.WAITING, 1, due_at)


async def test_of_two_answers_to_the_same_try_the_first_counts(pool: Pool) -> None:
    (row,) = new_notifications()
    await add(pool, [row])
    failed, late = await recorded(pool, a_try(row), a_try(row, status=200), of=row)
    assert len(failed.effects) == 1
    assert late == Recorded()
    (now,) = await stored(pool, row)
    assert (now.state, now.attempts) == (NotificationState.WAITING, 1)


async def test_a_second_worker_sees_the_try_that_the_first_has_recorded(pool: Pool) -> None:
    (row,) = new_notifications()
    await add(pool, [row])

    def record_one(connection: Connection) -> Any:
        return record(connection, [(a_ticket(row), a_try(row, status=200))], NOW)

    assert await in_line_behind(pool, record_one, record_one) == [Recorded()]
    assert len(await tries_of(pool, row)) == 1


@pytest.fixture
def opened(pool: Pool, directory: Directory, vault: Vault) -> Any:
    """Opens wishes to deliver, as the caller does."""
    caller = delivery(directory, vault, WebhookSender())

    async def open_wishes(*wishes: DeliverNotification) -> list[Ticket | None]:
        async with pool.acquire() as connection, connection.transaction():
            return await caller.open(connection, wishes, NOW)

    return open_wishes


def wish(row: Notification, attempt: int) -> DeliverNotification:
    return DeliverNotification(notification_id=row.notification_id, lane="m1", attempt=attempt)


async def test_only_the_next_try_is_made(pool: Pool, opened: Any) -> None:
    tried, fresh, done = new_notifications(3)
    await add(pool, [replace(tried, attempts=1), fresh])
    await add(pool, [replace(done, attempts=1, state=NotificationState.DELIVERED)])
    tickets = await opened(
        wish(tried, 1), wish(tried, 2), wish(tried, 3), wish(fresh, 1), wish(done, 2),
        wish(replace(done, notification_id="evt_of_nobody"), 1),
    )  # fmt: skip
    made = [t and (t.notification.notification_id, t.number) for t in tickets]
    second, first = (tried.notification_id, 2), (fresh.notification_id, 1)
    assert made == [None, second, None, first, None, None]


async def test_the_secret_is_read_when_it_is_sent(pool: Pool, opened: Any, vault: Vault) -> None:
    number = new_merchant_no()
    sealed = vault.seal(b"whsec_c2VjcmV0", f"webhook:{number}")
    await register(pool, a_merchant(merchant_no=number, webhook_secret=sealed))
    rows = [*new_notifications(1, number), *new_notifications(1, new_merchant_no())]
    await add(pool, rows)
    tickets = await opened(*(wish(row, 1) for row in rows))
    assert [t.secret for t in tickets] == ["whsec_c2VjcmV0", None]
