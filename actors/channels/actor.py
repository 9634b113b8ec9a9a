"""The wiring of channels: what channels tell us, what we ask them, and what we ask again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial

from actors.channels import store
from actors.channels.attempts.calls import Answer, Ticket, lane, open_tickets, record
from actors.channels.lanes.callers import (
    LANES,
    in_room,
    refund_in_room,
    refund_turned_away,
    turned_away,
)
from actors.channels.lanes.rooms import Rooms
from actors.channels.notices import Notices, decide_notice, load_notices, save_notices
from actors.channels.refunds.calls import (
    RefundAnswer,
    RefundTicket,
    open_refunds,
    record_refunds,
    refund_lane,
)
from actors.channels.talk.accounts import Accounts
from actors.channels.talk.keyring import Keyring
from bus.broker import Broker
from bus.caller import Caller
from bus.database import Connection, Pool
from bus.decider import Decider
from bus.duty import Duty
from bus.effects import Outgoing, deliveries
from bus.jobs import now_utc
from bus.origin import new_event
from bus.topology import Inlet
from schema.messages.channels import QueryAttempt, QueryRepayment
from schema.messages.contract import Message
from schema.messages.doors import ChannelNotified, RepeatRepayment
from schema.messages.ordering import CloseAttempts, Repay
from schema.messages.routing import PaymentRouted

NOTICES = Inlet("channels.notices", hears=(ChannelNotified,))
CALLS = Inlet("channels.calls", hears=(PaymentRouted, QueryAttempt, CloseAttempts))
REFUNDS = Inlet("channels.refunds", hears=(Repay, QueryRepayment, RepeatRepayment))
INLETS = (NOTICES, CALLS, REFUNDS, LANES)

QUERIES_PER_ROUND = 200


def notices(accounts: Accounts) -> Decider[Notices]:
    """The decider that hears what channels say on their own."""

    async def load(connection: Connection, messages: Sequence[Message]) -> Notices:
        return await load_notices(connection, messages, accounts, now_utc())

    return Decider(inlet=NOTICES, load=load, decide=decide_notice, save=save_notices)


def calls(keyring: Keyring, rooms: Rooms) -> Caller[Ticket, Answer]:
    """The caller that asks channels, in three beats, where they have room."""

    async def opened(
        connection: Connection, messages: Sequence[Message], now: datetime
    ) -> list[Ticket | None]:
        return await open_tickets(connection, messages, keyring.accounts, now)

    return Caller(
        inlet=CALLS,
        open=opened,
        call=partial(in_room, rooms, keyring),
        record=record,
        lane=lane,
        turn_away=partial(turned_away, rooms),
    )


def refunds(keyring: Keyring, rooms: Rooms) -> Caller[RefundTicket, RefundAnswer]:
    """The caller that has channels give money back."""

    async def opened(
        connection: Connection, messages: Sequence[Message], now: datetime
    ) -> list[RefundTicket | None]:
        return await open_refunds(connection, messages, keyring.accounts, now)

    return Caller(
        inlet=REFUNDS,
        open=opened,
        call=partial(refund_in_room, rooms, keyring),
        record=record_refunds,
        lane=refund_lane,
        turn_away=partial(refund_turned_away, rooms),
    )


def ask_again(pool: Pool, broker: Broker) -> Duty:
    """The duty that asks about attempts whose notice does not come. It works from the attempts'
    own state, so nothing has to be remembered elsewhere."""

    async def run_once() -> int:
        async with pool.acquire() as connection, connection.transaction():
            due = await store.postpone_queries(connection, now_utc(), QUERIES_PER_ROUND)
            await broker.publish(deliveries(_events(_about_attempt, due)))
        return len(due)

    return Duty("channels.ask_again", run_once, every_s=1.0, batch=QUERIES_PER_ROUND)


def ask_refunds_again(pool: Pool, broker: Broker) -> Duty:
    """The same for refunds."""

    async def run_once() -> int:
        async with pool.acquire() as connection, connection.transaction():
            due = await store.postpone_refund_queries(connection, now_utc(), QUERIES_PER_ROUND)
            await broker.publish(deliveries(_events(_about_refund, due)))
        return len(due)

    return Duty("channels.ask_refunds_again", run_once, every_s=1.0, batch=QUERIES_PER_ROUND)


def _events(
    kind: Callable[[str, str], Message], due: Iterable[tuple[str, str, str]]
) -> Iterator[Outgoing]:
    for number, channel_no, payment_id in due:
        message = kind(number, channel_no)
        yield Outgoing.of(message, new_event(message, subject=payment_id))


def _about_attempt(number: str, channel_no: str) -> Message:
    return QueryAttempt(attempt_id=number, channel_no=channel_no)


def _about_refund(number: str, channel_no: str) -> Message:
    return QueryRepayment(refund_id=number, channel_no=channel_no)
