"""Attempts and notices on a real database: every column, every batch, and two workers at once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta

from msgspec.structs import astuple, replace

from actors.channels import store
from actors.channels.attempts.attempt import Attempt, AttemptState, Mispaid
from bus.database import Connection, Pool
from schema import ids
from schema.messages.doors import ChannelNotified
from tests.actors.attempts import add, change, new_attempts, stored
from tests.actors.two_at_once import BATCH, against_each_other, in_line_behind
from tests.examples import CHANNEL_NO, CODE, NOW, TRADE_NO

LATER = NOW + timedelta(seconds=90, microseconds=7)


def with_all_that_can_change(attempt: Attempt) -> Attempt:
    """The attempt after everything that can happen to its row has happened."""
    return replace(
        attempt,
        state=AttemptState.SUCCEEDED,
        offer=CODE,
        channel_trade_no=TRADE_NO,
        paid_fen=1_000,
        mispaid=Mispaid(paid_fen=999, paid_currency="CNY", funds_flow="platform"),
        channel_code="SYSTEM_ERROR",
        channel_message="系统异常，请稍后重试",
        queries=7,
        query_at=LATER,
        answered_at=LATER,
        paid_at=LATER,
        updated_at=LATER,
    )


async def test_every_column_of_an_attempt_comes_back(pool: Pool) -> None:
    (opened,) = new_attempts()
    await add(pool, [opened])
    assert await stored(pool, opened.attempt_id) == [opened]
    changed = with_all_that_can_change(opened)
    await change(pool, [changed])
    assert await stored(pool, opened.attempt_id) == [changed]
    assert None not in astuple(changed), "every column was tried"


async def test_a_batch_of_hundreds_comes_back_in_the_order_of_ids(pool: Pool) -> None:
    attempts = sorted(new_attempts(BATCH), key=lambda attempt: attempt.attempt_id)
    numbers = [attempt.attempt_id for attempt in attempts]
    await add(pool, attempts[::-1])
    assert await stored(pool, *numbers[::-1]) == attempts
    changed = [with_all_that_can_change(attempt) for attempt in attempts]
    await change(pool, changed)
    assert await stored(pool, *numbers) == changed


async def test_an_attempt_is_opened_once_and_who_opened_it_knows(pool: Pool) -> None:
    attempts = new_attempts(3)
    assert await store.open_attempts(pool, attempts[:2]) == {a.attempt_id for a in attempts[:2]}
    renamed = [replace(attempt, channel_no="wechat_other") for attempt in attempts]
    assert await store.open_attempts(pool, renamed) == {attempts[2].attempt_id}
    assert (await stored(pool, attempts[0].attempt_id)) == [attempts[0]]


async def test_the_newest_attempt_of_a_round_is_that_of_the_highest_rank(pool: Pool) -> None:
    first, lone = new_attempts(2)
    payment_id = first.payment_id
    second = replace(first, attempt_id=ids.attempt_id(payment_id, 2), rank=2)
    other = replace(first, attempt_id=ids.round_attempt_id(payment_id, 1, 1))
    await add(pool, [second, first, lone, other])
    asked = [(payment_id, 0), (payment_id, 1), (payment_id, 2), (lone.payment_id, 0)]
    rounds = {ids.round_no(payment, number): payment for payment, number in asked}
    found = await store.last_attempts(pool, rounds)
    assert found == {
        ids.round_no(payment_id, 0): second,
        ids.round_no(payment_id, 1): other,
        ids.round_no(lone.payment_id, 0): lone,
    }


async def count_a_query(connection: Connection, numbers: Sequence[str]) -> None:
    attempts = await store.lock_attempts(connection, numbers)
    await change(connection, [replace(a, queries=a.queries + 1) for a in attempts])


async def test_a_second_worker_counts_on_from_what_the_first_has_left(pool: Pool) -> None:
    (attempt,) = new_attempts()
    await add(pool, [attempt])
    numbers = [attempt.attempt_id]
    await in_line_behind(pool, *[lambda connection: count_a_query(connection, numbers)] * 2)
    (counted,) = await stored(pool, *numbers)
    assert counted.queries == 2


async def test_opposite_orders_of_the_same_attempts_lose_no_update(pool: Pool) -> None:
    attempts = new_attempts(BATCH)
    await add(pool, attempts)
    numbers = [attempt.attempt_id for attempt in attempts]
    raised = await against_each_other(
        pool,
        *(lambda c: count_a_query(c, numbers), lambda c: count_a_query(c, numbers[::-1])) * 3,
    )
    assert raised == []
    assert {attempt.queries for attempt in await stored(pool, *numbers)} == {6}


async def test_the_same_attempts_opened_in_opposite_order_are_opened_once(pool: Pool) -> None:
    attempts, opened = new_attempts(BATCH), list[str]()

    async def open_all(connection: Connection, in_order: Sequence[Attempt]) -> None:
        opened.extend(await store.open_attempts(connection, in_order))

    raised = await against_each_other(
        pool, lambda c: open_all(c, attempts), lambda c: open_all(c, attempts[::-1])
    )
    assert raised == []
    assert sorted(opened) == sorted(attempt.attempt_id for attempt in attempts)


def new_notices(count: int) -> list[ChannelNotified]:
    return [
        ChannelNotified(channel_no=CHANNEL_NO, notice_id=os.urandom(16).hex(), body=f'{{"n":{n}}}')
        for n in range(count)
    ]


async def kept(pool: Pool, notices: Sequence[ChannelNotified]) -> dict[tuple[str, str], str]:
    rows = await pool.fetch(
        "SELECT channel_no, notice_id, body FROM channels.notice WHERE notice_id = ANY($1)",
        [notice.notice_id for notice in notices],
    )
    return {(row["channel_no"], row["notice_id"]): row["body"] for row in rows}


async def test_a_notice_is_kept_as_it_came_and_a_repeat_adds_nothing(pool: Pool) -> None:
    notices = new_notices(2)
    await store.keep_notices(pool, notices, NOW)
    await store.keep_notices(pool, [replace(n, body="{}") for n in notices], LATER)
    expected = {(n.channel_no, n.notice_id): n.body for n in notices}
    assert await kept(pool, notices) == expected


async def test_two_channels_may_use_the_same_id_for_a_notice(pool: Pool) -> None:
    (notice,) = new_notices(1)
    other = replace(notice, channel_no="wechat_b", body="{}")
    await store.keep_notices(pool, [notice, other], NOW)
    assert len(await kept(pool, [notice])) == 2


async def test_notices_repeated_in_opposite_order_do_not_lock_each_other_out(pool: Pool) -> None:
    notices = new_notices(BATCH)
    raised = await against_each_other(
        pool,
        lambda connection: store.keep_notices(connection, notices, NOW),
        lambda connection: store.keep_notices(connection, notices[::-1], NOW),
    )
    assert raised == []
    assert len(await kept(pool, notices)) == BATCH


async def test_a_due_question_is_put_off_and_asked_by_one_worker_only(pool: Pool) -> None:
    long_ago = NOW - timedelta(days=700)
    due = new_attempts(6, query_at=long_ago, channel_no=CHANNEL_NO)
    later = new_attempts(1, query_at=long_ago + timedelta(seconds=1))
    closed = new_attempts(1, query_at=None)
    await add(pool, [*due, *later, *closed])
    async with (
        pool.acquire() as first,
        pool.acquire() as second,
        first.transaction(),
        second.transaction(),
    ):
        mine = await store.postpone_queries(first, long_ago, 4)
        theirs = await store.postpone_queries(second, long_ago, 4)
    assert (len(mine), len(theirs)) == (4, 2), "nobody waited and nobody got another one's"
    assert sorted(mine + theirs) == sorted(
        (attempt.attempt_id, CHANNEL_NO, attempt.payment_id) for attempt in due
    )
    put_off = await stored(pool, *(attempt.attempt_id for attempt in due))
    assert {each.query_at for each in put_off} == {long_ago + timedelta(seconds=30)}
    assert await store.postpone_queries(pool, long_ago, 4) == []
