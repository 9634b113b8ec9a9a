"""The simulator as one object: the world, and the file in which its merchants are kept."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from handlers.simulator.config import SimulatorConfig, load_config, save_config
from handlers.simulator.fronts import FRONTS, Account, merchant_key
from handlers.simulator.world import Trade, World
from handlers.simulator.world.faults import FaultOrder, Mistake
from handlers.simulator.world.merchants import Merchant
from schema.channels.language import Protocols


class Simulator:
    """Built once per application. ValueError names what is wrong with the configuration."""

    def __init__(self, config: SimulatorConfig, config_path: Path | None) -> None:
        self.config = config
        self.world = World(FRONTS, config)
        self._config_path = config_path
        self._admit(config)
        for wish in config.faults:
            if mistake := self.order_fault(wish):
                raise ValueError(f"faults: {mistake.param}: {mistake.message}")

    def add_account(self, account: Account) -> None:
        """Serves one more merchant from now on and keeps it; ValueError if its keys are no keys.

        The file is read again first, so that nobody else's change to it is lost. Merchants that
        somebody else wrote there are served from now on, too; other settings wait for a restart.
        """
        path = self._config_path
        known = load_config(path) if path and path.exists() else self.config
        wanted = known.with_account(account)
        self._admit(wanted)
        if path:
            save_config(path, wanted)

    def order_fault(self, wish: FaultOrder) -> Mistake | None:
        """Puts a fault in force or ends it; returns what is wrong with the wish, if anything."""
        merchant = self.only(wish.account_no, wish.protocol)
        if isinstance(merchant, Mistake):
            return merchant
        return self.world.faults.order(merchant, wish)

    def find_trade(
        self, number: str, account_no: str | None, protocol: Protocols | None
    ) -> Trade | Mistake:
        """The one trade with this number, which is unique per merchant only."""
        merchants = self.world.merchants.values()
        found = [
            trade
            for each in merchants
            if account_no in (None, each.number) and protocol in (None, each.protocol)
            if (trade := each.trades.get(number))
        ]
        if len(found) == 1:
            return found[0]
        if found:
            return Mistake(param="account_no", message="Two merchants use this number: name one.")
        return Mistake(param="number", message="No such order.")

    def only(self, account_no: str, protocol: Protocols | None) -> Merchant | Mistake:
        """The one merchant with this number."""
        found = self.world.named(account_no, protocol)
        if len(found) == 1:
            return found[0]
        if found:
            return Mistake(param="protocol", message="two platforms use this number: name one")
        return Mistake(param="account_no", message="this merchant is not served here")

    def _admit(self, config: SimulatorConfig) -> None:
        for account in config.accounts:
            self.world.admit(merchant_key(account)[0], account)


SIMULATOR: web.AppKey[Simulator] = web.AppKey("simulator", Simulator)
