"""Our programs as child processes: each with a port, a log, and an orderly end."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deploy.local.applications import answers_ready
from deploy.local.folders import CHECKOUT
from deploy.local.ports import Ports
from deploy.local.problems import Problem
from deploy.local.processes import LOG_TAIL_LINES, inherited_environment

READY_WITHIN_S = 60.0
STOP_WITHIN_S = 20.0
TROUBLE = {
    "errors": re.compile(r'"level": ?"(error|critical)"|^Traceback ', re.M),
    "warnings": re.compile(r'"level": ?"warning"'),
}


class DidNotRun(Problem):
    """A program of the bench ended when it should have run."""


@dataclass(frozen=True)
class Program:
    """One running child."""

    name: str
    url: str
    log: Path
    process: subprocess.Popen[bytes]

    async def wait_until_ready(self) -> None:
        """Returns when it answers `GET /readyz`. Raises DidNotRun with the end of its log."""
        give_up_at = time.monotonic() + READY_WITHIN_S
        while not await asyncio.to_thread(answers_ready, self.url):
            if self.process.poll() is not None or time.monotonic() > give_up_at:
                raise DidNotRun(f"{self.name} is not ready; {self.log} ends:\n{self._tail()}")
            await asyncio.sleep(0.1)

    def check_runs(self) -> None:
        """Raises DidNotRun if it has ended."""
        if (code := self.process.poll()) is not None:
            raise DidNotRun(f"{self.name} ended with {code}; {self.log} ends:\n{self._tail()}")

    def tell(self, says: bytes) -> None:
        """Writes all of its standard input."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # it died at once; `wait_until_ready` will say so
            self.process.stdin.write(says)
            self.process.stdin.close()

    def trouble(self) -> dict[str, int]:
        """How many errors and warnings are in its log; only those that there are."""
        text = self.log.read_text(errors="replace")
        counts = {name: len(pattern.findall(text)) for name, pattern in TROUBLE.items()}
        return {name: count for name, count in counts.items() if count}

    def _tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return "\n".join(f"    {line}" for line in lines)


class Crew:
    """Starts programs and stops every one of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports: dict[str, int] = {}
        self._started: list[Program] = []

    def port(self, name: str) -> int:
        """The port of the program with this name, which may not have been started yet."""
        if name not in self._ports:
            self._ports[name] = Ports(self._folder).claim(f"bench_{name}")
        return self._ports[name]

    def url(self, name: str) -> str:
        """Where the program with this name answers."""
        return f"http://127.0.0.1:{self.port(name)}"

    def start(
        self, name: str, words: Sequence[str], environment: Mapping[str, str], says: bytes = b""
    ) -> Program:
        """Starts `python <words>`; `says` goes to its standard input, its output to its log.

        It gets a session of its own, so that Ctrl-C reaches only the bench, which then stops all
        in order. Where the kernel can do that (Linux), it also ends when the bench is killed.
        """
        log = self._folder / "log" / f"bench-{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*ends_with_us(), sys.executable, *words],
                env={**inherited_environment(), "PYTHONUNBUFFERED": "1", **environment},
                cwd=CHECKOUT,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        program = Program(name, self.url(name), log, process)
        self._started.append(program)
        program.tell(says)
        return program

    def kill(self, program: Program) -> float:
        """Ends a program as a power cut would; returns when that was, by the clock of the wall."""
        self._started.remove(program)
        killed_at = time.time()
        program.process.kill()
        program.process.wait()
        return killed_at

    def stop(self) -> list[str]:
        """Asks all to end and waits; returns which of them did not end well by themselves.

        Who was started last is asked first: callers before those whom they call.
        """
        running, self._started = self._started[::-1], []
        for program in running:
            program.process.send_signal(signal.SIGTERM)
        give_up_at = time.monotonic() + STOP_WITHIN_S
        ends = [_ended(program, give_up_at) for program in running]
        return [end for end in ends if end is not None]


def _ended(program: Program, give_up_at: float) -> str | None:
    try:
        code = program.process.wait(max(give_up_at - time.monotonic(), 0.1))
    except subprocess.TimeoutExpired:
        program.process.kill()
        program.process.wait()
        return f"{program.name} did not stop within {STOP_WITHIN_S:.0f} s"
    return None if code == 0 else f"{program.name} ended with {code}"


def ends_with_us() -> list[str]:
    """The words before a command that end it when the bench is killed, where the kernel can."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []
