"""The directory: what others changed is seen soon, and no cache is needed for a right answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from redis.asyncio import Redis

from bus.broadcasts import Broadcasts
from bus.broker import Broker
from bus.database import Pool
from bus.directory import ABSENT_TTL_S, LOCAL_TTL_S, REDIS_TTL_S, Directory
from bus.effects import Outgoing, deliveries
from bus.origin import new_event
from schema.messages.merchants import ProfileChanged
from schema.messages.monitoring import StandingChanged
from schema.profiles import MerchantProfile
from schema.standings import ChannelStanding
from tests.bus.workshop import at_last
from tests.examples import CHANNEL_NO, MERCHANT_NO, a_channel, a_merchant

STORE = """
INSERT INTO directory.profile (kind, number, version, document) VALUES ($1, $2, $3, $4)
ON CONFLICT (kind, number) DO UPDATE SET version = excluded.version, document = excluded.document
"""
KEY = f"tomato:profile:merchant:{MERCHANT_NO}"


@pytest.fixture(autouse=True)
async def _no_profiles(pool: Pool) -> None:
    await pool.execute("TRUNCATE directory.profile")


async def _store(pool: Pool, merchant: MerchantProfile) -> None:
    document = msgspec.json.encode(merchant).decode()
    await pool.execute(STORE, "merchant", merchant.merchant_no, merchant.version, document)


async def _version(directory: Directory) -> int | None:
    found = await directory.merchants.get(MERCHANT_NO)
    return found and found.version


def _later(directory: Directory, seconds: float) -> None:
    """Has this process's clock stand so much later."""
    shelf = directory.merchants
    now = shelf._clock
    shelf._clock = lambda: now() + seconds


async def test_profiles_of_both_kinds_are_found_and_others_are_not(
    pool: Pool, redis: Redis
) -> None:
    await _store(pool, a_merchant())
    document = msgspec.json.encode(a_channel()).decode()
    await pool.execute(STORE, "channel", CHANNEL_NO, 1, document)
    directory = Directory(pool, redis)
    assert await directory.merchants.find([MERCHANT_NO, "1025112200009"]) == {
        MERCHANT_NO: a_merchant()
    }
    assert await directory.channels.get(CHANNEL_NO) == a_channel()
    assert await directory.channels.get(MERCHANT_NO) is None


async def test_a_profile_is_read_from_the_database_once(pool: Pool, redis: Redis) -> None:
    await _store(pool, a_merchant())
    first = Directory(pool, redis)
    assert await _version(first) == 1
    await pool.execute("TRUNCATE directory.profile")
    assert await _version(first) == 1, "its own copy"
    assert await _version(Directory(pool, redis)) == 1, "the copy in Redis"


@asynccontextmanager
async def _hearing(directory: Directory, broker: Broker) -> AsyncIterator[None]:
    broadcasts = Broadcasts(broker)
    broadcasts.listen(ProfileChanged, directory.hear)
    broadcasts.listen(StandingChanged, directory.hear_standing)
    await broadcasts.start()
    yield
    await broadcasts.stop()


async def test_a_change_that_is_broadcast_is_seen_by_every_process(
    pool: Pool, redis: Redis, broker: Broker
) -> None:
    await _store(pool, a_merchant())
    one, another = Directory(pool, redis), Directory(pool, redis)
    async with _hearing(one, broker), _hearing(another, broker):
        assert await _version(one) == await _version(another) == 1
        await _store(pool, a_merchant(version=2))
        message = ProfileChanged(kind="merchant", number=MERCHANT_NO, version=2)
        await broker.publish(deliveries([Outgoing.of(message, new_event(message))]))
        await at_last(lambda: _are_new(one, another))


async def _are_new(*directories: Directory) -> bool:
    return {await _version(directory) for directory in directories} == {2}


async def test_a_channel_that_was_never_taken_down_is_remembered_as_such_until_it_is(
    pool: Pool, redis: Redis, broker: Broker
) -> None:
    directory = Directory(pool, redis)
    standing = ChannelStanding(channel_no=CHANNEL_NO, version=1)
    async with _hearing(directory, broker):
        assert await directory.standings.get(CHANNEL_NO) is None
        document = msgspec.json.encode(standing).decode()
        await pool.execute(STORE, "standing", CHANNEL_NO, 1, document)
        assert await directory.standings.get(CHANNEL_NO) is None, "nobody has said so"
        message = StandingChanged(channel_no=CHANNEL_NO, version=1)
        await broker.publish(deliveries([Outgoing.of(message, new_event(message))]))
        assert await at_last(lambda: directory.standings.get(CHANNEL_NO)) == standing


async def test_a_flushed_redis_costs_a_trip_and_nothing_else(pool: Pool, redis: Redis) -> None:
    await _store(pool, a_merchant())
    assert await _version(Directory(pool, redis)) == 1
    await redis.flushdb()
    assert await _version(Directory(pool, redis)) == 1
    assert await redis.exists(KEY)


async def test_without_redis_the_database_answers(pool: Pool) -> None:
    await _store(pool, a_merchant())
    nowhere: Redis = Redis.from_url("redis://127.0.0.1:1/0", socket_connect_timeout=1)
    directory = Directory(pool, nowhere)
    assert await _version(directory) == 1
    await _store(pool, a_merchant(version=2))
    await directory.hear(ProfileChanged(kind="merchant", number=MERCHANT_NO, version=2))
    assert await _version(directory) == 2
    await nowhere.aclose()


async def test_who_missed_a_change_sees_it_when_both_copies_have_run_out(
    pool: Pool, redis: Redis
) -> None:
    await _store(pool, a_merchant())
    directory = Directory(pool, redis)
    assert await _version(directory) == 1
    await _store(pool, a_merchant(version=2))
    _later(directory, LOCAL_TTL_S + 0.1)
    assert 0 < await redis.ttl(KEY) <= REDIS_TTL_S
    await redis.expire(KEY, REDIS_TTL_S // 2)
    assert await _version(directory) == 1, "still the copy in Redis, which is not renewed by that"
    assert 0 < await redis.ttl(KEY) <= REDIS_TTL_S // 2
    await redis.delete(KEY)  # as if its time had come
    _later(directory, LOCAL_TTL_S + 0.1)
    assert await _version(directory) == 2


async def test_a_process_that_may_have_missed_changes_keeps_no_copy(
    pool: Pool, redis: Redis
) -> None:
    await _store(pool, a_merchant())
    directory = Directory(pool, redis)
    assert await _version(directory) == 1
    await _store(pool, a_merchant(version=2))
    await redis.delete(KEY)
    directory.forget_all()
    assert await _version(directory) == 2


async def test_a_merchant_who_was_not_there_is_asked_for_again_soon(
    pool: Pool, redis: Redis
) -> None:
    directory = Directory(pool, redis)
    assert await _version(directory) is None
    await _store(pool, a_merchant())
    assert await _version(directory) is None
    _later(directory, ABSENT_TTL_S + 0.1)
    assert await _version(directory) == 1
