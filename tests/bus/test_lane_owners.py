"""Who serves which lane: shares without a coordinator, through crashes and without Redis."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from bus.lanes.shares import BEAT, Shares, owner_of
from tests.bus.errands import Peer
from tests.bus.serving import Served, Sink, serving, sinking, visits
from tests.bus.worker import QUICK
from tests.bus.workshop import Workshop, at_last

LANES = [f"m{number}x" for number in range(40)]
NOWHERE = "redis://127.0.0.1:1/0"


async def _shared_out(*workers: Served) -> bool:
    """Every lane has one consumer, and it is its owner's."""
    names = [worker.lanes._shares.worker for worker in workers]
    return all(
        worker.attached() == {lane for lane in LANES if owner_of(lane, names) == name}
        for worker, name in zip(workers, names, strict=True)
    )


async def _open_all(served: Served) -> None:
    await served.lanes._lobby.open(LANES)


def test_a_worker_more_or_less_moves_only_its_share() -> None:
    lanes = [f"m{number}" for number in range(2_000)]
    before = {lane: owner_of(lane, ["w1", "w2", "w3"]) for lane in lanes}
    after = {lane: owner_of(lane, ["w1", "w2", "w3", "w4"]) for lane in lanes}
    moved = {lane for lane in lanes if before[lane] != after[lane]}
    assert {after[lane] for lane in moved} == {"w4"}, "the new one takes, nobody else does"
    assert 0.20 < len(moved) / len(lanes) < 0.30
    assert all(0.28 < count / len(lanes) < 0.39 for count in Counter(before.values()).values())


async def test_workers_that_come_and_go_share_the_lanes(workshop: Workshop) -> None:
    sink = Sink()
    async with sinking(workshop, sink) as first:
        await _open_all(first)
        await at_last(lambda: _shared_out(first))
        async with sinking(workshop, sink) as second, sinking(workshop, sink) as third:
            await at_last(lambda: _shared_out(first, second, third))
            kept = first.attached()
        await at_last(lambda: _shared_out(first), within_s=1.5)
        assert kept < first.attached()


async def test_a_worker_that_stops_hands_its_lanes_on_at_once(workshop: Workshop) -> None:
    """Long before the lease of a dead one would end."""
    slow = replace(QUICK, beat_s=5.0, lease_s=20.0, compare_s=20.0)
    sink = Sink()
    async with sinking(workshop, sink, pace=slow) as first:
        async with sinking(workshop, sink, pace=slow) as second:
            await _open_all(first)
            await at_last(lambda: _shared_out(first, second))
        await at_last(lambda: _shared_out(first), within_s=2)


async def test_a_killed_worker_moves_only_its_lanes_and_loses_nothing(
    workshop: Workshop, peer: Peer
) -> None:
    peer.takes_s = 0.02
    async with AsyncExitStack() as stack:
        workers = [
            await stack.enter_async_context(workshop.worker("lanes", peer=peer.url))
            for _ in range(2)
        ]
        for worker in workers:
            await worker.is_at_work()
        here = await stack.enter_async_context(serving(workshop, peer.url))
        sent = [visit for lane in LANES for visit in visits(lane, *range(8))]
        sending = asyncio.create_task(_send_slowly(workshop, sent))
        await at_last(lambda: _all_owned(here, 3))
        before = await _owners(here)
        workers[0].process.kill()
        await workers[0].ended()
        await sending
        numbers = {visit.errand_no for visit in sent}
        await at_last(lambda: _all_told(workshop, numbers), within_s=30)
        await at_last(lambda: _all_owned(here, 2))
        after = await _owners(here)
    (dead,) = set(before.values()) - set(after.values())
    moved = {lane for lane in before if before[lane] != after.get(lane)}
    assert moved == {lane for lane in before if before[lane] == dead} != set()
    again = {number: count for number, count in peer.sent.items() if count > 1}
    assert not again, "the next worker asks before it sends"


async def _send_slowly(workshop: Workshop, messages: list) -> None:  # type: ignore[type-arg]
    for start in range(0, len(messages), 8):
        await workshop.send(*messages[start : start + 8])
        await asyncio.sleep(0.06)


async def _owners(served: Served) -> dict[str, str]:
    return {look.lane: look.owner for look in await served.lanes.look() if look.owner}


async def _all_owned(served: Served, workers: int) -> bool:
    looks = await served.lanes.look()
    owners = {look.owner for look in looks}
    return len(looks) == len(LANES) and None not in owners and len(owners) == workers


async def _all_told(workshop: Workshop, numbers: set[str]) -> bool:
    return {event.subject for event in await workshop.wire()} == numbers


async def test_two_owners_for_a_while_lose_nothing(workshop: Workshop) -> None:
    """Each believes that the other is dead."""
    sink = Sink(takes_s=0.002)
    redis = Redis.from_url(NOWHERE)
    async with (
        sinking(workshop, sink, redis=redis) as first,
        sinking(workshop, sink, redis=redis) as second,
    ):
        sent = [visit for lane in LANES[:8] for visit in visits(lane, *range(30))]
        await workshop.send(*sent)
        await at_last(lambda: sink.has(*(visit.errand_no for visit in sent)))
        await at_last(lambda: _both_attached(first, second))
    assert set(sink.seen.values()) == {1}
    await redis.aclose()


async def _both_attached(*workers: Served) -> bool:
    return all(worker.attached() == set(LANES[:8]) for worker in workers)


async def test_a_redis_that_forgets_everything_moves_no_lane(workshop: Workshop) -> None:
    sink = Sink()
    async with (
        sinking(workshop, sink) as first,
        sinking(workshop, sink) as second,
        Redis.from_url(workshop.site.redis_url) as redis,
    ):
        await _open_all(first)
        await at_last(lambda: _shared_out(first, second))
        for _ in range(5):
            await redis.flushdb()
            for _ in range(10):
                await asyncio.sleep(0.02)
                assert await _shared_out(first, second)
        await workshop.send(*(visit for lane in LANES for visit in visits(lane, 1)))
        await at_last(lambda: sink.has(*(f"{lane}1" for lane in LANES)))
    assert set(sink.seen.values()) == {1}


async def test_without_redis_everybody_keeps_what_he_has(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = Sink()
    async with sinking(workshop, sink) as first, sinking(workshop, sink) as second:
        await _open_all(first)
        await at_last(lambda: _shared_out(first, second))
        for worker in (first, second):
            _take_redis_away(worker.lanes._shares, monkeypatch)
        await asyncio.sleep(2.0)  # two leases
        assert await _shared_out(first, second)
        await workshop.send(*(visit for lane in LANES for visit in visits(lane, 1)))
        await at_last(lambda: sink.has(*(f"{lane}1" for lane in LANES)))


async def test_a_dead_workers_lanes_are_adopted_even_without_redis(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = Sink()
    async with sinking(workshop, sink) as first:
        async with sinking(workshop, sink) as second:
            await _open_all(first)
            await at_last(lambda: _shared_out(first, second))
            _take_redis_away(first.lanes._shares, monkeypatch)
            orphans = second.attached()
            assert orphans and not orphans & first.attached()
        await workshop.send(*(visit for lane in LANES for visit in visits(lane, 1)))
        await at_last(lambda: sink.has(*(f"{lane}1" for lane in LANES)))


def _take_redis_away(shares: Shares, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = Redis.from_url(NOWHERE, socket_connect_timeout=0.2)
    monkeypatch.setattr(shares, "_redis", nowhere)
    monkeypatch.setattr(shares, "_script", nowhere.register_script(BEAT))
