"""What tests stand on: real services, and at them a site of this session's own."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import hypothesis
import pytest
from redis.asyncio import Redis
from xdist.scheduler import Scheduling

from bus import database
from bus.broker import Broker
from bus.database import Pool
from bus.jobs import now_utc
from deploy.local import services as local
from deploy.local.folders import profile_folder
from deploy.local.private import PrivateServers
from deploy.local.services import Services
from schema.days import day_of, end_of
from tests.sites import Site, a_site
from tests.turns import Companies, OneCompany, in_order

# Few examples, since rules are to be tested in a second; more with `--hypothesis-profile=thorough`.
# No deadline: a machine that is busy elsewhere is no error of a rule.
hypothesis.settings.register_profile("quick", max_examples=25, deadline=None)
hypothesis.settings.register_profile("thorough", max_examples=2_000, deadline=None)
hypothesis.settings.load_profile("quick")

A_TEST = timedelta(seconds=30)
"""Longer than any test lasts that needs `one_day`."""


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """Asked where there are several processes. Two can't share the queues of a broker: only one
    that is ours gives each a virtual host of its own."""
    config.option.loadscopereorder = False  # `in_order` knows better than the number of tests
    is_ours = isinstance(local.start("test").keeper, PrivateServers)
    return Companies(config, log) if is_ours else OneCompany(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """One process runs the folders as they are listed."""
    if hasattr(config, "workerinput"):
        items[:] = in_order(items)


@pytest.fixture(scope="session")
def services() -> Services:
    """The services that TOMATO_* variables name, else a private set that stays up between runs."""
    return local.start("test")


@pytest.fixture(scope="session")
async def site(services: Services) -> AsyncIterator[Site]:
    """A database, a virtual host and a Redis database of this session's own."""
    async with a_site(services) as made:
        yield made


@pytest.fixture(scope="session")
def breakable() -> Iterator[Services]:
    """Services that a test may kill and restart. One session at a time breaks them."""
    with open(profile_folder("faults") / "tests.lock", "w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        started = local.start("faults")
        if not started.private:
            pytest.skip("services named by TOMATO_* variables are not ours to break")
        yield started
        local.stop("faults")


@pytest.fixture
async def pool(site: Site) -> AsyncIterator[Pool]:
    """Connections to this session's database."""
    async with await database.connect(site.postgres_url, size_max=8, name="tests") as connected:
        yield connected


@pytest.fixture
async def broker(site: Site) -> AsyncIterator[Broker]:
    """A connection that subscribes to nothing: for sending, and for looking into queues."""
    connected = Broker(site.rabbitmq_url, name="tests")
    await connected.connect()
    await connected.declare()
    yield connected
    await connected.stop()


@pytest.fixture
async def redis(site: Site) -> AsyncIterator[Redis]:
    """This session's Redis database, empty."""
    async with Redis.from_url(site.redis_url) as connected:
        await connected.flushdb()
        yield connected


@pytest.fixture
async def one_day() -> None:
    """The day does not change while the test runs: what is left of it is enough, or is waited for.

    Needed by whoever says "today" twice, or has the system say it.
    """
    now = now_utc()
    left = end_of(day_of(now)) - now
    if left < A_TEST:
        await asyncio.sleep(left.total_seconds() + 0.1)
