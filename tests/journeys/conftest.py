"""One platform for all journeys, at a site of its own; channels and shops are new in each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from deploy.local.services import Services
from tests.journeys.channel import Channel
from tests.journeys.platform import Platform, a_platform
from tests.journeys.shop import Shop
from tests.sites import Site, a_site


@pytest.fixture(scope="package")
async def place(services: Services) -> AsyncIterator[Site]:
    """A site that no other folder of tests leaves anything in."""
    async with a_site(services, "journeys") as made:
        yield made


@pytest.fixture(scope="package")
async def platform(place: Site) -> AsyncIterator[Platform]:
    """The whole platform; in the end no message lies in a dead-letter queue."""
    async with a_platform(place) as running:
        yield running
        assert await running.dead_letters() == {}


@pytest.fixture
async def channel(platform: Platform) -> Channel:
    """A channel that settles to us."""
    return await platform.open_channel()


@pytest.fixture
async def shop(platform: Platform, channel: Channel) -> Shop:
    """A merchant with one channel."""
    return await platform.open_shop(channel)
