"""Where a profile keeps everything: `.local/<profile>` in the checkout.

secrets.json  passwords and keys, made at first start       ports.json  the ports it was given
run/          one PID file per background process           state/      the servers' own folders
log/          one log per background process

Servers refuse to run as root, so root starts them as `nobody`. Where `nobody` cannot reach the
checkout (below /root, say), the folder lies in /var/tmp and `.local/<profile>` is a link to it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.problems import Problem

CHECKOUT = Path(__file__).resolve().parents[2]
PROFILE_NAME = re.compile(r"[a-z][a-z0-9]{0,15}")
NOBODY_ID = 65534


class UnsafeFolder(Problem):
    """A folder that should be ours belongs to somebody else."""


def unprivileged_id() -> int | None:
    """The user that servers run as; None means: as whoever calls."""
    return NOBODY_ID if os.geteuid() == 0 else None


def profile_folder(profile: str, checkout: Path = CHECKOUT) -> Path:
    """The profile's folder, made on first use and reachable for the user its servers run as."""
    if not PROFILE_NAME.fullmatch(profile):
        raise ValueError(f"profile {profile!r}: lower-case letters and digits, at most 16")
    folder = checkout / ".local" / profile
    folder.parent.mkdir(exist_ok=True)
    if not folder.exists():
        _make(folder, reachable=unprivileged_id() is None or _others_may_enter(folder.parent))
    folder = folder.resolve()  # a path through the link would be as closed as the checkout is
    for name in ("run", "log"):
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    (folder / "state").mkdir(mode=0o711, exist_ok=True)
    return folder


def server_folder(folder: Path, server: str) -> Path:
    """A folder for one server, owned by the user it runs as."""
    state = folder / "state" / server
    state.mkdir(mode=0o700, exist_ok=True)
    give_away(state)
    return state


def give_away(path: Path) -> None:
    """Hand a file to the user that servers run as."""
    owner_id = unprivileged_id()
    if owner_id is not None:
        os.chown(path, owner_id, owner_id)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read; readers never see half of it."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent)  # mode 0600
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    os.rename(draft, path)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One start or stop at a time per profile; a second caller waits for the first."""
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(folder: Path, *, reachable: bool) -> None:
    if reachable:
        folder.mkdir(mode=0o711, exist_ok=True)
        return
    real = _folder_in_var_tmp(folder)
    real.mkdir(mode=0o711, exist_ok=True)
    # Anyone may create names in /var/tmp: never trust a folder that was there before us.
    if real.is_symlink() or real.stat().st_uid != os.geteuid():
        raise UnsafeFolder(f"{real} belongs to somebody else; remove it and start again")
    folder.unlink(missing_ok=True)
    folder.symlink_to(real)


def _folder_in_var_tmp(folder: Path) -> Path:
    """Always the same place for a checkout, so a deleted `.local` finds its servers again."""
    key = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    return Path("/var/tmp") / f"tomato-{folder.name}-{key}"


def _others_may_enter(folder: Path) -> bool:
    return all(place.stat().st_mode & 0o001 for place in (folder, *folder.parents))
