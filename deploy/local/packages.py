"""Debian's packages of the servers, installed without any of them being started.

Debian asks /usr/sbin/policy-rc.d before a package starts, restarts or stops a service; 101 means
"no" (Debian policy 9.3.3.1, invoke-rc.d(8)). So a system PostgreSQL that runs keeps running as it
is, and none begins to run.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.local.binaries import find_program
from deploy.local.problems import Problem

POLICY = Path("/usr/sbin/policy-rc.d")
SAVED_POLICY = POLICY.with_name("policy-rc.d.saved-by-tomato")
REFUSE_ALL = "#!/bin/sh\n# Tomato installs packages; this goes when it is done.\nexit 101\n"
LOCK = Path("/run/lock/tomato-packages")
NO_QUESTIONS = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}


class NotInstalled(Problem):
    """apt-get could not install a package."""


def can_install() -> bool:
    """Root on Debian or a child of it."""
    return os.geteuid() == 0 and find_program("apt-get") is not None


def install(packages: Sequence[str]) -> None:
    """Install what is missing and upgrade nothing that is asked for; no service starts."""
    with _one_at_a_time(), _services_stay_as_they_are():
        if not _lists_present():
            _apt_get("update")
        try:
            _install(packages)
        except NotInstalled:
            # The usual reason: lists so old that the versions they name left the mirror.
            _apt_get("update")
            _install(packages)


def _install(packages: Sequence[str]) -> None:
    _apt_get("install", "--yes", "--no-upgrade", "--no-install-recommends", *packages)


def _apt_get(*arguments: str) -> None:
    # Five minutes: an unattended upgrade may hold dpkg's lock right after a machine's first boot.
    command = ["apt-get", "--quiet=2", "-o", "DPkg::Lock::Timeout=300", *arguments]
    done = subprocess.run(
        command, env={**os.environ, **NO_QUESTIONS}, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise NotInstalled(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr}")


def _lists_present() -> bool:
    return any(Path("/var/lib/apt/lists").glob("*_Packages*"))


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    with open(LOCK, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _services_stay_as_they_are() -> Iterator[None]:
    """Put our policy in place and the machine's own back; a saved one is from a killed run."""
    if POLICY.exists() and not SAVED_POLICY.exists():
        POLICY.rename(SAVED_POLICY)
    POLICY.write_text(REFUSE_ALL)
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()
        if SAVED_POLICY.exists():
            SAVED_POLICY.rename(POLICY)
