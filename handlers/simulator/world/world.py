"""The world behind all platforms: who its merchants are, and everything that can happen to money.

Fronts ask it in the words of `trades`, `refunds`, `transfers` and `shares`; it answers with the
thing, or with a `No`. It tells merchants by itself what happened, in the words of their front.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable
from datetime import datetime

from aiohttp import web

from handlers.simulator.world import refunding, sharing, transferring
from handlers.simulator.world.bills import Bills, Moving
from handlers.simulator.world.clock import Clock, china_day
from handlers.simulator.world.faults import Faults, Happening, Kind
from handlers.simulator.world.front import Front
from handlers.simulator.world.manners import Manners
from handlers.simulator.world.merchants import Merchant, MerchantKey, Told
from handlers.simulator.world.notices import About, Notice
from handlers.simulator.world.notifier import Notifier
from handlers.simulator.world.refunds import Refund, RefundTerms
from handlers.simulator.world.refusals import No
from handlers.simulator.world.shares import Share, ShareReturn, ShareTerms
from handlers.simulator.world.trades import (
    MOVES,
    PAYER_ID,
    Trade,
    TradeBook,
    TradeState,
    TradeTerms,
    digest,
)
from handlers.simulator.world.transfers import Transfer, TransferTerms
from schema.channels.language import Protocols


class World:
    """Built once per application; the notifier joins when the event loop runs."""

    notifier: Notifier

    def __init__(self, fronts: Iterable[Front], manners: Manners) -> None:
        self.fronts: dict[Protocols, Front] = {front.protocol: front for front in fronts}
        self.manners = manners
        self.clock = Clock(manners.clock_speed)
        self.faults = Faults()
        self.merchants: dict[MerchantKey, Merchant] = {}
        self.trades = TradeBook(manners.trades_max)
        self.packages: dict[str, Transfer] = {}
        """Transfers that wait for their payee, by the package that the payee was handed."""
        self.bills = Bills(self)
        self.ending = asyncio.Event()
        """Set when the application stops, so that nobody is held by a fault any longer."""

    # Who is here.

    def admit(self, protocol: Protocols, account: object) -> Merchant:
        """A merchant with this account; ValueError names a field that is wrong.

        One who is here already gets new keys and keeps all that happened.
        """
        front = self.fronts[protocol]
        key = (protocol, front.number_of(account))
        keys = front.keys_of(account)
        merchant = self.merchants.setdefault(key, Merchant(key, keys))
        merchant.keys = keys
        return merchant

    def merchant(self, protocol: Protocols, number: str) -> Merchant | None:
        """Whoever has this number at that platform."""
        return self.merchants.get((protocol, number))

    def named(self, number: str, protocol: Protocols | None = None) -> list[Merchant]:
        """Everybody with this number, which is unique per platform only."""
        return [
            each
            for each in self.merchants.values()
            if each.number == number and protocol in (None, each.protocol)
        ]

    def of(self, about: Told) -> Merchant:
        """Whose it is."""
        return self.merchants[about.merchant]

    # Orders.

    def open_trade(self, merchant: Merchant, terms: TradeTerms, everything: object) -> Trade | No:
        """A trade that waits for its payer, or the one that an identical earlier call made.

        `everything` is the whole parsed call: a repeat equals it in what nobody reads, too. The
        payer comes by itself where the manners say so.
        """
        clock = self.clock
        trade = self.trades.open(
            merchant, terms, digest(everything), clock.now(), clock.elapsed_s()
        )
        after_ms = self.manners.auto_pay_after_ms
        if isinstance(trade, Trade) and after_ms is not None:
            # A repeated call brings the payer twice; the second time the order is paid already.
            asyncio.get_running_loop().call_later(after_ms / 1000, self.pay, trade)
        return trade

    def scan(self, trade: Trade) -> Trade | No:
        """The payer's code was scanned at the till: paid at once, or they must type a password.

        Its state afterwards says which: PAID, CONFIRMING, or FAILED with NOT_ENOUGH_MONEY or
        PAYER_REFUSED. The answer is a No only if the trade does not wait to be scanned.
        """
        if trade.state is TradeState.CONFIRMING:
            return trade
        is_large = trade.amount_fen >= self.manners.password_from_fen
        if is_large or self._at_payer(trade, "needs_password"):
            return self._asked(trade)
        paid = self.pay(trade)
        if paid is No.OUTAGE:  # the till sees a payer who never ends
            return self._asked(trade)
        return trade if trade.failure else paid

    def pay(self, trade: Trade, payer_id: str = "") -> Trade | No:
        """The payer pays, if they still may, and the merchant is told."""
        moved = MOVES[trade.state, "pay"]
        if isinstance(moved, No):
            return moved
        now_s = self.clock.elapsed_s()
        if trade.pay_until_s < now_s or (
            trade.code_until_s < now_s and trade.state is TradeState.WAITING
        ):
            return No.EXPIRED
        if no := self._trouble_at_payer(trade):
            return no
        return self._paid(trade, payer_id)

    def show(self, trade: Trade) -> None:
        """A payer opens the order."""
        if trade.state is TradeState.WAITING:
            self.fronts[trade.merchant[0]].shown(self, trade)

    def fail(self, trade: Trade, why: No) -> Trade | No:
        """The payer refuses, or has not the money: a payment that was being confirmed failed."""
        moved = MOVES[trade.state, "fail"]
        if isinstance(moved, No):
            return moved
        trade.state, trade.failure, trade.ended_at = moved, why, self.clock.now()
        return trade

    def close(self, trade: Trade) -> Trade | No:
        """The merchant ends an order that nobody has paid."""
        moved = MOVES[trade.state, "close"]
        if isinstance(moved, No):
            return moved
        trade.state, trade.ended_at = moved, self.clock.now()
        return trade

    def reverse(self, trade: Trade) -> Trade | No:
        """The merchant takes the order back, and what was paid goes back to the payer."""
        moved = MOVES[trade.state, "reverse"]
        if isinstance(moved, No):
            return moved
        if trade.state is TradeState.PAID and trade.refunded_fen < trade.amount_fen:
            rest_fen = trade.amount_fen - trade.refunded_fen
            number = f"reverse-{trade.number}"
            self.refund(trade, RefundTerms(number=number, amount_fen=rest_fen))
        trade.state, trade.ended_at = moved, trade.ended_at or self.clock.now()
        return trade

    def pay_late(self, trade: Trade) -> Trade | No:
        """The money arrives although the merchant was told that the order had ended."""
        moved = MOVES[trade.state, "pay_late"]
        return moved if isinstance(moved, No) else self._paid(trade, "")

    # Refunds, transfers, shares.

    def refund(self, trade: Trade, terms: RefundTerms) -> Refund | No:
        """Money goes back, or the refund that an identical earlier call made."""
        return refunding.refund(self, trade, terms)

    def transfer(
        self, merchant: Merchant, terms: TransferTerms, everything: object
    ) -> Transfer | No:
        """A transfer, or the one that an identical earlier call made."""
        return transferring.transfer(self, merchant, terms, digest(everything))

    def confirm_transfer(self, transfer: Transfer) -> Transfer | No:
        """The payee takes the money."""
        return transferring.confirm(self, transfer)

    def cancel_transfer(self, transfer: Transfer) -> Transfer | No:
        """The merchant takes back a transfer that its payee has not confirmed."""
        return transferring.cancel(self, transfer)

    def share(self, trade: Trade, terms: ShareTerms, everything: object) -> Share | No:
        """Parts of a paid order go to others, or the share that an identical earlier call made."""
        return sharing.share(self, trade, terms, digest(everything))

    def return_share(
        self, given: Share, number: str, account: str, amount_fen: int, description: str
    ) -> ShareReturn | No:
        """A receiver gives its part back, or some of it."""
        return sharing.give_back(self, given, number, account, amount_fen, description)

    def unfreeze(self, trade: Trade) -> Trade | No:
        """What was not shared becomes the merchant's own."""
        return sharing.unfreeze(trade)

    # Telling.

    def announce(
        self, about: About, url: str, happened_at: datetime | None = None
    ) -> asyncio.Task[None] | None:
        """Tells the merchant how it stands, now and by the front's schedule. The task ends when the
        first try has; None where nobody is told."""
        merchant = self.of(about)
        if not url or not self.fronts[merchant.protocol].is_told(about):
            return None
        happened_at = happened_at or self.clock.now()
        notice = Notice(id=secrets.token_hex(16), about=about, url=url, happened_at=happened_at)
        return self.notifier.announce(notice)

    def happened(self, what: Moving, at: datetime) -> None:
        """Money moved: the day's bill will have it."""
        self.merchants[what.merchant].days.setdefault(china_day(at), []).append(what)

    def _paid(self, trade: Trade, payer_id: str) -> Trade:
        now, merchant = self.clock.now(), self.of(trade)
        trade.state, trade.paid_at = TradeState.PAID, now
        trade.payer_id = payer_id or trade.terms.payer_id or PAYER_ID
        if not trade.channel_number:
            trade.channel_number = self.fronts[merchant.protocol].payment_number(now)
        merchant.payments[trade.channel_number] = trade
        self.happened(trade, now)
        self.announce(trade, trade.terms.notify_url, now)
        return trade

    def _asked(self, trade: Trade) -> Trade | No:
        moved = MOVES[trade.state, "ask"]
        if isinstance(moved, No):
            return moved
        trade.state = moved
        return trade

    def _at_payer(self, trade: Trade, kind: Kind) -> bool:
        merchant = self.of(trade)
        if not self.faults.has(merchant):
            return False
        happening = Happening("pay", trade.number, trade.amount_fen)
        return self.faults.at(merchant, happening, kind) is not None

    def _trouble_at_payer(self, trade: Trade) -> No | None:
        if not self.faults.has(self.of(trade)):
            return None
        if self._at_payer(trade, "silent_outage"):
            return No.OUTAGE
        for kind, why in _PAYERS_NO.items():
            if self._at_payer(trade, kind):
                self.fail(trade, why)
                return why
        return None


_PAYERS_NO: dict[Kind, No] = {
    "not_enough_money": No.NOT_ENOUGH_MONEY,
    "payer_refuses": No.PAYER_REFUSED,
}

WORLD: web.AppKey[World] = web.AppKey("world", World)
