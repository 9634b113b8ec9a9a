"""What runs in the background ends when it is told to, even if the cancellation gets lost.

Before Python 3.12, `asyncio.wait_for` swallows a cancellation that comes together with its result.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from bus.duty import Duty
from bus.gather import Gather


class Deaf:
    """Work that goes on when it is cancelled."""

    def __init__(self) -> None:
        self.has_begun = asyncio.Event()

    async def work(self) -> int:
        self.has_begun.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        return 0

    async def flush(self, _: list[int]) -> None:
        await self.work()


async def ends(stopping: Coroutine[Any, Any, None]) -> bool:
    """Whether it is over soon; a second cancellation, which could help it along, is not sent."""
    done, _ = await asyncio.wait([asyncio.ensure_future(stopping)], timeout=2)
    return bool(done)


async def test_a_duty_ends_though_its_round_did_not_hear_the_cancellation() -> None:
    deaf = Deaf()
    duty = Duty("deaf", deaf.work, every_s=60)
    await duty.start()
    await deaf.has_begun.wait()
    assert await ends(duty.stop())


async def test_a_gather_ends_though_its_batch_did_not_hear_the_cancellation() -> None:
    deaf = Deaf()
    gather = Gather(deaf.flush)
    await gather.start()
    gather.put(1)
    await deaf.has_begun.wait()
    assert await ends(gather.stop())
