"""Proof that a service answers: each is spoken to in its own protocol, as Tomato's own user."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import aio_pika
import asyncpg
from redis.asyncio import Redis

from deploy.local.place import Addresses

TIMEOUT_S = 5

# A broker that is not up yet is what we wait for: no line on the terminal for each try.
logging.getLogger("aiormq").addHandler(logging.NullHandler())


async def greet_postgres(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.fetchval("SELECT 1")
    finally:
        await connection.close()


async def greet_rabbitmq(url: str) -> None:
    connection = await aio_pika.connect(url)
    try:
        await connection.channel()
    finally:
        await connection.close()


async def greet_redis(url: str) -> None:
    client = Redis.from_url(url)
    try:
        await client.ping()
    finally:
        await client.aclose()


def failure_of(greeting: Callable[[], Awaitable[None]]) -> BaseException | None:
    """Why the greeting failed, or None.

    Which errors a half-started service causes is its client's secret, so any means "not yet".
    It runs in a thread of its own because the caller may be inside an event loop.
    """

    async def in_time() -> None:
        async with asyncio.timeout(TIMEOUT_S):
            await greeting()

    with ThreadPoolExecutor(max_workers=1) as aside:
        return aside.submit(lambda: asyncio.run(in_time())).exception()


def answers(name: str, addresses: Addresses) -> bool:
    """Whether the service completes a handshake in time."""
    greetings = {
        "postgres": lambda: greet_postgres(addresses.postgres_url),
        "rabbitmq": lambda: greet_rabbitmq(addresses.rabbitmq_url),
        "redis": lambda: greet_redis(addresses.redis_url),
    }
    return failure_of(greetings[name]) is None
