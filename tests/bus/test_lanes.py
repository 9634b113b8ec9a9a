"""Lanes: queues that appear while running, served by all, and none in another one's way."""

from __future__ import annotations

import asyncio

import pytest

from bus.dead import Graveyard
from bus.lanes import CONCURRENCY_DEFAULT
from tests.bus.errands import Peer
from tests.bus.serving import serving, visits
from tests.bus.wire import a_wire
from tests.bus.workshop import Workshop, at_last


@pytest.fixture(autouse=True)
async def _lanes_exist(workshop: Workshop) -> None:
    """The exchange and the lobby, as the first start of an actor with lanes leaves them."""
    async with serving(workshop, "http://nobody"):
        pass


async def _told(workshop: Workshop, *errand_nos: str) -> bool:
    return {event.subject for event in await workshop.wire()} == set(errand_nos)


async def _nothing_is_left(workshop: Workshop, *lanes: str) -> None:
    for queue in ("example.lobby", *(f"example.lane.{lane}" for lane in lanes)):
        assert await workshop.waiting(queue) == []
    assert await workshop.dead("example.lanes") == []


async def test_a_first_message_opens_its_lane_while_the_worker_runs(
    workshop: Workshop, peer: Peer
) -> None:
    async with serving(workshop, peer.url):
        await workshop.send(*visits("a", 1))
        await at_last(lambda: _told(workshop, "a1"))
        await workshop.send(*visits("a", 2))
        await at_last(lambda: _told(workshop, "a1", "a2"))
    assert peer.sent == {"a1-1": 1, "a2-1": 1}
    await _nothing_is_left(workshop, "a")


async def test_first_messages_of_many_lanes_may_come_at_once(
    workshop: Workshop, peer: Peer
) -> None:
    async with serving(workshop, peer.url), serving(workshop, peer.url):
        await workshop.send(*(visit for lane in "abcd" for visit in visits(lane, 1, 2, 3)))
        await at_last(
            lambda: _told(workshop, *(f"{lane}{n}" for lane in "abcd" for n in (1, 2, 3)))
        )
    assert set(peer.sent.values()) == {1}
    await _nothing_is_left(workshop, *"abcd")


async def test_a_lane_has_one_owner_among_many_workers(workshop: Workshop, peer: Peer) -> None:
    """Its messages beyond the concurrency wait in the queue, though another worker is free."""
    peer.silent.add("a")
    async with serving(workshop, peer.url), serving(workshop, peer.url):
        await asyncio.sleep(0.2)  # until the first has heard of the second
        await workshop.send(*visits("a", *range(3 * CONCURRENCY_DEFAULT)))
        await at_last(lambda: _busy(peer, CONCURRENCY_DEFAULT))
        await asyncio.sleep(0.3)
        assert peer.busy == CONCURRENCY_DEFAULT
        peer.silent.clear()
        await at_last(lambda: _told(workshop, *(f"a{n}" for n in range(3 * CONCURRENCY_DEFAULT))))
    assert set(peer.sent.values()) == {1}
    await _nothing_is_left(workshop, "a")


async def _busy(peer: Peer, calls: int) -> bool:
    return peer.busy == calls


async def test_a_lane_that_hangs_delays_no_other_lane(workshop: Workshop, peer: Peer) -> None:
    peer.silent.add("a")
    async with serving(workshop, peer.url):
        await workshop.send(*visits("a", *range(3 * CONCURRENCY_DEFAULT)))
        await at_last(lambda: _busy(peer, CONCURRENCY_DEFAULT))
        await workshop.send(*visits("b", *range(20)))
        await at_last(lambda: _told(workshop, *(f"b{n}" for n in range(20))))
        assert peer.busy == CONCURRENCY_DEFAULT, "a still hangs"
        peer.silent.clear()


async def test_lanes_are_found_again_by_a_worker_that_starts(
    workshop: Workshop, peer: Peer
) -> None:
    async with serving(workshop, peer.url):
        await workshop.send(*visits("a", 1))
        await at_last(lambda: _told(workshop, "a1"))
    await workshop.send(*visits("a", 2))
    assert len(await workshop.waiting("example.lane.a")) == 1
    async with serving(workshop, peer.url):
        await at_last(lambda: _told(workshop, "a1", "a2"))


