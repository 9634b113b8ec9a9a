"""Whoever keeps a profile's backing services: private processes, containers, or somebody else."""

from __future__ import annotations

from typing import Protocol

from deploy.local.place import Addresses


class Keeper(Protocol):
    """Starts, stops and, for fault tests, breaks one set of services."""

    def start(self) -> None:
        """Every service runs and has answered a handshake; nothing happens to one that does."""
        ...

    def stop(self) -> None:
        """Exactly what `start` started is gone."""
        ...

    def remove(self) -> None:
        """`stop`, and all that the services stored is gone as well."""
        ...

    def kill(self, name: str) -> None:
        """The service is gone as by `kill -9`: at once and without a good-bye."""
        ...

    def restart(self, name: str) -> None:
        """The service answers again, on the same address."""
        ...

    def pid(self, name: str) -> int | None:
        """The service's main process on this machine, None when it does not run."""
        ...

    def answers(self, name: str) -> bool:
        """Whether the service runs and speaks."""
        ...

    def addresses(self) -> Addresses: ...
