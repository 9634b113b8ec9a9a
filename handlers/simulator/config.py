"""How the simulator behaves and whom it serves; kept in one JSON file that only its owner reads."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from schema.channels.wechat import SimulatorAccount

Milliseconds = Annotated[int, Meta(ge=0, le=3_600_000)]


class SimulatorConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Merchants and manners."""

    accounts: tuple[SimulatorAccount, ...] = ()
    clock_speed: Annotated[int, Meta(ge=1, le=100_000)] = 1
    """Divides the waits between callbacks: at 60, a minute of their schedule takes a second."""
    auto_pay_after_ms: Milliseconds | None = None
    """Every order is paid by itself after this time; None waits for a person."""
    answer_delay_ms: Milliseconds = 0
    """How long the platform thinks before each answer."""
    trades_max: Annotated[int, Meta(ge=1)] = 1_000_000
    """All trades stay in memory, 1.2 kB each; beyond this many, new orders are answered 429."""

    def with_account(self, account: SimulatorAccount) -> SimulatorConfig:
        """The same with this merchant added, or replaced if its number was there."""
        others = tuple(known for known in self.accounts if known.mchid != account.mchid)
        return msgspec.structs.replace(self, accounts=(*others, account))


def load_config(path: Path) -> SimulatorConfig:
    """The configuration in a file; raises msgspec.DecodeError with the place of a mistake."""
    return msgspec.json.decode(path.read_bytes(), type=SimulatorConfig)


def save_config(path: Path, config: SimulatorConfig) -> None:
    """Replaces the file as a whole, so that nobody reads half of it. Mode 0600: it holds keys."""
    document = msgspec.json.format(msgspec.json.encode(config), indent=2)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600 by itself
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(document)
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise
