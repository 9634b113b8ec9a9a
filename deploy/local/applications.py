"""Tomato's own programs in the background: started once, watched until healthy, stopped by name."""

from __future__ import annotations

import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.folders import CHECKOUT
from deploy.local.ports import Ports
from deploy.local.processes import DidNotStart, Process, inherited_environment

START_LIMIT_S = 60


@dataclass(frozen=True)
class Application:
    """A Python program of this checkout that serves HTTP and answers `GET /readyz`."""

    name: str
    arguments: tuple[str, ...]
    port_purpose: str


# In the order in which they start: whoever is called runs before whoever calls.
APPLICATIONS = (
    Application("simulator", ("runner.py", "simulator"), "simulator"),
    Application("receiver", ("-m", "deploy.local.receiver"), "receiver"),
    Application("tomato", ("runner.py", "all"), "http"),
)


@dataclass(frozen=True)
class Running:
    """An application of one profile, running or not."""

    application: Application
    folder: Path

    @property
    def process(self) -> Process:
        return Process(self.application.name, self.folder)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{Ports(self.folder).get(self.application.port_purpose)}"

    def is_healthy(self) -> bool:
        return self.process.pid is not None and answers_ready(self.url)

    def claim_port(self) -> None:
        """A port the application can listen on, unless it already listens on its own."""
        if self.process.pid is None:
            Ports(self.folder).claim(self.application.port_purpose)

    def start(self, environment: Mapping[str, str]) -> None:
        """Start it now unless it runs; `wait_until_healthy` tells when it is of use."""
        if self.process.pid is None:
            command = [sys.executable, *self.application.arguments]
            everything = {**inherited_environment(), "PYTHONUNBUFFERED": "1", **environment}
            self.process.start(command, everything, working_folder=CHECKOUT)

    def wait_until_healthy(self) -> None:
        give_up_at = time.monotonic() + START_LIMIT_S
        while not self.is_healthy():
            ended = self.process.pid is None
            if ended or time.monotonic() > give_up_at:
                what = "ended" if ended else f"is not ready after {START_LIMIT_S} s"
                tail = self.process.log_tail()
                raise DidNotStart(
                    f"{self.application.name} {what}; {self.process.log} says:\n{tail}"
                )
            time.sleep(0.1)

    def stop(self) -> None:
        self.process.stop()


def running(folder: Path) -> list[Running]:
    """The applications of a profile, in the order in which they start."""
    return [Running(application, folder) for application in APPLICATIONS]


def answers_ready(url: str) -> bool:
    """Whether `GET /readyz` says 200 within two seconds."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False
