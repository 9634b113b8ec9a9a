"""Tells open pages that their order has changed: one query for all of them, twice a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

from bus.database import Pool
from bus.errors import world_is_down
from bus.logs import log
from handlers.cashier.orders import find_versions

LOOK_EVERY_S = 0.5
QUIET_S_MAX = 15.0
"""Proxies cut what is silent for longer."""

LISTENERS_MAX = 2_000
"""Some 30 MB of connections. Whoever comes then looks again by itself, every five seconds."""


LISTENERS_OF_AN_ORDER_MAX = 20
"""An order has a payer or two with a few pages each. Whoever opens more must not take the places of
others' payers."""


class Listener:
    """One open page."""

    def __init__(self) -> None:
        self.version = ""
        self.changed = asyncio.Event()


class Watch:
    """Looks at the orders that somebody looks at."""

    def __init__(self, pool: Pool, *, listeners_max: int = LISTENERS_MAX) -> None:
        self._pool = pool
        self._listeners_max = listeners_max
        self._listeners: dict[str, set[Listener]] = {}
        self._task: asyncio.Task[None] | None = None
        self._is_over = False

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="cashier.watch")

    async def stop(self) -> None:
        self.end()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def end(self) -> None:
        """Lets every open page go; it comes again by itself."""
        self._is_over = True
        for listener in [each for some in self._listeners.values() for each in some]:
            listener.changed.set()

    def has_room(self, payment_id: str) -> bool:
        """Whether one more page of this order can be told of changes."""
        of_the_order = len(self._listeners.get(payment_id, ()))
        of_all = sum(map(len, self._listeners.values()))
        return of_the_order < LISTENERS_OF_AN_ORDER_MAX and of_all < self._listeners_max

    async def versions(self, payment_id: str) -> AsyncGenerator[str, None]:
        """The order's version now and whenever it changes; empty where there is only silence."""
        listener = Listener()
        self._listeners.setdefault(payment_id, set()).add(listener)
        try:
            while not self._is_over:
                with suppress(TimeoutError):
                    async with asyncio.timeout(QUIET_S_MAX):
                        await listener.changed.wait()
                is_news = listener.changed.is_set()
                listener.changed.clear()  # before it is told: what comes meanwhile is told next
                yield listener.version if is_news else ""
        finally:
            self._listeners[payment_id].discard(listener)
            if not self._listeners[payment_id]:
                del self._listeners[payment_id]

    async def run_once(self) -> int:
        """Tells those whose order has changed; how many that were."""
        if not self._listeners:
            return 0
        versions = await find_versions(self._pool, list(self._listeners))
        told = 0
        for payment_id, version in versions.items():
            for listener in self._listeners.get(payment_id, ()):
                if listener.version != version:
                    listener.version = version
                    listener.changed.set()
                    told += 1
        return told

    async def _run(self) -> None:
        while True:
            try:
                await self.run_once()
            except Exception as error:
                if not world_is_down(error):
                    raise
                log.warning("away", asker="cashier.watch", error=repr(error))
            await asyncio.sleep(LOOK_EVERY_S)
