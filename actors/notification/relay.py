"""Tells lanes what was kept back, as they get room for it.

A lane holds a bounded number of messages; what comes while it is full is a row and nothing else
(`rules.py`). Whoever serves the lane looks whether it has become short, and says the oldest of what
waits: said first, and marked as said by the commit after it. Whoever dies in between leaves the
rows as they were, and they are said again: to say too much does no harm, since each try is claimed.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from actors.notification import store
from actors.notification.notification import Notification, next_wish
from bus.broker import Broker
from bus.database import Pool
from bus.duty import Duty
from bus.effects import Outgoing, deliveries
from bus.jobs import now_utc
from bus.origin import new_event

EVERY_S = 0.25
TOLD_UP_TO = 200
"""A lane is told no more than it can take in two seconds: short queues are cheap queues."""

ROWS_PER_ROUND = 64
"""With four rounds a second, more than the fastest lane takes."""

SAID_AT_ONCE = 16
"""Each of them is a delivery, and all other lanes of this process wait until they are written."""

LANES_PER_ROUND = 500

IsOurs = Callable[[str], bool]
"""Whether a lane is served here, or nowhere, because nobody knows of it yet."""


def wish_of(row: Notification) -> Outgoing:
    """The wish for the next try, as one who says it on nobody's behalf."""
    wish = next_wish(row)
    return Outgoing.of(wish, new_event(wish, subject=row.subject), row.lane)


class Relay:
    """One in every worker, for the lanes that it serves, and for lanes that nobody knows of."""

    def __init__(
        self, pool: Pool, broker: Broker, is_ours: IsOurs, *, every_s: float = EVERY_S
    ) -> None:
        self._pool = pool
        self._broker = broker
        self._is_ours = is_ours
        self._duty = Duty("notification.relay", self.relay_once, every_s=every_s)

    async def start(self) -> None:
        await self._duty.start()

    async def stop(self) -> None:
        await self._duty.stop()

    async def relay_once(self) -> int:
        """Tells lanes with room what was kept back; returns how many messages that was.

        A lane that is held is served by nobody and stays as it is. One that is not there is told,
        since its first message makes it.
        """
        lanes = await store.lanes_kept_back(self._pool, LANES_PER_ROUND)
        return sum([await self._relay(lane) for lane in lanes if self._is_ours(lane)])

    async def _relay(self, lane: str) -> int:
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await store.take_kept_back(connection, lane, TOLD_UP_TO, ROWS_PER_ROUND)
            for first in range(0, len(rows), SAID_AT_ONCE):
                said = deliveries(map(wish_of, rows[first : first + SAID_AT_ONCE]))
                await self._broker.publish(said)
            now = now_utc()
            told = [replace(row, is_kept_back=False, due_at=now) for row in rows]
            await store.change_notifications(connection, told)
        return len(rows)
