"""Notifications on a real database: every column, every claim, and what overtakes what."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from msgspec.structs import astuple, replace

from actors.notification import store
from actors.notification.actor import notification, wishes
from actors.notification.endpoint import Endpoint
from actors.notification.notification import (
    Notification,
    NotificationState,
    Outcome,
    PutOff,
    next_wish,
)
from actors.notification.posts import Ticket, record
from actors.notification.rules import Outbox
from actors.notification.sender import Post
from bus.caller import Recorded
from bus.database import Connection, Pool
from bus.directory import Directory
from bus.effects import Bury, Later, Publish, Reply
from schema import ids
from schema.messages.doors import SaveWebhookEndpoint
from schema.messages.notification import (
    NotificationAnswered,
    NotificationExhausted,
    WebhookEndpointDisabled,
)
from schema.webhooks import LADDERS_S, EndpointTerms, SealedSecret
from tests.actors.profiles import new_merchant_no, register
from tests.actors.two_at_once import BATCH, against_each_other, in_line_behind
from tests.examples import MERCHANT_NO, NOW, a_merchant, a_paid_payment
from tests.notifications import HOOK, a_notification, an_answer, an_endpoint

LATER = NOW + timedelta(hours=1, microseconds=7)
CLAIMED_UNTIL = NOW + timedelta(seconds=15)


def new_notifications(
    count: int = 1, merchant_no: str = MERCHANT_NO, **more: Any
) -> list[Notification]:
    """Notifications that no other test has, about to be sent."""
    return [
        a_notification(
            notification_id=f"evt_{os.urandom(12).hex()}_payment_succeeded",
            merchant_no=merchant_no,
            body='{"subject":"两斤番茄 \\" \'"}',
            **{"subject": ids.payment_id(merchant_no, os.urandom(8).hex(), NOW), **more},
        )
        for _ in range(count)
    ]


def new_endpoint(**differences: Any) -> Endpoint:
    """An endpoint that no other test has."""
    return an_endpoint(endpoint_id=f"we_{os.urandom(8).hex()}", **differences)


async def add(connection: Connection | Pool, rows: Sequence[Notification | Endpoint]) -> None:
    outbox = Outbox()
    for row in rows:
        outbox.put(row)
    await store.save_outbox(connection, outbox)


async def stored(pool: Pool, *rows: Notification) -> list[Notification]:
    found = await store.find_notifications(pool, (row.notification_id for row in rows))
    return [replace(found[row.notification_id], serial=0) for row in rows]


def a_ticket(row: Notification, endpoint: Endpoint | None = None, **more: Any) -> Ticket:
    post = Post(
        row=row, number=row.attempts + 1, url=row.url, deadline_ms=10_000, endpoint=endpoint
    )
    return Ticket(post=post, **more)


def answers(row: Notification, *, number: int = 1, status: int | None = 500, **more: Any) -> Any:
    return an_answer(number, status, notification_id=row.notification_id, **more)


async def recorded(pool: Pool, *pairs: tuple[Ticket, Outcome]) -> list[Recorded[Ticket]]:
    async with pool.acquire() as connection, connection.transaction():
        return await record(connection, pairs, NOW)


async def tries_of(pool: Pool, row: Notification) -> list[dict[str, Any]]:
    rows = await pool.fetch(
        "SELECT * FROM notification.attempt WHERE notification_id = $1 ORDER BY number",
        row.notification_id,
    )
    return [dict(each) for each in rows]


async def test_every_column_of_a_notification_comes_back(pool: Pool) -> None:
    (row,) = new_notifications(endpoint_id="we_1", url_from="endpoint")
    await add(pool, [row])
    assert await stored(pool, row) == [row]
    changed = replace(
        row, state=NotificationState.EXHAUSTED, attempts=10, ladder_from=3, due_at=LATER,
        claimed_until=LATER, delivered_at=LATER,
    )  # fmt: skip
    await store.change_notifications(pool, [changed])
    assert await stored(pool, row) == [changed]
    kept = replace(row, is_kept_back=True)
    await store.change_notifications(pool, [kept])
    assert await stored(pool, row) == [kept]
    assert None not in astuple(changed), "every column was tried"


async def test_every_column_of_an_endpoint_comes_back(pool: Pool) -> None:
    secret = SealedSecret(sealed="番茄", created_at=NOW, expires_at=LATER, public_key="whpk_")
    endpoint = new_endpoint(secrets=(secret,), event_types=("payment.*",), ladder_s=(1, 2))
    await add(pool, [endpoint])
    changed = replace(
        endpoint, state="disabled", reason="why", version=2, failing_since=NOW, failed_at=LATER,
        warned_percent=70,
        terms=EndpointTerms(url="https://other.test/", description="两斤"), updated_at=LATER,
    )  # fmt: skip
    assert await store.find_endpoints(pool, [endpoint.endpoint_id]) == {
        endpoint.endpoint_id: endpoint
    }
    await store.change_endpoints(pool, [changed])
    assert await store.find_endpoints(pool, [endpoint.endpoint_id]) == {
        endpoint.endpoint_id: changed
    }
    assert None not in astuple(changed), "every column was tried"


async def test_every_column_of_a_try_is_kept_and_a_repeat_changes_none(pool: Pool) -> None:
    (row,) = new_notifications()
    tried = answers(row, status=502, error="closed", response_head="oh no").tried
    await store.add_tries(pool, [tried])
    await store.add_tries(pool, [answers(row, status=200).tried])
    assert await tries_of(pool, row) == [
        {name: getattr(tried, name) for name in tried.__struct_fields__}
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


async def test_a_fact_is_told_to_the_profiles_address_and_to_every_endpoint(
    pool: Pool, directory: Directory
) -> None:
    merchant = a_merchant(merchant_no=new_merchant_no(), notify_url=HOOK)
    await register(pool, merchant)
    endpoint = new_endpoint(merchant_no=merchant.merchant_no)
    await add(pool, [endpoint])
    room, paid = notification(directory), a_paid_payment(merchant_no=merchant.merchant_no)
    async with pool.acquire() as connection:
        outbox = await room.load(connection, [paid])
    told = [(row.url_from, row.endpoint_id) for row in room.decide(outbox, paid, NOW).changes]
    assert told == [("profile", None), ("endpoint", endpoint.endpoint_id)]


async def test_two_wishes_for_the_same_new_endpoint_make_one(
    pool: Pool, directory: Directory
) -> None:
    merchant = a_merchant(merchant_no=new_merchant_no())
    await register(pool, merchant)
    room, made = wishes(directory), new_endpoint(merchant_no=merchant.merchant_no)
    wish = SaveWebhookEndpoint(
        merchant_no=made.merchant_no, endpoint_id=made.endpoint_id, version=0, terms=made.terms
    )

    async def fulfil(connection: Connection) -> None:
        outbox = await room.load(connection, [wish])
        for change in room.decide(outbox, wish, NOW).changes:
            outbox.put(change)
        await store.save_outbox(connection, outbox)

    raised = await against_each_other(pool, fulfil, fulfil)
    assert len(raised) <= 1, "a clash, which the kernel loads and decides again"
    assert set(await store.find_endpoints(pool, [made.endpoint_id])) == {made.endpoint_id}


# Recording.


async def test_a_delivered_notification_is_closed_and_its_try_kept(pool: Pool) -> None:
    (row,) = new_notifications(claimed_until=CLAIMED_UNTIL)
    await add(pool, [row])
    assert await recorded(pool, (a_ticket(row), answers(row, status=204))) == [Recorded()]
    (now,) = await stored(pool, row)
    assert (now.state, now.attempts, now.due_at, now.claimed_until) == ("delivered", 1, None, None)
    assert now.delivered_at == NOW + timedelta(seconds=2)
    assert len(await tries_of(pool, row)) == 1


async def test_a_failed_try_sets_the_time_of_the_next(pool: Pool) -> None:
    (row,) = new_notifications()
    await add(pool, [row])
    ((effect,),) = [
        result.effects for result in await recorded(pool, (a_ticket(row), answers(row)))
    ]
    (now,) = await stored(pool, row)
    assert isinstance(effect, Later) and effect.due_at == now.due_at
    assert (now.state, now.attempts) == (NotificationState.WAITING, 1)


async def test_of_two_answers_to_the_same_try_the_first_counts(pool: Pool) -> None:
    (row,) = new_notifications()
    await add(pool, [row])
    failed, late = await recorded(
        pool, (a_ticket(row), answers(row)), (a_ticket(row), answers(row, status=200))
    )
    assert len(failed.effects) == 1
    assert late == Recorded()
    (now,) = await stored(pool, row)
    assert (now.state, now.attempts) == (NotificationState.WAITING, 1)
    assert [each["status"] for each in await tries_of(pool, row)] == [500]


async def test_a_second_worker_sees_the_try_that_the_first_has_recorded(pool: Pool) -> None:
    (row,) = new_notifications()
    await add(pool, [row])

    def record_one(connection: Connection) -> Any:
        return record(connection, [(a_ticket(row), answers(row, status=200))], NOW)

    assert await in_line_behind(pool, record_one, record_one) == [Recorded()]
    assert len(await tries_of(pool, row)) == 1


async def test_the_last_failure_leaves_a_dead_letter_and_tells_an_operator(pool: Pool) -> None:
    (row,) = new_notifications(attempts=len(LADDERS_S["tomato"]))
    await add(pool, [row])
    (result,) = await recorded(pool, (a_ticket(row), answers(row, number=10)))
    fact, letter = result.effects
    assert isinstance(fact, Publish) and isinstance(fact.message, NotificationExhausted)
    assert isinstance(letter, Bury) and letter.reason == "status 500"
    assert letter.message == next_wish(replace(row, attempts=10))


async def test_410_disables_the_endpoint_once_and_tells_an_operator(pool: Pool) -> None:
    endpoint = new_endpoint()
    rows = new_notifications(2, endpoint_id=endpoint.endpoint_id)
    await add(pool, [endpoint, *rows])
    pairs = [(a_ticket(row, endpoint), answers(row, status=410)) for row in rows]
    results = await recorded(pool, *pairs)
    said = [effect.message for result in results for effect in result.effects]  # type: ignore
    assert [type(message) for message in said] == [WebhookEndpointDisabled]
    found = await store.find_endpoints(pool, [endpoint.endpoint_id])
    assert found[endpoint.endpoint_id].state == "disabled"
    assert [row.state for row in await stored(pool, *rows)] == ["skipped", "skipped"]


async def test_a_success_clears_an_endpoints_failures(pool: Pool) -> None:
    endpoint = new_endpoint(failing_since=NOW, failed_at=NOW)
    (row,) = new_notifications(endpoint_id=endpoint.endpoint_id)
    await add(pool, [endpoint, row])
    await recorded(pool, (a_ticket(row, endpoint), answers(row, status=200)))
    found = await store.find_endpoints(pool, [endpoint.endpoint_id])
    assert found[endpoint.endpoint_id].failing_since is None


async def test_the_next_in_order_is_said_when_the_one_before_is_told(pool: Pool) -> None:
    endpoint = new_endpoint(in_order=True)
    first, second = new_notifications(
        2, endpoint_id=endpoint.endpoint_id, subject=os.urandom(8).hex()
    )
    await add(pool, [endpoint, first])
    await add(pool, [replace(second, due_at=None)])
    (result,) = await recorded(pool, (a_ticket(first, endpoint), answers(first, status=200)))
    (effect,) = result.effects
    assert isinstance(effect, Publish) and effect.message == next_wish(second)
    assert [row.due_at for row in await stored(pool, second)] == [NOW]


async def test_who_waits_for_a_try_is_told_what_came_of_it(pool: Pool) -> None:
    tried, busy = new_notifications(2)
    await add(pool, [tried, busy])
    results = await recorded(
        pool,
        (a_ticket(tried, is_answered=True), answers(tried, status=204)),
        (a_ticket(busy, is_answered=True), PutOff()),
    )
    done = NotificationAnswered(
        notification_ids=(tried.notification_id,), state="delivered", attempts=1
    )
    assert results[0].effects == (Reply(done),)
    put_off, reply = results[1].effects
    assert isinstance(put_off, Publish) and put_off.message == next_wish(busy), "into its lane"
    assert isinstance(reply, Reply) and reply.message.state == "waiting"  # type: ignore
