"""How attempts end that nobody has paid. Pure: attempt, verdict and time in, decision out.

Only the channel's own word ends one: that nobody has paid and nobody can any more.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from actors.channels.attempts.attempt import Attempt, AttemptState, Decisions
from actors.channels.attempts.saying import ask_again, say, why
from actors.channels.ladders import is_at_the_till
from bus.decider import Decision
from bus.effects import Effect
from schema import ids
from schema.channels import NotKnownThere, Paid, Pending, SurelyNotPaid, Unknown, Verdict
from schema.messages.channels import AttemptClosed
from schema.payments import PaymentTerms, RiskDecision, RoutingDecision

AFTER_CLOSE_S = (60, 3_600)
"""When to look once more at what the channel has confirmed to be closed: a payer who paid in the
same moment is seen even if the notice of it is lost. After that the bill tells."""

LOOKED_FOR = timedelta(days=1)
"""After an order's life: so long is a last look that got no answer taken again."""

FORGOTTEN_AFTER = timedelta(seconds=60)
"""How long after an order's life a channel that does not know it may still come to know it: we
always tell channels when it ends, so past that nobody can open it there any more."""


def hear_closing(attempt: Attempt, verdict: Verdict, now: datetime) -> Decision:
    """What a channel's answer to a close proves. What is not proved is asked again."""
    match verdict:
        case SurelyNotPaid(code=code, message=words):
            return closed(attempt, code, words, now)
        case NotKnownThere(code=code, message=words) if is_forgotten(attempt, now):
            return closed(attempt, code, words, now)
        case Pending(code=code, message=words):
            pass
        case NotKnownThere(code=code, message=words) | Unknown(code=code, message=words):
            code = code or why(verdict)
        case Paid():
            raise AssertionError("heard before")
    return Decision(changes=(ask_again(attempt, attempt.state, code, words, now),))


def is_forgotten(attempt: Attempt, now: datetime) -> bool:
    """Whether "no such order" proves that nobody can pay: nobody was ever given the means to, or
    what was given is past its life. At the till the payer needs nothing that we give."""
    if attempt.offer is None and not is_at_the_till(attempt.terms.pay_type):
        return True
    return now >= attempt.terms.expires_at + FORGOTTEN_AFTER


def closed(attempt: Attempt, code: str, words: str, now: datetime) -> Decision:
    """The channel's own word that nobody can pay it any more."""
    after = replace(
        attempt,
        state=AttemptState.CLOSED,
        channel_code=code,
        channel_message=words,
        queries=0,
        query_at=now + timedelta(seconds=AFTER_CLOSE_S[0]),
        updated_at=now,
    )
    return Decision(changes=(after,), effects=(said_closed(after),))


def said_closed(attempt: Attempt) -> Effect:
    """That nobody can pay the order of this attempt any more."""
    said = AttemptClosed(
        payment_id=attempt.payment_id,
        attempt_id=attempt.attempt_id,
        channel_no=attempt.channel_no or None,
    )
    return say(attempt, said)


def looked_once_more(attempt: Attempt, verdict: Verdict, now: datetime) -> Attempt:
    """A closed attempt at which nothing has changed. No answer is no last look."""
    queries = attempt.queries + 1
    if isinstance(verdict, Unknown) and now < attempt.terms.expires_at + LOOKED_FOR:
        queries = min(queries, len(AFTER_CLOSE_S) - 1)
    is_last = queries >= len(AFTER_CLOSE_S)
    query_at = None if is_last else now + timedelta(seconds=AFTER_CLOSE_S[queries])
    return replace(attempt, queries=queries, query_at=query_at, updated_at=now)


def never_asked(terms: PaymentTerms, now: datetime) -> Attempt:
    """Stands where the first attempt of the round would: who comes to make it finds it closed."""
    return Attempt(
        attempt_id=ids.round_attempt_id(terms.payment_id, terms.round_no, 1),
        payment_id=terms.payment_id,
        channel_no="",
        rank=1,
        state=AttemptState.CLOSED,
        terms=terms,
        decisions=Decisions(
            risk=RiskDecision(verdict="pass"),
            routing=RoutingDecision(seed=terms.payment_id, candidates=(), ranked=()),
        ),
        channel_code="never_asked",
        channel_message="the order ended before any channel was asked",
        opened_at=now,
        updated_at=now,
    )
