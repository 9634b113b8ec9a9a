"""Calls: the three beats of asking a channel. Between `open` and `record` nothing is assumed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from actors.channels import store
from actors.channels.attempts.asking import ask_how_it_stands, ask_payment, ask_to_close
from actors.channels.attempts.attempt import Attempt, Attempts, AttemptState
from actors.channels.attempts.closing import never_asked, said_closed
from actors.channels.attempts.rules import OPEN, first_attempt, hear, money
from actors.channels.attempts.waiting import (
    NEVER_SENT,
    ended_in_line,
    in_lane,
    put_in_line,
    taken_out,
    waits_until,
)
from actors.channels.talk.account import Account
from actors.channels.talk.accounts import Accounts
from actors.channels.talk.keyring import Keyring
from actors.channels.talk.outcomes import Called, said_of
from actors.channels.talk.talk import Talk
from bus.caller import Recorded
from bus.database import Connection
from bus.effects import Effect
from schema import ids
from schema.channels import Paid, Verdict
from schema.messages.channels import CallAttempt, QueryAttempt
from schema.messages.contract import Message
from schema.messages.ordering import CloseAttempts
from schema.messages.routing import PaymentRouted
from schema.payments import PaymentTerms
from schema.profiles import ChannelProfile

Errand = Literal["create", "query", "close", "look", "report", "give_up"]
"""What a ticket is for. `query` asks first and creates what is not there yet; `look` only asks;
`report` asks nobody and says how an ended attempt stands; nor does `give_up`, which ends an attempt
that has waited in its lane for too long."""


class Ticket(Struct, frozen=True, kw_only=True):
    """One errand to a channel. After a crash, or when a notice is late, it queries first."""

    errand: Errand
    attempt: Attempt
    account: Account | None
    """None where no channel was ever asked."""
    accounts: dict[str, Account] = {}
    told: tuple[Effect, ...] = ()
    """What is to be said of calls to channels before this one."""
    is_of_the_ladder: bool = False
    """Somebody will ask again, whether it is done now or not."""
    lane: str = ""
    """The lane that it was taken out of."""

    @property
    def asks(self) -> ChannelProfile | None:
        """The channel that is to be asked; None where nobody is."""
        return None if self.account is None or self.errand == "give_up" else self.account.profile


class Answer(Struct, frozen=True):
    """What the channel said at last, and each call that it took."""

    verdict: Verdict | None
    """None where nobody was asked."""
    calls: tuple[Called, ...] = ()
    waits: bool = False
    """There was no room for a call; it is made in the channel's lane."""


async def open_tickets(
    connection: Connection, messages: Sequence[Message], accounts: Accounts, now: datetime
) -> list[Ticket | None]:
    """Commits first attempts before they are made; finds those that are to be asked about, or that
    nobody shall pay any more."""
    routed = {_round_no(m.terms): m for m in messages if isinstance(m, PaymentRouted)}
    ended = {_round_no(m.terms): m for m in messages if isinstance(m, CloseAttempts)}
    asked = [m.attempt_id for m in messages if isinstance(m, QueryAttempt)]
    made = {number: first_attempt(message, now) for number, message in routed.items()}
    first = made | {number: never_asked(m.terms, now) for number, m in ended.items()}
    opened = await store.open_attempts(connection, list(first.values())) if first else set()
    before = {n: each.payment_id for n, each in first.items() if each.attempt_id not in opened}
    latest = first | (await store.last_attempts(connection, before) if before else {})
    named = await store.lock_attempts(connection, asked) if asked else []
    current = {attempt.attempt_id: attempt for attempt in named}
    for attempt in await _begin_to_close(connection, [latest[n] for n in ended], now):
        latest[_round_no(attempt.terms)] = current[attempt.attempt_id] = attempt

    known = await accounts.find(_channels_of((*made.values(), *latest.values(), *current.values())))

    def ticket(message: Message) -> Ticket | None:
        match message:
            case PaymentRouted(terms=terms):
                attempt = replace(latest[_round_no(terms)], terms=terms)
                return _ticket(attempt, known, is_new=attempt.attempt_id in opened)
            case CloseAttempts(terms=terms):
                return _closing_ticket(latest[_round_no(terms)], known)
            case QueryAttempt(attempt_id=attempt_id):
                attempt = current.get(attempt_id)
                return None if attempt is None else _ladder_ticket(attempt, known, now)
            case _:
                raise AssertionError(f"channels.calls does not hear {type(message).__name__}")

    return [ticket(message) for message in messages]


