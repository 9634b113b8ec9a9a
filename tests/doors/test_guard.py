"""Nonces are good once, and no merchant sends more than his share: with Redis and without."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import pytest
from redis.asyncio import Redis

from handlers.merchant_api.guard import NONCE_KEPT_S, NONCES_REMEMBERED_MAX, Guard, Knock, Memory
from tests.doors.street import PATH, Merchant, Street, a_street, order

NOWHERE = "redis://127.0.0.1:1/0"
HANGS_S = 3


@pytest.fixture(params=["with Redis", "without Redis"])
async def guard(request: pytest.FixtureRequest, redis: Redis) -> AsyncIterator[Guard]:
    asked = redis if request.param == "with Redis" else Redis.from_url(NOWHERE)
    started = Guard(asked)
    await started.start()
    yield started
    await started.stop()


async def objections(
    guard: Guard, knocks: Sequence[tuple[str, str]], limit: int
) -> list[str | None]:
    return list(await asyncio.gather(*(guard.objection(*knock, limit) for knock in knocks)))


async def the_next_second() -> None:
    """The limit counts seconds of the clock; a test that crosses one would count wrongly."""
    await asyncio.sleep(1.01 - time.time() % 1)


async def test_a_nonce_is_good_once_per_merchant(guard: Guard) -> None:
    assert await guard.objection("100001", "nonce-01", 100) is None
    assert await guard.objection("100001", "nonce-01", 100) == "nonce_used"
    assert await guard.objection("100002", "nonce-01", 100) is None


async def test_of_many_with_the_same_nonce_one_is_let_in(guard: Guard) -> None:
    said = await objections(guard, [("100001", "nonce-01")] * 50, 100)
    assert Counter(said) == {None: 1, "nonce_used": 49}


async def test_only_so_many_are_let_in_a_second(guard: Guard) -> None:
    await the_next_second()
    mine = [("100001", f"nonce-{n:02}") for n in range(12)]
    theirs = [("100002", f"nonce-{n:02}") for n in range(5)]
    said = await objections(guard, [*mine, *theirs], 10)
    assert said == [None] * 10 + ["too_many_requests"] * 2 + [None] * 5
    await the_next_second()
    assert await guard.objection("100001", "nonce-99", 10) is None


async def test_the_limit_holds_over_all_processes(redis: Redis) -> None:
    one, other = Guard(redis), Guard(redis)
    await one.start()
    await other.start()
    await the_next_second()
    said = [
        await g.objection("100001", f"nonce-{n}-{id(g)}", 3) for n in range(2) for g in (one, other)
    ]
    assert said == [None, None, None, "too_many_requests"]
    await one.stop()
    await other.stop()


async def test_redis_keeps_nonces_as_long_as_their_timestamps_are_good(redis: Redis) -> None:
    guard = Guard(redis)
    await guard.start()
    await guard.objection("100001", "nonce-01", 100)
    assert NONCE_KEPT_S - 2 <= await redis.ttl("tomato:nonce:100001:nonce-01") <= NONCE_KEPT_S
    assert 0 < await redis.ttl((await redis.keys("tomato:rate:*"))[0]) <= 3
    await guard.stop()


async def test_a_redis_that_forgets_the_script_is_told_it_again(redis: Redis) -> None:
    guard = Guard(redis)
    await guard.start()
    assert await guard.objection("100001", "nonce-01", 100) is None
    await redis.script_flush()
    assert await guard.objection("100001", "nonce-01", 100) == "nonce_used"
    await guard.stop()


async def test_a_redis_that_hangs_holds_nobody_up_for_long(redis: Redis) -> None:
    """A listener that takes connections and says nothing."""
    silent = await asyncio.start_server(lambda *_: asyncio.sleep(HANGS_S), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    guard = Guard(Redis.from_url(f"redis://127.0.0.1:{port}/0"))
    await guard.start()
    started = asyncio.get_running_loop().time()
    said = [await guard.objection("100001", nonce, 100) for nonce in ("nonce-01", "nonce-01")]
    assert said == [None, "nonce_used"]
    assert asyncio.get_running_loop().time() - started < 1
    await guard.stop()
    silent.close()


def knock(nonce: str) -> Knock:
    return Knock("100001", nonce, asyncio.get_running_loop().create_future())


async def test_the_memory_is_bounded_and_forgets_what_is_too_old() -> None:
    memory = Memory()
    memory.verdicts([knock("first")], 1_000)
    assert not memory.verdicts([knock("first")], 1_000 + NONCE_KEPT_S - 1)[0].is_fresh
    assert memory.verdicts([knock("first")], 1_000 + NONCE_KEPT_S)[0].is_fresh
    for n in range(NONCES_REMEMBERED_MAX // 1_000 + 2):
        memory.verdicts([knock(f"n-{n}-{i}") for i in range(1_000)], 5_000)
    assert len(memory) <= NONCES_REMEMBERED_MAX + 1_000


async def test_the_doors_stay_open_when_redis_is_away(street: Street, merchant: Merchant) -> None:
    async with a_street(street.shared.settings, street.room, redis_url=NOWHERE) as poor:
        body = order()
        header = {"Authorization": merchant.authorization("POST", PATH, body)}
        first = await poor.send("POST", PATH, body, header)
        repeated = await poor.send("POST", PATH, body, header)
        assert first.status == 201
        assert (repeated.status, repeated.code) == (401, "nonce_used")


async def test_a_replayed_request_is_refused(street: Street, merchant: Merchant) -> None:
    body = order()
    header = {"Authorization": merchant.authorization("POST", PATH, body)}
    answers = await asyncio.gather(*(street.send("POST", PATH, body, header) for _ in range(10)))
    assert Counter(answer.status for answer in answers) == {201: 1, 401: 9}
    assert {answer.code for answer in answers if answer.status == 401} == {"nonce_used"}
    assert len(street.room.orders(merchant.merchant_no)) == 1


async def test_a_merchant_in_a_hurry_is_asked_to_wait(street: Street) -> None:
    merchant = await street.open_merchant(requests_per_s_max=5)
    await the_next_second()
    answers = await asyncio.gather(*(street.get(merchant, PATH) for _ in range(8)))
    assert Counter(answer.status for answer in answers) == {200: 5, 429: 3}
    refused = next(answer for answer in answers if answer.status == 429)
    assert (refused.code, refused.headers["Retry-After"]) == ("too_many_requests", "1")


async def test_a_forger_uses_up_nothing_of_a_merchants_share(street: Street) -> None:
    merchant = await street.open_merchant(requests_per_s_max=2)
    forger = Merchant(merchant.merchant_no, b"sk_guessed")
    await the_next_second()
    await asyncio.gather(*(street.get(forger, PATH) for _ in range(10)))
    assert (await street.get(merchant, PATH)).status == 200
