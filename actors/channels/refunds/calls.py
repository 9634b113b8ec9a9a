"""Refunds: the three beats of having a channel give money back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from actors.channels import riddles, store
from actors.channels.refunds.repayment import (
    Repayment,
    Repayments,
    is_only_asked_about,
    is_over,
    wish_of,
)
from actors.channels.refunds.rules import (
    hear_refund,
    is_a_riddle,
    opened,
    renumbered,
    repeated,
)
from actors.channels.talk.account import Account
from actors.channels.talk.accounts import Accounts
from actors.channels.talk.keyring import Keyring
from actors.channels.talk.outcomes import Called, said_of
from actors.channels.talk.talk import Talk
from bus.caller import Recorded
from bus.database import Connection
from bus.decider import Decision
from bus.effects import Effect, Publish
from schema import ids
from schema.channels import RefundVerdict
from schema.messages.channels import CallRepayment, QueryRepayment
from schema.messages.contract import Message
from schema.messages.doors import RepeatRepayment
from schema.messages.ordering import Repay


class RefundTicket(Struct, frozen=True, kw_only=True):
    """One refund to ask for. What may have been asked for before is queried first."""

    repayment: Repayment
    account: Account
    queries_first: bool
    only_asks: bool = False
    """Nothing is sent, whatever the channel says. Where that is that the number is spent, whoever
    wished for the refund once more has it asked for under a new one."""
    is_of_the_ladder: bool = False
    """Somebody will ask again, whether it is done now or not."""
    calls: tuple[Called, ...] = ()
    """Those under its number before."""


class RefundAnswer(Struct, frozen=True):
    """What the channel said at last, and each call that it took."""

    verdict: RefundVerdict | None
    """None where nobody was asked."""
    calls: tuple[Called, ...] = ()


async def open_refunds(
    connection: Connection, messages: Sequence[Message], accounts: Accounts, now: datetime
) -> list[RefundTicket | None]:
    """Commits refunds before they are asked for; finds those that are to be asked about."""
    wished = [message for message in messages if isinstance(message, Repay)]
    new = await _open_new(connection, wished, now) if wished else set[str]()
    named = [_refund_id(message) for message in messages]
    current = Repayments(await store.lock_repayments(connection, named))
    await _repeat(connection, current, messages, now)
    known = await accounts.find({each.channel_no for each in current})

    def ticket(message: Message, refund_id: str) -> RefundTicket | None:
        repayment = current.get(refund_id)
        if repayment is None or is_over(repayment):
            return None
        account = known.get(repayment.channel_no)
        if account is None:
            raise LookupError(f"channel {repayment.channel_no} is not registered (any more)")
        return RefundTicket(
            repayment=repayment,
            account=account,
            queries_first=refund_id not in new,
            only_asks=is_only_asked_about(repayment),
            is_of_the_ladder=isinstance(message, QueryRepayment),
        )

    return list(map(ticket, messages, named))


async def _open_new(connection: Connection, wished: Sequence[Repay], now: datetime) -> set[str]:
    paid = await store.lock_attempts(connection, [m.terms.attempt_id for m in wished])
    opened_at = {attempt.attempt_id: attempt.opened_at for attempt in paid}
    new = [opened(m, opened_at.get(m.terms.attempt_id), now) for m in wished]
    return await store.open_repayments(connection, new)


async def _repeat(
    connection: Connection, current: Repayments, messages: Sequence[Message], now: datetime
) -> None:
    """Opens anew what an operator wants to be asked for once more."""
    for message in messages:
        repayment = current.get(message.refund_id) if isinstance(message, RepeatRepayment) else None
        again = repeated(repayment, now) if repayment is not None else None
        if again is not None:
            current.put(again)
    await store.save_repayments(connection, current)


async def ask_refund(keyring: Keyring, ticket: RefundTicket) -> RefundAnswer:
    """Asks the channel; what it knows already is not asked for again."""
    talk = Talk(keyring, ticket.account)
    wish = wish_of(ticket.repayment)
    if ticket.only_asks:
        verdict = await talk.query_refund(wish)
    else:
        verdict = await talk.refund(wish, queries_first=ticket.queries_first)
    return RefundAnswer(verdict, tuple(talk.calls))


async def record_refunds(
    connection: Connection, pairs: Sequence[tuple[RefundTicket, RefundAnswer]], now: datetime
) -> list[Recorded[RefundTicket]]:
    """Commits what the channel said, on the repayment as it stands: a notice may have come."""
    named = [ticket.repayment.refund_id for ticket, _ in pairs]
    repayments = Repayments(await store.lock_repayments(connection, named))
    recorded = [_heard(repayments, ticket, answer, now) for ticket, answer in pairs]
    await store.save_repayments(connection, repayments)
    return recorded


def refund_lane(ticket: RefundTicket) -> tuple[str, int]:
    """Refunds wait for their own channel only, and never for payments."""
    profile = ticket.account.profile
    return profile.channel_no, profile.calls_in_flight_max


def _heard(
    repayments: Repayments, ticket: RefundTicket, answer: RefundAnswer, now: datetime
) -> Recorded[RefundTicket]:
    repayment = repayments.get(ticket.repayment.refund_id)
    assert repayment is not None, "repayments are never deleted"
    calls, ordinal = (*ticket.calls, *answer.calls), ticket.repayment.numbers
    if answer.verdict is None:
        waits = () if ticket.is_of_the_ladder else (_in_lane(repayment),)
        return Recorded((*waits, *_told(repayment, calls)))
    may_renumber = ticket.only_asks and not ticket.is_of_the_ladder
    if may_renumber and (again := renumbered(repayment, ordinal, answer.verdict, now)):
        repayments.put(again)
        return Recorded(
            again=RefundTicket(
                repayment=again, account=ticket.account, queries_first=False, calls=calls
            )
        )
    decision = heard(repayment, ordinal, answer.verdict, now)
    for change in decision.changes:
        repayments.put(change)
    return Recorded((*decision.effects, *_told(repayment, calls)))


def heard(repayment: Repayment, ordinal: int, verdict: RefundVerdict, now: datetime) -> Decision:
    """What a verdict changes; one that nobody can explain is a person's to look at."""
    if is_a_riddle(repayment, ordinal, verdict):
        number = ids.refund_number(repayment.refund_id, ordinal)
        said = type(verdict).__name__
        riddles.note("refund_left_twice", repayment.channel_no, number=number, said=said)
    return hear_refund(repayment, ordinal, verdict, now)


def _told(repayment: Repayment, calls: Sequence[Called]) -> tuple[Effect, ...]:
    channel_no, terms = repayment.channel_no, repayment.terms
    return tuple(
        said_of(call, channel_no, terms.pay_type, terms.payment_id, terms.attempt_id)
        for call in calls
    )


def _in_lane(repayment: Repayment) -> Effect:
    """There was no room for the call: it is made in the channel's lane, and queries first."""
    wish = CallRepayment(refund_id=repayment.refund_id, channel_no=repayment.channel_no)
    return Publish(wish, subject=repayment.payment_id, lane=repayment.channel_no)


def _refund_id(message: Message) -> str:
    match message:
        case Repay(terms=terms):
            return terms.refund_id
        case QueryRepayment() | CallRepayment() | RepeatRepayment():
            return message.refund_id
        case _:
            raise AssertionError(f"channels.refunds does not hear {type(message).__name__}")
