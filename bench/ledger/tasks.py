"""What the bench asks of a worker process, and what it is told back: one JSON document a line."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from bench.ledger.lots import Lot


class BookLot(Struct, frozen=True, kw_only=True, tag="book"):
    """Book a lot through the store, in batches of so many; by a rate they come at random."""

    lot: Lot
    batch: int
    rate_per_s: float | None = None


class LockRows(Struct, frozen=True, kw_only=True, tag="lock"):
    """Book as everybody would at first: one transaction a booking, its accounts' rows locked."""

    clients: int
    seconds: float


Task = BookLot | LockRows


class Done(Struct, frozen=True, kw_only=True):
    """How a task went; times are of the monotonic clock, which all processes share."""

    began_at: float
    ended_at: float
    bookings: int
    batches: int
    clashes: int = 0
    p50_s: float | None = None
    p99_s: float | None = None


task_decoder: msgspec.json.Decoder[Task] = msgspec.json.Decoder(Task)
done_decoder = msgspec.json.Decoder(Done)
READY = b'"ready"\n'
GO = b'"go"\n'
