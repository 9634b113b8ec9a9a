"""How the simulator behaves and whom it serves; kept in one JSON file that only its owner reads."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import msgspec

from handlers.simulator.fronts import Account, merchant_key
from handlers.simulator.world import FaultOrder, Manners


class SimulatorConfig(Manners, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Merchants, manners, and what goes wrong from the start."""

    accounts: tuple[Account, ...] = ()
    faults: tuple[FaultOrder, ...] = ()

    def with_account(self, account: Account) -> SimulatorConfig:
        """The same with this merchant added, or replaced if its number was there."""
        who = merchant_key(account)
        others = tuple(known for known in self.accounts if merchant_key(known) != who)
        return msgspec.structs.replace(self, accounts=(*others, account))


def load_config(path: Path) -> SimulatorConfig:
    """The configuration in a file; raises msgspec.DecodeError with the place of a mistake.

    Accounts without a protocol are from when there was WeChat Pay only.
    """
    document = msgspec.json.decode(path.read_bytes())
    if isinstance(document, dict):
        for account in document.get("accounts") or ():
            if isinstance(account, dict):
                account.setdefault("protocol", "wechat")
    return msgspec.convert(document, SimulatorConfig)


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
