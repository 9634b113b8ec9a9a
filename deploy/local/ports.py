"""Free ports on 127.0.0.1, remembered per profile so that URLs stay the same.

Ports come from below the kernel's ephemeral range (32768 and up on Linux): inside it, a client
that keeps dialling a stopped server can be given the very port it dials and connect to itself.
"""

from __future__ import annotations

import json
import random
import socket
from dataclasses import dataclass
from pathlib import Path

from deploy.local.folders import CHECKOUT, write_private

LOWEST, HIGHEST = 20_000, 32_000


def is_free(port: int) -> bool:
    """Nobody listens on the port, neither on 127.0.0.1 nor on every address."""
    with socket.socket() as probe:
        # Without it a port is "in use" for a minute after its connections closed (TIME_WAIT).
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@dataclass(frozen=True)
class Ports:
    """The ports of one profile, by purpose."""

    folder: Path

    def get(self, purpose: str, *, preferred: int | None = None) -> int:
        """The remembered port; if there is none yet, the preferred or else any free one."""
        return self._remembered().get(purpose) or self._choose(purpose, preferred)

    def claim(self, purpose: str) -> int:
        """A port that can be listened on now: the remembered one unless somebody took it."""
        port = self._remembered().get(purpose)
        return port if port is not None and is_free(port) else self._choose(purpose)

    def _choose(self, purpose: str, preferred: int | None = None) -> int:
        avoid = {*self._elsewhere(), *self._remembered().values()}
        candidates = _shuffled() if preferred is None else (preferred, *_shuffled())
        port = next(port for port in candidates if port not in avoid and is_free(port))
        self._remember(purpose, port)
        return port

    def _elsewhere(self) -> set[int]:
        """Ports other profiles of this checkout count on, even while their servers are down."""
        files = (CHECKOUT / ".local").glob("*/ports.json")
        return {p for file in files if file.resolve() != self._file for p in _read(file).values()}

    def _remember(self, purpose: str, port: int) -> None:
        write_private(self._file, json.dumps({**self._remembered(), purpose: port}, indent=2))

    def _remembered(self) -> dict[str, int]:
        return _read(self._file)

    @property
    def _file(self) -> Path:
        return self.folder / "ports.json"


def _read(file: Path) -> dict[str, int]:
    return json.loads(file.read_text()) if file.exists() else {}


def _shuffled() -> list[int]:
    return random.sample(range(LOWEST, HIGHEST), k=HIGHEST - LOWEST)
