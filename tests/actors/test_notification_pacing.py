"""Whose turn it is: rates, sockets, claims that run out, and what the lanes are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from actors.notification import store
from actors.notification.health import SILENT_MAX, Verdict
from actors.notification.notification import Answer, Overtaken, PutOff
from actors.notification.pacing import LANE_PER_S_MAX, NOW_PER_LANE_MAX, Pacing
from actors.notification.posts import Posts, record
from actors.notification.sender import WebhookSender
from bus.database import Pool
from bus.directory import Directory
from bus.jobs import now_utc
from bus.vault import Vault
from tests.actors.test_notification import a_ticket, add, answers, new_notifications
from tests.actors.test_notification_sending import LOOPBACK, Server, server
from tests.notifications import an_endpoint
from tests.waiting import at_last

assert server, "the fixture"
LANE = "m1"


@dataclass
class Told:
    """What the lanes were told."""

    limits: dict[str, int] = field(default_factory=dict)
    pauses: list[tuple[str, datetime | None]] = field(default_factory=list)

    async def pause(self, lane: str, *, until: datetime | None, reason: str) -> None:
        self.pauses.append((lane, until))

    def limit(self, lane: str, concurrency: int) -> None:
        self.limits[lane] = concurrency


async def test_a_silent_server_has_its_lane_shrunk_and_then_paused_once() -> None:
    told, pacing = Told(), Pacing()
    pacing.lanes = told
    for _ in range(SILENT_MAX + 3):
        pacing.learn(LANE, Verdict.SILENT, 10_000)
    await at_last(lambda: _is(len(told.pauses) == 1))
    ((lane, until),) = told.pauses
    assert lane == LANE and until is not None
    assert timedelta(seconds=13) < until - now_utc() <= timedelta(seconds=15)
    assert told.limits == {LANE: 1}
    assert pacing.success_rate(LANE) == 0 and pacing.success_rate("m2") is None


async def _is(truth: bool) -> bool:
    return truth


async def test_a_busy_lane_that_is_acknowledged_grows() -> None:
    told, pacing = Told(), Pacing()
    pacing.lanes = told

    async def one() -> None:
        async with pacing.turn(LANE, None):
            await asyncio.sleep(0.01)
        pacing.learn(LANE, Verdict.ACKNOWLEDGED, 10)

    for _ in range(3):
        await asyncio.gather(*(one() for _ in range(8)))
    assert told.limits[LANE] > 4


async def test_a_rate_is_kept() -> None:
    pacing, loop = Pacing(), asyncio.get_running_loop()
    began = loop.time()

    async def one() -> None:
        async with pacing.turn(LANE, 20):
            pass

    await asyncio.gather(*(one() for _ in range(11)))
    assert loop.time() - began >= 0.49


async def test_a_lane_is_crowded_while_more_waits_than_its_rate_lets_out() -> None:
    pacing = Pacing()
    assert not pacing.is_crowded(LANE)
    for _ in range(3):
        async with pacing.turn(LANE, 20):
            pass
    assert pacing.is_crowded(LANE)
    await asyncio.sleep(0.06)
    assert not pacing.is_crowded(LANE)


async def test_a_lane_goes_at_a_pace_that_leaves_room_for_others() -> None:
    pacing, loop = Pacing(), asyncio.get_running_loop()
    began, starts = loop.time(), list[float]()

    async def one() -> None:
        async with pacing.turn(LANE, None):
            starts.append(loop.time() - began)

    await asyncio.gather(*(one() for _ in range(LANE_PER_S_MAX // 5 + 1)))
    assert starts[0] < 0.02, "the first one waits for nobody"
    assert 0.19 <= starts[-1] <= 0.4
    assert starts == sorted(starts)


async def test_who_hangs_for_the_first_time_holds_nobody_up_for_longer_than_it_takes_to_see(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("actors.notification.pacing.SOCKETS_MAX", 2)
    monkeypatch.setattr("actors.notification.pacing.SLOW_AFTER_S", 0.1)
    pacing, enough = Pacing(), asyncio.Event()

    async def hang(lane: str) -> None:
        async with pacing.turn(lane, None):
            await enough.wait()

    hanging = [asyncio.create_task(hang(f"m{n}")) for n in (2, 3)]
    await asyncio.sleep(0)
    async with asyncio.timeout(1), pacing.turn(LANE, None):
        assert not pacing.takes_more_beside("m2"), "it is known to be slow by now"
    assert pacing.takes_more_beside(LANE)
    enough.set()
    await asyncio.gather(*hanging)
    assert pacing.takes_more_beside("m2"), "it has answered"
    both = [asyncio.create_task(hang(f"m{n}")) for n in (2, 3)]
    async with asyncio.timeout(1):
        await asyncio.gather(*both)


async def test_beside_a_lane_only_a_few_tries_are_made_and_none_where_it_is_unwell() -> None:
    pacing = Pacing()
    async with pacing.turn(LANE, None, beside=True):
        assert NOW_PER_LANE_MAX == 2 and pacing.takes_more_beside(LANE)
        async with pacing.turn(LANE, None, beside=True):
            assert not pacing.takes_more_beside(LANE)
    pacing.learn(LANE, Verdict.SILENT, 10_000)
    assert not pacing.takes_more_beside(LANE)


@pytest.fixture
async def posts(pool: Pool, directory: Directory, vault: Vault) -> AsyncIterator[Posts]:
    sender = WebhookSender(LOOPBACK)
    await sender.start()
    yield Posts(pool, directory, vault, sender, Pacing())
    await sender.stop()


async def test_a_try_that_another_owner_has_made_is_not_made_again(
    pool: Pool, posts: Posts, server: Server
) -> None:
    until = now_utc() + timedelta(seconds=30)
    (row,) = new_notifications(url=server.url, claimed_until=until)
    await add(pool, [row])
    waiting = asyncio.create_task(posts.call(a_ticket(row, is_ours=False)))
    await asyncio.sleep(0.1)
    assert not waiting.done() and server.seen == []
    async with pool.acquire() as connection, connection.transaction():
        await record(connection, [(a_ticket(row), answers(row, status=200))], now_utc())
    assert await waiting == Overtaken()
    assert server.seen == []


async def test_a_try_whose_owner_has_died_is_made_when_its_claim_runs_out(
    pool: Pool, posts: Posts, server: Server
) -> None:
    (row,) = new_notifications(url=server.url, claimed_until=now_utc() + timedelta(seconds=1))
    await add(pool, [row])
    heirs = [asyncio.create_task(posts.call(a_ticket(row, is_ours=False))) for _ in range(2)]
    done, waiting = await asyncio.wait(heirs, return_when=asyncio.FIRST_COMPLETED)
    assert isinstance(done.pop().result(), Answer)
    assert len(server.seen) == 1 and len(waiting) == 1, "the other one waits for him"
    waiting.pop().cancel()


async def test_who_waited_longer_than_his_claim_asks_for_it_again(
    pool: Pool, posts: Posts, server: Server
) -> None:
    ours, theirs = new_notifications(2, url=server.url)
    old = now_utc() - timedelta(seconds=1)
    other = now_utc() + timedelta(seconds=60)
    await add(pool, [replace(ours, claimed_until=old), replace(theirs, claimed_until=other)])
    mine, lost = (a_ticket(replace(row, claimed_until=old)) for row in (ours, theirs))
    assert isinstance(await posts.call(mine), Answer)
    assert await posts.call(lost) == Overtaken()
    until = await store.claimed_until(pool, ours)
    assert until is not None and until > now_utc()
    assert len(server.seen) == 1


async def test_a_try_beside_a_lane_that_is_unwell_is_put_off_into_it(
    pool: Pool, posts: Posts, server: Server
) -> None:
    (row,) = new_notifications(url=server.url)
    await add(pool, [row])
    posts.pacing.learn(row.lane, Verdict.SILENT, 10_000)
    assert await posts.call(a_ticket(row, is_answered=True)) == PutOff()
    assert server.seen == []


async def test_an_endpoints_rate_holds_for_its_tries(
    pool: Pool, posts: Posts, server: Server
) -> None:
    slow = an_endpoint(requests_per_s_max=5)
    rows = new_notifications(4, url=server.url, endpoint_id=slow.endpoint_id)
    until = now_utc() + timedelta(seconds=30)
    rows = [replace(row, claimed_until=until) for row in rows]
    await add(pool, rows)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(*(posts.call(a_ticket(row, slow)) for row in rows))
    assert loop.time() - began >= 0.59
