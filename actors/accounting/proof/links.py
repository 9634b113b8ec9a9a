"""The hash chain, link by link: what each batch must be, told from its rows alone. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from actors.accounting.chain import Rows, hash_of
from actors.accounting.ledger import BOOKINGS_PER_BATCH_MAX, SHARDS_MAX
from actors.accounting.proof.breaks import Break


class Head(NamedTuple):
    """A batch by its number, and its hash."""

    shard: int
    no: int
    hash: bytes


class Batch(NamedTuple):
    """A row of `accounting.batch`, without its time."""

    shard: int
    no: int
    epoch: int
    bookings: int
    entries: int
    previous: bytes
    hash: bytes

    @property
    def first(self) -> int:
        """The id of its first booking."""
        return (self.no * SHARDS_MAX + self.shard) * BOOKINGS_PER_BATCH_MAX


def by_batch(rows: Iterable[Any]) -> dict[int, list[tuple[Any, ...]]]:
    """Rows of bookings or entries, which begin with the booking's id, by their batch's first id."""
    sorted_in: dict[int, list[tuple[Any, ...]]] = {}
    for row in rows:
        sorted_in.setdefault(row[0] & -BOOKINGS_PER_BATCH_MAX, []).append(tuple(row))
    return sorted_in


def broken_links(
    head: Head,
    batches: Iterable[Batch],
    bookings: Mapping[int, Rows],
    entries: Mapping[int, Rows],
) -> list[Break]:
    """What is wrong with these batches, which follow the head."""
    broken: list[Break] = []
    for batch in batches:
        if batch.no != head.no + 1:
            broken.append(_broken(batch, f"follows batch {head.no}"))
        elif batch.previous != head.hash:
            broken.append(_broken(batch, "does not rest on the batch before it"))
        theirs = bookings.get(batch.first, ()), entries.get(batch.first, ())
        link = hash_of(batch.shard, batch.no, batch.epoch, batch.previous, *theirs)
        if link != batch.hash:
            broken.append(_broken(batch, "is not as it was hashed"))
        head = Head(batch.shard, batch.no, batch.hash)
    return broken


def lost_heads(kept: Iterable[Head], found: Mapping[tuple[int, int], bytes]) -> Iterator[Break]:
    """What was there once and is not now."""
    for head in sorted(set(kept)):
        if found.get((head.shard, head.no)) != head.hash:
            detail = f"batch {head.no} of shard {head.shard} was {head.hash.hex()}"
            yield Break(check_name="heads", detail=detail)


def _broken(batch: Batch, why: str) -> Break:
    return Break(check_name="chain", detail=f"batch {batch.no} of shard {batch.shard} {why}")