def _channels_of(attempts: Collection[Attempt]) -> set[str]:
    """All channels that these attempts are at, or may come to."""
    channels = {number for each in attempts for number in each.decisions.routing.ranked}
    return (channels | {each.channel_no for each in attempts}) - {""}


def _round_no(terms: PaymentTerms) -> str:
    return ids.round_no(terms.payment_id, terms.round_no)


async def open_waiting(
    connection: Connection, messages: Sequence[CallAttempt], accounts: Accounts, now: datetime
) -> list[Ticket | None]:
    """Takes attempts out of their lanes: by this commit it is known that they may be sent."""
    ids_ = [message.attempt_id for message in messages]
    attempts = Attempts(await store.lock_attempts(connection, ids_))
    known = await accounts.find(_channels_of([*attempts]))

    def ticket(message: CallAttempt) -> Ticket | None:
        attempt = attempts.get(message.attempt_id)
        if attempt is None or attempt.state is AttemptState.CLOSED:
            return None
        if attempt.state is not AttemptState.WAITING:
            return _ticket(attempt, known)
        late = _ladder_ticket(attempt, known, now)
        if late is not None:
            return late
        attempts.put(taken_out(attempt, now))
        terms = replace(attempt.terms, auth_code=message.auth_code)
        return _ticket(replace(taken_out(attempt, now), terms=terms), known, is_new=True)

    tickets = [ticket(message) for message in messages]
    await store.save_attempts(connection, attempts)
    return [each and replace(each, lane=each.attempt.channel_no) for each in tickets]


async def _begin_to_close(
    connection: Connection, attempts: Sequence[Attempt], now: datetime
) -> list[Attempt]:
    """From now on an open attempt is closed and not asked for, whoever asks about it. One that
    still waits is closed by that."""
    closing = Attempts(await _as_they_stand(connection, attempts))
    for attempt in list(closing):
        if attempt.state is AttemptState.WAITING:
            closing.put(ended_in_line(attempt, now))
        elif attempt.state in OPEN:
            closing.put(replace(attempt, state=AttemptState.CLOSING, updated_at=now))
    await store.save_attempts(connection, closing)
    return list(closing)


async def _as_they_stand(connection: Connection, attempts: Sequence[Attempt]) -> list[Attempt]:
    """Attempts under lock, each followed by the one at the next channel, where that was opened
    while the lock was waited for."""
    ids_ = [a.attempt_id for a in attempts if a.state in (*OPEN, AttemptState.WAITING)]
    locked = await store.lock_attempts(connection, ids_) if ids_ else []
    failed = {_round_no(a.terms): a.payment_id for a in locked if a.state is AttemptState.FAILED}
    if not failed:
        return locked
    newest = [*(await store.last_attempts(connection, failed)).values()]
    return [*locked, *newest, *(await _as_they_stand(connection, newest))]


def _closing_ticket(attempt: Attempt, known: dict[str, Account]) -> Ticket | None:
    """What is left to do for an order that nobody shall pay any more. Money that has come was told
    when it came."""
    if attempt.state is AttemptState.SUCCEEDED:
        return None
    if attempt.state in OPEN:
        return _ticket(attempt, known)
    return Ticket(errand="report", attempt=attempt, account=None)


async def call(keyring: Keyring, ticket: Ticket) -> Answer:
    """Asks the channel. A repeated question is a query, and creates only what is not there yet."""
    if ticket.account is None:
        return Answer(None)
    if ticket.errand == "give_up":
        return Answer(NEVER_SENT)
    talk = Talk(keyring, ticket.account)
    return Answer(await _asked(talk, ticket, ticket.account.profile), tuple(talk.calls))


