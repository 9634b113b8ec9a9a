"""The running proof: at what is new every minute, at everything once a day, and the day's anchor.

A look runs beside the room's other work and rests between its steps, so that bookings hardly wait
for it. What it finds is published as a fact; the alarm is then raised where bookings are decided.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from actors.accounting.duties import figures, rounds
from actors.accounting.duties.rounds import SQL
from actors.accounting.proof import proving
from actors.accounting.proof.anchors import Anchors
from actors.accounting.proof.breaks import Break, Known, alarm_no, news
from actors.accounting.proof.links import Head
from actors.accounting.proof.proving import Proof
from bus.broker import Broker
from bus.database import Pool
from bus.errors import TryLater
from bus.jobs import now_utc
from bus.logs import log
from schema.days import day_of, start_of

RESTS = 9.0
"""A look takes a tenth of one core at the most, which is enough for 10,000 entries a second."""

PROVES_ALL_AT = timedelta(hours=2)
"""After the day's end and its reserve, while few people pay."""

NEW_AGAIN_AFTER = timedelta(minutes=10)
ALL_AGAIN_AFTER = timedelta(hours=6)
"""A look that was broken off begins again; one that is under way is rather left alone."""


class Looks:
    """Looks at the books by the clock, and says what is broken."""

    def __init__(
        self,
        pool: Pool,
        broker: Broker,
        *,
        postgres_url: str,
        anchor_url: str,
        now: Callable[[], datetime] = now_utc,
    ) -> None:
        self._pool = pool
        self._broker = broker
        self._postgres_url = postgres_url
        self._anchor_url = anchor_url
        self._now = now

    async def prove_new(self) -> int:
        """Proves what was booked since the last look; returns how many entries it was."""
        now = self._now()
        turn = f"{now:%Y-%m-%dT%H:%M}"
        if not await rounds.claim(self._pool, "prove_new", turn, now, NEW_AGAIN_AFTER):
            return 0
        async with proving.looking(self._postgres_url) as connection:
            proof = await proving.prove_new(connection, rest=RESTS)
            await self._tell("prove_new", turn, proof)
            await proving.keep_heads(connection, proof.heads)
        return proof.entries

    async def prove_all(self) -> int:
        """Proves everything once a day, with the heads that were anchored; returns the entries.

        Where those are out of reach the rest is proved all the same, and that is not called good.
        """
        now = self._now()
        turn = str(day_of(now))
        if now < start_of(day_of(now)) + PROVES_ALL_AT:
            return 0
        if not await rounds.claim(self._pool, "prove_all", turn, now, ALL_AGAIN_AFTER):
            return 0
        anchored = await self._anchored()
        async with proving.looking(self._postgres_url) as connection:
            proof = await proving.prove_all(connection, anchored=anchored or (), rest=RESTS)
        await self._tell("prove_all", turn, proof, is_whole=anchored is not None)
        return proof.entries

    async def anchor(self) -> int:
        """Anchors the chain's heads once a day, after the day before is closed."""
        now = self._now()
        today = day_of(now)
        if not await self._pool.fetchval(SQL.is_closed, today - timedelta(days=1)):
            return 0
        if not await rounds.claim(self._pool, "anchor", str(today), now, NEW_AGAIN_AFTER):
            return 0
        async with self._pool.acquire() as connection:
            heads = await proving.heads_now(connection)
        anchored = await self._anchors().write(heads, today, now)
        await rounds.end(self._pool, "anchor", str(today), now)
        return anchored

    def _anchors(self) -> Anchors:
        return Anchors(self._anchor_url, self._postgres_url)

    async def _anchored(self) -> list[Head] | None:
        try:
            return await self._anchors().read()
        except TryLater as error:
            log.error("anchors_out_of_reach", error=str(error))
            return None

    async def _tell(self, look: str, turn: str, proof: Proof, *, is_whole: bool = True) -> None:
        figures.count(look, proof)
        await self._raise(proof.breaks)
        is_good = is_whole and not proof.breaks
        await rounds.end(self._pool, look, turn, self._now(), is_good=is_good)

    async def _raise(self, breaks: Sequence[Break]) -> None:
        """Says what is broken and nobody knows yet."""
        if not breaks:
            return
        numbers = list(map(alarm_no, breaks))
        owners = list({found.owner for found in breaks})
        rows = await self._pool.fetch(SQL.known_alarms, numbers, owners)
        raised = news(breaks, [Known(**dict(row)) for row in rows])
        for alarm in raised:
            log.error("ledger_broken", alarm=alarm.alarm_no, check=alarm.check_name)
        await rounds.say(self._broker, *raised)
