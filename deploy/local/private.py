"""A private set of servers run from the programs on this machine."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

import psutil

from deploy.local.binaries import Binaries
from deploy.local.handshakes import answers
from deploy.local.place import Addresses, Place
from deploy.local.postgres_server import Postgres
from deploy.local.processes import Process
from deploy.local.rabbitmq_server import Epmd, RabbitMQ
from deploy.local.redis_server import Redis
from deploy.local.server import Server

# Chains start in parallel; within a chain, one after the other.
CHAINS: tuple[tuple[type[Server], ...], ...] = ((Postgres,), (Epmd, RabbitMQ), (Redis,))
T = TypeVar("T")


@dataclass(frozen=True)
class PrivateServers:
    """PostgreSQL, RabbitMQ and Redis as our own background processes."""

    place: Place
    binaries: Binaries | None
    """None where the programs are gone: what runs can still be stopped."""

    def start(self) -> None:
        for kind in chain.from_iterable(CHAINS):
            self._server(kind.name).claim_ports()
        _all_at_once(self._start_chain, CHAINS)

    def stop(self) -> None:
        _all_at_once(self._stop_chain, CHAINS)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.place.folder / "state")

    def kill(self, name: str) -> None:
        self._process(name).kill()

    def restart(self, name: str) -> None:
        self._server(name).restart()

    def pid(self, name: str) -> int | None:
        """The server itself: RabbitMQ's start script stays above the Erlang machine."""
        pid = self._process(name).pid
        return pid if pid is None or name != RabbitMQ.name else _erlang_machine(pid)

    def answers(self, name: str) -> bool:
        return answers(name, self.place.addresses())

    def addresses(self) -> Addresses:
        return self.place.addresses()

    def _start_chain(self, kinds: Sequence[type[Server]]) -> None:
        for kind in kinds:
            self._server(kind.name).ensure_runs()

    def _stop_chain(self, kinds: Sequence[type[Server]]) -> None:
        for kind in reversed(kinds):
            self._process(kind.name).stop(kind.stop_signal)

    def _server(self, name: str) -> Server:
        assert self.binaries is not None, "servers are only started where their programs are"
        programs = {
            Postgres: self.binaries.postgres,
            Epmd: self.binaries.epmd,
            RabbitMQ: self.binaries.rabbitmq,
            Redis: self.binaries.redis,
        }
        kind = next(kind for kind in programs if kind.name == name)
        return kind(self.place, programs[kind])

    def _process(self, name: str) -> Process:
        return Process(name, self.place.folder)


def _erlang_machine(script_pid: int) -> int | None:
    try:
        family = psutil.Process(script_pid).children(recursive=True)
        return next((member.pid for member in family if member.name().startswith("beam")), None)
    except psutil.NoSuchProcess:
        return None


def _all_at_once(action: Callable[[T], None], subjects: Iterable[T]) -> None:
    """Do it to all in parallel; the first failure is raised when all have ended."""
    with ThreadPoolExecutor() as threads:
        running = [threads.submit(action, subject) for subject in subjects]
    for done in running:
        done.result()
