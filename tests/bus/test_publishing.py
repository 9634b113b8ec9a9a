"""Publishing: what an event carries on, where replies go, and commands that find no queue."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime

from bus import topology
from bus.database import Connection
from bus.decider import Decision
from bus.effects import Outgoing, Publish, deliveries
from bus.origin import new_event, new_traceparent
from schema.events import EVENTS_PER_DELIVERY_MAX, Event, decode_events
from schema.messages.contract import Message, read
from tests.bus import rooms
from tests.bus.rooms import COUNTER, ERRANDS, Add, Added, Counted, Counts, Run, counted, counter
from tests.bus.workshop import WIRE, Workshop, at_last

ASKER = "example.wire"
"""Where replies are looked for: a queue is an address like any other."""


async def _added(workshop: Workshop, **attributes: str) -> tuple[Event, Event]:
    """A command with these attributes, and the fact that comes of it."""
    async with workshop.at_work(counter):
        (cause,) = await workshop.send(Add(key="a"), **attributes)
        said = await at_last(workshop.wire)
    return cause, next(event for event in said if event.type == "example.added")


async def test_an_effect_carries_on_what_its_cause_carried(workshop: Workshop) -> None:
    trace = new_traceparent()
    cause, fact = await _added(
        workshop, correlationid="order-7", replyto="nobody", traceparent=trace
    )
    assert fact.causationid == cause.id
    assert fact.correlationid == "order-7"
    assert fact.replyto == "nobody"
    assert fact.subject == "a"
    assert fact.source == "tomato/example"
    version, trace_id, span, flags = (fact.traceparent or "").split("-")
    assert (version, trace_id, flags) == ("00", trace.split("-")[1], "01")
    assert span != trace.split("-")[2] and len(span) == 16


async def test_a_reply_goes_to_the_one_who_asked_and_to_nobody_else(workshop: Workshop) -> None:
    cause, _ = await _added(workshop, correlationid="order-7", replyto=ASKER)
    answers = [event for event in await workshop.wire() if event.type == "example.counted"]
    (reply,) = answers
    assert read(reply) == Counted(total=1)
    assert (reply.causationid, reply.correlationid, reply.replyto) == (cause.id, "order-7", None)


async def test_nobody_is_answered_who_did_not_ask(workshop: Workshop) -> None:
    await _added(workshop)
    assert [event.type for event in await workshop.wire()] == ["example.added"]


async def test_a_reply_to_an_address_that_is_gone_holds_up_nothing(workshop: Workshop) -> None:
    await _added(workshop, replyto="somebody.who.left")
    assert await counted(workshop.pool) == {"a": (1, 1)}
    assert await workshop.waiting(COUNTER.queue) == []


async def test_what_a_batch_says_travels_together(workshop: Workshop) -> None:
    events = [new_event(Add(key="a")) for _ in range(EVENTS_PER_DELIVERY_MAX + 44)]
    await workshop.broker.publish(deliveries(Outgoing.of(Add(key="a"), e) for e in events))
    arrived = await workshop.waiting(COUNTER.queue)
    assert [len(decode_events(m.body, m.content_type)) for m in arrived] == [256, 44]
    async with workshop.at_work(counter):
        await at_last(lambda: _said_all(workshop, len(events)))
    said = [len(decode_events(m.body, m.content_type)) for m in await workshop.waiting(WIRE)]
    assert max(said) > 100, f"one transaction's facts came as {said}"


async def _said_all(workshop: Workshop, events: int) -> bool:
    return len(await workshop.wire()) == events


async def test_a_command_that_finds_no_queue_waits_until_there_is_one(workshop: Workshop) -> None:
    await _forget_queue(workshop, ERRANDS.queue)
    sending = asyncio.create_task(workshop.send(Run(errand_no="e1"), Run(errand_no="e2")))
    await asyncio.sleep(0.3)
    assert not sending.done(), "nobody hears it yet"
    await workshop.broker.declare([ERRANDS])
    await asyncio.wait_for(sending, 10)
    assert len(await workshop.waiting(ERRANDS.queue)) == 2


async def test_an_actor_makes_its_own_missing_queue_again_and_goes_on(workshop: Workshop) -> None:
    """Its effect is a command to itself; the queue went while it decided."""
    gone = asyncio.Event()

    def decide(book: Counts, message: Message, now: datetime) -> Decision:
        assert isinstance(message, Add)
        row = book.now(message.key).plus(message.amount)
        more = (Publish(Add(key=message.key, amount=1)),) if row.adds < 3 else ()
        return Decision((row,), more)

    async def save(connection: Connection, book: Counts) -> None:
        if not gone.is_set():
            await _forget_queue(workshop, COUNTER.queue)
            gone.set()
        await rooms.save(connection, book)

    async with workshop.at_work(replace(counter, decide=decide, save=save)):
        await workshop.send(Add(key="a"))
        await at_last(lambda: _adds(workshop, 3))
    assert await counted(workshop.pool) == {"a": (3, 3)}


async def _adds(workshop: Workshop, adds: int) -> bool:
    return (await counted(workshop.pool)).get("a", (0, 0))[1] == adds


async def _forget_queue(workshop: Workshop, queue: str) -> None:
    channel = await workshop.broker.channel()
    await channel.queue_delete(queue)
    await channel.close()


async def test_an_unheard_fact_is_dropped_without_waiting(workshop: Workshop) -> None:
    await _forget_queue(workshop, WIRE)
    fact = Added(key="a", amount=1, total=1)
    async with asyncio.timeout(5):
        await workshop.broker.publish(deliveries([Outgoing.of(fact, new_event(fact))]))


async def test_the_topology_can_be_made_again_over_itself(workshop: Workshop) -> None:
    for _ in range(2):
        await workshop.broker.declare([COUNTER])
    channel = await workshop.broker.channel()
    dead = await channel.get_queue(topology.dead_queue(COUNTER.queue))
    assert dead.declaration_result.message_count == 0
    await channel.close()
