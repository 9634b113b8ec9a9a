"""The workshop of the example rooms, cleared before each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from bus.broker import Broker
from bus.database import Pool
from tests.bus.errands import Peer, a_peer
from tests.bus.rooms import catalogued
from tests.bus.workshop import Workshop
from tests.sites import Site


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


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    """The outside world, on a loopback port."""
    async with a_peer() as running:
        yield running
