"""Micro-batches: what arrives while the last batch is worked on forms the next one.

When items come fast enough, the first one waits a few milliseconds for company: that divides all
fixed cost (transaction, publish, confirm, wake-up) by the batch. When it is idle, nobody waits.
What can wait, because nobody stands waiting for it, waits longer, and makes nobody else wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Generic, TypeVar

from bus.logs import log

T = TypeVar("T")

COMPANY_MIN = 4
"""Lingering pays when at least this many items are expected within the linger."""

CAN_WAIT_S = 0.1
"""So long does an item wait that can: it goes with the next one that can't, or with its like."""


class Gather(Generic[T]):
    """Collects items and hands them in batches, in order, to `flush`, one batch at a time."""

    def __init__(
        self,
        flush: Callable[[list[T]], Awaitable[None]],
        *,
        size_max: int = 256,
        linger_ms: int = 25,
        name: str = "gather",
    ) -> None:
        self._flush = flush
        self._size_max = size_max
        self._linger_s = linger_ms / 1000
        self._items: deque[T] = deque()
        self._wake = asyncio.Event()
        self._full = asyncio.Event()
        self._hurry = asyncio.Event()
        self._pressing = 0
        """Of what came since the last batch, the items that can't wait."""
        self._rate_per_s = 0.0
        """Of those that can't wait: only with their like does one of them wait for company."""
        self._taken_at = 0.0
        self._name = name
        self._is_stopping = False
        self._task: asyncio.Task[None] | None = None

    def put(self, item: T, *, can_wait: bool = False) -> None:
        """Adds one item; it will be part of exactly one batch."""
        self._items.append(item)
        self._wake.set()
        if not can_wait:
            self._pressing += 1
            self._hurry.set()
        if len(self._items) >= self._size_max:
            self._full.set()
            self._hurry.set()

    def __len__(self) -> int:
        return len(self._items)

    async def start(self) -> None:
        """Begins to hand out batches."""
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """Stops, even in the middle of a batch: what is not settled comes again.

        A clean stop has waited before for what was in hand (`Broker.pause`).
        """
        self._is_stopping = True  # a cancellation can get lost: see `Duty.stop`
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while not self._is_stopping:
            await self._wake.wait()
            await self._until_hurried()
            await self._linger()
            await self._flush_safely(self._take())

    async def _flush_safely(self, batch: list[T]) -> None:
        """A bug that nobody expected costs one batch, not all that would come after it: its
        messages stay unacknowledged, and come again when this process ends."""
        try:
            await self._flush(batch)
        except Exception as error:
            log.error("batch_failed", gather=self._name, items=len(batch), exc_info=error)

    async def _until_hurried(self) -> None:
        """Returns when something is there that can't wait, or waited long enough."""
        if not self._hurry.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(CAN_WAIT_S):
                    await self._hurry.wait()

    async def _linger(self) -> None:
        expected = self._rate_per_s * self._linger_s
        if len(self._items) >= self._size_max or expected < COMPANY_MIN:
            await asyncio.sleep(0)
            return
        self._full.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._linger_s):
                await self._full.wait()

    def _take(self) -> list[T]:
        count = min(len(self._items), self._size_max)
        batch = [self._items.popleft() for _ in range(count)]
        if not self._items:
            self._wake.clear()
            self._hurry.clear()
        self._learn()
        return batch

    def _learn(self) -> None:
        now = asyncio.get_running_loop().time()
        elapsed = max(now - self._taken_at, 1e-4)
        seen = min(self._pressing / elapsed, 1e6)
        weight = min(1.0, elapsed / 0.2)
        self._rate_per_s += (seen - self._rate_per_s) * weight
        self._taken_at, self._pressing = now, 0
