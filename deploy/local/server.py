"""What the private servers have in common: a name, a command and a greeting, start and restart."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from deploy.local.binaries import SYSTEM_PATH
from deploy.local.folders import server_folder, unprivileged_id
from deploy.local.handshakes import failure_of
from deploy.local.place import Place
from deploy.local.processes import DidNotStart, Process, inherited_environment


@dataclass(frozen=True)
class Server:
    """One private server of a profile. Subclasses say how it is prepared, started and greeted."""

    name: ClassVar[str]
    ports_used: ClassVar[tuple[str, ...]]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    start_limit_s: ClassVar[float] = 60

    place: Place
    programs: Path
    """The program itself, or the folder its programs lie in."""

    def prepare(self) -> None:
        """Make what a start needs; called before every one, with the ports already claimed."""
        raise NotImplementedError

    def command(self) -> Sequence[str]:
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        return {}

    async def greet(self) -> None:
        """Speak the server's own protocol with it; raises until it answers."""
        raise NotImplementedError

    @property
    def home(self) -> Path:
        """The server's own folder, owned by the user it runs as."""
        return server_folder(self.place.folder, self.name)

    @property
    def process(self) -> Process:
        return Process(self.name, self.place.folder)

    def ensure_runs(self) -> None:
        """The server runs and answers, started now if it does not run."""
        if self.process.pid is None:
            self._launch()
        self._wait_until_ready()

    def claim_ports(self) -> None:
        """Ports a stopped server can listen on; those of a running one are left alone."""
        if self.process.pid is None:
            for purpose in self.ports_used:
                self.place.ports.claim(purpose)

    def restart(self) -> None:
        """The server runs anew on the same ports, and answers."""
        self.process.stop(self.stop_signal)
        self._launch()
        self._wait_until_ready()

    def _launch(self) -> None:
        self.prepare()
        basics = {**inherited_environment(), "PATH": SYSTEM_PATH, "HOME": str(self.home)}
        environment = {**basics, **self.environment()}
        self.process.start(self.command(), environment, user_id=unprivileged_id())

    def _wait_until_ready(self) -> None:
        give_up_at = time.monotonic() + self.start_limit_s
        while (failure := failure_of(self.greet)) is not None:
            ended = self.process.pid is None
            if ended or time.monotonic() > give_up_at:
                what = "ended" if ended else f"does not answer ({failure!r})"
                tail = self.process.log_tail()
                raise DidNotStart(f"{self.name} {what}; {self.process.log} says:\n{tail}")
            time.sleep(0.1)
