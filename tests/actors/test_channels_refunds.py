"""A refund whose number is spent at its channel goes back under a new one, and only once: the three
beats on a real database, with real channels, and whatever may happen between them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from actors.channels.refunds.calls import RefundAnswer, record_refunds
from actors.channels.refunds.repayment import RepaymentState
from bus.database import Pool
from bus.directory import Directory
from bus.jobs import now_utc
from bus.vault import Vault
from handlers.simulator.world import RefundState
from schema import ids
from schema.channels.language import Protocols
from schema.messages.channels import (
    CallRepayment,
    RepaymentAbnormal,
    RepaymentFailed,
    RepaymentSucceeded,
)
from tests.actors.refund_room import FAILED, OPENED, PENDING, SUCCEEDED, Room, a_room, said

KEEPING: tuple[Protocols, ...] = ("wechat", "unionpay", "bank")
"""Those that keep a dead refund under its number."""


@pytest.fixture
def protocol() -> Protocols:
    return "wechat"


@pytest.fixture
async def room(
    pool: Pool, directory: Directory, vault: Vault, protocol: Protocols
) -> AsyncIterator[Room]:
    async with a_room(pool, directory, vault, protocol) as room:
        yield room


@pytest.mark.parametrize("protocol", KEEPING)
async def test_a_dead_refund_goes_back_under_a_new_number(room: Room) -> None:
    await room.is_refused()
    await room.hear(room.repeat)
    await room.ended(2)
    await room.hear(room.query)
    assert await room.stands() == (SUCCEEDED, 2, False)
    assert (await room.repayment()).repaid_ordinal == 2
    assert [each.state for each in room.there.values()] == [
        RefundState.CLOSED,
        RefundState.REFUNDED,
    ]
    assert room.refunded_fen == 1_000


@pytest.mark.parametrize("protocol", KEEPING)
async def test_a_dead_refund_stays_dead_under_its_own_number(room: Room) -> None:
    await room.is_refused()
    ticket = await room.opened(room.repeat)
    await room.ask(replace(ticket, only_asks=False, queries_first=False))
    assert list(room.there) == [1] and room.there[1].state is RefundState.CLOSED
    assert room.refunded_fen == 0


@pytest.mark.parametrize("protocol", ["wechat", "bank", "alipay"])
async def test_what_was_refused_and_not_kept_is_asked_for_under_its_number(room: Room) -> None:
    codes = {"wechat": "NOT_ENOUGH", "bank": "LIMIT", "alipay": "ACQ.SELLER_BALANCE_NOT_ENOUGH"}
    room.corner.trouble("refund", "refuse", value=codes[room.corner.protocol])
    assert [type(each) for each in await room.hear(room.repay)] == [RepaymentFailed]
    assert await room.stands() == (FAILED, 1, False)
    await room.hear(room.repeat)
    assert list(room.there) == [1]
    assert room.refunded_fen == 1_000


async def test_a_number_is_given_up_only_where_the_channel_says_again_that_it_is_dead(
    room: Room,
) -> None:
    await room.is_refused()
    room.corner.trouble("query_refund", "http_500")
    await room.hear(room.repeat)
    assert await room.stands() == (RepaymentState.UNKNOWN, 1, True)
    assert [type(each) for each in await room.hear(room.query)] == [RepaymentFailed]
    assert await room.stands() == (FAILED, 1, True), "the ladder wants no new number"
    assert list(room.there) == [1]


async def test_what_the_channel_says_instead_is_heard(room: Room) -> None:
    await room.is_refused()
    room.there[1].state = RefundState.REFUNDED
    (told,) = await room.hear(room.repeat)
    assert isinstance(told, RepaymentSucceeded)
    assert (await room.stands())[:2] == (SUCCEEDED, 1)
    assert list(room.there) == [1], "nothing was asked for under another number"


async def test_a_merchants_refund_that_was_refused_is_over(room: Room) -> None:
    room.terms = replace(room.terms, kind="merchant")
    await room.is_refused()
    assert await room.open(room.repeat) is None
    assert await room.stands() == (FAILED, 1, True)


async def test_killed_before_the_old_number_was_asked_about(room: Room) -> None:
    await room.is_refused()
    await room.open(room.repeat)
    assert await room.stands() == (OPENED, 1, True)
    await room.hear(room.repeat)
    assert await room.stands() == (PENDING, 2, False)


async def test_killed_between_the_new_number_and_its_call(room: Room) -> None:
    await room.is_refused()
    ticket = await room.opened(room.repeat)
    recorded = await room.record(ticket, await room.ask(ticket))
    assert recorded.again is not None and not recorded.effects
    assert await room.stands() == (OPENED, 2, False), "it is stored before it is sent"
    assert list(room.there) == [1]
    again = await room.opened(room.repeat)
    assert (again.queries_first, again.only_asks) == (True, False)
    await room.go_on(again)
    assert await room.stands() == (PENDING, 2, False)
    assert list(room.there) == [1, 2]


async def test_killed_between_the_call_under_the_new_number_and_its_record(room: Room) -> None:
    await room.is_refused()
    ticket = await room.opened(room.repeat)
    recorded = await room.record(ticket, await room.ask(ticket))
    assert recorded.again is not None
    await room.ask(recorded.again)
    await room.ended(2)
    (told,) = await room.hear(room.repeat)
    assert isinstance(told, RepaymentSucceeded)
    assert list(room.there) == [1, 2]
    assert room.refunded_fen == 1_000


async def test_two_operators_at_once_get_one_new_number(room: Room) -> None:
    await room.is_refused()
    one, other = await room.opened(room.repeat), await room.opened(room.repeat)
    answers = [await room.ask(one), await room.ask(other)]
    first = await room.record(one, answers[0])
    second = await room.record(other, answers[1])
    assert first.again is not None and second.again is None
    await room.go_on(first.again)
    assert list(room.there) == [1, 2]
    assert await room.stands() == (PENDING, 2, False)


async def test_two_answers_in_one_batch_are_one_new_number(room: Room) -> None:
    await room.is_refused()
    tickets = [await room.opened(room.repeat), await room.opened(room.repeat)]
    pairs = [(ticket, await room.ask(ticket)) for ticket in tickets]
    async with room.pool.acquire() as connection, connection.transaction():
        recorded = await record_refunds(connection, pairs, now_utc())
    assert [each.again is not None for each in recorded] == [True, False]
    assert await room.stands() == (OPENED, 2, False)


async def test_a_command_that_is_said_again_while_the_new_number_is_under_way_is_a_question(
    room: Room,
) -> None:
    await room.is_refused()
    await room.hear(room.repeat)
    await room.ended(2)
    (told,) = await room.hear(room.repeat)
    assert isinstance(told, RepaymentSucceeded) and not told.is_again
    assert await room.open(room.repeat) is None
    assert list(room.there) == [1, 2]


async def test_what_found_no_room_gets_its_new_number_in_the_lane(room: Room) -> None:
    await room.is_refused()
    turned_away = await room.record(await room.opened(room.repeat), RefundAnswer(None))
    (wish,) = said(turned_away)
    assert isinstance(wish, CallRepayment)
    await room.hear(wish)
    assert await room.stands() == (PENDING, 2, False)


async def test_the_old_numbers_late_notice_changes_nothing(room: Room) -> None:
    await room.is_refused()
    await room.hear(room.repeat)
    before = await room.repayment()
    assert await room.read(room.notice(1, RefundState.CLOSED)) == []
    assert await room.repayment() == before


async def test_a_notice_of_the_new_number_finds_its_refund(room: Room) -> None:
    await room.is_refused()
    await room.hear(room.repeat)
    await room.ended(2)
    (told,) = await room.read(room.notice(2, RefundState.REFUNDED))
    assert isinstance(told, RepaymentSucceeded)
    assert (await room.repayment()).repaid_ordinal == 2


async def test_a_notice_of_a_number_that_was_never_given_is_of_no_refund(room: Room) -> None:
    await room.is_refused()
    await room.hear(room.repeat)
    await room.ended(2)
    notice = room.notice(2, RefundState.REFUNDED)
    await room.pool.execute(
        "UPDATE channels.repayment SET numbers = 1 WHERE refund_id = $1", room.terms.refund_id
    )
    with capture_logs() as logs:
        assert await room.read(notice) == []
    assert [each["event"] for each in logs] == ["notice_without_refund"]


async def test_a_closed_notice_while_the_old_number_is_asked_about_loses_no_wish(
    room: Room,
) -> None:
    await room.is_refused()
    ticket = await room.opened(room.repeat)
    answer = await room.ask(ticket)
    await room.read(room.notice(1, RefundState.CLOSED))
    assert await room.stands() == (FAILED, 1, True)
    await room.go_on((await room.record(ticket, answer)).again)
    assert await room.stands() == (PENDING, 2, False)


async def test_money_by_the_old_number_is_seen_and_the_new_one_is_not_sent_any_more(
    room: Room,
) -> None:
    await room.is_refused()
    ticket = await room.opened(room.repeat)
    await room.record(ticket, await room.ask(ticket))
    with capture_logs() as logs:
        (told,) = await room.read(room.notice(1, RefundState.REFUNDED))
    assert isinstance(told, RepaymentSucceeded) and not told.is_again
    number = ids.refund_number(room.terms.refund_id)
    assert [(each["event"], each["number"]) for each in logs] == [("refund_left_twice", number)]
    for message in (room.repeat, room.query):
        assert await room.hear(message) == []
    assert list(room.there) == [1], "the new number was asked about, and never sent"


async def test_money_by_both_numbers_is_told_as_a_riddle(room: Room) -> None:
    await room.is_refused()
    await room.hear(room.repeat)
    await room.ended(2)
    await room.read(room.notice(1, RefundState.REFUNDED))
    with capture_logs() as logs:
        (told,) = await room.hear(room.query)
    assert isinstance(told, RepaymentSucceeded) and told.is_again
    assert told.channel_refund_no == room.there[2].channel_number
    assert [each["event"] for each in logs] == ["refund_left_twice"]
    assert await room.open(room.query) is None, "its end is known"


async def test_a_late_word_that_the_old_number_paid_as_well_is_never_passed_over(
    room: Room,
) -> None:
    await room.is_refused()
    await room.hear(room.repeat)
    await room.ended(2)
    await room.hear(room.query)
    (told,) = await room.read(room.notice(1, RefundState.REFUNDED))
    assert isinstance(told, RepaymentSucceeded) and told.is_again


async def test_a_new_number_that_dies_as_well_is_given_up_for_a_third(room: Room) -> None:
    await room.is_refused()
    room.corner.trouble("refund", "ends_closed")
    await room.hear(room.repeat)
    await room.ended(2)
    await room.hear(room.query)
    assert await room.stands() == (FAILED, 2, True)
    await room.hear(room.repeat)
    await room.ended(3)
    await room.hear(room.query)
    assert await room.stands() == (SUCCEEDED, 3, False)
    assert room.refunded_fen == 1_000


async def test_money_that_did_not_arrive_is_never_sent_under_another_number(room: Room) -> None:
    await room.is_refused()
    room.corner.trouble("refund", "ends_abnormal")
    await room.hear(room.repeat)
    await room.ended(2)
    assert [type(each) for each in await room.hear(room.query)] == [RepaymentAbnormal]
    await room.hear(room.repeat)
    assert await room.stands() == (RepaymentState.ABNORMAL, 2, False)
    assert list(room.there) == [1, 2]
