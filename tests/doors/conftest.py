"""An edge with all its doors open, and a room behind it, for all tests of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from schema.settings import Settings
from tests.doors.room import Room
from tests.doors.street import Merchant, Street, a_street
from tests.sites import LOOPBACK, Site

ANSWER_WAIT_MS = 600
"""Short, for the tests that wait for an answer which never comes."""


@pytest.fixture(scope="package")
def settings(site: Site) -> Settings:
    return Settings(
        postgres_url=site.postgres_url,
        rabbitmq_url=site.rabbitmq_url,
        redis_url=site.redis_url,
        master_key=site.master_key,
        http_port=0,
        answer_wait_ms=ANSWER_WAIT_MS,
        webhook_private_networks=LOOPBACK,
    )


@pytest.fixture(scope="package")
async def room(settings: Settings) -> AsyncIterator[Room]:
    stand_in = Room(settings.rabbitmq_url)
    await stand_in.start()
    yield stand_in
    await stand_in.stop()


@pytest.fixture(scope="package")
async def street(settings: Settings, room: Room) -> AsyncIterator[Street]:
    async with a_street(settings, room) as opened:
        yield opened


@pytest.fixture
async def merchant(street: Street) -> Merchant:
    return await street.open_merchant()
