"""One worker process: books lots through the store, as the actor does but without a broker.

`python -m bench.ledger.worker` reads a Task a line from standard input, prepares it,
says that it is ready, waits for the word to go, works, and writes what came of it.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import sys
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from itertools import accumulate
from typing import Any

import msgspec
import uvloop

from actors.accounting.actor import accounting
from actors.accounting.postings import posting
from actors.accounting.rules import POSTINGS
from bench.figures import percentile
from bench.ledger import rowlocks
from bench.ledger.lots import FeeTo, messages
from bench.ledger.tasks import GO, READY, BookLot, Done, LockRows, task_decoder
from bus.database import Pool, connect
from bus.errors import is_clash
from bus.jobs import now_utc
from schema.messages.contract import Message

CONNECTIONS_MAX = 32
"""For the reference; a writer needs one."""

TRADE = "trade.platform"
SPREAD = posting(
    "fact", "channel.clearing -received", "channel.cost -cost", "merchant.payable +net",
    "merchant.deposit +fee",
)  # fmt: skip
"""The same booking with its fee on one of as many accounts as there are merchants."""


class Writer:
    """The books of one shard, written batch by batch by the actor's own three functions."""

    def __init__(self, pool: Pool, shard: int) -> None:
        self._pool = pool
        self._ledger = accounting(shard)
        self.batches = self.clashes = 0

    async def book(self, batch: Sequence[Message]) -> None:
        """Returns when the batch is committed, after however many clashes with another writer."""
        while True:
            try:
                await self._transact(batch)
                self.batches += 1
                return
            except Exception as error:
                if not is_clash(error):
                    raise
                self.clashes += 1

    async def _transact(self, batch: Sequence[Message]) -> None:
        assert self._ledger.save is not None
        async with self._pool.acquire() as connection, connection.transaction():
            book = await self._ledger.load(connection, batch)
            now = now_utc()
            for message in batch:
                for change in self._ledger.decide(book, message, now).changes:
                    book.put(change)
            await self._ledger.save(connection, book)


class Worker:
    """Does one task after the other."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._writers: dict[int, Writer] = {}

    @asynccontextmanager
    async def prepared(self, task: BookLot | LockRows) -> AsyncGenerator[Any]:
        """What does the task when it is called, with everything ready that it needs."""
        if isinstance(task, LockRows):
            async with rowlocks.connected(self._pool, task.clients) as connections:
                yield lambda: rowlocks.lock_rows(connections, task.seconds)
            return
        lot = messages(task.lot, now_utc())
        with looked_through(), posted_to(task.lot.fee_to):
            yield lambda: self._book(task, lot)

    async def _book(self, task: BookLot, lot: Sequence[Message]) -> Done:
        shard = task.lot.shard
        if shard not in self._writers:
            self._writers[shard] = Writer(self._pool, shard)
        writer = self._writers[shard]
        batches, clashes = writer.batches, writer.clashes
        began_at = time.monotonic()
        if task.rate_per_s is None:
            late_s = await in_turn(writer, lot, task.batch)
        else:
            late_s = await as_they_come(writer, lot, task.batch, task.rate_per_s)
        return Done(
            began_at=began_at,
            ended_at=time.monotonic(),
            bookings=len(lot),
            batches=writer.batches - batches,
            clashes=writer.clashes - clashes,
            p50_s=percentile(late_s, 50),
            p99_s=percentile(late_s, 99),
        )


async def in_turn(writer: Writer, lot: Sequence[Message], batch: int) -> list[float]:
    """One full batch after the other, which takes all that the writer can do."""
    took_s: list[float] = []
    for at in range(0, len(lot), batch):
        began_at = time.monotonic()
        await writer.book(lot[at : at + batch])
        took_s.append(time.monotonic() - began_at)
    return took_s


async def as_they_come(
    writer: Writer, lot: Sequence[Message], batch_max: int, rate_per_s: float
) -> list[float]:
    """Bookings that come at random (Poisson); each batch is what has come during the one before.

    Returns how long each took from when it came until it was committed.
    """
    gaps = random.Random(len(lot))
    began_at = time.monotonic()
    due_at = list(accumulate((gaps.expovariate(rate_per_s) for _ in lot), initial=began_at))[1:]
    late_s: list[float] = []
    done = 0
    while done < len(lot):
        await asyncio.sleep(max(due_at[done] - time.monotonic(), 0))
        now, come = time.monotonic(), done
        while come < min(done + batch_max, len(lot)) and due_at[come] <= now:
            come += 1
        if come > done:
            await writer.book(lot[done:come])
            committed_at = time.monotonic()
            late_s += [committed_at - due for due in due_at[done:come]]
        done = come
    return late_s


@contextmanager
def looked_through() -> Iterator[None]:
    """What is prepared is not looked through again and again for garbage; as in `runner.py`."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def posted_to(fee_to: FeeTo) -> Iterator[None]:
    """The table of postings as it is, or with the fee of trades spread over the merchants."""
    usual = POSTINGS[TRADE]
    POSTINGS[TRADE] = usual if fee_to == "platform" else SPREAD
    try:
        yield
    finally:
        POSTINGS[TRADE] = usual


def say(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


async def main(url: str) -> None:
    """Works until standard input ends; nothing else runs while it waits for a line."""
    pool = await connect(url, size_max=CONNECTIONS_MAX, name="bench worker")
    worker = Worker(pool)
    while line := sys.stdin.buffer.readline():
        async with worker.prepared(task_decoder.decode(line)) as work:
            say(READY)
            if sys.stdin.buffer.readline() != GO:
                break
            say(msgspec.json.encode(await work()) + b"\n")
    await pool.close()


if __name__ == "__main__":
    uvloop.run(main(os.environ["TOMATO_POSTGRES_URL"]))
