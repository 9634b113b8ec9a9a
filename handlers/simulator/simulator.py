"""The simulated platform as one object: who its merchants are, its books, its faults, its voice."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from handlers.simulator.config import SimulatorConfig, load_config, save_config
from handlers.simulator.faults import Faults
from handlers.simulator.notifier import Notifier
from handlers.simulator.trades import PAYER_ID, Trade, TradeBook
from schema.channels.wechat import SimulatorAccount, SimulatorKeys
from schema.channels.wechat.documents import NativeOrderDocument
from schema.channels.wechat.platform import CallRefused


class Simulator:
    """Built once per application; the notifier joins when the event loop runs."""

    notifier: Notifier

    def __init__(self, config: SimulatorConfig, config_path: Path | None) -> None:
        self.config = config
        self._config_path = config_path
        self.merchants: dict[str, SimulatorKeys] = {}
        self.trades = TradeBook(config.trades_max)
        self.faults = Faults()
        self._admit(config)

    def add_account(self, account: SimulatorAccount) -> None:
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

    def open_trade(
        self, order: NativeOrderDocument, everything: object, now: datetime
    ) -> Trade | CallRefused:
        """A trade that waits for its payer, who comes by itself where the configuration says so."""
        trade = self.trades.open(order, everything, now)
        after_ms = self.config.auto_pay_after_ms
        if isinstance(trade, Trade) and after_ms is not None:
            # A repeated call brings the payer twice; the second time the order is paid already.
            asyncio.get_running_loop().call_later(after_ms / 1000, self.pay, trade)
        return trade

    def pay(self, trade: Trade, payer_id: str = PAYER_ID) -> Trade | CallRefused:
        """The payer pays, and the merchant is told."""
        paid = self.trades.pay(trade, payer_id, datetime.now(UTC))
        if isinstance(paid, Trade):
            self.notifier.announce(paid)
        return paid

    def find_trades(self, out_trade_no: str, mchid: str | None) -> list[Trade]:
        """Trades with this number, which is unique per merchant only."""
        mchids = [mchid] if mchid else list(self.merchants)
        found = (self.trades.find(each, out_trade_no) for each in mchids)
        return [trade for trade in found if trade]

    def _admit(self, config: SimulatorConfig) -> None:
        self.merchants.update({each.mchid: SimulatorKeys.of(each) for each in config.accounts})


SIMULATOR: web.AppKey[Simulator] = web.AppKey("simulator", Simulator)
