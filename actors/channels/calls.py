"""Calls: the three beats of asking a channel. Between `open` and `record` nothing is assumed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from actors.channels import store
from actors.channels.accounts import Accounts
from actors.channels.asking import Talk, ask_payment
from actors.channels.attempt import Account, Attempt, Attempts, AttemptState
from actors.channels.keyring import Keyring
from actors.channels.outcomes import Called, code_of, outcome_of
from actors.channels.rules import OPEN, first_attempt, hear, money
from bus.caller import Recorded
from bus.database import Connection
from bus.effects import Effect, Publish
from schema.channels import Paid, Verdict
from schema.messages.channels import ChannelCalled, QueryAttempt
from schema.messages.contract import Message
from schema.messages.routing import PaymentRouted


class Ticket(Struct, frozen=True, kw_only=True):
    """One question to a channel. After a crash, or when a notice is late, it queries first."""

    attempt: Attempt
    account: Account
    accounts: dict[str, Account]
    queries_first: bool
    told: tuple[Effect, ...] = ()
    """What is to be said of calls to channels before this one."""


class Answer(Struct, frozen=True):
    """What the channel said at last, and each call that it took."""

    verdict: Verdict
    calls: tuple[Called, ...] = ()


async def open_tickets(
    connection: Connection, messages: Sequence[Message], accounts: Accounts, now: datetime
) -> list[Ticket | None]:
    """Commits first attempts before they are made; finds those that are to be asked about."""
    routed = [message for message in messages if isinstance(message, PaymentRouted)]
    asked = [message for message in messages if isinstance(message, QueryAttempt)]
    first = {message.terms.payment_id: first_attempt(message, now) for message in routed}
    opened = await store.open_attempts(connection, list(first.values())) if first else set()
    before = [id for id, attempt in first.items() if attempt.attempt_id not in opened]
    latest = await store.last_attempts(connection, before) if before else {}
    named = await store.lock_attempts(connection, [a.attempt_id for a in asked]) if asked else []
    current = {attempt.attempt_id: attempt for attempt in named}

    channels = {number for message in routed for number in message.routing.ranked}
    channels |= {n for attempt in current.values() for n in attempt.decisions.routing.ranked}
    known = await accounts.find(channels)

    def ticket(message: Message) -> Ticket | None:
        if isinstance(message, PaymentRouted):
            attempt = latest.get(message.terms.payment_id) or first[message.terms.payment_id]
            is_new = attempt.attempt_id in opened
            attempt = replace(attempt, terms=message.terms)
        else:
            assert isinstance(message, QueryAttempt)
            attempt, is_new = current.get(message.attempt_id), False
        if attempt is None or attempt.state not in OPEN:
            return None
        return _ticket(attempt, known, queries_first=not is_new)

    return [ticket(message) for message in messages]


async def call(keyring: Keyring, ticket: Ticket) -> Answer:
    """Asks the channel. A repeated question is a query, and creates only what is not there yet."""
    account = ticket.account
    talk = Talk(keyring, account)
    verdict = await ask_payment(
        talk, ticket.attempt, account.profile.barcode_wait_s, queries_first=ticket.queries_first
    )
    return Answer(verdict, tuple(talk.calls))


async def record(
    connection: Connection, pairs: Sequence[tuple[Ticket, Answer]], now: datetime
) -> list[Recorded[Ticket]]:
    """Commits what the channel said, on the attempt as it stands now: a notice may have come."""
    attempts = Attempts(
        await store.lock_attempts(connection, [ticket.attempt.attempt_id for ticket, _ in pairs])
    )
    recorded = [_heard(attempts, ticket, answer, now) for ticket, answer in pairs]
    await store.save_attempts(connection, attempts)
    return recorded


def lane(ticket: Ticket) -> tuple[str, int]:
    """Each channel has its own limit of calls in flight, so that one that hangs stops no other."""
    profile = ticket.account.profile
    return profile.channel_no, profile.calls_in_flight_max


def _heard(attempts: Attempts, ticket: Ticket, answer: Answer, now: datetime) -> Recorded[Ticket]:
    attempt = attempts.get(ticket.attempt.attempt_id)
    assert attempt is not None, "attempts are never deleted"
    decision = hear(attempt, answer.verdict, ticket.account.profile, now)
    for change in decision.changes:
        attempts.put(change)
    effects = decision.effects
    if attempt.state is AttemptState.SUCCEEDED and not effects and isinstance(answer.verdict, Paid):
        # A notice was faster than the answer. Whoever waits for this call is still to be answered.
        effects = (money(attempt, ticket.account.profile),)
    told = (*ticket.told, *(_said(attempt, each) for each in answer.calls))
    following = decision.changes[-1] if decision.changes else attempt
    if following.attempt_id == attempt.attempt_id:
        return Recorded((*effects, *told))
    following = replace(following, terms=ticket.attempt.terms)
    return Recorded(again=_ticket(following, ticket.accounts, queries_first=False, told=told))


def _said(attempt: Attempt, call: Called) -> Effect:
    said = ChannelCalled(
        channel_no=attempt.channel_no,
        pay_type=attempt.terms.pay_type,
        operation=call.operation,
        outcome=outcome_of(call.operation, call.verdict),
        code=code_of(call.verdict),
        cost_ms=call.cost_ms,
        called_at=call.called_at,
        payment_id=attempt.payment_id,
        attempt_id=attempt.attempt_id,
    )
    return Publish(said, subject=attempt.payment_id)


def _ticket(
    attempt: Attempt,
    known: dict[str, Account],
    *,
    queries_first: bool,
    told: tuple[Effect, ...] = (),
) -> Ticket:
    account = known.get(attempt.channel_no)
    if account is None:
        raise LookupError(f"channel {attempt.channel_no} is not registered (any more)")
    return Ticket(
        attempt=attempt, account=account, accounts=known, queries_first=queries_first, told=told
    )
