"""Where and when a run took place: figures without that mean nothing."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import aio_pika
import asyncpg

from deploy.local.folders import CHECKOUT
from deploy.local.services import Services


async def machine(services: Services) -> dict[str, str | int]:
    """Hardware, versions, commit and date."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "postgresql": await _postgres_version(services.postgres_url),
        "rabbitmq": await _rabbitmq_version(services.rabbitmq_url),
    }


def _commit() -> str:
    """The commit, with a plus sign where the working copy differs from it."""
    head, changes = _git("rev-parse", "--short=12", "HEAD"), _git("status", "--porcelain")
    return (head or "none") + ("+" if changes else "")


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=CHECKOUT, capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


async def _postgres_version(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()


async def _rabbitmq_version(url: str) -> str:
    async with await aio_pika.connect(url) as connection:
        assert connection.transport is not None
        version = connection.transport.connection.server_properties["version"]
    return version.decode() if isinstance(version, bytes) else str(version)
