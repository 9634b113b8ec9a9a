"""The walk through the batches: each page is hashed again and asked the checks of its entries.

Batches, bookings and entries are written once, so a walk needs no snapshot: what it has passed
can't become otherwise. It rests between pages where payments are not to wait for it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Iterator, Sequence
from time import perf_counter

from actors.accounting.chain import GENESIS
from actors.accounting.ledger import BOOKINGS_PER_BATCH_MAX
from actors.accounting.proof.breaks import BREAKS_MAX, Break, Finding
from actors.accounting.proof.checks import CHAIN, WALKED, Check, breaks_of
from actors.accounting.proof.links import Batch, Head, broken_links, by_batch
from bus.database import Connection, queries

SQL = queries(__file__)

BATCHES_PER_PAGE = 2_000
BOOKINGS_PER_STEP = 2_000
"""A step takes some 50 ms, of which this process is busy for half."""


class Walk:
    """What was passed so far, and what was found on the way."""

    def __init__(self, connection: Connection, *, rest: float = 0.0) -> None:
        self._connection = connection
        self._rest = rest
        """Seconds of rest for each second of walking."""
        self.batches = 0
        self.entries = 0
        self.accounts: set[int] = set()
        self.heads: dict[int, Head] = {}
        """The last batch that was passed, by shard."""
        self._breaks: dict[str, list[Break]] = defaultdict(list)
        self._took_s: dict[str, float] = defaultdict(float)

    async def carried_over(self) -> None:
        """Through what was booked before there were batches; it has no hashes."""
        lowest: int = await self._connection.fetchval(SQL.first_carried_over)
        for first in range(lowest & -BOOKINGS_PER_BATCH_MAX, 0, BOOKINGS_PER_BATCH_MAX):
            await self._ask([first])

    async def through(self, shard: int, after: Head | None, last_no: int) -> None:
        """Through a shard's batches, after one up to another."""
        head = after or Head(shard, 0, GENESIS)
        while head.no < last_no:
            rows = await self._connection.fetch(
                SQL.batches, shard, head.no, last_no, BATCHES_PER_PAGE
            )
            if not rows:
                break
            for step in steps([Batch(*row) for row in rows]):
                head = await self._step(head, step)
        self.heads[shard] = head

    def findings(self) -> list[Finding]:
        """What each check of the walk came to."""
        counts = {"batches": self.batches, "entries": self.entries}
        return [
            Finding(
                check_name=check.name,
                says=check.says,
                looked_at=counts[check.of],
                breaks=tuple(self._breaks[check.name][:BREAKS_MAX]),
                took_ms=int(self._took_s[check.name] * 1_000),
            )
            for check in (CHAIN, *WALKED)
        ]

    async def _step(self, head: Head, step: Sequence[Batch]) -> Head:
        began = perf_counter()
        firsts = [batch.first for batch in step]
        bookings = await self._connection.fetch(SQL.bookings_of, firsts)
        entries = await self._connection.fetch(SQL.entries_of, firsts)
        self.accounts.update(row["account_id"] for row in entries)
        self.entries += len(entries)
        self.batches += len(step)
        hashing = asyncio.to_thread(broken_links, head, step, by_batch(bookings), by_batch(entries))
        await asyncio.gather(self._hash(hashing, began), self._ask(firsts))
        await asyncio.sleep((perf_counter() - began) * self._rest)
        return Head(*step[-1][:2], step[-1].hash)

    async def _hash(self, hashing: Awaitable[list[Break]], began: float) -> None:
        self._note(CHAIN, await hashing, began)

    async def _ask(self, firsts: list[int]) -> None:
        for check in WALKED:
            began = perf_counter()
            async with self._connection.transaction(readonly=True):
                self._note(check, await breaks_of(self._connection, check, firsts), began)

    def _note(self, check: Check, breaks: list[Break], began: float) -> None:
        self._breaks[check.name] += breaks
        self._took_s[check.name] += perf_counter() - began


def steps(batches: Sequence[Batch]) -> Iterator[list[Batch]]:
    """The batches in runs of a bounded number of bookings, however large or small they are."""
    step: list[Batch] = []
    bookings = 0
    for batch in batches:
        step.append(batch)
        bookings += batch.bookings
        if bookings >= BOOKINGS_PER_STEP:
            yield step
            step, bookings = [], 0
    if step:
        yield step
