"""One merchant account for all wire tests, with keys made just now."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from handlers.simulator import generate_account
from schema.channels.wechat import SimulatorKeys, WechatKeys
from tests.wire.street import Accounts, Street, a_street
from tests.wire.unionpay_pair import UnionpayPair
from tests.wire.wechat_pair import APPID, MCHID, Pair


@pytest.fixture(scope="session")
def accounts() -> Accounts:
    """Our end and the platform's end of one account."""
    return generate_account(MCHID, APPID, "https://pay.test", "https://tomato.test/notices/1")


@pytest.fixture(scope="session")
def pair(accounts: Accounts) -> Pair:
    """The two ends, ready to talk."""
    return Pair(WechatKeys.of(accounts[0]), SimulatorKeys.of(accounts[1]))


@pytest.fixture(scope="session")
def stranger() -> Pair:
    """Another merchant of the same platform, with other keys and numbers."""
    ours, theirs = generate_account(
        "1900000002", "wx0000000000000002", "https://pay.test", "https://tomato.test/notices/2"
    )
    return Pair(WechatKeys.of(ours), SimulatorKeys.of(theirs))


@pytest.fixture
async def street(accounts: Accounts) -> AsyncIterator[Street]:
    """A simulator and a merchant on loopback ports, with everyday manners."""
    async with a_street(accounts) as opened:
        yield opened


@pytest.fixture(scope="session")
def upay() -> UnionpayPair:
    """Both ends of one merchant at UnionPay, ready to talk."""
    return UnionpayPair()
