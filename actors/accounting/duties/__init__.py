"""What accounting does by the clock. Every worker has all of it; a round is run by one of them."""

from __future__ import annotations

from collections.abc import Sequence

from actors.accounting.duties.calendar import Calendar
from actors.accounting.duties.figures import Figures
from actors.accounting.duties.looks import Looks
from bus.broker import Broker
from bus.database import Pool
from bus.duty import Duty


def duties(pool: Pool, broker: Broker, *, postgres_url: str, anchor_url: str) -> Sequence[Duty]:
    """The running duties of the books."""
    calendar, figures = Calendar(pool, broker), Figures(pool)
    looks = Looks(pool, broker, postgres_url=postgres_url, anchor_url=anchor_url)
    return (
        Duty("ledger.apply_pending", calendar.apply_pending, every_s=2.0),
        Duty("ledger.close_day", calendar.close_day, every_s=5.0),
        Duty("ledger.reckon_reserve", calendar.reckon_reserve, every_s=30.0),
        Duty("ledger.prove_new", looks.prove_new, every_s=20.0),
        Duty("ledger.prove_all", looks.prove_all, every_s=60.0),
        Duty("ledger.anchor", looks.anchor, every_s=60.0),
        Duty("ledger.figures", figures.refresh, every_s=15.0),
    )
