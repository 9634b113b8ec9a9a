"""The middle beat, against a simulated WeChat Pay: asking again never makes a second order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp.test_utils import TestServer
from msgspec.structs import replace

from actors.channels.attempt import Account
from actors.channels.calls import Ticket, call
from actors.channels.wechat import WechatSender
from bus.jobs import now_utc
from handlers.simulator import SIMULATOR, Simulator, SimulatorConfig, simulator_app
from handlers.simulator.world import Api, FaultOrder, Kind
from schema.channels import NotKnownThere, Paid, Pending, QrCode, SurelyNotPaid, Unknown, Verdict
from schema.channels.wechat import WechatKeys
from tests.actors.conftest import BothEnds
from tests.examples import CODE_URL, a_channel, an_attempt, some_terms


class Street:
    """The simulator, our client for it, and one attempt that nobody has made yet."""

    def __init__(self, simulator: Simulator, sender: WechatSender, keys: WechatKeys) -> None:
        self.simulator = simulator
        terms = some_terms(expires_at=now_utc() + timedelta(minutes=5))
        account = Account(profile=a_channel(), keys=keys)
        self.ticket = Ticket(
            attempt=an_attempt(terms=terms), account=account, accounts={}, queries_first=False
        )
        self._sender = sender
        self._mchid = keys.account.mchid

    async def send(self) -> Verdict:
        return await call(self._sender, self.ticket)

    async def ask(self, *, has_code: bool = False, is_expired: bool = False) -> Verdict:
        attempt = self.ticket.attempt
        if has_code:
            attempt = replace(attempt, code_url=CODE_URL)
        if is_expired:
            attempt = replace(attempt, terms=replace(attempt.terms, expires_at=now_utc()))
        ticket = replace(self.ticket, attempt=attempt, queries_first=True)
        return await call(self._sender, ticket)

    def trouble(self, api: Api, kind: Kind) -> None:
        wish = FaultOrder(account_no=self._mchid, api=api, kind=kind, times=1)
        assert self.simulator.order_fault(wish) is None

    def pay(self) -> None:
        (trade,) = self.simulator.world.trades.page(0, 10)
        self.simulator.world.pay(trade)

    @property
    def orders(self) -> int:
        """How many orders the channel has."""
        return len(self.simulator.world.trades.page(0, 10))


@pytest.fixture
async def street(both_ends: BothEnds) -> AsyncIterator[Street]:
    ours, theirs = both_ends
    app, sender = simulator_app(SimulatorConfig(accounts=(theirs,))), WechatSender()
    async with TestServer(app) as server:
        here = str(server.make_url("/")).rstrip("/")
        account = replace(ours, base_url=here, notify_url=f"{here}/nobody-hears-this")
        await sender.start()
        yield Street(app[SIMULATOR], sender, WechatKeys.of(account))
        await sender.stop()


def code_in(verdict: Verdict) -> str:
    assert isinstance(verdict, Pending) and isinstance(verdict.offer, QrCode)
    return verdict.offer.url


async def test_a_new_attempt_is_sent_and_gets_a_code(street: Street) -> None:
    code_in(await street.send())
    assert street.orders == 1


async def test_an_attempt_that_never_arrived_is_sent_after_asking(street: Street) -> None:
    code_in(await street.ask())
    assert street.orders == 1


async def test_an_attempt_whose_answer_was_lost_gets_the_same_code_and_no_second_order(
    street: Street,
) -> None:
    street.trouble("create", "lost_answer")
    lost = await street.send()
    assert isinstance(lost, Unknown) and lost.why == "no_answer"
    assert code_in(await street.ask()) == code_in(await street.send())
    assert street.orders == 1


async def test_an_attempt_whose_code_is_known_is_asked_about_and_not_sent_again(
    street: Street,
) -> None:
    await street.send()
    verdict = await street.ask(has_code=True)
    assert isinstance(verdict, Pending) and (verdict.code, verdict.offer) == ("NOTPAY", None)


async def test_an_order_whose_time_is_over_is_not_sent_any_more(street: Street) -> None:
    assert isinstance(await street.ask(is_expired=True), NotKnownThere)
    assert street.orders == 0


async def test_money_is_found_by_asking(street: Street) -> None:
    await street.send()
    street.pay()
    verdict = await street.ask(has_code=True)
    assert isinstance(verdict, Paid)
    assert (verdict.amount_fen, verdict.currency) == (1_000, "CNY")


async def test_a_channel_that_can_not_tell_leaves_it_open_and_nothing_is_sent(
    street: Street,
) -> None:
    street.trouble("query", "http_500")
    verdict = await street.ask()
    assert isinstance(verdict, Unknown) and verdict.why == "server_error"
    assert street.orders == 0


async def test_a_definite_refusal_is_a_proof(street: Street) -> None:
    street.trouble("create", "refuse")
    assert isinstance(await street.send(), SurelyNotPaid)
    assert street.orders == 0


async def test_a_channel_that_is_not_there_is_an_unknown_and_no_exception(street: Street) -> None:
    keys = street.ticket.account.keys
    nowhere = WechatKeys.of(replace(keys.account, base_url="http://127.0.0.1:9"))
    street.ticket = replace(street.ticket, account=Account(profile=a_channel(), keys=nowhere))
    verdict = await street.send()
    assert isinstance(verdict, Unknown) and verdict.why == "no_answer"
