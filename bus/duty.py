"""Background duties: a loop around `run_once`, which returns how many rows it has dealt with."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

from bus.errors import world_is_down
from bus.logs import log


class Duty:
    """Runs `run_once` every `every_s` seconds, at once again when it found a full `batch`."""

    def __init__(
        self, name: str, run_once: Callable[[], Awaitable[int]], *, every_s: float, batch: int = 0
    ) -> None:
        assert 0.01 <= every_s <= 86_400
        self._name = name
        self._run_once = run_once
        self._every_s = every_s
        self._batch = batch
        self._is_stopping = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        # Cancelling alone is not enough: before Python 3.12, `asyncio.wait_for` (redis sends with
        # it) loses a cancellation that comes together with its result.
        self._is_stopping = True
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while not self._is_stopping:
            done = await self._run_safely()
            if not self._is_stopping and (not self._batch or done < self._batch):
                # A little jitter, so that processes that started together do not stay in step.
                await asyncio.sleep(self._every_s * random.uniform(0.9, 1.1))

    async def _run_safely(self) -> int:
        try:
            return await self._run_once()
        except Exception as error:  # a duty must outlive one bad round
            level = log.warning if world_is_down(error) else log.error
            level("duty_failed", duty=self._name, error=repr(error))
            return 0
