"""`payment explain` makes every recorded routing decision once more and says whether it agrees."""

from __future__ import annotations

import os
from typing import Any

import pytest

from actors.ordering.payment import Decisions, Orders
from actors.ordering.store import save_orders
from actors.routing.record import again
from actors.routing.rules import Board, route
from bus.database import Pool
from bus.jobs import now_utc
from handlers.terminal.payment import payment_cli
from schema import ids
from schema.payments import PaymentState
from tests.actors.profiles import new_channel_no
from tests.actors.test_merchants_terminal import at_terminal
from tests.actors.test_routing_terminal import record_payments
from tests.examples import MERCHANT_NO, PASSED, a_channel, a_merchant, a_payment, some_terms
from tests.sites import Site

CLI = payment_cli(again)
AGREES = "1 routing decisions made again, all agree"


@pytest.fixture
async def routed(pool: Pool) -> str:
    """The number of a payment that was routed and attempted."""
    await pool.execute("TRUNCATE channels.attempt")
    await record_payments(pool, new_channel_no(), new_channel_no(), count=1)
    payment_id = await pool.fetchval("SELECT payment_id FROM channels.attempt")
    await keep(pool, payment_id)
    return payment_id


async def keep(pool: Pool, payment_id: str, **differences: Any) -> None:
    """Stores the payment."""
    orders = Orders()
    usual = {"payment_id": payment_id, "merchant_order_no": os.urandom(8).hex()}
    orders.put(a_payment(**usual | differences))
    async with pool.acquire() as connection:
        await save_orders(connection, orders)


async def test_a_record_leads_to_itself(routed: str, site: Site) -> None:
    told = await at_terminal(CLI, site, "explain", routed)
    assert (told.exit_code, AGREES in told.stderr) == (0, True)


async def test_a_record_that_was_tampered_with_is_found_out(
    pool: Pool, routed: str, site: Site
) -> None:
    await pool.execute(
        "UPDATE channels.attempt SET decisions ="
        " decisions::jsonb #- '{routing,ranked,0}'  -- the best channel is gone"
    )
    told = await at_terminal(CLI, site, "explain", routed)
    assert (told.exit_code, "leads to" in told.stderr) == (1, True)


async def test_where_no_channel_could_take_it_the_record_is_shown_and_made_again(
    pool: Pool, site: Site
) -> None:
    number = new_channel_no()
    payment_id = ids.payment_id(MERCHANT_NO, os.urandom(8).hex(), now_utc())
    merchant = a_merchant(bindings=())
    board = Board({merchant.merchant_no: merchant}, {number: a_channel(channel_no=number)})
    routing = route(some_terms(payment_id=payment_id), board, now_utc())
    decisions = Decisions(risk=PASSED, routing=routing)
    await keep(pool, payment_id, state=PaymentState.FAILED, decisions=decisions)
    told = await at_terminal(CLI, site, "explain", payment_id)
    assert (told.exit_code, AGREES in told.stderr) == (0, True), told.stderr
    assert "Candidates" in told.stdout
