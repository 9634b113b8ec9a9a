"""A terminal: `runner.py` in a process of its own, as an operator starts it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import msgspec

from deploy.local.folders import CHECKOUT
from deploy.local.processes import inherited_environment
from tests.sites import Site


class Terminal:
    """An operator's terminal at a site; every command there begins with the same words."""

    def __init__(self, place: Site, *first: str) -> None:
        self._environment = {**inherited_environment(), **place.environment()}
        self._first = first

    async def run(self, *words: str, code: int = 0) -> str:
        """What a command prints; it must end with this code."""
        command = [sys.executable, str(CHECKOUT / "runner.py"), *self._first, *words]
        done = await asyncio.to_thread(
            subprocess.run, command, env=self._environment, cwd=CHECKOUT, capture_output=True,
            text=True,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        return done.stdout or done.stderr

    async def read(self, *words: str) -> Any:
        """What a command prints as JSON."""
        return msgspec.json.decode(await self.run(*words, "--json"))
