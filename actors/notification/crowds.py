"""Merchants of whom more is said just now than their lanes take."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

REMEMBERED_S = 1.0
"""Longer than a crowd is silent. Whoever has room again is hurried again soon."""


class Crowds:
    """Remembers, for a moment, whose lanes were full."""

    def __init__(self) -> None:
        self._until_s: dict[str, float] = {}

    def note(self, merchant_nos: Iterable[str]) -> None:
        """These had a lane without room just now."""
        now_s = _now_s()
        for merchant_no in merchant_nos:
            self._until_s.pop(merchant_no, None)  # the newest stand last
            self._until_s[merchant_no] = now_s + REMEMBERED_S
        while self._until_s and next(iter(self._until_s.values())) <= now_s:
            del self._until_s[next(iter(self._until_s))]

    def has(self, merchant_no: str) -> bool:
        """Whether what is said of this merchant is told later anyway."""
        return self._until_s.get(merchant_no, 0.0) > _now_s()


def _now_s() -> float:
    return asyncio.get_running_loop().time()
