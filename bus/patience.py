"""What becomes of a batch that raises: wait, load again, split, or bury the one that is poison.

Services that are away are no message's fault: the batch waits, unacknowledged, as long as it takes.
A clash with another worker is loaded again. Anything else splits the batch until the poisoned
message stands alone, so that its neighbours are settled without it. Whoever is fenced off leaves
the whole batch to the new holder of the lease.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from bus.errors import Fenced, is_clash, world_is_down
from bus.logs import log

I = TypeVar("I")  # noqa: E741 - an item: a job, or a job with its outcome
R = TypeVar("R")

TRIES_ALONE_MAX = 3
"""A message that fails alone three times is not unlucky, it is poison."""

CLASHES_MAX = 8
"""Two workers on the same rows settle their order within a few rounds; more is a bug."""

AWAY_WAIT_S_MAX = 5.0


@dataclass(frozen=True, slots=True)
class Patience(Generic[I, R]):
    """How to work on a batch: `work` may raise, `done` gets its result, `bury` the hopeless item.

    `work` is told whether the batch is suspicious, that is, whether some of it may have been
    settled by another worker in the meantime.
    """

    queue: str
    work: Callable[[Sequence[I], bool], Awaitable[R]]
    done: Callable[[Sequence[I], R], Awaitable[None]]
    bury: Callable[[I, Exception, int], Awaitable[None]]

    async def settle(self, items: Sequence[I]) -> None:
        """Returns when every item of the batch is done or buried. Raises Fenced."""
        clashes = tries = 0
        wait_s = 0.1
        while True:
            try:
                result = await self.work(items, clashes > 0)
            except Fenced:
                raise
            except Exception as error:  # the kernel's broad handler: here it is decided what it is
                if world_is_down(error):
                    log.warning("away", queue=self.queue, error=repr(error))
                    await asyncio.sleep(wait_s)
                    wait_s = min(wait_s * 2, AWAY_WAIT_S_MAX)
                elif is_clash(error) and clashes < CLASHES_MAX:
                    clashes += 1
                    await asyncio.sleep(random.uniform(0, 0.01 * clashes))
                elif len(items) > 1:
                    await self._split(items, error)
                    return
                else:
                    tries += 1
                    if tries >= TRIES_ALONE_MAX:
                        await self.bury(items[0], error, tries)
                        return
            else:
                await self.done(items, result)
                return

    async def _split(self, items: Sequence[I], error: Exception) -> None:
        log.warning("batch_split", queue=self.queue, events=len(items), error=repr(error))
        middle = len(items) // 2
        await self.settle(items[:middle])
        await self.settle(items[middle:])
