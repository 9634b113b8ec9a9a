"""A site: the corner of real services that one test session has for itself.

Several sessions may use the same services at once. So each makes a database and (where the broker
is ours) a virtual host of its own, takes a Redis database that nobody uses, and clears all away.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass

import asyncpg
from redis.asyncio import Redis
from yarl import URL

from bus.migrations import migrate
from deploy.local.binaries import SYSTEM_PATH
from deploy.local.folders import unprivileged_id
from deploy.local.private import PrivateServers
from deploy.local.processes import as_user, inherited_environment
from deploy.local.rabbitmq_server import RabbitMQ
from deploy.local.services import Services

LOOPBACK = "127.0.0.1/32,::1/128"
"""Where the shops of tests listen; nothing else that is private may be called."""

REDIS_DATABASES = range(1, 16)
REDIS_CLAIM_S = 3_600
"""No session lasts an hour; one that was killed gives its Redis database back after it."""

OURS: set[tuple[str, int]] = set()
"""Redis databases that this session has in use, by the address of their server."""

PERMISSIONS = {"tomato": (".*", ".*", ".*"), "upstream": ("^$", r"^tomato\\.upstream$", "^$")}
"""As in `deploy/local/definitions.py`: configure, write, read."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where this session's services answer."""

    postgres_url: str
    rabbitmq_url: str
    redis_url: str
    upstream_url: str
    master_key: str

    def environment(self) -> dict[str, str]:
        """What a child process needs to work at this site."""
        ours = asdict(self) | {"webhook_private_networks": LOOPBACK}
        return {f"TOMATO_{name.upper()}": value for name, value in ours.items()}


@asynccontextmanager
async def a_site(services: Services, purpose: str = "tests") -> AsyncIterator[Site]:
    """A migrated database, an empty virtual host, an empty Redis database; gone at the end."""
    name = f"tomato_{purpose}_{os.getpid()}"
    async with a_database(services.postgres_url, name) as postgres_url:
        with_host = a_virtual_host(services, name)
        async with with_host as host, a_redis_database(services.redis_url) as redis_url:
            yield Site(
                postgres_url=postgres_url,
                rabbitmq_url=str(URL(services.rabbitmq_url).with_path(host)),
                redis_url=redis_url,
                upstream_url=str(URL(services.upstream_url).with_path(host)),
                master_key=services.environment()["TOMATO_MASTER_KEY"],
            )


@asynccontextmanager
async def a_database(server_url: str, name: str) -> AsyncIterator[str]:
    """The address of a new database with the newest schema; the server may restart meanwhile."""
    await _execute(server_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    await _execute(server_url, f"CREATE DATABASE {name}")
    try:
        url = str(URL(server_url).with_path(f"/{name}"))
        await migrate(url)
        yield url
    finally:
        await _execute(server_url, f"DROP DATABASE {name} WITH (FORCE)")


@asynccontextmanager
async def a_virtual_host(services: Services, name: str) -> AsyncIterator[str]:
    """The URL path of a new virtual host; of the one there is, where the broker is not ours."""
    if not isinstance(services.keeper, PrivateServers):
        yield URL(services.rabbitmq_url).path
        return
    grants = "".join(
        f', rabbit_auth_backend_internal:set_permissions(<<"{user}">>, <<"{name}">>, '
        f'<<"{configure}">>, <<"{write}">>, <<"{read}">>, <<"tests">>)'
        for user, (configure, write, read) in PERMISSIONS.items()
    )
    # One call into the broker: each start of rabbitmqctl costs most of a second.
    rabbitmqctl(services, "eval", f'rabbit_vhost:add(<<"{name}">>, <<"tests">>){grants}.')
    try:
        yield f"/{name}"
    finally:
        rabbitmqctl(services, "delete_vhost", name)


@asynccontextmanager
async def a_redis_database(url: str) -> AsyncIterator[str]:
    """The address of an empty Redis database that no other session uses; it may restart, too."""
    async with Redis.from_url(url) as claims:
        number = await _claim(claims, url)
    own_url = str(URL(url).with_path(f"/{number}"))
    await _flush(own_url)
    try:
        yield own_url
    finally:
        await _flush(own_url)
        async with Redis.from_url(url) as claims:
            await claims.delete(_claim_key(number))
        OURS.discard((url, number))


def remember_the_queues(services: Services) -> None:
    """As if the queues had been made some minutes ago.

    RabbitMQ 3.10 writes the list of its quorum queues to disk every three minutes, and can't
    restart those that were younger when it was killed, although their messages are safe.
    """
    rabbitmqctl(services, "eval", "[dets:sync(Table) || Table <- dets:all()].")


def rabbitmqctl(services: Services, *words: str) -> str:
    """What the private broker's own command-line tool says."""
    assert isinstance(services.keeper, PrivateServers) and services.keeper.binaries is not None
    server = RabbitMQ(services.keeper.place, services.keeper.binaries.rabbitmq)
    basics = {**inherited_environment(), "PATH": SYSTEM_PATH, "HOME": str(server.home)}
    return subprocess.run(
        [*as_user(unprivileged_id()), str(server.programs / "rabbitmqctl"), *words],
        env={**basics, **server.environment()},
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    ).stdout


async def _execute(server_url: str, statement: str) -> None:
    connection = await asyncpg.connect(server_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _flush(url: str) -> None:
    async with Redis.from_url(url) as redis:
        await redis.flushdb()


async def _claim(redis: Redis, url: str) -> int:
    """A free one. A Redis that was killed has forgotten all claims, so ours are kept here, too."""
    for number in REDIS_DATABASES:
        if (url, number) in OURS:
            continue
        if await redis.set(_claim_key(number), os.getpid(), nx=True, ex=REDIS_CLAIM_S):
            OURS.add((url, number))
            return number
    raise RuntimeError("every Redis database is taken by another test session")


def _claim_key(number: int) -> str:
    return f"tomato:tests:database:{number}"
