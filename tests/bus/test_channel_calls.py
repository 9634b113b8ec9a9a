"""The ear of monitoring on a real broker: every call is counted, by however many workers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Raw
from redis.asyncio import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from actors.monitoring.actor import MONITORING
from actors.monitoring.counters import Counters
from actors.monitoring.listener import Listener
from actors.monitoring.measures import Tally, add_up, calls
from bus.broker import Broker
from bus.effects import Outgoing, deliveries
from bus.jobs import now_utc
from bus.origin import new_event
from bus.topology import dead_queue
from schema.messages.contract import Message
from tests.bus.wire import a_wire
from tests.bus.workshop import Workshop, at_last
from tests.channel_calls import a_call, a_paid
from tests.sites import Site


def a_redis(url: str) -> Redis:
    """As a process has it."""
    return Redis.from_url(
        url, socket_timeout=1.0, socket_connect_timeout=1.0, retry=Retry(NoBackoff(), 1)
    )


@asynccontextmanager
async def listening(site: Site, redis_url: str = "") -> AsyncIterator[Broker]:
    """A worker that counts what it hears."""
    broker = Broker(site.rabbitmq_url, name="ear")
    redis = a_redis(redis_url or site.redis_url)
    listener = Listener(MONITORING, Counters(redis), broker, linger_ms=5, batch_max=64)
    await broker.connect()
    await broker.declare()
    for part in (listener, broker):
        await part.start()
    try:
        yield broker
    finally:
        await broker.pause()
        await listener.stop()
        await broker.stop()
        await redis.aclose()


async def say(broker: Broker, *messages: Message) -> None:
    await broker.publish(deliveries(Outgoing.of(each, new_event(each)) for each in messages))


async def counted(redis: Redis) -> Tally:
    """All calls of the last minute, of whatever kind."""
    now_s = int(now_utc().timestamp())
    whole: Tally = {}
    window = add_up((await Counters(redis).read(range(now_s - 60, now_s + 1))).values())
    for tally in window.values():
        for name, amount in tally.items():
            whole[name] = whole.get(name, 0) + amount
    return whole


async def test_two_workers_count_every_call_once(workshop: Workshop, redis: Redis) -> None:
    async with listening(workshop.site) as first, listening(workshop.site):
        for _ in range(20):
            sick = [a_call("no_answer", called_at=now_utc()) for _ in range(7)]
            await say(first, *sick, *[a_call(called_at=now_utc())] * 13, a_paid())

        async def all_counted() -> bool:
            return calls(await counted(redis)) == 20 * 21

        await at_last(all_counted)
        assert (await counted(redis))["no_answer"] == 140
        assert await workshop.is_empty(MONITORING.queue)


async def test_what_can_not_be_read_is_put_aside_and_its_neighbours_count(
    workshop: Workshop, redis: Redis
) -> None:
    good = a_call(called_at=now_utc())
    event = new_event(good)
    bad = Outgoing.of(good, event)
    torn = (
        bytes(bad.event)
        .replace(b'"no_answer"', b'"?"')
        .replace(b'"outcome":"ok"', b'"outcome":"?"')
    )
    async with listening(workshop.site) as broker:
        mixed = [
            Outgoing.of(good, new_event(good)),
            Outgoing(bad.exchange, bad.key, False, Raw(torn)),
        ]
        await broker.publish(deliveries(mixed))

        async def is_counted() -> bool:
            return calls(await counted(redis)) == 1

        await at_last(is_counted)
        [letter] = await workshop.dead(MONITORING.queue)
        assert "outcome" in letter.reason
    channel = await workshop.broker.channel()
    await (await channel.get_queue(dead_queue(MONITORING.queue))).purge()
    await channel.close()


async def test_while_redis_is_away_calls_wait_in_their_queue(
    workshop: Workshop, redis: Redis
) -> None:
    async with (
        a_wire(workshop.site.redis_url) as wire,
        listening(workshop.site, wire.url) as broker,
    ):
        await wire.tear_down()
        await say(broker, *[a_call(called_at=now_utc())] * 30)
        await asyncio.sleep(0.3)
        assert calls(await counted(redis)) == 0
        await wire.lay()

        async def all_counted() -> bool:
            return calls(await counted(redis)) == 30

        await at_last(all_counted)


async def test_a_redis_that_is_flushed_in_the_middle_goes_on_counting(
    workshop: Workshop, redis: Redis
) -> None:
    async def has(number: int) -> bool:
        return calls(await counted(redis)) == number

    async with listening(workshop.site) as broker:
        await say(broker, *[a_call(called_at=now_utc())] * 10)
        await at_last(lambda: has(10))
        await redis.flushall()
        await redis.script_flush()
        await say(broker, *[a_call(called_at=now_utc())] * 5)
        await at_last(lambda: has(5))