async def _asked(talk: Talk, ticket: Ticket, profile: ChannelProfile) -> Verdict:
    attempt, wait_s = ticket.attempt, profile.barcode_wait_s
    match ticket.errand:
        case "close":
            return await ask_to_close(talk, attempt)
        case "look":
            return await ask_how_it_stands(talk, attempt)
        case errand:
            return await ask_payment(talk, attempt, wait_s, queries_first=errand == "query")


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
    if ticket.account is None:
        return "nobody", REPORTS_IN_FLIGHT_MAX
    profile = ticket.account.profile
    return profile.channel_no, profile.calls_in_flight_max


REPORTS_IN_FLIGHT_MAX = 1_000
"""They wait for nobody."""


def _heard(attempts: Attempts, ticket: Ticket, answer: Answer, now: datetime) -> Recorded[Ticket]:
    attempt = attempts.get(ticket.attempt.attempt_id)
    assert attempt is not None, "attempts are never deleted"
    if answer.waits:
        return _put_in_line(attempts, attempt, ticket, now)
    if ticket.errand == "give_up" and attempt.state is not AttemptState.WAITING:
        return Recorded()
    if answer.verdict is None or ticket.account is None:
        has_come = attempt.state is AttemptState.SUCCEEDED
        return Recorded(() if has_come else (said_closed(attempt),))
    decision = hear(attempt, answer.verdict, ticket.account.profile, now)
    for change in decision.changes:
        attempts.put(change)
    effects = decision.effects
    if attempt.state is AttemptState.SUCCEEDED and not effects and isinstance(answer.verdict, Paid):
        # A notice was faster than the answer. Whoever waits for this call is still to be answered.
        effects = (money(attempt, ticket.account.profile),)
    told = (*ticket.told, *(_told(attempt, each) for each in answer.calls))
    following = decision.changes[-1] if decision.changes else attempt
    if following.attempt_id == attempt.attempt_id:
        return Recorded((*effects, *told))
    following = replace(following, terms=ticket.attempt.terms)
    again = _ticket(following, ticket.accounts, is_new=True)
    assert again is not None, "a new attempt is open"
    return Recorded(again=replace(again, told=told))


def _put_in_line(
    attempts: Attempts, attempt: Attempt, ticket: Ticket, now: datetime
) -> Recorded[Ticket]:
    """Who asks for it goes on in the channel's lane; the ladder comes again by itself."""
    assert ticket.account is not None, "where nobody is asked nobody waits"
    if ticket.is_of_the_ladder:
        return Recorded(ticket.told)
    if ticket.errand == "create" and attempt.state is AttemptState.OPENED:
        attempts.put(put_in_line(attempt, ticket.account.profile, now))
    return Recorded((*ticket.told, in_lane(replace(attempt, terms=ticket.attempt.terms))))


def _told(attempt: Attempt, call: Called) -> Effect:
    pay_type, payment_id = attempt.terms.pay_type, attempt.payment_id
    return said_of(call, attempt.channel_no, pay_type, payment_id, attempt.attempt_id)


def _ladder_ticket(attempt: Attempt, known: dict[str, Account], now: datetime) -> Ticket | None:
    """What there is to do for an attempt that is looked at by the clock."""
    if attempt.state is not AttemptState.WAITING:
        ticket = _ticket(attempt, known)
        return ticket and replace(ticket, is_of_the_ladder=True)
    account = _account_of(attempt, known)
    if now < waits_until(attempt, account.profile):
        return None
    return Ticket(errand="give_up", attempt=attempt, account=account, accounts=known)


def _ticket(attempt: Attempt, known: dict[str, Account], *, is_new: bool = False) -> Ticket | None:
    """What there is to do for an attempt, by its state; None where it has ended."""
    match attempt.state:
        case AttemptState.OPENED if is_new:
            errand: Errand = "create"
        case AttemptState.CLOSING:
            errand = "close"
        case AttemptState.CLOSED if attempt.channel_no:
            errand = "look"
        case state if state in OPEN:
            errand = "query"
        case _:
            return None
    account = _account_of(attempt, known)
    return Ticket(errand=errand, attempt=attempt, account=account, accounts=known)


def _account_of(attempt: Attempt, known: dict[str, Account]) -> Account:
    account = known.get(attempt.channel_no)
    if account is None:
        raise LookupError(f"channel {attempt.channel_no} is not registered (any more)")
    return account
