"""Our programs as processes of their own, as an operator runs them: started, killed, restarted."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from deploy.local.applications import answers_ready
from deploy.local.folders import CHECKOUT
from deploy.local.processes import inherited_environment

RUNNER = (str(CHECKOUT / "runner.py"),)
READY_WITHIN_S = 90.0
STOP_WITHIN_S = 40.0


@dataclass
class Program:
    """One program that may die and be started again under the same name and port."""

    name: str
    words: Sequence[str]
    port: int
    log: Path
    environment: Mapping[str, str] = field(repr=False)
    launcher: Sequence[str] = RUNNER
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it; `is_ready` tells when it is of use."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [*_ends_with_us(), sys.executable, *self.launcher, *self.words],
                env={**inherited_environment(), **self.environment},
                cwd=CHECKOUT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    async def is_ready(self) -> None:
        """Returns when it says that it can work."""
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                while not await asyncio.to_thread(answers_ready, self.url):
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"{self.name} is not ready:\n{self.last_words()}") from None

    def kill(self) -> None:
        """Ends it as a power cut would."""
        assert self.process is not None and self.process.poll() is None, f"{self.name} died before"
        self.process.kill()
        self.process.wait()

    async def stop(self) -> int:
        """Asks it to end, as an operator would; its exit code."""
        assert self.process is not None
        self.process.terminate()
        return await asyncio.to_thread(self.process.wait, STOP_WITHIN_S)

    def end(self) -> None:
        """Whatever became of it, it is gone, and with it whatever it has forked."""
        if self.process is not None and self.process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    async def counted(self, metric: str, session: aiohttp.ClientSession) -> int:
        """What it has counted since it was started, all its queues together."""
        async with session.get(f"{self.url}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return sum(int(float(line.split()[-1])) for line in lines if line.startswith(f"{metric}{{"))

    def last_words(self, lines: int = 30) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def _ends_with_us() -> list[str]:
    """Where the kernel can do that (Linux), a test run that is killed leaves nobody behind."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
