"""Waiting for what will be so, without saying how long it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def at_last(
    check: Callable[[], Awaitable[T | None]], *, within_s: float = 30.0, every_s: float = 0.02
) -> T:
    """The first true answer; the test fails where none comes in time."""
    async with asyncio.timeout(within_s):
        while not (answer := await check()):
            await asyncio.sleep(every_s)
    return answer
