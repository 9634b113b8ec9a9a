"""Risk on a real database: it sees the blacklist of this moment and the merchant's limits."""

from __future__ import annotations

import os

import pytest

from actors.merchants.blacklist import Blocked, block, unblock
from actors.risk.actor import risk
from actors.risk.rules import Subject, Watch, check
from bus.database import Pool
from bus.directory import Directory
from schema.messages.ordering import PaymentPlaced
from schema.payments import PaymentTerms
from tests.actors.profiles import new_merchant_no, register
from tests.examples import PASSED, a_merchant, some_terms


async def seen(pool: Pool, directory: Directory, *payments: PaymentTerms) -> Watch:
    """What risk looks into for a batch of payments."""
    async with pool.acquire() as connection:
        return await risk(directory).load(connection, [PaymentPlaced(terms=t) for t in payments])


async def blocked(pool: Pool, *subjects: Subject) -> None:
    for kind, value in subjects:
        assert isinstance(await block(pool, kind, value, reason="stolen phones"), Blocked)


async def test_risk_sees_the_limits_of_the_merchants_in_a_batch(
    pool: Pool, directory: Directory
) -> None:
    merchants = [a_merchant(merchant_no=new_merchant_no()) for _ in range(3)]
    await register(pool, *merchants)
    batch = [some_terms(merchant_no=merchant.merchant_no) for merchant in merchants[:2]]
    watch = await seen(pool, directory, *batch, *batch, some_terms(merchant_no="999999999"))
    assert watch.merchants == {merchant.merchant_no: merchant for merchant in merchants[:2]}


async def test_risk_sees_who_is_blocked_and_why_and_nobody_else(
    pool: Pool, directory: Directory
) -> None:
    payer, other, merchant_no = os.urandom(8).hex(), os.urandom(8).hex(), new_merchant_no()
    address = "198.51.100.9"
    listed: list[Subject] = [("payer", payer), ("ip", address), ("merchant", merchant_no)]
    await blocked(pool, *listed, ("payer", other))
    batch = [
        some_terms(payer_id=payer, client_ip=address),
        some_terms(payer_id="an honest one"),
        some_terms(merchant_no=merchant_no),
    ]
    watch = await seen(pool, directory, *batch)
    assert watch.blocked == dict.fromkeys(listed, "stolen phones")


@pytest.mark.parametrize("written", ["2001:DB8:0:0::0009", "2001:db8::9"])
async def test_an_address_is_found_however_operator_and_merchant_write_it(
    pool: Pool, directory: Directory, written: str
) -> None:
    await blocked(pool, ("ip", "2001:db8::0:9"))
    merchant = a_merchant(merchant_no=new_merchant_no())
    await register(pool, merchant)
    terms = some_terms(merchant_no=merchant.merchant_no, client_ip=written)
    (reason,) = check(terms, await seen(pool, directory, terms)).reasons
    assert reason.code == "blocked_ip"


async def test_who_is_taken_off_the_blacklist_may_pay_at_once(
    pool: Pool, directory: Directory
) -> None:
    payer, merchant = os.urandom(8).hex(), a_merchant(merchant_no=new_merchant_no())
    await register(pool, merchant)
    await blocked(pool, ("payer", payer))
    terms = some_terms(merchant_no=merchant.merchant_no, payer_id=payer)
    assert check(terms, await seen(pool, directory, terms)).verdict == "refuse"
    assert await unblock(pool, "payer", payer) is None
    assert check(terms, await seen(pool, directory, terms)) == PASSED
