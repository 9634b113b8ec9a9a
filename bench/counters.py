"""What was said and stored, counted by those who did it: our processes and PostgreSQL itself."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence

import aiohttp
import asyncpg
from msgspec import Struct
from prometheus_client.parser import text_string_to_metric_families

STATEMENTS = """
SELECT queryid, calls, rows, total_exec_time AS exec_ms, query
FROM pg_stat_statements(true)
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = $1)
"""
COMMITS = "SELECT xact_commit FROM pg_stat_database WHERE datname = $1"
WAL_BYTES = "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn"
TABLES = """
SELECT schemaname || '.' || relname AS name, pg_total_relation_size(relid) AS bytes
FROM pg_stat_user_tables
"""
FRAME_WORDS = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")
"""Statements that frame a transaction: a round trip each, but counted apart, as transactions."""

STATISTICS_LAG_S = 1.5
"""A PostgreSQL session reports its counts at most once a second, and when it turns idle."""


class Statement(Struct, frozen=True):
    """How often one statement ran, and for how long in all."""

    calls: int
    rows: int
    exec_ms: float
    query: str

    @property
    def is_frame(self) -> bool:
        return self.query.lstrip().upper().startswith(FRAME_WORDS)


class Database(Struct, frozen=True):
    """PostgreSQL's counts for one database up to now, or between two counts."""

    statements: Mapping[int, Statement] | None
    """None where pg_stat_statements is not installed."""
    commits: int
    wal_bytes: int

    def since(self, earlier: Database) -> Database:
        """What was counted in between."""
        statements = None
        if self.statements is not None and earlier.statements is not None:
            statements = {
                number: _difference(statement, earlier.statements.get(number))
                for number, statement in self.statements.items()
            }
        return Database(
            statements, self.commits - earlier.commits, self.wal_bytes - earlier.wal_bytes
        )

    @property
    def calls(self) -> int | None:
        """Statements that did something, without those that only frame a transaction."""
        if self.statements is None:
            return None
        return sum(each.calls for each in self.statements.values() if not each.is_frame)

    def busiest(self, limit: int = 25) -> list[Statement]:
        """The statements that took the longest in all."""
        ran = [each for each in (self.statements or {}).values() if each.calls]
        return sorted(ran, key=lambda each: -each.exec_ms)[:limit]


async def count_database(observer: asyncpg.Connection, database: str) -> Database:
    """The counts of `database`, seen from a session in another one, so that it is not counted."""
    await asyncio.sleep(STATISTICS_LAG_S)
    commits = await observer.fetchval(COMMITS, database)
    wal_bytes = int(await observer.fetchval(WAL_BYTES))
    return Database(await _statements(observer, database), commits, wal_bytes)


async def refresh_statistics(url: str) -> None:
    """Has PostgreSQL look at its tables, as autovacuum does once a minute."""
    connection = await asyncpg.connect(url, command_timeout=120)
    try:
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


async def stored_bytes(url: str) -> dict[str, int]:
    """Bytes by table with its indexes, after dead rows were made free and everything written."""
    connection = await asyncpg.connect(url, command_timeout=120)
    try:
        await connection.execute("VACUUM")
        await connection.execute("CHECKPOINT")
        return {row["name"]: row["bytes"] for row in await connection.fetch(TABLES)}
    finally:
        await connection.close()


async def count_messages(session: aiohttp.ClientSession, urls: Sequence[str]) -> dict[str, int]:
    """The processes' own counters, `tomato_…_total`, added up; by queue as `tomato_…_total/queue`
    as well."""
    total: Counter[str] = Counter()
    for url in urls:
        async with session.get(f"{url}/metrics") as answer:
            answer.raise_for_status()
            _add_counters(total, await answer.text())
    return dict(total)


def _add_counters(total: Counter[str], text: str) -> None:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.startswith("tomato_") and sample.name.endswith("_total"):
                total[sample.name] += int(sample.value)
                if "queue" in sample.labels:
                    total[f"{sample.name}/{sample.labels['queue']}"] += int(sample.value)


async def _statements(observer: asyncpg.Connection, database: str) -> dict[int, Statement] | None:
    try:
        rows = await observer.fetch(STATEMENTS, database)
    except asyncpg.UndefinedFunctionError:
        return None
    return {
        row["queryid"]: Statement(row["calls"], row["rows"], row["exec_ms"], row["query"])
        for row in rows
    }


def _difference(now: Statement, before: Statement | None) -> Statement:
    if before is None:
        return now
    return Statement(
        now.calls - before.calls,
        now.rows - before.rows,
        now.exec_ms - before.exec_ms,
        now.query,
    )
