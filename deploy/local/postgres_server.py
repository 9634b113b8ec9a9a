"""A private PostgreSQL: TCP on 127.0.0.1 only, durable as in production, small in memory."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import asyncpg

from deploy.local.folders import give_away, unprivileged_id, write_private
from deploy.local.handshakes import greet_postgres
from deploy.local.processes import DidNotStart, as_user, command_line
from deploy.local.server import Server

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    # The defaults, said aloud: a figure measured without them would be a lie.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
}
STATISTICS = "pg_stat_statements"


class Postgres(Server):
    """The truth: user and database `tomato`, the user a superuser of this private server."""

    name: ClassVar[str] = "postgres"
    ports_used: ClassVar[tuple[str, ...]] = ("postgres",)
    # "Fast" shutdown: on SIGTERM it would wait for every client (PostgreSQL docs, 19.5).
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT

    def prepare(self) -> None:
        if not self._cluster.exists():
            self._make_cluster()
        self._remove_stale_lock()

    def command(self) -> Sequence[str]:
        settings = {**SETTINGS, "port": self.place.ports.get("postgres")}
        if self._counts_statements():
            settings["shared_preload_libraries"] = STATISTICS
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return [str(self.programs / "postgres"), "-D", str(self._cluster), *options]

    def environment(self) -> Mapping[str, str]:
        return {"LC_ALL": "C", "TZ": "UTC"}

    async def greet(self) -> None:
        """`SELECT 1` in our database, which is made now if this is the first start."""
        url = self.place.addresses().postgres_url
        try:
            await greet_postgres(url)
        except asyncpg.InvalidCatalogNameError:
            await self._make_database(url.removesuffix("tomato"))

    async def _make_database(self, server_url: str) -> None:
        if self._counts_statements():
            # In template1, so that every database made later (one per test run) has it as well.
            extension = f"CREATE EXTENSION IF NOT EXISTS {STATISTICS}"
            await _execute(server_url + "template1", extension)
        await _execute(server_url + "postgres", "CREATE DATABASE tomato")

    @property
    def _cluster(self) -> Path:
        return self.home / "data"

    def _make_cluster(self) -> None:
        """initdb into a draft, then rename: an interrupted first start leaves no half a cluster."""
        draft, password = self.home / "data.draft", self.home / "password"
        shutil.rmtree(draft, ignore_errors=True)
        write_private(password, self.place.credentials.postgres_password)
        give_away(password)
        try:
            self._initdb(draft, password)
        finally:
            password.unlink()
        draft.rename(self._cluster)

    def _remove_stale_lock(self) -> None:
        """PostgreSQL takes any process with the number of a killed postmaster for the postmaster.

        After a kill that is a zombie while nobody has buried it, after a reboot anything.
        """
        lock = self._cluster / "postmaster.pid"
        if lock.exists():
            postmaster = int(lock.read_text().splitlines()[0])
            if str(self._cluster) not in command_line(postmaster):
                lock.unlink()

    def _initdb(self, folder: Path, password: Path) -> None:
        options = ["--username=tomato", f"--pwfile={password}", "--auth=scram-sha-256"]
        # Collation C: sorting is the same on every machine, and an index never depends on libc.
        command = [str(self.programs / "initdb"), *options, "--encoding=UTF8", "--locale=C"]
        done = subprocess.run(
            [*as_user(unprivileged_id()), *command, str(folder)],
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.home), **self.environment()},
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise DidNotStart(f"initdb failed:\n{done.stdout}{done.stderr}")

    def _counts_statements(self) -> bool:
        """Whether pg_stat_statements, by which the bench counts statements, is installed."""
        beside = self.programs.parent / "lib"  # as Debian lays them out
        return any((at / f"{STATISTICS}.so").exists() for at in (beside, self._library_folder()))

    def _library_folder(self) -> Path:
        config = self.programs / "pg_config"
        if not config.exists():
            return Path("/nonexistent")
        done = subprocess.run([str(config), "--pkglibdir"], capture_output=True, text=True)
        return Path(done.stdout.strip())


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
