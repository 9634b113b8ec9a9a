"""Several processes of one command: started together, restarted when they die, stopped together."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from bus.logs import log

RESTART_WAIT_S = 1.0
"""A process that dies at once, again and again, must not keep the machine busy with being born."""


def supervise(command: Sequence[str], workers: int) -> int:
    """Runs `workers` processes of this Python program until SIGTERM or SIGINT; returns 0."""
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    children = [_start(command) for _ in range(workers)]
    while not stopping:
        time.sleep(0.2)
        for place, child in enumerate(children):
            if not stopping and child.poll() is not None:
                log.error("worker_died", pid=child.pid, code=child.returncode)
                time.sleep(RESTART_WAIT_S)
                children[place] = _start(command)
    for child in children:
        child.terminate()
    for child in children:
        child.wait()
    return 0


def _start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, *command])  # noqa: S603 - our own command
