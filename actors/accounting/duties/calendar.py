"""What the calendar asks of the books: balances that follow, the day's end, the day's reserve.

These duties only say that it is time. What follows is decided where it is booked, and a repeat
changes nothing there.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

from actors.accounting.duties import rounds
from actors.accounting.duties.rounds import SQL
from bus.broker import Broker
from bus.database import Pool
from bus.jobs import now_utc
from schema.days import day_of, end_of, start_of
from schema.messages.accounting import ApplyPending, CloseDay, ReckonReserve

CLOSES_AFTER = timedelta(minutes=10)
"""So late, no booking of the day before is under way any more, whatever the clocks of workers."""

RECKONS_AT = timedelta(hours=1)
"""01:00: the hour of the founding system's timer 风险预存期外余额."""

AGAIN_AFTER = timedelta(minutes=10)


class Calendar:
    """Says what is due by the clock of China."""

    def __init__(
        self, pool: Pool, broker: Broker, *, now: Callable[[], datetime] = now_utc
    ) -> None:
        self._pool = pool
        self._broker = broker
        self._now = now

    async def apply_pending(self) -> int:
        """Has balances follow their entries, wherever some lag behind."""
        pending: int = await self._pool.fetchval(SQL.count_pending)
        if pending:
            await rounds.say(self._broker, ApplyPending())
        return pending

    async def close_day(self) -> int:
        """Has the oldest open day closed that is over, one after the other."""
        now, day = self._now(), await self._oldest_open_day()
        if day is None or now < end_of(day) + CLOSES_AFTER:
            return 0
        await rounds.end(self._pool, "close_day", str(day - timedelta(days=1)), now)
        if not await rounds.claim(self._pool, "close_day", str(day), now, AGAIN_AFTER):
            return 0
        await rounds.say(self._broker, CloseDay(day=day))
        return 1

    async def reckon_reserve(self) -> int:
        """Has the reserve of this day worked out, once a day."""
        now = self._now()
        today = day_of(now)
        if now < start_of(today) + RECKONS_AT:
            return 0
        if not await rounds.claim(self._pool, "reckon_reserve", str(today), now, AGAIN_AFTER):
            return 0
        await rounds.say(self._broker, ReckonReserve(day=today))
        await rounds.end(self._pool, "reckon_reserve", str(today), now)
        return 1

    async def _oldest_open_day(self) -> date | None:
        return await self._pool.fetchval(SQL.oldest_open_day)
