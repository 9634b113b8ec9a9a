"""Background tasks of one owner: kept alive, logged when they fail, ended together."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from bus.logs import log


class Tasks:
    """A set of running tasks."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._running: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs `work` beside everything else."""
        task = asyncio.create_task(work, name=self._owner)
        self._running.add(task)
        task.add_done_callback(self._ended)

    async def finish(self) -> None:
        """Waits for what is running."""
        await asyncio.gather(*self._running, return_exceptions=True)

    async def cancel(self) -> None:
        """Cancels what is running and waits until it has ended."""
        for task in self._running:
            task.cancel()
        await self.finish()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task_failed", owner=self._owner, error=repr(error), exc_info=error)
