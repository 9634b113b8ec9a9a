"""What rules of attempts have in common: how one stays open, and how it is spoken of. Pure."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from actors.channels.attempts.attempt import Attempt, AttemptState
from actors.channels.ladders import query_time
from bus.effects import Effect, Publish
from schema.channels import NotKnownThere, Unknown
from schema.messages.contract import Message


def ask_again(
    attempt: Attempt, state: AttemptState, code: str, words: str, now: datetime
) -> Attempt:
    """An attempt that is still open, to be asked about by its ladder."""
    return replace(
        attempt,
        state=state,
        channel_code=code,
        channel_message=words,
        queries=min(attempt.queries + 1, 30_000),
        query_at=query_time(attempt.queries + 1, now, attempt.terms.pay_type),
        updated_at=now,
    )


def say(attempt: Attempt, said: Message) -> Effect:
    """What is said of an attempt is said of its payment."""
    return Publish(said, subject=attempt.payment_id)


def why(verdict: NotKnownThere | Unknown) -> str:
    """Why a channel that gave no code of its own has proved nothing."""
    return verdict.why if isinstance(verdict, Unknown) else "not_known_there"
