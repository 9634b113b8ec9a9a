"""The bench's hand on a worker process."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from bench.ledger.tasks import GO, READY, Done, Task, done_decoder
from bench.programs import DidNotRun, ends_with_us
from deploy.local.folders import CHECKOUT
from deploy.local.processes import inherited_environment

DONE_WITHIN_S = 120.0


class Hand:
    """A worker that waits for its next task."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self._process = process
        self._log = log

    @property
    def pid(self) -> int:
        return self._process.pid

    async def prepare(self, task: Task) -> None:
        """Returns when the worker has everything that it needs for the task."""
        await self._say(msgspec.json.encode(task) + b"\n")
        if await self._line() != READY:
            raise DidNotRun(f"{self.name} is not ready; see {self._log}")

    async def work(self) -> Done:
        """Has the task that was prepared done."""
        await self._say(GO)
        return done_decoder.decode(await self._line())

    async def _say(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line)
        await self._process.stdin.drain()

    async def _line(self) -> bytes:
        assert self._process.stdout is not None
        async with asyncio.timeout(DONE_WITHIN_S):
            line = await self._process.stdout.readline()
        if not line:
            raise DidNotRun(f"{self.name} has ended; see {self._log}")
        return line


@asynccontextmanager
async def a_hand(name: str, url: str, folder: Path) -> AsyncGenerator[Hand]:
    """A worker process on this database, until the end of the block."""
    log = folder / "log" / f"bench-{name}.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *ends_with_us(),
            sys.executable,
            "-m",
            "bench.ledger.worker",
            env={**inherited_environment(), "TOMATO_POSTGRES_URL": url},
            cwd=CHECKOUT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield Hand(name, process, log)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
