"""Other money than was asked for: who says so, and what takes it back. Pure.

A notice and the answer to our own question are signed alike, and they may contradict each other.
Then the answer counts, since it says how the order stands at the channel now. What was said of
other money is told once, and the channel is asked soon; no notice makes good what one has said.
"""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec.structs import asdict, replace

from actors.channels.attempts.attempt import Attempt, AttemptState, Mispaid
from actors.channels.attempts.saying import say
from actors.channels.ladders import query_time
from bus.effects import Effect
from schema.channels import Paid, Verdict
from schema.messages.channels import AttemptMispaid, AttemptMispaidRetracted
from schema.profiles import ChannelProfile

AMOUNT_MISMATCH = "amount_mismatch"


def is_what_was_asked(attempt: Attempt, verdict: Paid) -> bool:
    """Whether the amount and the currency are those of the order."""
    terms = attempt.terms
    return (verdict.amount_fen, verdict.currency) == (terms.amount_fen, terms.currency)


def contradicts(attempt: Attempt, verdict: Verdict) -> bool:
    """Whether a notice says that an attempt is paid of which the channel has said otherwise."""
    has_come = attempt.state is AttemptState.SUCCEEDED
    return isinstance(verdict, Paid) and attempt.mispaid is not None and not has_come


def doubts_success(attempt: Attempt, verdict: Verdict) -> bool:
    """Whether other money is said to have come for an attempt that has succeeded. That changes
    nothing, and somebody should know."""
    has_come = attempt.state is AttemptState.SUCCEEDED
    return has_come and isinstance(verdict, Paid) and not is_what_was_asked(attempt, verdict)


def asked_at_once(attempt: Attempt, now: datetime) -> Attempt:
    """The attempt as its channel is about to be asked how it stands."""
    is_over = attempt.state is AttemptState.FAILED
    state = AttemptState.UNKNOWN if is_over else attempt.state
    return replace(attempt, state=state, query_at=now, updated_at=now)


def first_told(
    attempt: Attempt, verdict: Paid, profile: ChannelProfile, now: datetime
) -> tuple[Attempt, Effect]:
    """The attempt with what was said of it, asked about as soon as a new one, and the telling."""
    terms, flow = attempt.terms, profile.funds_flow
    said = AttemptMispaid(
        payment_id=attempt.payment_id,
        attempt_id=attempt.attempt_id,
        merchant_no=terms.merchant_no,
        channel_no=attempt.channel_no,
        channel_trade_no=verdict.channel_payment_id,
        funds_flow=flow,
        asked_fen=terms.amount_fen,
        asked_currency=terms.currency,
        paid_fen=verdict.amount_fen,
        paid_currency=verdict.currency,
        paid_at=verdict.paid_at.astimezone(UTC),
    )
    after = replace(
        attempt,
        mispaid=Mispaid(
            paid_fen=verdict.amount_fen, paid_currency=verdict.currency, funds_flow=flow
        ),
        query_at=query_time(0, now, terms.pay_type),
    )
    return after, say(attempt, said)


def taken_back(attempt: Attempt) -> tuple[Effect, ...]:
    """What is told where an attempt has succeeded of which the channel had said otherwise."""
    if attempt.mispaid is None:
        return ()
    said = AttemptMispaidRetracted(
        payment_id=attempt.payment_id,
        attempt_id=attempt.attempt_id,
        merchant_no=attempt.terms.merchant_no,
        channel_no=attempt.channel_no,
        asked_fen=attempt.terms.amount_fen,
        asked_currency=attempt.terms.currency,
        **asdict(attempt.mispaid),
    )
    return (say(attempt, said),)
