"""Callers: three beats, a death between any two of them, and what the peer gets to see."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import asyncpg
import pytest

from bus.origin import new_event
from tests.bus.errands import Peer, Ticket, errands
from tests.bus.rooms import ERRANDS, Run
from tests.bus.wire import Wire, a_wire
from tests.bus.workshop import Workshop, at_last

QUEUE = ERRANDS.queue


async def _told(workshop: Workshop, *errand_nos: str) -> bool:
    return {event.subject for event in await workshop.wire()} == set(errand_nos)


async def _finish(workshop: Workshop, peer: Peer, *errand_nos: str) -> None:
    async with workshop.at_work(errands(peer.url)):
        await at_last(lambda: _told(workshop, *errand_nos))
        await at_last(lambda: workshop.is_empty(QUEUE))
    assert await workshop.waiting(QUEUE) == []
    assert await workshop.dead(QUEUE) == []


async def _answers(workshop: Workshop) -> dict[tuple[str, int], str]:
    rows = await workshop.pool.fetch("TABLE example.errand")
    return {(row["errand_no"], row["try"]): row["answer"] for row in rows}


@pytest.mark.parametrize("point", ["before open", "before call", "after call", "before record"])
async def test_a_caller_that_dies_between_two_beats_has_the_peer_act_once(
    workshop: Workshop, peer: Peer, point: str
) -> None:
    await workshop.send(Run(errand_no="e1"))
    await workshop.dies("errands", at=point, peer=peer.url)
    await _finish(workshop, peer, "e1")
    assert peer.sent == {"e1-1": 1}
    assert await _answers(workshop) == {("e1", 1): "done"}
    assert len(await workshop.wire()) == 1


async def test_a_caller_that_dies_while_the_peer_is_silent_asks_before_it_sends_again(
    workshop: Workshop, peer: Peer
) -> None:
    peer.silent.add("e1")
    await workshop.send(Run(errand_no="e1"))
    async with workshop.worker("errands", peer=peer.url) as worker:
        await at_last(lambda: _asked(peer, "e1-1"))
        worker.process.kill()
        await worker.ended()
    await workshop.broker_knows_of_death("errands")
    await _finish(workshop, peer, "e1")
    assert peer.sent == {"e1-1": 1} and peer.queried == {"e1-1": 1}
    assert await _answers(workshop) == {("e1", 1): "done"}


async def _asked(peer: Peer, request_no: str) -> bool:
    return peer.sent[request_no] > 0


@pytest.mark.parametrize("point", ["before publish", "after publish"])
async def test_a_caller_that_dies_after_the_record_is_spoken_for_by_the_next(
    workshop: Workshop, peer: Peer, point: str
) -> None:
    await workshop.send(Run(errand_no="e1"))
    await workshop.dies("errands", at=point, peer=peer.url)
    assert await _answers(workshop) == {("e1", 1): "done"}
    await _finish(workshop, peer, "e1")
    assert peer.sent == {"e1-1": 1} and not peer.queried
    assert len({event.id for event in await workshop.wire()}) == 1


async def test_a_refusal_opens_the_next_try_in_the_same_commit(
    workshop: Workshop, peer: Peer
) -> None:
    await workshop.send(Run(errand_no="e1", refusals=2))
    await _finish(workshop, peer, "e1")
    assert peer.sent == {"e1-1": 1, "e1-2": 1, "e1-3": 1}
    assert await _answers(workshop) == {
        ("e1", 1): "refused", ("e1", 2): "refused", ("e1", 3): "done",
    }  # fmt: skip
    assert len(await workshop.wire()) == 1


async def test_a_caller_that_dies_at_the_second_try_takes_that_one_up(
    workshop: Workshop, peer: Peer
) -> None:
    peer.silent.add("e1-2")
    await workshop.send(Run(errand_no="e1", refusals=1))
    async with workshop.worker("errands", peer=peer.url) as worker:
        await at_last(lambda: _asked(peer, "e1-2"))
        worker.process.kill()
        await worker.ended()
    await workshop.broker_knows_of_death("errands")
    await _finish(workshop, peer, "e1")
    assert peer.sent == {"e1-1": 1, "e1-2": 1} and peer.queried == {"e1-2": 1}


async def test_a_lane_has_no_more_calls_in_flight_than_it_may(
    workshop: Workshop, peer: Peer
) -> None:
    peer.takes_s = 0.03
    await workshop.put(QUEUE, *(new_event(Run(errand_no=f"e{n}")) for n in range(30)))
    async with workshop.at_work(errands(peer.url, in_flight_max=4)):
        await at_last(lambda: _told(workshop, *(f"e{n}" for n in range(30))))
    assert peer.busy_max == 4


async def test_calls_side_by_side_do_not_wait_for_each_other(
    workshop: Workshop, peer: Peer
) -> None:
    peer.silent.add("e0")
    await workshop.put(QUEUE, *(new_event(Run(errand_no=f"e{n}")) for n in range(5)))
    async with workshop.at_work(errands(peer.url)):
        await at_last(lambda: _told(workshop, "e1", "e2", "e3", "e4"))
        assert await _answers(workshop) == {
            ("e0", 1): None, **{(f"e{n}", 1): "done" for n in range(1, 5)},
        }  # fmt: skip
        peer.silent.clear()
        await at_last(lambda: _told(workshop, "e0", "e1", "e2", "e3", "e4"))


async def test_an_event_that_comes_twice_while_its_call_is_in_flight_is_called_once(
    workshop: Workshop, peer: Peer
) -> None:
    """A query could find nothing, since what it asks about is still on its way."""
    peer.silent.add("e1")
    event = new_event(Run(errand_no="e1"))
    async with workshop.at_work(errands(peer.url)):
        await workshop.put(QUEUE, event, event)
        await at_last(lambda: _asked(peer, "e1-1"))
        await workshop.put(QUEUE, event)
        await asyncio.sleep(0.3)
        peer.silent.clear()
        await at_last(lambda: _told(workshop, "e1"))
    assert peer.sent == {"e1-1": 1} and not peer.queried
    assert await workshop.waiting(QUEUE) == []


async def test_a_cut_connection_does_not_call_again_what_is_in_flight(
    workshop: Workshop, peer: Peer
) -> None:
    peer.silent.add("e")
    await workshop.send(*(Run(errand_no=f"e{n}") for n in range(20)))
    async with (
        a_wire(workshop.site.rabbitmq_url) as wire,
        workshop.at_work(errands(peer.url), url=wire.url),
    ):
        await at_last(lambda: _busy(peer, 20))
        wire.cut()
        await at_last(lambda: _delivered(wire, 40))
        await asyncio.sleep(0.2)
        peer.silent.clear()
        await at_last(lambda: _told(workshop, *(f"e{n}" for n in range(20))))
    assert set(peer.sent.values()) == {1} and not peer.queried
    assert await workshop.waiting(QUEUE) == []


async def _busy(peer: Peer, calls: int) -> bool:
    return peer.busy == calls


async def _delivered(wire: Wire, deliveries: int) -> bool:
    return wire.from_broker["Basic.Deliver"] == deliveries


async def test_a_call_that_raises_is_put_aside_and_harms_no_other(
    workshop: Workshop, peer: Peer
) -> None:
    room = errands(peer.url)

    async def call(ticket: Ticket) -> str:
        if ticket.errand_no == "e1":
            raise KeyError("a bug in an adapter")
        return await room.call(ticket)

    await workshop.put(QUEUE, *(new_event(Run(errand_no=f"e{n}")) for n in range(3)))
    async with workshop.at_work(replace(room, call=call)):
        await at_last(lambda: _told(workshop, "e0", "e2"))
        (letter,) = await at_last(lambda: workshop.dead(QUEUE))
    assert "KeyError: 'a bug in an adapter'" in letter.reason
    assert await workshop.waiting(QUEUE) == []


async def test_a_database_that_is_away_during_a_call_puts_nothing_aside(
    workshop: Workshop, peer: Peer
) -> None:
    room, troubles = errands(peer.url), 2

    async def call(ticket: Ticket) -> str:
        nonlocal troubles
        if troubles:
            troubles -= 1
            raise asyncpg.ConnectionDoesNotExistError("connection was closed")
        return await room.call(ticket)

    await workshop.send(Run(errand_no="e1"))
    async with workshop.at_work(replace(room, call=call)):
        await at_last(lambda: _told(workshop, "e1"))
    assert peer.sent == {"e1-1": 1}
    assert await workshop.dead(QUEUE) == []


async def test_a_done_errand_is_not_run_again(workshop: Workshop, peer: Peer) -> None:
    async with workshop.at_work(errands(peer.url)):
        first, again = new_event(Run(errand_no="e1")), new_event(Run(errand_no="e1"))
        await workshop.put(QUEUE, first)
        await at_last(lambda: _told(workshop, "e1"))
        await workshop.put(QUEUE, again)
        await at_last(lambda: _settled(workshop, 2))
    assert peer.sent == {"e1-1": 1} and len(await workshop.wire()) == 1


async def _settled(workshop: Workshop, events: int) -> bool:
    return await workshop.pool.fetchval("SELECT count(*) FROM bus.inbox") == events
