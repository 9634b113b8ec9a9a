"""PostgreSQL: one pool per process, and SQL that lives in `queries.sql` beside its room."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from types import SimpleNamespace

import asyncpg

from bus.errors import world_is_down
from bus.logs import log

Connection = asyncpg.pool.PoolConnectionProxy | asyncpg.Connection
Pool = asyncpg.Pool

BY_KEY = {"enable_seqscan": "off", "jit": "off"}
"""Rooms find rows by key. A plan that was cached while a table was small would go on reading all of
it as it grows, until the next ANALYZE."""

_STATEMENT = re.compile(
    r"^-- (?P<name>[a-z_0-9]+)\n(?P<body>.*?)(?=^-- [a-z_0-9]+\n|\Z)", re.M | re.S
)


def queries(beside: str) -> SimpleNamespace:
    """The named statements of the `queries.sql` that lies beside the Python file `beside`.

    Each statement starts with a line `-- name` and a line `-- one sentence`.
    """
    return SimpleNamespace(**read_queries(Path(beside).with_name("queries.sql")))


def read_queries(path: Path) -> dict[str, str]:
    """Statements by name. Raises ValueError where a name stands twice."""
    found = [(m["name"], m["body"].strip()) for m in _STATEMENT.finditer(path.read_text())]
    names = [name for name, _ in found]
    if len(set(names)) != len(names):
        raise ValueError(f"{path}: a statement is named twice")
    return dict(found)


async def connect(url: str, *, size_max: int = 4, name: str = "tomato") -> Pool:
    """A pool of at most `size_max` connections; sessions carry no state, so reset does nothing."""
    pool = await asyncpg.create_pool(
        url,
        min_size=1,
        max_size=size_max,
        command_timeout=30,
        timeout=5,
        reset=_no_reset,
        server_settings={"application_name": name, **BY_KEY},
    )
    assert pool is not None
    return pool


async def connect_patiently(url: str, *, size_max: int, name: str) -> Pool:
    """A pool, however long PostgreSQL takes to appear."""
    wait_s = 0.2
    while True:
        try:
            return await connect(url, size_max=size_max, name=name)
        except Exception as error:
            if not world_is_down(error):
                raise
            log.warning("postgres_away", error=repr(error))
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, 5.0)


async def _no_reset(_: asyncpg.Connection) -> None:
    return None
