"""What has no room at its channel waits in the lane, and is unsent until it is taken out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from actors.channels.attempts.attempt import Attempt, AttemptState
from actors.channels.attempts.calls import Answer, Ticket, open_tickets, open_waiting, record
from actors.channels.attempts.waiting import NEVER_SENT
from actors.channels.refunds.calls import RefundAnswer, RefundTicket, open_refunds, record_refunds
from actors.channels.talk.accounts import Accounts
from bus.caller import Recorded
from bus.database import Pool
from bus.directory import Directory
from bus.effects import Effect, Publish
from bus.vault import Vault
from schema import ids
from schema.channels import SurelyNotPaid
from schema.messages.channels import (
    AttemptClosed,
    AttemptFailed,
    CallAttempt,
    CallRepayment,
    QueryAttempt,
    QueryRepayment,
)
from schema.messages.contract import Message
from schema.messages.ordering import CloseAttempts, Repay
from schema.messages.routing import PaymentRouted
from schema.refunds import RefundTerms
from tests.actors.attempts import (
    FAR,
    a_new_routed_payment,
    a_sealed_channel,
    new_payment_id,
    stored,
)
from tests.actors.conftest import BothEnds
from tests.actors.profiles import register
from tests.examples import MERCHANT_NO, NOW, TRADE_NO

NO_ROOM = Answer(None, waits=True)
NOT_PAID = SurelyNotPaid(code="RULE_LIMIT", message="too much for one day")
LATER = NOW + timedelta(seconds=10)


class Desk:
    """Two channels of one account, with room for nobody."""

    def __init__(self, pool: Pool, accounts: Accounts, channel_nos: tuple[str, str]) -> None:
        self.pool = pool
        self.accounts = accounts
        self.a, self.b = channel_nos

    async def open(self, message: Message, now: datetime = NOW) -> Ticket | None:
        async with self.pool.acquire() as connection, connection.transaction():
            (ticket,) = await open_tickets(connection, [message], self.accounts, now)
            return ticket

    async def take(self, message: CallAttempt, now: datetime = LATER) -> Ticket | None:
        async with self.pool.acquire() as connection, connection.transaction():
            (ticket,) = await open_waiting(connection, [message], self.accounts, now)
            return ticket

    async def record(self, ticket: Ticket | None, answer: Answer) -> Recorded[Ticket]:
        assert ticket is not None
        async with self.pool.acquire() as connection, connection.transaction():
            (recorded,) = await record(connection, [(ticket, answer)], LATER)
            return recorded

    async def put_in_line(self, routed: PaymentRouted) -> CallAttempt:
        recorded = await self.record(await self.open(routed), NO_ROOM)
        (wish,) = said(recorded.effects)
        assert isinstance(wish, CallAttempt)
        return wish

    async def open_refund(self, message: Message) -> RefundTicket:
        async with self.pool.acquire() as connection, connection.transaction():
            (ticket,) = await open_refunds(connection, [message], self.accounts, LATER)
        assert ticket is not None
        return ticket

    async def record_refund(self, ticket: RefundTicket) -> Recorded[RefundTicket]:
        async with self.pool.acquire() as connection, connection.transaction():
            pairs = [(ticket, RefundAnswer(None))]
            (recorded,) = await record_refunds(connection, pairs, LATER)
            return recorded

    async def attempt(self, routed: PaymentRouted, rank: int = 1) -> Attempt:
        (attempt,) = await stored(self.pool, ids.attempt_id(routed.terms.payment_id, rank))
        return attempt


def a_refund(channel_no: str) -> RefundTerms:
    payment_id = new_payment_id()
    return RefundTerms(
        refund_id=f"ref_{payment_id.removeprefix('pay_')}",
        kind="merchant",
        payment_id=payment_id,
        attempt_id=ids.attempt_id(payment_id, 1),
        merchant_no=MERCHANT_NO,
        channel_no=channel_no,
        channel_trade_no=TRADE_NO,
        funds_flow="platform",
        pay_type="wechat_native",
        refund_fen=400,
        paid_fen=1_000,
        currency="CNY",
        opened_at=NOW,
        paid_at=NOW,
    )


def said(effects: Sequence[Effect]) -> list[Message]:
    return [effect.message for effect in effects if isinstance(effect, Publish)]


@pytest.fixture
async def desk(pool: Pool, directory: Directory, vault: Vault, both_ends: BothEnds) -> Desk:
    channels = [a_sealed_channel(vault, both_ends[0]) for _ in range(2)]
    await register(pool, *channels)
    return Desk(pool, Accounts(directory, vault), (channels[0].channel_no, channels[1].channel_no))


async def test_a_payment_without_room_waits_in_the_lane_of_its_channel(desk: Desk) -> None:
    routed = a_new_routed_payment(desk.a)
    recorded = await desk.record(await desk.open(routed), NO_ROOM)
    (effect,) = recorded.effects
    attempt = await desk.attempt(routed)
    assert isinstance(effect, Publish)
    assert effect.lane == desk.a
    assert effect.message == CallAttempt(attempt_id=attempt.attempt_id, channel_no=desk.a)
    assert (attempt.state, attempt.query_at) == (AttemptState.WAITING, FAR)


async def test_what_comes_out_of_the_lane_is_sent_without_a_question(desk: Desk) -> None:
    routed = a_new_routed_payment(desk.a)
    ticket = await desk.take(await desk.put_in_line(routed))
    assert ticket is not None
    assert (ticket.errand, ticket.lane) == ("create", desk.a)
    assert (await desk.attempt(routed)).state is AttemptState.OPENED


async def test_what_was_taken_out_before_is_asked_about_first(desk: Desk) -> None:
    wish = await desk.put_in_line(a_new_routed_payment(desk.a))
    await desk.take(wish)
    again = await desk.take(wish)
    assert again is not None
    assert again.errand == "query", "whoever took it out may have sent it and died"


async def test_what_waits_is_not_asked_about_by_the_clock(desk: Desk) -> None:
    wish = await desk.put_in_line(a_new_routed_payment(desk.a))
    ask = QueryAttempt(attempt_id=wish.attempt_id, channel_no=desk.a)
    assert await desk.open(ask, LATER) is None


@pytest.mark.parametrize("by_the_clock", [True, False])
async def test_what_expires_in_the_lane_fails_and_is_never_sent(
    desk: Desk, by_the_clock: bool
) -> None:
    routed = a_new_routed_payment(desk.a, desk.b, expires_at=LATER)
    wish = await desk.put_in_line(routed)
    ask = QueryAttempt(attempt_id=wish.attempt_id, channel_no=desk.a)
    ticket = await (desk.open(ask, LATER) if by_the_clock else desk.take(wish))
    assert ticket is not None
    assert (ticket.errand, ticket.asks) == ("give_up", None)
    (told,) = said((await desk.record(ticket, Answer(NEVER_SENT))).effects)
    assert isinstance(told, AttemptFailed)
    assert (await desk.attempt(routed)).state is AttemptState.FAILED
    assert await desk.take(wish) is None


async def test_what_was_taken_out_meanwhile_is_not_given_up(desk: Desk) -> None:
    routed = a_new_routed_payment(desk.a, expires_at=LATER)
    wish = await desk.put_in_line(routed)
    ask = QueryAttempt(attempt_id=wish.attempt_id, channel_no=desk.a)
    late = await desk.open(ask, LATER)
    await desk.take(wish, NOW)
    assert await desk.record(late, Answer(NEVER_SENT)) == Recorded()
    assert (await desk.attempt(routed)).state is AttemptState.OPENED


async def test_an_order_that_ends_while_it_waits_is_closed_without_asking(desk: Desk) -> None:
    routed = a_new_routed_payment(desk.a)
    wish = await desk.put_in_line(routed)
    ticket = await desk.open(CloseAttempts(terms=routed.terms, reason="expired"), LATER)
    assert ticket is not None
    assert ticket.errand == "report"
    (told,) = said((await desk.record(ticket, Answer(None))).effects)
    attempt = await desk.attempt(routed)
    assert isinstance(told, AttemptClosed)
    assert (attempt.state, attempt.query_at) == (AttemptState.CLOSED, None)
    assert await desk.take(wish) is None


async def test_a_question_of_the_ladder_without_room_is_asked_another_time(desk: Desk) -> None:
    routed = a_new_routed_payment(desk.a)
    await desk.open(routed)
    before = await desk.attempt(routed)
    ask = QueryAttempt(attempt_id=before.attempt_id, channel_no=desk.a)
    assert await desk.record(await desk.open(ask, LATER), NO_ROOM) == Recorded()
    assert await desk.attempt(routed) == before


async def test_a_refund_without_room_waits_in_the_lane_and_is_asked_about_first(
    desk: Desk,
) -> None:
    refund = a_refund(desk.a)
    ticket = await desk.open_refund(Repay(terms=refund))
    assert not ticket.queries_first
    (wish,) = said((await desk.record_refund(ticket)).effects)
    assert wish == CallRepayment(refund_id=refund.refund_id, channel_no=desk.a)
    assert (await desk.open_refund(wish)).queries_first
    ask = QueryRepayment(refund_id=refund.refund_id, channel_no=desk.a)
    assert await desk.record_refund(await desk.open_refund(ask)) == Recorded()


async def test_the_code_that_the_payer_shows_waits_with_the_payment(desk: Desk) -> None:
    routed = a_new_routed_payment(desk.a)
    terms = replace(routed.terms, pay_type="wechat_barcode", auth_code="134567890123456789")
    routed = replace(routed, terms=terms)
    wish = await desk.put_in_line(routed)
    attempt = await desk.attempt(routed)
    assert (wish.auth_code, attempt.terms.auth_code) == (terms.auth_code, None)
    assert attempt.query_at == NOW + timedelta(seconds=45), "the payer waits no longer"
    ticket = await desk.take(wish)
    assert ticket is not None
    assert ticket.attempt.terms.auth_code == terms.auth_code


async def test_the_next_channel_of_what_came_out_of_a_lane_is_another_lane(desk: Desk) -> None:
    routed = a_new_routed_payment(desk.a, desk.b)
    ticket = await desk.take(await desk.put_in_line(routed))
    again = (await desk.record(ticket, Answer(NOT_PAID))).again
    assert again is not None
    assert (again.attempt.channel_no, again.lane) == (desk.b, "")
    (wish,) = said((await desk.record(again, NO_ROOM)).effects)
    assert isinstance(wish, CallAttempt)
    assert wish.channel_no == desk.b
    assert (await desk.attempt(routed, 2)).state is AttemptState.WAITING
