"""Money of which nobody can say how it ends, as gauges: the same in every worker.

`unknown` and `closing` payments have their channel asked on a ladder; what is still so after ten
minutes is for a person to see (`runner.py payment unknown`, `runner.py refund list`).
"""

from __future__ import annotations

from datetime import timedelta

from prometheus_client import Gauge

from bus.database import Pool, queries
from bus.jobs import now_utc

SQL = queries(__file__)

UNCLEAR_AFTER = timedelta(minutes=10)

STATES = (("payment", "unknown"), ("payment", "closing"), ("refund", "unknown"),
    ("refund", "abnormal"))  # fmt: skip

COUNT = Gauge(
    "tomato_ordering_unclear",
    "Payments and refunds that have been unclear for ten minutes",
    ["what", "state"],
)
FEN = Gauge("tomato_ordering_unclear_fen", "The money at risk in them, in fen", ["what", "state"])


class Figures:
    """Sets the gauges."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def refresh(self) -> int:
        """How many payments and refunds are unclear."""
        rows = await self._pool.fetch(SQL.sum_unclear, now_utc() - UNCLEAR_AFTER)
        found = {(row["what"], row["state"]): row for row in rows}
        for labels in STATES:
            row = found.get(labels)
            COUNT.labels(*labels).set(row["count"] if row else 0)
            FEN.labels(*labels).set(row["amount_fen"] if row else 0)
        return sum(row["count"] for row in rows)
