"""Backing services for one run: a set of their own, empty, and gone afterwards.

Private servers are started from nothing, so that the last run's tables, queues and bloat cannot
colour this one. Services that TOMATO_* variables name belong to somebody: there the run gets a
database of its own, refuses to meet another Tomato, and removes what it made.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

import aio_pika
import asyncpg
from aiormq.exceptions import ChannelNotFoundEntity
from redis.asyncio import Redis

from bus.migrations import migrate
from deploy.local import services
from deploy.local.folders import profile_folder
from deploy.local.named import named_services
from deploy.local.problems import Problem
from deploy.local.services import Services

PROFILE = "bench"
ENTRANCE = "ordering"
"""The queue that every order goes through: whoever reads it is a Tomato at work."""


class Occupied(Problem):
    """Somebody else is using what the bench needs for itself."""


@contextmanager
def alone() -> Generator[None]:
    """One bench per checkout at a time: two would measure each other."""
    with open(profile_folder(PROFILE) / "bench.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Occupied("another bench runs in this checkout") from None
        yield


@contextmanager
def fresh_services() -> Generator[Services]:
    """Running services; private ones are empty at the start and stopped at the end."""
    if named_services() is not None:
        yield services.start(PROFILE)
        return
    services.stop(PROFILE)
    shutil.rmtree(profile_folder(PROFILE) / "state", ignore_errors=True)
    try:
        yield services.start(PROFILE)
    finally:
        services.stop(PROFILE)


@asynccontextmanager
async def own_room(backing: Services) -> AsyncGenerator[str]:
    """The address of a new, migrated database; afterwards the services hold nothing of the run.

    Raises Occupied where another Tomato may be at work in the same queues or the same cache.
    """
    await _refuse_readers(backing.rabbitmq_url)
    async with Redis.from_url(backing.redis_url) as redis:
        if await redis.dbsize():
            raise Occupied("Redis is not empty: let TOMATO_REDIS_URL name an empty database")
    try:
        async with _database(backing.postgres_url) as url:
            await migrate(url)
            try:
                yield url
            finally:
                await _delete_lanes(backing.rabbitmq_url, url)
    finally:
        async with Redis.from_url(backing.redis_url) as redis:  # it may have restarted
            await redis.flushdb()


@asynccontextmanager
async def _database(server_url: str) -> AsyncGenerator[str]:
    name = f"tomato_bench_{os.getpid()}"
    await _execute(server_url, f"CREATE DATABASE {name}")
    try:
        yield f"{server_url.rpartition('/')[0]}/{name}"
    finally:
        await _execute(server_url, f"DROP DATABASE {name} WITH (FORCE)")


async def _refuse_readers(rabbitmq_url: str) -> None:
    async with await aio_pika.connect(rabbitmq_url) as connection:
        channel = await connection.channel()
        try:
            queue = await channel.declare_queue(ENTRANCE, passive=True)
        except ChannelNotFoundEntity:
            return
        found = queue.declaration_result
    if found.consumer_count or found.message_count:
        raise Occupied(
            f"queue {ENTRANCE!r} has {found.consumer_count} readers and {found.message_count}"
            " messages: let TOMATO_RABBITMQ_URL name a virtual host of the bench's own"
        )


async def _delete_lanes(rabbitmq_url: str, database_url: str) -> None:
    """Removes the queues that the run's merchants had; nobody else will ever use them."""
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch("SELECT actor || '.lane.' || lane AS queue FROM bus.lane")
    finally:
        await connection.close()
    async with await aio_pika.connect(rabbitmq_url) as broker:
        channel = await broker.channel()
        for row in rows:
            await channel.queue_delete(row["queue"])


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
