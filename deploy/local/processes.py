"""Named background processes: they outlive the command that started them, and only they are hit.

A PID file holds the process number *and* its birth. Numbers are reused; the pair is not, so a
stale file can never make us signal a stranger.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from deploy.local.problems import Problem

# RabbitMQ and PostgreSQL both size themselves by it; where 65 536 is refused, the most we may have.
_LAUNCH = """
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -H -n)"
log=$1; shift
"$@" </dev/null >>"$log" 2>&1 &
echo $!
"""
LOG_TAIL_LINES = 15
LOG_BYTES_MAX = 10_000_000


class DidNotStart(Problem):
    """A background process ended at once, or never became ready."""


@dataclass(frozen=True)
class Process:
    """One background process of a profile, known by its name."""

    name: str
    folder: Path

    @property
    def log(self) -> Path:
        return self.folder / "log" / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        """The number of the running process, or None when it does not run."""
        try:
            pid, birth = self._pid_file.read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        return int(pid) if birth_of(int(pid)) == birth else None

    def start(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        user_id: int | None = None,
        working_folder: Path = Path("/"),
    ) -> None:
        """Start the command in a session of its own, its output going to the log.

        A shell starts it and leaves, so it is no child of ours: it survives us, and its end
        leaves no zombie with us.
        """
        self._put_long_log_aside()
        launch = ["sh", "-c", _LAUNCH, "launch", str(self.log), *as_user(user_id), *command]
        done = subprocess.run(
            launch,
            env=dict(environment),
            cwd=working_folder,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            start_new_session=True,
        )
        pid = int(done.stdout)
        self._pid_file.write_text(f"{pid} {birth_of(pid)}\n")

    def stop(self, stop_signal: signal.Signals = signal.SIGTERM, *, grace_s: float = 30) -> None:
        """Ask the process to end, wait for it and its children; after the grace, kill them."""
        self._end(stop_signal, grace_s=grace_s)
        self._pid_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """SIGKILL the process and its children; returns when none is left."""
        _kill(self._family())

    def log_tail(self) -> str:
        """The last lines of the log, for error messages."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(f"    {line}" for line in lines[-LOG_TAIL_LINES:])

    def _put_long_log_aside(self) -> None:
        """At a start only, and one deep: a laptop's disk does not fill, the last run is kept."""
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES_MAX:
            self.log.rename(self.log.with_suffix(".log.1"))

    def _end(self, with_signal: signal.Signals, *, grace_s: float) -> None:
        family = self._family()
        if not family:
            return
        with suppress(psutil.NoSuchProcess):
            family[0].send_signal(with_signal)
        _kill(_survivors(family, grace_s))

    def _family(self) -> list[psutil.Process]:
        """The process first, then its descendants; empty when it does not run."""
        pid = self.pid
        if pid is None:
            return []
        try:
            parent = psutil.Process(pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    @property
    def _pid_file(self) -> Path:
        return self.folder / "run" / f"{self.name}.pid"


def birth_of(pid: int) -> str | None:
    """What tells a process from a later one with its number; None when it is dead or a zombie.

    On Linux the boot and the start time in clock ticks since then (proc(5), field 22): unlike a
    date, both stand still when the clock is set.
    """
    if not Path("/proc/self/stat").exists():
        return str(psutil.Process(pid).create_time()) if psutil.pid_exists(pid) else None
    try:
        # The second field is the program's name and may hold spaces and brackets.
        state, *others = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return None if state in "ZX" else f"{boot}:{others[18]}"


def _kill(family: Sequence[psutil.Process]) -> None:
    for member in family:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    _survivors(family, wait_s=10)


def _survivors(family: Sequence[psutil.Process], wait_s: float) -> list[psutil.Process]:
    """Who still lives after waiting; a zombie counts as dead, for not every init buries them."""
    give_up_at = time.monotonic() + wait_s
    living = [member for member in family if _lives(member)]
    while living and time.monotonic() < give_up_at:
        time.sleep(0.02)
        living = [member for member in living if _lives(member)]
    return living


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def command_line(pid: int) -> list[str]:
    """What a process was started with; nothing for a dead one or a zombie."""
    try:
        return psutil.Process(pid).cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []


def as_user(user_id: int | None) -> list[str]:
    """The words that start a command as somebody without rights; none when `user_id` is None."""
    if user_id is None:
        return []
    return ["setpriv", f"--reuid={user_id}", f"--regid={user_id}", "--clear-groups", "--"]


def inherited_environment() -> dict[str, str]:
    """Our environment without what belongs to a virtual environment or another Tomato."""
    private = ("TOMATO_", "RABBITMQ_", "ERL_", "PG", "VIRTUAL_ENV", "PYTHON")
    return {key: value for key, value in os.environ.items() if not key.startswith(private)}
