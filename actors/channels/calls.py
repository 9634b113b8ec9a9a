"""Calls: the three beats of asking a channel. Between `open` and `record` nothing is assumed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from actors.channels import store
from actors.channels.accounts import Accounts
from actors.channels.attempt import Account, Attempt, Attempts
from actors.channels.rules import OPEN, first_attempt, hear
from actors.channels.wechat import WechatSender
from bus.caller import Recorded
from bus.database import Connection
from bus.jobs import now_utc
from schema.channels import NotKnownThere, Pending, Verdict
from schema.messages.channels import QueryAttempt
from schema.messages.contract import Message
from schema.messages.routing import PaymentRouted


class Ticket(Struct, frozen=True, kw_only=True):
    """One question to a channel. After a crash, or when a notice is late, it queries first."""

    attempt: Attempt
    account: Account
    accounts: dict[str, Account]
    queries_first: bool


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
        else:
            assert isinstance(message, QueryAttempt)
            attempt, is_new = current.get(message.attempt_id), False
        if attempt is None or attempt.state not in OPEN:
            return None
        return _ticket(attempt, known, queries_first=not is_new)

    return [ticket(message) for message in messages]


async def call(sender: WechatSender, ticket: Ticket) -> Verdict:
    """Asks the channel. A repeated question is a query, and creates only what is not there yet."""
    attempt, account = ticket.attempt, ticket.account
    if ticket.queries_first:
        verdict = await sender.query(account, attempt)
        without_code = attempt.code_url is None and now_utc() < attempt.terms.expires_at
        if not (without_code and isinstance(verdict, (NotKnownThere, Pending))):
            return verdict
    return await sender.create(account, attempt)


async def record(
    connection: Connection, pairs: Sequence[tuple[Ticket, Verdict]], now: datetime
) -> list[Recorded[Ticket]]:
    """Commits what the channel said, on the attempt as it stands now: a notice may have come."""
    attempts = Attempts(
        await store.lock_attempts(connection, [ticket.attempt.attempt_id for ticket, _ in pairs])
    )
    recorded = [_heard(attempts, ticket, verdict, now) for ticket, verdict in pairs]
    await store.save_attempts(connection, attempts)
    return recorded


def lane(ticket: Ticket) -> tuple[str, int]:
    """Each channel has its own limit of calls in flight, so that one that hangs stops no other."""
    profile = ticket.account.profile
    return profile.channel_no, profile.calls_in_flight_max


def _heard(attempts: Attempts, ticket: Ticket, verdict: Verdict, now: datetime) -> Recorded[Ticket]:
    attempt = attempts.get(ticket.attempt.attempt_id)
    assert attempt is not None, "attempts are never deleted"
    decision = hear(attempt, verdict, ticket.account.profile, now)
    for change in decision.changes:
        attempts.put(change)
    following = decision.changes[-1] if decision.changes else attempt
    if following.attempt_id == attempt.attempt_id:
        return Recorded(decision.effects)
    return Recorded(again=_ticket(following, ticket.accounts, queries_first=False))


def _ticket(attempt: Attempt, known: dict[str, Account], *, queries_first: bool) -> Ticket:
    account = known.get(attempt.channel_no)
    if account is None:
        raise LookupError(f"channel {attempt.channel_no} is not registered (any more)")
    return Ticket(attempt=attempt, account=account, accounts=known, queries_first=queries_first)
