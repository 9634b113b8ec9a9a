"""Where the servers' programs lie on this machine. Nothing is started to find out."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

POSTGRES_FOLDERS = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # Red Hat
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/pgsql/bin",
)
RABBITMQ_FOLDERS = (
    "/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin",  # Debian, Ubuntu, Red Hat
    "/usr/local/lib/rabbitmq_server-*/sbin",
    "/opt/rabbitmq*/sbin",
    "/opt/homebrew/opt/rabbitmq/sbin",
)
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Binaries:
    """The programs of a complete private set."""

    postgres: Path
    """Folder of initdb and postgres, both of one version."""
    rabbitmq: Path
    """Folder of the server's own scripts: Debian's wrapper in /usr/sbin insists on its user."""
    epmd: Path
    redis: Path
    """redis-server or valkey-server."""


def find_binaries() -> Binaries | list[str]:
    """Every program, or the names of the servers that are not installed."""
    postgres, rabbitmq = find_postgres(), find_rabbitmq()
    epmd, redis = find_program("epmd"), find_program("redis-server", "valkey-server")
    if postgres and rabbitmq and epmd and redis:
        return Binaries(postgres, rabbitmq, epmd, redis)
    found = {"postgresql": postgres, "rabbitmq-server": rabbitmq and epmd, "redis-server": redis}
    return [name for name, where in found.items() if where is None]


def find_postgres() -> Path | None:
    """The newest folder that holds initdb and postgres as real neighbours, not as wrappers."""
    folders = [*_newest_first(POSTGRES_FOLDERS), *_path_folders()]
    return next((at for at in folders if _holds(at, "initdb", "postgres")), None)


def find_rabbitmq() -> Path | None:
    """The newest folder with RabbitMQ's own start script; it needs Erlang on the path."""
    if find_program("erl") is None:
        return None
    folders = [*_newest_first(RABBITMQ_FOLDERS), *_path_folders()]
    return next((at for at in folders if _holds(at, "rabbitmq-server", "rabbitmq-env")), None)


def find_program(*names: str) -> Path | None:
    """The first of the programs that the path, or the system's usual path, knows."""
    path = f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}"
    found = (shutil.which(name, path=path) for name in names)
    return next((Path(program) for program in found if program), None)


def _path_folders() -> Iterable[Path]:
    """Folders of the path with links followed, so a link to initdb leads to its real home."""
    for name in ("initdb", "rabbitmq-server"):
        program = find_program(name)
        if program is not None:
            yield program.resolve().parent


def _holds(folder: Path, *programs: str) -> bool:
    return all(os.access(folder / program, os.X_OK) for program in programs)


def _newest_first(patterns: Iterable[str]) -> list[Path]:
    folders = [at for pattern in patterns for at in Path("/").glob(pattern.lstrip("/"))]
    return sorted(folders, key=_version, reverse=True)


def _version(folder: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(folder))]
