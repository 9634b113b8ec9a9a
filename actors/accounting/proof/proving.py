"""Proves the books: everything, or what is new since the last look."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from time import perf_counter

import asyncpg
from msgspec import Struct
from msgspec.structs import replace

from actors.accounting.proof.breaks import Break, Finding
from actors.accounting.proof.checks import HEADS, STANDING, WHOLE, Check, breaks_of
from actors.accounting.proof.links import Head, lost_heads
from actors.accounting.proof.walking import Walk
from bus.database import BY_KEY, Connection, queries

SQL = queries(__file__)

BY_INDEX = BY_KEY | {"enable_hashjoin": "off", "enable_mergejoin": "off"}
"""A walk looks up a page at a time. Without statistics the planner would read whole tables."""

BATCHES_PER_LOOK_MAX = 5_000
"""Of one shard: a look that has much to catch up with does so in several rounds."""


class Proof(Struct, frozen=True, kw_only=True):
    """What a look at the books came to."""

    findings: tuple[Finding, ...]
    heads: tuple[Head, ...] = ()
    """Up to where the batches are proved."""
    entries: int = 0

    @property
    def breaks(self) -> list[Break]:
        """All that was found."""
        return [found for finding in self.findings for found in finding.breaks]


@asynccontextmanager
async def looking(url: str) -> AsyncGenerator[asyncpg.Connection]:
    """A connection for looking at many rows, for as long as it takes."""
    settings = {"application_name": "tomato-proof", **BY_INDEX}
    connection = await asyncpg.connect(url, timeout=5, server_settings=settings)
    try:
        yield connection
    finally:
        await connection.close()


async def prove_all(
    connection: Connection, *, anchored: Iterable[Head] = (), rest: float = 0.0
) -> Proof:
    """Every check over everything. `anchored` are heads that were written outside the database."""
    walk, kept = await _walk_through_all(connection, anchored, rest)
    await walk.carried_over()
    async with _snapshot(connection):
        counts = dict((await connection.fetchrow(SQL.count_rows)) or {})
        standing = [await _asked(connection, check, counts, None) for check in STANDING]
        whole = [await _asked(connection, check, counts) for check in WHOLE]
    findings = (*walk.findings(), kept, *standing, *whole)
    return Proof(findings=findings, heads=tuple(walk.heads.values()), entries=walk.entries)


async def prove_new(connection: Connection, *, rest: float = 0.0) -> Proof:
    """The checks over what was booked since the last look, and over whom it moved."""
    walk = Walk(connection, rest=rest)
    proven = await proven_heads(connection)
    kept = await _kept(connection, proven.values())
    for head in await heads_now(connection):
        after = proven.get(head.shard)
        first_no = after.no if after else 0
        await walk.through(head.shard, after, min(head.no, first_no + BATCHES_PER_LOOK_MAX))
    async with _snapshot(connection):
        moved = sorted(walk.accounts)
        looked_at = {check.of for check in STANDING}
        counts: dict[str, int] = dict.fromkeys(looked_at, len(moved))
        standing = [await _asked(connection, check, counts, moved) for check in STANDING]
    findings = (*walk.findings(), kept, *standing)
    return Proof(findings=findings, heads=tuple(walk.heads.values()), entries=walk.entries)


async def prove_chain(connection: Connection, *, anchored: Iterable[Head] = ()) -> Proof:
    """The walk through the batches alone, and whether all heads that were kept are still there."""
    walk, kept = await _walk_through_all(connection, anchored)
    findings = (*walk.findings(), kept)
    return Proof(findings=findings, heads=tuple(walk.heads.values()), entries=walk.entries)


async def _walk_through_all(
    connection: Connection, anchored: Iterable[Head], rest: float = 0.0
) -> tuple[Walk, Finding]:
    walk, heads = Walk(connection, rest=rest), await heads_now(connection)
    proven = await proven_heads(connection)
    kept = await _kept(connection, [*anchored, *proven.values()])
    for head in heads:
        await walk.through(head.shard, None, head.no)
    return walk, kept


async def heads_now(connection: Connection) -> list[Head]:
    """Each shard's newest batch."""
    return [Head(*row) for row in await connection.fetch(SQL.heads)]


async def proven_heads(connection: Connection) -> Mapping[int, Head]:
    """Up to where the batches were proved, by shard."""
    return {row["shard"]: Head(*row) for row in await connection.fetch(SQL.proven_heads)}


async def keep_heads(connection: Connection, heads: Sequence[Head]) -> None:
    """Remembers up to where they are proved."""
    await connection.executemany(SQL.keep_head, heads)


async def _kept(connection: Connection, heads: Iterable[Head]) -> Finding:
    began = perf_counter()
    kept = set(heads)
    rows = await connection.fetch(
        SQL.kept_batches, [head.shard for head in kept], [head.no for head in kept]
    )
    found = {(row["shard"], row["no"]): row["hash"] for row in rows}
    finding = Finding(
        check_name=HEADS.name, says=HEADS.says, looked_at=len(kept),
        breaks=tuple(lost_heads(kept, found)),
    )  # fmt: skip
    return _timed(finding, began)


async def _asked(
    connection: Connection, check: Check, counts: Mapping[str, int], *arguments: object
) -> Finding:
    began = perf_counter()
    breaks = await breaks_of(connection, check, *arguments)
    finding = Finding(
        check_name=check.name, says=check.says, looked_at=counts[check.of], breaks=tuple(breaks)
    )
    return _timed(finding, began)


def _timed(finding: Finding, began: float) -> Finding:
    return replace(finding, took_ms=int((perf_counter() - began) * 1_000))


@asynccontextmanager
async def _snapshot(connection: Connection) -> AsyncGenerator[None]:
    """One moment of the books, and plans that may read whole tables."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        for name in BY_INDEX:
            if name.startswith("enable_"):
                await connection.execute(f"SET LOCAL {name} = on")
        yield