async def test_a_message_in_the_lobby_outlives_the_worker_that_read_it(
    workshop: Workshop, peer: Peer
) -> None:
    await workshop.send(*visits("a", 1))
    await workshop.dies("lanes", at="before opening a lane", peer=peer.url)
    async with serving(workshop, peer.url):
        await at_last(lambda: _told(workshop, "a1"))
    assert peer.sent == {"a1-1": 1}
    await _nothing_is_left(workshop, "a")


async def test_a_worker_that_dies_in_a_lane_is_followed_by_one_that_asks_first(
    workshop: Workshop, peer: Peer
) -> None:
    peer.silent.add("a1")
    async with workshop.worker("lanes", peer=peer.url) as worker:
        await workshop.send(*visits("a", 1))
        await at_last(lambda: _busy(peer, 1))
        worker.process.kill()
        await worker.ended()
    await workshop.broker_knows_of_death("lanes")
    async with serving(workshop, peer.url):
        await at_last(lambda: _told(workshop, "a1"))
    assert peer.sent == {"a1-1": 1} and peer.queried == {"a1-1": 1}


async def test_a_cut_connection_loses_no_lane(workshop: Workshop, peer: Peer) -> None:
    async with (
        a_wire(workshop.site.rabbitmq_url) as wire,
        serving(workshop, peer.url, wire.url) as served,
    ):
        await workshop.send(*visits("a", 1))
        await at_last(lambda: _told(workshop, "a1"))
        wire.cut()
        await at_last(served.broker.ping)
        await workshop.send(*visits("a", 2), *visits("b", 1))
        await at_last(lambda: _told(workshop, "a1", "a2", "b1"))
    await _nothing_is_left(workshop, "a", "b")


async def test_a_stop_in_the_middle_leaves_nothing_of_a_lane_to_deliver_again(
    workshop: Workshop, peer: Peer
) -> None:
    peer.takes_s = 0.05
    async with workshop.worker("lanes", peer=peer.url) as worker:
        await worker.is_at_work()
        await workshop.send(*visits("a", *range(100)))
        await at_last(lambda: _busy(peer, CONCURRENCY_DEFAULT))
        assert await worker.stop() == 0
    left = await _left(workshop)
    done = {event.subject for event in await workshop.wire()}
    assert done and left and not left & done
    assert {f"{no}-1" for no in done} == set(peer.sent) and set(peer.sent.values()) == {1}


async def _left(workshop: Workshop) -> set[str]:
    await asyncio.sleep(0.2)  # what had been left unacknowledged would be back now
    rows = await workshop.pool.fetch("SELECT errand_no FROM example.errand")
    known = {row["errand_no"] for row in rows}
    waiting = await workshop.waiting("example.lane.a") + await workshop.waiting("example.lobby")
    assert len(waiting) + len(known) == 100
    return {f"a{n}" for n in range(100)} - known


async def test_a_worker_serves_the_lane_it_opened_even_if_it_misses_the_word(
    workshop: Workshop, peer: Peer
) -> None:
    async with serving(workshop, peer.url, is_deaf=True):
        await workshop.send(*visits("a", 1))
        await at_last(lambda: _told(workshop, "a1"))


async def test_a_worker_that_was_cut_off_serves_the_lanes_that_were_opened_meanwhile(
    workshop: Workshop, peer: Peer
) -> None:
    async with (
        a_wire(workshop.site.rabbitmq_url) as wire,
        serving(workshop, peer.url, wire.url) as served,
    ):
        await wire.tear_down()
        async with serving(workshop, peer.url):
            await workshop.send(*visits("a", 1))
            await at_last(lambda: _told(workshop, "a1"))
        await wire.lay()
        await at_last(served.broker.ping)
        await workshop.send(*visits("a", 2))
        await at_last(lambda: _told(workshop, "a1", "a2"))


async def test_a_dead_letter_of_a_lane_is_replayed_into_its_lane(
    workshop: Workshop, peer: Peer
) -> None:
    graveyard = Graveyard(workshop.broker)
    async with serving(workshop, "no address at all"):
        await workshop.send(*visits("a", 1))
        (letter,) = await at_last(lambda: workshop.dead("example.lanes"))
    assert "InvalidURL" in letter.reason or "ValueError" in letter.reason
    assert await graveyard.replay("example.lanes", letter.event_id) == 1
    assert len(await workshop.waiting("example.lane.a")) == 1
    async with serving(workshop, peer.url):
        await at_last(lambda: _told(workshop, "a1"))
