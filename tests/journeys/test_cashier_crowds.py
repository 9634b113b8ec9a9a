"""Payers who come in crowds, or one who comes as often as a crowd: nobody keeps the others out."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import aiohttp
import pytest

from handlers.cashier.links import links_of
from handlers.cashier.street import FORMS_PER_10_S
from handlers.cashier.watch import LISTENERS_OF_AN_ORDER_MAX
from tests.journeys.payers import Counter, open_counter
from tests.journeys.platform import Platform


@pytest.fixture
async def counter(platform: Platform) -> Counter:
    return await open_counter(platform)


async def test_who_knocks_too_often_at_a_shops_own_code_keeps_no_other_payer_out(
    counter: Counter,
) -> None:
    shared = counter.platform.shared
    links = links_of(shared.settings, shared.vault)
    path = urlsplit(links.shop_url(counter.shop.merchant_no)).path
    url, form = counter.platform.edge.url + path, {"amount": "nothing"}
    elsewhere = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))
    async with aiohttp.ClientSession(connector=elsewhere) as payer:

        async def knock(session: aiohttp.ClientSession) -> int:
            async with session.post(url, data=form) as answer:
                return answer.status

        knocks = (knock(counter.platform.session) for _ in range(FORMS_PER_10_S * 3))
        assert 429 in await asyncio.gather(*knocks)
        assert await knock(payer) == 400, "heard, though it is no amount"


async def test_the_pages_of_one_order_do_not_take_the_places_of_all_others(
    counter: Counter,
) -> None:
    (_, url), (_, other) = await counter.order(), await counter.order()
    async with AsyncExitStack() as stack:

        async def watch(url: str) -> int:
            asked = counter.platform.session.get(f"{url}/status")
            return (await stack.enter_async_context(asked)).status

        statuses = [await watch(url) for _ in range(LISTENERS_OF_AN_ORDER_MAX + 1)]
        assert statuses == [200] * LISTENERS_OF_AN_ORDER_MAX + [503]
        assert await watch(other) == 200
