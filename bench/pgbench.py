"""PostgreSQL's own pgbench: the TPC-B-like transaction that anybody can repeat anywhere."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncpg

from deploy.local.binaries import find_postgres
from deploy.local.processes import inherited_environment


@dataclass(frozen=True)
class PgBench:
    """pgbench with its tables in one database."""

    program: Path
    url: str

    async def run(
        self, *, clients: int, seconds: float, protocol: str = "simple"
    ) -> tuple[int, float]:
        """How many transactions there were, and how many a second."""
        printed = await self.call(
            f"--client={clients}",
            f"--jobs={min(clients, 2)}",
            f"--time={seconds:.0f}",
            f"--protocol={protocol}",
            "--no-vacuum",
        )
        return int(_found(r"actually processed: (\d+)", printed)), float(
            _found(r"tps = ([\d.]+)", printed)
        )

    async def call(self, *words: str) -> str:
        """What pgbench prints."""
        return await asyncio.to_thread(self._call, words)

    def _call(self, words: tuple[str, ...]) -> str:
        """The address goes through the environment, so that the password is not in `ps`."""
        address = urlsplit(self.url)
        where = {
            "PGHOST": address.hostname,
            "PGPORT": str(address.port or 5432),
            "PGUSER": unquote(address.username or ""),
            "PGPASSWORD": unquote(address.password or ""),
            "PGDATABASE": address.path.removeprefix("/"),
        }
        known = {name: value for name, value in where.items() if value}
        done = subprocess.run(
            [str(self.program), *words],
            env={**inherited_environment(), **known},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout


@asynccontextmanager
async def pgbench(url: str, scale: int) -> AsyncGenerator[PgBench | None]:
    """pgbench with tables of 100,000 rows per `scale`; None where it is not installed.

    `scale` is to be no less than the number of clients: each has a branch to itself then, more or
    less, and does not wait for another's row.
    """
    folder = find_postgres()
    if folder is None or not (folder / "pgbench").exists():
        yield None
        return
    bench = PgBench(folder / "pgbench", url)
    await bench.call("--initialize", "--quiet", f"--scale={scale}")
    await _write_out(url)
    try:
        yield bench
    finally:
        await bench.call("--initialize", "--init-steps=d")


async def _write_out(url: str) -> None:
    """Has what was loaded written to disk, which would slow down whatever is measured next."""
    connection = await asyncpg.connect(url, command_timeout=120)
    try:
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match, f"pgbench printed no {pattern!r}: {text}"
    return match[1]
