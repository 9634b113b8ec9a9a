"""Load: merchants' programs that place signed orders, as fast as they are paid or at a rate."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Coroutine

import aiohttp
import msgspec
from msgspec import Struct

from bench.orders import Merchant, Order, OrderBook
from handlers.merchant_api.signing import hmac_authorization

PATH = "/v1/payments"
ANSWER_WITHIN_S = 15.0
WEBHOOK_WITHIN_S = 60.0
BACK_OFF_S = 0.2
"""After an error a client of the closed loop waits: a queue at a closed door is no load."""

IN_FLIGHT_MAX = 5_000
"""Beyond this many, arrivals of the open loop are dropped and counted: the platform is drowning,
and a generator that drowns with it measures itself."""


class ClosedLoop(Struct, frozen=True, tag="closed"):
    """So many payments are always on their way, each from its order to its webhook."""

    in_flight: int
    payments_max: int | None = None


class OpenLoop(Struct, frozen=True, tag="open"):
    """Orders arrive at random (Poisson), whether earlier ones are done or not."""

    rate_per_s: float


Load = ClosedLoop | OpenLoop


class Placed(Struct):
    """What the generator reads of an answer."""

    id: str = ""
    state: str = ""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Placed).decode


class Generator:
    """Runs one load at a time and notes everything in the book."""

    def __init__(
        self, session: aiohttp.ClientSession, edge_url: str, notify_url: str, book: OrderBook
    ) -> None:
        self._session = session
        self._url = edge_url + PATH
        self._notify_url = notify_url
        self._book = book
        self._is_resting = True
        self._running: set[asyncio.Task[None]] = set()
        self.dropped = 0

    def start(self, load: Load) -> None:
        """Begins to order."""
        self._is_resting = False
        if isinstance(load, OpenLoop):
            self._spawn(self._arrive(load.rate_per_s))
            return
        ordered_max = None
        if load.payments_max is not None:
            ordered_max = len(self._book.orders) + load.payments_max
        for _ in range(load.in_flight):
            self._spawn(self._one_after_another(ordered_max))

    async def rest(self, within_s: float) -> int:
        """Places no more orders and waits for those in flight; how many stayed unfinished."""
        self._is_resting = True
        if self._running:
            await asyncio.wait(self._running, timeout=within_s)
        return len(self._running)

    async def finished(self, within_s: float) -> int:
        """Waits until a load with an end has reached it; how many are unfinished then."""
        if self._running:
            await asyncio.wait(self._running, timeout=within_s)
        return await self.rest(0.0)

    async def _one_after_another(self, ordered_max: int | None) -> None:
        while not self._is_resting:
            if ordered_max is not None and len(self._book.orders) >= ordered_max:
                return
            if not await self._pay(time.monotonic()):
                await asyncio.sleep(BACK_OFF_S)

    async def _arrive(self, rate_per_s: float) -> None:
        due_at = time.monotonic()
        while not self._is_resting:
            due_at += random.expovariate(rate_per_s)
            await asyncio.sleep(max(due_at - time.monotonic(), 0.0))
            if self._is_resting:
                return
            if len(self._running) > IN_FLIGHT_MAX:
                self.dropped += 1
            else:
                self._spawn(self._arrival(due_at))

    async def _arrival(self, due_at: float) -> None:
        await self._pay(due_at)

    async def _pay(self, due_at: float) -> bool:
        """From the order to its webhook; whether both went well."""
        merchant, order = self._book.new(due_at)
        await self._place(merchant, order)
        return order.is_taken and await self._book.told(order, WEBHOOK_WITHIN_S)

    async def _place(self, merchant: Merchant, order: Order) -> None:
        body = self._body(merchant, order)
        try:
            async with self._session.post(
                self._url, data=body, headers=_headers(merchant, body)
            ) as answer:
                text = await answer.read()
                order.answered_at, order.status = time.monotonic(), answer.status
        except (aiohttp.ClientError, TimeoutError):
            return  # the status stays 0: nobody knows whether the order was taken
        if order.is_taken:
            placed = _decode(text)
            order.payment_id, order.state = placed.id, placed.state

    def _body(self, merchant: Merchant, order: Order) -> bytes:
        return _encode(
            {
                "merchant_order_no": order.order_no,
                "amount_fen": order.amount_fen,
                "pay_type": "wechat_native",
                "subject": "Two kilograms of tomatoes",
                "client_ip": "203.0.113.7",
                "notify_url": f"{self._notify_url}/{merchant.merchant_no}",
                "metadata": {"basket": order.order_no},
            }
        )

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)


def _headers(merchant: Merchant, body: bytes) -> dict[str, str]:
    authorization = hmac_authorization(
        merchant.merchant_no,
        merchant.key_id,
        merchant.hmac_secret.encode(),
        "POST",
        PATH,
        body,
        int(time.time()),
        secrets.token_urlsafe(16),
    )
    return {"Authorization": authorization, "Content-Type": "application/json"}
