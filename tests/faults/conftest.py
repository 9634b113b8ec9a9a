"""One town for all fault tests: it is what has to survive them one after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from deploy.local.services import Services
from tests.faults.orders import Flow
from tests.faults.town import Town, a_town
from tests.sites import a_site

ORDERS = 60


@pytest.fixture(scope="package")
async def town(
    breakable: Services, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Town]:
    """Every room and door as a process of its own, on services that may be killed."""
    folder = tmp_path_factory.mktemp("town")
    async with a_site(breakable, "town") as site, a_town(breakable, site, folder) as running:
        yield running


@pytest.fixture
async def flow(town: Town) -> Flow:
    """Sixty orders that are about to come in."""
    return Flow(town.street, ORDERS)
