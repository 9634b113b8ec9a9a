"""Shops that keep ordering whatever happens, and remember what they were promised and told."""

from __future__ import annotations

import asyncio
import os

import aiohttp

from tests.journeys.shop import Shop, Street

PAUSE_S = 0.03
"""Between two orders: a flow of sixty takes about two seconds."""

TRY_AGAIN_S = 0.3
REQUEST_WITHIN_S = 10.0


class Flow:
    """Orders on their way, of each shop in turn. Who gets no answer asks again, as shops do."""

    def __init__(self, street: Street, count: int) -> None:
        run, self.count = os.urandom(4).hex(), count
        self.order_nos = [f"{run}-{number:03d}" for number in range(count)]
        self.accepted: set[str] = set()
        self._shops = list(street.shops.values())
        self._half = asyncio.Event()

    async def run(self) -> None:
        """Returns when every order has been accepted."""
        async with asyncio.TaskGroup() as orders:
            for number, order_no in enumerate(self.order_nos):
                shop = self._shops[number % len(self._shops)]
                orders.create_task(self._order(shop, order_no))
                await asyncio.sleep(PAUSE_S)
                if number == self.count // 3:
                    self._half.set()

    async def is_running(self) -> None:
        """Returns when a good part of the orders is under way."""
        await self._half.wait()

    async def _order(self, shop: Shop, order_no: str) -> None:
        while not await self._is_accepted(shop, order_no):
            await asyncio.sleep(TRY_AGAIN_S)
        self.accepted.add(order_no)

    async def _is_accepted(self, shop: Shop, order_no: str) -> bool:
        """Whether the platform says that it has the order; no answer is no."""
        try:
            async with asyncio.timeout(REQUEST_WITHIN_S):
                answer = await shop.order(merchant_order_no=order_no)
        except (aiohttp.ClientError, TimeoutError):
            return False
        assert answer.status in (201, 202, 429, 503), answer
        return answer.status in (201, 202)
