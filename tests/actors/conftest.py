"""What rooms read besides their own tables: profiles, and the secrets inside them."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from bus.database import Pool
from bus.directory import Directory
from bus.vault import Vault
from handlers.simulator import SimulatorAccount, generate_account
from schema.channels.wechat import WechatAccount
from tests.sites import Site

BothEnds = tuple[WechatAccount, SimulatorAccount]


@pytest.fixture
def vault(site: Site) -> Vault:
    """The site's own key."""
    return Vault(site.master_key)


@pytest.fixture
async def directory(pool: Pool, redis: Redis) -> Directory:
    """Profiles as every room reads them, nothing of them remembered."""
    return Directory(pool, redis)


@pytest.fixture(scope="session")
def both_ends() -> BothEnds:
    """Our end and the platform's end of one channel account, with keys made just now."""
    return generate_account("1900000001", "wx123456", "https://pay.test", "https://us.test/1")
