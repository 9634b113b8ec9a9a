"""The first and the last beat of asking a channel, on a real database.

Whatever was cut off in between: the next worker knows what was asked, asks how it stands before it
sends anything, and goes to another channel only after a proof.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from actors.channels.attempts.attempt import Attempt, AttemptState
from actors.channels.attempts.calls import Answer, Ticket, open_tickets, record
from actors.channels.attempts.rules import first_attempt
from actors.channels.store import lock_attempts
from actors.channels.talk.accounts import Accounts
from bus.caller import Recorded
from bus.database import Pool
from bus.directory import Directory
from bus.effects import Publish
from bus.vault import Vault
from schema import ids
from schema.channels import Paid, Pending, SurelyNotPaid, Verdict
from schema.messages.channels import AttemptClosed, AttemptPending, AttemptSucceeded, QueryAttempt
from schema.messages.contract import Message
from schema.messages.ordering import CloseAttempts
from schema.messages.routing import PaymentRouted
from tests.actors.attempts import a_new_routed_payment, a_sealed_channel, change, stored
from tests.actors.conftest import BothEnds
from tests.actors.profiles import register
from tests.actors.two_at_once import in_line_behind
from tests.examples import CODE, NOW, TRADE_NO, a_routed_payment

SHOWN = Pending(offer=CODE)
NOT_PAID = SurelyNotPaid(code="RULE_LIMIT", message="too much for one day")
PAID = Paid(channel_payment_id=TRADE_NO, amount_fen=1_000, currency="CNY", paid_at=NOW)


class Desk:
    """Two channels of one account, and the beats as the caller makes them."""

    def __init__(self, pool: Pool, accounts: Accounts, channel_nos: tuple[str, str]) -> None:
        self.pool = pool
        self.accounts = accounts
        self.a, self.b = channel_nos

    async def open(self, *messages: Message, now: datetime = NOW) -> list[Ticket | None]:
        async with self.pool.acquire() as connection, connection.transaction():
            return await open_tickets(connection, messages, self.accounts, now)

    async def ticket(self, message: Message, *, now: datetime = NOW) -> Ticket:
        (ticket,) = await self.open(message, now=now)
        assert ticket is not None
        return ticket

    async def record(self, *pairs: tuple[Ticket, Verdict]) -> list[Recorded[Ticket]]:
        async with self.pool.acquire() as connection, connection.transaction():
            return await record(connection, [(t, Answer(said)) for t, said in pairs], NOW)

    async def attempts(self, payment_id: str) -> list[Attempt]:
        return await stored(self.pool, *(ids.attempt_id(payment_id, n) for n in (1, 2)))


@pytest.fixture
async def desk(pool: Pool, directory: Directory, vault: Vault, both_ends: BothEnds) -> Desk:
    channels = [a_sealed_channel(vault, both_ends[0]) for _ in range(2)]
    await register(pool, *channels)
    return Desk(pool, Accounts(directory, vault), (channels[0].channel_no, channels[1].channel_no))


def ask(attempt: Attempt) -> QueryAttempt:
    return QueryAttempt(attempt_id=attempt.attempt_id, channel_no=attempt.channel_no)


async def test_an_attempt_is_committed_before_it_is_made(desk: Desk) -> None:
    routed = a_new_routed_payment(desk.a)
    ticket = await desk.ticket(routed)
    assert ticket.errand == "create"
    assert await desk.attempts(routed.terms.payment_id) == [first_attempt(routed, NOW)]
    assert ticket.account.profile.channel_no == desk.a


async def test_a_payment_that_comes_again_is_asked_about_before_it_is_sent_again(
    desk: Desk,
) -> None:
    routed = a_new_routed_payment(desk.a)
    first = await desk.ticket(routed)
    again = await desk.ticket(routed, now=NOW + timedelta(hours=1))
    assert again.errand == "query"
    assert again.attempt == first.attempt, "under the same number, as it was opened"


async def test_a_payment_that_comes_again_goes_on_at_the_channel_it_had_come_to(
    desk: Desk,
) -> None:
    routed = a_new_routed_payment(desk.a, desk.b)
    await desk.record((await desk.ticket(routed), NOT_PAID))
    again = await desk.ticket(routed)
    assert (again.attempt.channel_no, again.attempt.rank, again.errand) == (desk.b, 2, "query")
    assert again.account.profile.channel_no == desk.b


async def test_many_payments_are_opened_at_once_each_with_its_own_ticket(desk: Desk) -> None:
    routed = [a_new_routed_payment(desk.a if n % 3 else desk.b) for n in range(200)]
    (early,) = await desk.open(routed[7])
    tickets = await desk.open(*routed)
    assert [t and t.attempt.payment_id for t in tickets] == [r.terms.payment_id for r in routed]
    assert [n for n, t in enumerate(tickets) if t and t.errand == "query"] == [7]
    assert early is not None and tickets[7] is not None
    assert early.attempt == tickets[7].attempt


@pytest.mark.parametrize("state", [AttemptState.SUCCEEDED, AttemptState.FAILED])
async def test_there_is_nothing_left_to_ask_about_a_closed_attempt(
    desk: Desk, state: AttemptState
) -> None:
    routed = a_new_routed_payment(desk.a)
    attempt = (await desk.ticket(routed)).attempt
    await change(desk.pool, [replace(attempt, state=state)])
    assert await desk.open(routed, ask(attempt)) == [None, None]


async def test_a_question_about_an_attempt_that_nobody_made_is_dropped(desk: Desk) -> None:
    assert await desk.open(QueryAttempt(attempt_id="nobody01", channel_no=desk.a)) == [None]


async def test_what_the_channel_said_is_committed_with_what_it_causes(desk: Desk) -> None:
    routed = a_new_routed_payment(desk.a)
    (recorded,) = await desk.record((await desk.ticket(routed), SHOWN))
    (effect,) = recorded.effects
    assert isinstance(effect, Publish) and isinstance(effect.message, AttemptPending)
    assert recorded.again is None
    (attempt,) = await desk.attempts(routed.terms.payment_id)
    assert (attempt.state, attempt.offer) == (AttemptState.PENDING, CODE)


async def test_after_a_proof_the_next_channel_is_opened_by_the_same_commit(desk: Desk) -> None:
    routed = a_new_routed_payment(desk.a, desk.b)
    (recorded,) = await desk.record((await desk.ticket(routed), NOT_PAID))
    failed, following = await desk.attempts(routed.terms.payment_id)
    assert (failed.state, following.state) == (AttemptState.FAILED, AttemptState.OPENED)
    assert recorded.effects == ()
    assert recorded.again is not None
    assert (recorded.again.attempt, recorded.again.errand) == (following, "create")
    assert recorded.again.account.profile.channel_no == desk.b


async def test_a_notice_that_came_during_the_call_is_not_overwritten(desk: Desk) -> None:
    routed = a_new_routed_payment(desk.a)
    ticket = await desk.ticket(routed)
    paid = replace(ticket.attempt, state=AttemptState.SUCCEEDED, paid_fen=1_000, query_at=None)
    await change(desk.pool, [paid])
    (recorded,) = await desk.record((ticket, SHOWN))
    (effect,) = recorded.effects
    assert isinstance(effect, Publish) and isinstance(effect.message, AttemptPending)
    (attempt,) = await desk.attempts(routed.terms.payment_id)
    assert (attempt.state, attempt.offer, attempt.paid_fen) == ("succeeded", CODE, 1_000)


async def test_two_answers_about_one_attempt_in_one_batch_are_heard_in_turn(desk: Desk) -> None:
    routed = a_new_routed_payment(desk.a, desk.b)
    ticket = await desk.ticket(routed)
    first, second = await desk.record((ticket, NOT_PAID), (ticket, NOT_PAID))
    assert first.again is not None
    assert second == Recorded()
    shown, paid = await desk.record((first.again, SHOWN), (first.again, PAID))
    told = [e.message for r in (shown, paid) for e in r.effects if isinstance(e, Publish)]
    assert [type(message) for message in told] == [AttemptPending, AttemptSucceeded]


async def test_money_that_a_notice_told_before_the_answer_is_told_to_whoever_waits(
    desk: Desk,
) -> None:
    """At the till the answer itself says that it is paid, and a notice may be faster."""
    ticket = await desk.ticket(a_new_routed_payment(desk.a))
    first, again = await desk.record((ticket, PAID), (ticket, PAID))
    (told,), (told_again,) = first.effects, again.effects
    assert told == told_again
    assert isinstance(told, Publish) and isinstance(told.message, AttemptSucceeded)


def close(routed: PaymentRouted) -> CloseAttempts:
    return CloseAttempts(terms=routed.terms, reason="expired")


async def test_an_open_attempt_that_nobody_shall_pay_is_closed_whoever_asks(desk: Desk) -> None:
    routed = a_new_routed_payment(desk.a)
    attempt = (await desk.ticket(routed)).attempt
    tickets = await desk.open(close(routed), ask(attempt), close(routed), routed)
    assert [ticket and ticket.errand for ticket in tickets] == ["close"] * 4
    (stored,) = await desk.attempts(routed.terms.payment_id)
    assert stored.state is AttemptState.CLOSING


async def test_a_close_that_meets_the_way_to_the_next_channel_closes_there(desk: Desk) -> None:
    routed = a_new_routed_payment(desk.a, desk.b)
    first = await desk.ticket(routed)
    tickets = await in_line_behind(
        desk.pool,
        lambda connection: lock_attempts(connection, [first.attempt.attempt_id]),
        lambda connection: open_tickets(connection, [close(routed)], desk.accounts, NOW),
        meanwhile=lambda connection: record(connection, [(first, Answer(NOT_PAID))], NOW),
    )
    ((ticket,), (_, second)) = tickets, await desk.attempts(routed.terms.payment_id)
    assert ticket is not None and ticket.errand == "close"
    assert (ticket.attempt, second.state) == (second, AttemptState.CLOSING)


async def test_a_close_that_comes_first_keeps_the_channel_from_being_asked_at_all(
    desk: Desk,
) -> None:
    routed = a_new_routed_payment(desk.a)
    (ticket,) = await desk.open(close(routed))
    assert ticket is not None and (ticket.errand, ticket.account) == ("report", None)
    (recorded,) = await desk.record((ticket, None))
    (effect,) = recorded.effects
    assert isinstance(effect, Publish) and isinstance(effect.message, AttemptClosed)
    assert await desk.open(routed) == [None]
    (stored,) = await desk.attempts(routed.terms.payment_id)
    assert (stored.state, stored.channel_no) == (AttemptState.CLOSED, "")


async def test_a_close_in_the_same_batch_as_the_order_wins(desk: Desk) -> None:
    routed = a_new_routed_payment(desk.a)
    tickets = await desk.open(routed, close(routed))
    assert [ticket and ticket.errand for ticket in tickets] == [None, "report"]


@pytest.mark.parametrize("state", [AttemptState.FAILED, AttemptState.CLOSED])
async def test_what_has_ended_is_reported_once_more_and_no_channel_is_asked(
    desk: Desk, state: AttemptState
) -> None:
    routed = a_new_routed_payment(desk.a)
    attempt = (await desk.ticket(routed)).attempt
    await change(desk.pool, [replace(attempt, state=state)])
    (ticket,) = await desk.open(close(routed))
    assert ticket is not None and ticket.errand == "report"
    (recorded,) = await desk.record((ticket, None))
    assert [type(e.message) for e in recorded.effects] == [AttemptClosed]  # type: ignore[union-attr]


async def test_money_that_has_come_was_told_and_is_not_closed(desk: Desk) -> None:
    routed = a_new_routed_payment(desk.a)
    attempt = (await desk.ticket(routed)).attempt
    await change(desk.pool, [replace(attempt, state=AttemptState.SUCCEEDED)])
    assert await desk.open(close(routed)) == [None]


async def test_a_closed_attempt_is_only_looked_at(desk: Desk) -> None:
    routed = a_new_routed_payment(desk.a)
    attempt = (await desk.ticket(routed)).attempt
    await change(desk.pool, [replace(attempt, state=AttemptState.CLOSED)])
    (ticket,) = await desk.open(ask(attempt))
    assert ticket is not None and ticket.errand == "look"


def of_round(routed: PaymentRouted, number: int) -> PaymentRouted:
    return replace(routed, terms=replace(routed.terms, round_no=number))


async def test_each_choice_of_the_payer_has_attempts_of_its_own(desk: Desk) -> None:
    first = a_new_routed_payment(desk.a)
    second = of_round(a_routed_payment(desk.b, payment_id=first.terms.payment_id), 1)
    early = await desk.ticket(first)
    tickets = await desk.open(second, close(first), close(second))
    assert [ticket and ticket.errand for ticket in tickets] == [None, "close", "report"]
    numbers = [each.attempt.attempt_id for each in tickets if each]
    assert numbers[0] == early.attempt.attempt_id
    assert [number[-2:] for number in numbers] == ["01", "11"]


async def test_a_choice_goes_on_at_the_next_channel_under_numbers_of_its_own(desk: Desk) -> None:
    routed = of_round(a_new_routed_payment(desk.a, desk.b), 3)
    (recorded,) = await desk.record((await desk.ticket(routed), NOT_PAID))
    assert recorded.again is not None
    assert recorded.again.attempt.attempt_id[-2:] == "32"
    again = await desk.ticket(routed)
    assert (again.attempt, again.errand) == (recorded.again.attempt, "query")
