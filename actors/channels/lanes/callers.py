"""The lanes of channels: what found no room at its channel, one after another.

Payments and refunds of one channel wait in the same lane, so that together they are no more than
the channel bears. What comes out of a lane and goes on at another channel, waits there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from actors.channels.attempts.calls import Answer, Ticket, call, lane, open_waiting, record
from actors.channels.lanes.rooms import LanePaces, Rooms
from actors.channels.refunds.calls import (
    RefundAnswer,
    RefundTicket,
    ask_refund,
    open_refunds,
    record_refunds,
    refund_lane,
)
from actors.channels.talk.accounts import Accounts
from actors.channels.talk.keyring import Keyring
from actors.channels.talk.outcomes import Called
from bus.caller import Caller, Recorded
from bus.database import Connection
from bus.topology import Inlet
from schema.channels import Unknown
from schema.messages.channels import CallAttempt, CallRepayment
from schema.messages.contract import Message

LANES = Inlet("channels.lanes", hears=(CallAttempt, CallRepayment))

AnyTicket = Ticket | RefundTicket
AnyAnswer = Answer | RefundAnswer
Pairs = Sequence[tuple[AnyTicket, AnyAnswer]]


def in_lanes(keyring: Keyring, paces: LanePaces) -> Caller[AnyTicket, AnyAnswer]:
    """The caller that serves the lanes of channels."""

    async def called(ticket: AnyTicket) -> AnyAnswer:
        if isinstance(ticket, RefundTicket):
            answer = await ask_refund(keyring, ticket)
            paces.heard(ticket.account.profile, is_silent=_is_silent(answer.calls))
            return answer
        answer = await call(keyring, ticket)
        if ticket.asks is not None:
            paces.heard(ticket.asks, is_silent=_is_silent(answer.calls))
        return answer

    async def opened(
        connection: Connection, messages: Sequence[Message], now: datetime
    ) -> list[AnyTicket | None]:
        return await _open(connection, messages, keyring.accounts, now)

    return Caller(
        inlet=LANES, open=opened, call=called, record=_record, lane=_lane, turn_away=_elsewhere
    )


def turned_away(rooms: Rooms, ticket: Ticket) -> Answer | None:
    """Where a call has no room at its channel, it waits in the lane."""
    has_room = ticket.asks is None or rooms.take(ticket.asks)
    return None if has_room else Answer(None, waits=True)


def refund_turned_away(rooms: Rooms, ticket: RefundTicket) -> RefundAnswer | None:
    """The same for refunds."""
    return None if rooms.take(ticket.account.profile) else RefundAnswer(None)


async def in_room(rooms: Rooms, keyring: Keyring, ticket: Ticket) -> Answer:
    """A call that has its place."""
    if ticket.asks is None:
        return await call(keyring, ticket)
    with rooms.called(ticket.asks.channel_no):
        return await call(keyring, ticket)


async def refund_in_room(rooms: Rooms, keyring: Keyring, ticket: RefundTicket) -> RefundAnswer:
    """The same for refunds."""
    with rooms.called(ticket.account.profile.channel_no):
        return await ask_refund(keyring, ticket)


def _is_silent(calls: Sequence[Called]) -> bool:
    return any(isinstance(v := each.verdict, Unknown) and v.why == "no_answer" for each in calls)


async def _open(
    connection: Connection, messages: Sequence[Message], accounts: Accounts, now: datetime
) -> list[AnyTicket | None]:
    attempts = [message for message in messages if isinstance(message, CallAttempt)]
    refunds = [message for message in messages if isinstance(message, CallRepayment)]
    waiting = iter(await open_waiting(connection, attempts, accounts, now) if attempts else ())
    giving = iter(await open_refunds(connection, refunds, accounts, now) if refunds else ())
    return [next(waiting if isinstance(m, CallAttempt) else giving) for m in messages]


async def _record(connection: Connection, pairs: Pairs, now: datetime) -> list[Recorded[AnyTicket]]:
    attempts = [(t, a) for t, a in pairs if isinstance(t, Ticket) and isinstance(a, Answer)]
    refunds = [
        (t, a) for t, a in pairs if isinstance(t, RefundTicket) and isinstance(a, RefundAnswer)
    ]
    asked = iter(await record(connection, attempts, now) if attempts else ())
    given = iter(await record_refunds(connection, refunds, now) if refunds else ())
    recorded = [next(asked if isinstance(ticket, Ticket) else given) for ticket, _ in pairs]
    return cast(list[Recorded[AnyTicket]], recorded)


def _lane(ticket: AnyTicket) -> tuple[str, int]:
    return lane(ticket) if isinstance(ticket, Ticket) else refund_lane(ticket)


def _elsewhere(ticket: AnyTicket) -> AnyAnswer | None:
    """A lane is of one channel: the attempt at the next one waits in that one's lane."""
    if isinstance(ticket, Ticket) and ticket.asks and ticket.lane != ticket.attempt.channel_no:
        return Answer(None, waits=True)
    return None
