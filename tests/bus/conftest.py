"""The workshop of the example rooms, cleared before each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from bus import database
from bus.broker import Broker
from bus.database import Pool
from deploy.local.services import Services
from tests.bus.errands import Peer, a_peer
from tests.bus.rooms import catalogued
from tests.bus.workshop import Workshop
from tests.sites import Site, a_site


@pytest.fixture(scope="module", autouse=True)
def catalogue() -> Iterator[None]:
    """The example's messages can be read while these tests run."""
    with catalogued():
        yield


@pytest.fixture
async def workshop(site: Site, pool: Pool, broker: Broker) -> Workshop:
    """Empty tables, empty queues."""
    made = Workshop(site, pool, broker)
    await made.clear()
    return made


@pytest.fixture(scope="module")
async def breakable_site(breakable: Services) -> AsyncIterator[Site]:
    """A site at services that this module breaks."""
    async with a_site(breakable) as made:
        yield made


@pytest.fixture
async def shaky(breakable_site: Site) -> AsyncIterator[Workshop]:
    """A workshop at services that a test may kill and restart."""
    broker = Broker(breakable_site.rabbitmq_url, name="tests")
    await broker.connect()
    async with await database.connect(breakable_site.postgres_url) as pool:
        made = Workshop(breakable_site, pool, broker)
        await made.clear()
        yield made
    await broker.stop()


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    """The outside world, on a loopback port."""
    async with a_peer() as running:
        yield running
