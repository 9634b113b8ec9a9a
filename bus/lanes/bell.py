"""The bell that is rung when lanes may not be served as they should be."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress


class Bell:
    """Remembers which lanes it was rung for; many rings are heard as one."""

    def __init__(self) -> None:
        self.is_for_all = False
        self._names: set[str] = set()
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Something happened that concerns every lane."""
        self.is_for_all = True
        self._rung.set()

    def ring_for(self, names: Iterable[str]) -> None:
        """Something happened to these lanes."""
        self._names.update(names)
        self._rung.set()

    async def wait(self, at_most_s: float, *, company_s: float) -> None:
        """Until it is rung, and then a moment more for others."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(at_most_s, 0.0)):
                await self._rung.wait()
                await asyncio.sleep(company_s)
        self._rung.clear()

    def take(self) -> set[str]:
        """The lanes it was rung for since the last time."""
        names, self._names = self._names, set()
        return names
