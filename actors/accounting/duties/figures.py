"""What can be watched of the books from outside: Prometheus metrics."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from actors.accounting.duties.rounds import SQL
from actors.accounting.proof.proving import Proof
from bus.database import Pool
from bus.jobs import now_utc
from schema.days import day_of

CHECKS = Counter("tomato_ledger_checks_total", "Checks of the books that were run", ["look"])
BREAKS = Counter("tomato_ledger_breaks_total", "Breaks that checks have found", ["check"])
ENTRIES = Counter("tomato_ledger_entries_checked_total", "Entries that were proved", ["look"])
GOOD = Gauge(
    "tomato_ledger_last_good_timestamp_seconds", "When a duty last found nothing wrong", ["duty"]
)
IN_TRANSIT = Gauge(
    "tomato_ledger_oldest_payout_seconds", "Age of the oldest payout that is still in transit"
)
PENDING = Gauge("tomato_ledger_pending_entries", "Entries that their balances do not have yet")
ALARMS = Gauge("tomato_ledger_open_alarms", "Alarms that nobody has cleared")
CLOSED = Gauge("tomato_ledger_days_since_close", "Days since the newest closed day")


def count(look: str, proof: Proof) -> None:
    """A look at the books is over."""
    CHECKS.labels(look).inc(len(proof.findings))
    ENTRIES.labels(look).inc(proof.entries)
    for finding in proof.findings:
        BREAKS.labels(finding.check_name).inc(len(finding.breaks))


class Figures:
    """Reads what the database knows; it is the same in every worker."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def refresh(self) -> int:
        """Sets the gauges."""
        row, now = await self._pool.fetchrow(SQL.figures), now_utc()
        assert row is not None
        sent_at, closed = row["oldest_sent_at"], row["closed_day"]
        IN_TRANSIT.set((now - sent_at).total_seconds() if sent_at else 0)
        ALARMS.set(row["open_alarms"])
        CLOSED.set((day_of(now) - closed).days if closed else 0)
        PENDING.set(await self._pool.fetchval(SQL.count_pending))
        for good in await self._pool.fetch(SQL.good_rounds):
            GOOD.labels(good["name"]).set(good["good_at"].timestamp())
        return 1
