"""Channel accounts at the simulated platforms, and our way to speak with them, for tests."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, cast

from aiohttp.test_utils import TestServer
from msgspec import Struct
from msgspec.structs import replace

from actors.channels.attempts.attempt import Attempt
from actors.channels.attempts.calls import Answer, Errand, Ticket, call
from actors.channels.talk.account import Account
from actors.channels.talk.accounts import Accounts
from actors.channels.talk.keyring import Keyring
from actors.channels.talk.sender import Sender
from actors.channels.talk.talk import Talk
from bus.jobs import now_utc
from deploy.local.accounts import BothEnds, generate
from handlers.simulator import SIMULATOR, Simulator, SimulatorConfig, simulator_app
from handlers.simulator.fronts import merchant_key
from handlers.simulator.world import Trade
from handlers.simulator.world.faults import Api, FaultOrder, Kind
from schema import ids
from schema.channels.language import Protocols
from schema.channels.languages import LANGUAGES
from schema.products import PRODUCTS, PayType
from tests.examples import MERCHANT_NO, a_channel, an_attempt, some_terms

PAYER_FIELDS: dict[PayType, dict[str, str]] = {
    "wechat_jsapi": {"payer_id": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
    "wechat_mini": {"payer_id": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
    "wechat_h5": {"client_ip": "203.0.113.7"},
    "wechat_barcode": {"auth_code": "134567890123456789"},
    "alipay_jsapi": {"payer_id": "2088102146225135"},
    "alipay_barcode": {"auth_code": "284567890123456789"},
    "unionpay_jsapi": {"payer_id": "62220001"},
    "unionpay_barcode": {"auth_code": "6221234567890123456"},
    "balance": {"payer_id": "6222020200112233"},
}
"""What each product needs besides what every order has."""


def protocol_of(pay_type: PayType) -> Protocols:
    """Which platform offers it, in tests."""
    if pay_type == "balance":
        return "bank"
    return cast(Protocols, pay_type.partition("_")[0])


@cache
def both_ends_of(protocol: Protocols) -> BothEnds:
    """One pair of ends serves all tests: making keys takes longer than most of them."""
    return generate(protocol, "https://pay.test", "https://us.test/notify")


def products(*protocols: Protocols) -> list[PayType]:
    """All that these platforms offer."""
    return [name for name in PRODUCTS if protocol_of(name) in protocols]


@dataclass
class Corner:
    """The simulated platforms, and one account with one of them."""

    simulator: Simulator
    keyring: Keyring
    account: Account
    account_no: str
    protocol: Protocols
    ours: Struct
    """Our end of the account."""

    def attempt(self, pay_type: PayType, **terms: Any) -> Attempt:
        """A new attempt to be paid ten yuan."""
        payment_id = ids.payment_id(MERCHANT_NO, os.urandom(8).hex(), now_utc())
        usual = {"payment_id": payment_id, "pay_type": pay_type}
        usual |= {"expires_at": now_utc() + timedelta(minutes=5)}
        return an_attempt(
            attempt_id=ids.attempt_id(payment_id, 1),
            payment_id=payment_id,
            terms=some_terms(**usual | PAYER_FIELDS.get(pay_type, {}) | terms),
            opened_at=now_utc(),
        )

    def talk(self) -> Talk:
        """A new conversation with the platform."""
        return Talk(self.keyring, self.account)

    async def ask(self, attempt: Attempt, errand: Errand = "create") -> Answer:
        """The middle beat of a call."""
        ticket = Ticket(errand=errand, attempt=attempt, account=self.account)
        return await call(self.keyring, ticket)

    def trouble(self, api: Api, kind: Kind, *, times: int | None = 1, value: Any = None) -> None:
        """So many of the coming calls go wrong; None: all of them."""
        wish = FaultOrder(
            account_no=self.account_no, protocol=self.protocol, api=api, kind=kind, times=times,
            value=value,
        )  # fmt: skip
        assert self.simulator.order_fault(wish) is None

    def trade(self, attempt: Attempt) -> Trade | None:
        """The order as the platform has it."""
        found = self.simulator.find_trade(attempt.attempt_id, self.account_no, self.protocol)
        return found if isinstance(found, Trade) else None

    def pay(self, attempt: Attempt) -> None:
        """The payer pays."""
        trade = self.trade(attempt)
        assert trade is not None
        assert isinstance(self.simulator.world.pay(trade), Trade)

    def refunded_fen(self, number: str) -> int:
        """How much of an order went back, as the platform has it."""
        found = self.simulator.find_trade(number, self.account_no, self.protocol)
        assert isinstance(found, Trade)
        return found.refunded_fen


Change = Callable[[Struct, Struct], tuple[Struct, Struct]]


@asynccontextmanager
async def a_corner(
    accounts: Accounts | None,
    protocol: Protocols,
    *,
    change: Change = lambda ours, theirs: (ours, theirs),
    notify_url: str = "",
) -> AsyncGenerator[Corner]:
    """A fresh account; `change` may alter both of its ends first."""
    app, sender = simulator_app(SimulatorConfig()), Sender(timeout_s=5)
    async with TestServer(app) as server:
        here = str(server.make_url("/")).rstrip("/")
        ours, theirs = change(*both_ends_of(protocol))
        ours = replace(ours, base_url=here, notify_url=notify_url or f"{here}/nobody-hears-this")
        simulator, keyring = app[SIMULATOR], Keyring(accounts, sender, again_after_s=0)
        simulator.add_account(theirs)  # type: ignore[arg-type]
        account = Account(
            profile=a_channel(protocol=protocol), language=LANGUAGES[protocol].open(ours)
        )
        await keyring.start()
        yield Corner(simulator, keyring, account, merchant_key(theirs)[1], protocol, ours)  # type: ignore[arg-type]
        await keyring.stop()
