"""The clock: publishes the events of timers whose time has come, at least once."""

from __future__ import annotations

from datetime import timedelta

from msgspec import Raw

from bus import inbox, metrics
from bus.broker import Broker
from bus.database import Pool
from bus.duty import Duty
from bus.effects import Outgoing, deliveries
from bus.inbox import SQL
from bus.jobs import now_utc

TIMERS_PER_ROUND = 500

INBOX_KEPT = timedelta(days=14)
"""Two weeks: far beyond any redelivery, longer than a dead letter should lie before its replay."""


class Clock:
    """Fires timers and trims the inbox. Any number of clocks may run beside each other."""

    def __init__(self, pool: Pool, broker: Broker, *, every_s: float = 0.5) -> None:
        self._pool = pool
        self._broker = broker
        self._fire = Duty("clock.fire", self.fire_once, every_s=every_s, batch=TIMERS_PER_ROUND)
        self._trim = Duty("clock.trim", self.trim_once, every_s=600.0)

    async def start(self) -> None:
        await self._fire.start()
        await self._trim.start()

    async def stop(self) -> None:
        await self._fire.stop()
        await self._trim.stop()

    async def fire_once(self) -> int:
        """Publishes what is due; the rows go only after the broker has confirmed."""
        if not await self._pool.fetchval(SQL.is_timer_due, now_utc()):
            return 0
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(SQL.due_timers, now_utc(), TIMERS_PER_ROUND)
            if not rows:
                return 0
            due = [Outgoing(r["exchange"], r["key"], r["mandatory"], Raw(r["event"])) for r in rows]
            await self._broker.publish(deliveries(due))
            await connection.execute(SQL.drop_timers, [row["id"] for row in rows])
        metrics.TIMERS_FIRED.inc(len(rows))
        return len(rows)

    async def trim_once(self) -> int:
        """Forgets old inbox rows, a bounded number a round."""
        async with self._pool.acquire() as connection:
            return await inbox.trim(connection, now_utc() - INBOX_KEPT)
