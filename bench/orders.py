"""The clients' own book: each order that was placed, what was answered and which webhooks came.

It is kept by those who pay, not by Tomato, so that the two can be compared afterwards. Times are
of the machine's monotonic clock, which all processes share.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from msgspec import Struct

AMOUNT_FEN_MAX = 20_000
"""Up to 200 yuan: an everyday purchase, of which every fee has a fraction that must be rounded."""


class Merchant(Struct, frozen=True, kw_only=True):
    """Who orders, and the secrets that are shared with Tomato."""

    merchant_no: str
    key_id: str
    hmac_secret: str
    webhook_secret: str


class Hook(Struct, array_like=True, frozen=True):
    """One webhook as it arrived."""

    webhook_id: str
    type: str
    payment_id: str
    amount_fen: int
    arrived_at: float


class Order(Struct, array_like=True):
    """One order as its client knows it."""

    merchant_no: str
    order_no: str
    amount_fen: int
    due_at: float
    """When it was to be sent: a generator that lags must not flatter the latency."""
    answered_at: float = 0.0
    status: int = 0
    """Of HTTP; 0 where no answer came."""
    payment_id: str = ""
    state: str = ""
    hooks: list[Hook] = []

    @property
    def is_taken(self) -> bool:
        """Whether Tomato said that it has this order: 201 with the payment, or 202."""
        return 200 <= self.status < 300

    @property
    def told_at(self) -> float | None:
        """When the merchant first knew how the payment ended."""
        return self.hooks[0].arrived_at if self.hooks else None


class OrderBook:
    """Orders by number, and who waits for their webhooks."""

    def __init__(self, name: str, merchants: Sequence[Merchant]) -> None:
        self.orders: dict[tuple[str, str], Order] = {}
        self.strangers: list[str] = []
        """Webhooks about orders that nobody here has placed."""
        self._name = name
        self._merchants = merchants
        self._waiting: dict[tuple[str, str], asyncio.Future[None]] = {}

    def new(self, due_at: float) -> tuple[Merchant, Order]:
        """The next order, of each merchant in turn."""
        number = len(self.orders)
        merchant = self._merchants[number % len(self._merchants)]
        amount_fen = random.randint(1, AMOUNT_FEN_MAX)
        order = Order(merchant.merchant_no, f"{self._name}-{number:07d}", amount_fen, due_at)
        self.orders[merchant.merchant_no, order.order_no] = order
        return merchant, order

    def note(self, merchant_no: str, order_no: str, hook: Hook) -> None:
        """A webhook has come; it may be faster than the answer to the order itself."""
        order = self.orders.get((merchant_no, order_no))
        if order is None:
            self.strangers.append(hook.webhook_id)
            return
        order.hooks = [*order.hooks, hook]
        waiting = self._waiting.pop((merchant_no, order_no), None)
        if waiting is not None:
            waiting.set_result(None)

    async def told(self, order: Order, within_s: float) -> bool:
        """Waits for the order's first webhook; whether it came in time."""
        if order.hooks:
            return True
        key = (order.merchant_no, order.order_no)
        waiting = self._waiting[key] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(within_s):
                await waiting
        except TimeoutError:
            self._waiting.pop(key, None)
            return False
        return True
