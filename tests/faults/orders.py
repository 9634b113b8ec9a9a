"""Shops that keep ordering, closing and refunding whatever happens, and what has to come of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import aiohttp

from tests.faults.evidence import Evidence
from tests.journeys.shop import Answer, Shop, Street

PAUSE_S = 0.03
"""Between two orders: a flow of two hundred takes about six seconds."""

TRY_AGAIN_S = 0.3
REQUEST_WITHIN_S = 10.0

Life = Literal["pay", "refund", "refund_part", "abandon", "race", "late",
               "choose", "leave", "expire", "unheard"]  # fmt: skip
"""What becomes of an order: paid; paid and refunded; closed because nobody pays; closed while the
payer pays; closed, and paid after that.

Paid as the payer chose at the cashier; closed while the payer had not chosen; expired; paid and
refunded, while every notice of the channel is lost."""

LIVES: tuple[Life, ...] = ("pay", "refund", "pay", "abandon", "race", "refund_part", "pay", "late")
WITH_CASHIER: tuple[Life, ...] = (*LIVES, "choose", "leave")
AMOUNTS_FEN: dict[Life, int] = {"abandon": 1_013, "late": 1_017, "unheard": 1_019, "expire": 1_023}
"""By the last two digits the simulator knows who never pays, who pays too late, and whose notices
are lost."""

ENDS: dict[Life, tuple[str, ...]] = {
    "pay": ("succeeded",),
    "refund": ("refunded", "succeeded"),
    "refund_part": ("partially_refunded", "succeeded"),
    "abandon": ("closed",),
    "race": ("closed", "succeeded", "refunded"),
    "late": ("refunded", "succeeded", "closed"),
    "choose": ("succeeded",),
    "leave": ("closed",),
    "expire": ("closed",),
    "unheard": ("refunded", "succeeded"),
}
"""A refund may be refused for want of balance. Who pays at the moment of the close may be late, and
who pays late may be heard of before the close is; or nobody could pay, as no channel was asked."""

TRY_LATER = (429, 503)


@dataclass
class Order:
    """One order and the life that it is to have."""

    shop: Shop
    number: str
    life: Life
    pay_type: str = "wechat_native"
    is_accepted: bool = False

    @property
    def amount_fen(self) -> int:
        return AMOUNTS_FEN.get(self.life, 1_000)

    async def live(self) -> None:
        """All that the shop does about it. Who gets no answer asks again, as shops do."""
        payment_id = await self._placed()
        if self.life in ("abandon", "race", "late", "leave"):
            await self._ask((200, 202, 409), "POST", f"/v1/payments/{payment_id}/close")
        if self.life in ("refund", "refund_part", "unheard"):
            await self._is_paid(payment_id)
            form: dict[str, Any] = {"payment_id": payment_id, "merchant_refund_no": self.number}
            form |= {"amount_fen": 600} if self.life == "refund_part" else {}
            await self._ask((201, 202), "POST", "/v1/refunds", form)

    async def _placed(self) -> str:
        form = {
            "merchant_order_no": self.number, "amount_fen": self.amount_fen,
            "pay_type": self.pay_type, "subject": "两斤番茄",
        }  # fmt: skip
        if self.life in ("choose", "leave"):
            await self._placed_at_the_cashier(form | {"pay_type": "cashier"})
        else:
            await self._ask((201, 202), "POST", "/v1/payments", form)
        self.is_accepted = True
        path = f"/v1/payments?merchant_order_no={self.number}"
        return (await self._ask((200,), "GET", path, or_later=(404,))).document["id"]

    async def _placed_at_the_cashier(self, form: dict[str, Any]) -> None:
        """Whoever is told to wait asks again, since the page is in the first answer only."""
        placed = await self._ask((201,), "POST", "/v1/payments", form, or_later=(202,))
        if self.life == "choose":
            path = urlsplit(placed.document["cashier_url"]).path
            # Who chooses again what is being paid, is refused and needs nothing more.
            await self._until((303, 409), lambda: self._choose(self.shop.edge_url + path))

    async def _choose(self, url: str) -> Answer:
        form = aiohttp.FormData({"pay_type": self.pay_type})
        async with self.shop.session.post(url, data=form, allow_redirects=False) as answer:
            return Answer(answer.status, {})

    async def _is_paid(self, payment_id: str) -> None:
        while True:
            answer = await self._ask((200,), "GET", f"/v1/payments/{payment_id}")
            if answer.document["state"] not in ("placed", "screening", "routing", "pending",
                                                "unknown"):  # fmt: skip
                return
            await asyncio.sleep(TRY_AGAIN_S)

    async def _ask(
        self, good: tuple[int, ...], method: str, path: str, form: Any = None,
        *, or_later: tuple[int, ...] = (),
    ) -> Answer:  # fmt: skip
        return await self._until(good, lambda: self.shop.ask(method, path, form), or_later)

    async def _until(
        self, good: tuple[int, ...], request: Callable[[], Awaitable[Answer]],
        or_later: tuple[int, ...] = (),
    ) -> Answer:  # fmt: skip
        """A request that is made until it has an answer; no answer is none."""
        while True:
            try:
                async with asyncio.timeout(REQUEST_WITHIN_S):
                    answer = await request()
            except (aiohttp.ClientError, TimeoutError):
                answer = None
            if answer is not None and answer.status in good:
                return answer
            assert answer is None or answer.status in (*TRY_LATER, *or_later), answer
            await asyncio.sleep(TRY_AGAIN_S)


class Flow:
    """Orders on their way, of each shop in turn."""

    def __init__(self, street: Street, count: int, lives: Sequence[Life] = LIVES) -> None:
        run, shops = os.urandom(4).hex(), list(street.shops.values())
        self.orders = [
            Order(shops[n % len(shops)], f"{run}-{n:03d}", lives[n % len(lives)])
            for n in range(count)
        ]
        self._half = asyncio.Event()

    async def run(self) -> None:
        """Returns when each shop has done all that it wanted to."""
        async with asyncio.TaskGroup() as tasks:
            for number, order in enumerate(self.orders):
                tasks.create_task(order.live())
                await asyncio.sleep(PAUSE_S)
                if number == len(self.orders) // 3:
                    self._half.set()

    async def is_running(self) -> None:
        """Returns when a good part of the orders is under way."""
        await self._half.wait()

    def disappointments(self, evidence: Evidence) -> Iterator[str]:
        """Orders that were promised to a shop and did not end as its payer and it wanted."""
        payments = {p.merchant_order_no: p for p in evidence.payments}
        for order in self.orders:
            payment = payments.get(order.number)
            if payment is None:
                yield f"{order.number}: {order.life}, and is nowhere"
            elif payment.state not in ENDS[order.life]:
                yield f"{order.number} ({payment.payment_id}): {order.life}, and is {payment.state}"
