"""How often one payer may knock. Each process counts for itself: that is enough against floods, and
no money hangs on it."""

from __future__ import annotations

from collections import Counter

WINDOW_S = 10
KEYS_MAX = 50_000


class Limiter:
    """Counts knocks in windows of ten seconds."""

    def __init__(self) -> None:
        self._window = 0
        self._counts: Counter[tuple[str, str]] = Counter()

    def allows(self, kind: str, who: str, most: int, now_s: float) -> bool:
        """Whether this is among the first `most` of the window."""
        window = int(now_s) // WINDOW_S
        if window != self._window or len(self._counts) > KEYS_MAX:
            self._window = window
            self._counts.clear()
        self._counts[kind, who] += 1
        return self._counts[kind, who] <= most
