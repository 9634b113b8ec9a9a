"""What a channel's word makes of an attempt.

Only two words move money's fate: "paid" and "surely not paid". Everything else leaves it open, and
it is asked again. The next channel is tried only after a proof that this one was not paid.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from actors.channels.attempts.attempt import Attempt, AttemptState, Decisions
from actors.channels.attempts.closing import closed, hear_closing, looked_once_more
from actors.channels.attempts.mispaid import (
    AMOUNT_MISMATCH,
    asked_at_once,
    contradicts,
    first_told,
    is_what_was_asked,
    taken_back,
)
from actors.channels.attempts.saying import ask_again, say, why
from actors.channels.ladders import is_at_the_till, query_time
from bus.decider import Decision
from bus.effects import Effect
from schema import ids
from schema.channels import (
    AtTheTill,
    NotKnownThere,
    Offer,
    Paid,
    Pending,
    SurelyNotPaid,
    Unknown,
    Verdict,
)
from schema.messages.channels import (
    AttemptFailed,
    AttemptPending,
    AttemptSucceeded,
    AttemptUnknown,
)
from schema.messages.routing import PaymentRouted
from schema.money import fee_fen
from schema.payments import Refusal
from schema.profiles import ChannelProfile

ASKED_BACK = (AttemptState.CLOSING, AttemptState.CLOSED, AttemptState.FAILED)
"""At the till money may have been asked back in these, and in any other after the wait."""

OPEN = (
    AttemptState.OPENED,
    AttemptState.PENDING,
    AttemptState.UNKNOWN,
    AttemptState.CLOSING,
)


def first_attempt(message: PaymentRouted, now: datetime) -> Attempt:
    """The attempt at the best channel."""
    terms = message.terms
    return Attempt(
        attempt_id=ids.round_attempt_id(terms.payment_id, terms.round_no, 1),
        payment_id=terms.payment_id,
        channel_no=message.routing.ranked[0],
        rank=1,
        state=AttemptState.OPENED,
        terms=terms,
        decisions=Decisions(risk=message.risk, routing=message.routing),
        query_at=query_time(0, now, terms.pay_type),
        opened_at=now,
        updated_at=now,
    )


def next_attempt(attempt: Attempt, now: datetime) -> Attempt | None:
    """The attempt at the next channel of the ranked list, if there is one while the order lives."""
    ranked, rank = attempt.decisions.routing.ranked, attempt.rank + 1
    if rank > min(len(ranked), ids.RANK_MAX) or attempt.terms.expires_at <= now:
        return None
    return replace(
        attempt,
        attempt_id=ids.round_attempt_id(attempt.payment_id, attempt.terms.round_no, rank),
        channel_no=ranked[rank - 1],
        rank=rank,
        state=AttemptState.OPENED,
        mispaid=None,
        channel_code=None,
        channel_message=None,
        queries=0,
        query_at=query_time(0, now, attempt.terms.pay_type),
        opened_at=now,
        answered_at=None,
        updated_at=now,
    )


def hear_notice(
    attempt: Attempt, verdict: Verdict, profile: ChannelProfile, now: datetime
) -> Decision:
    """The same for what a channel says on its own; only its answers make good what it has said of
    other money, or tell whether what we may have asked back is there."""
    if contradicts(attempt, verdict) or _may_be_back(attempt, verdict, profile, now):
        return Decision(changes=(asked_at_once(attempt, now),))
    return hear(attempt, verdict, profile, now)


def _may_be_back(
    attempt: Attempt, verdict: Verdict, profile: ChannelProfile, now: datetime
) -> bool:
    """Whether a notice tells of money at the till that may have gone back at our wish: a notice can
    be older than that."""
    has_come = attempt.state is AttemptState.SUCCEEDED
    if has_come or not isinstance(verdict, Paid) or not is_at_the_till(attempt.terms.pay_type):
        return False
    waited = now >= attempt.opened_at + timedelta(seconds=profile.barcode_wait_s)
    return waited or verdict.is_all_back or attempt.state in ASKED_BACK


def hear(attempt: Attempt, verdict: Verdict, profile: ChannelProfile, now: datetime) -> Decision:
    """What a verdict changes. Its last change may be the attempt at the next channel."""
    if attempt.state is AttemptState.SUCCEEDED:
        return _hear_late(attempt, verdict, now)
    if isinstance(verdict, Paid):
        return paid(attempt, verdict, profile, now)
    match attempt.state:
        case AttemptState.FAILED:
            return Decision()
        case AttemptState.CLOSED:
            return Decision(changes=(looked_once_more(attempt, verdict, now),))
        case AttemptState.CLOSING:
            return hear_closing(attempt, verdict, now)
        case _:
            return _hear_open(attempt, verdict, now)


def _hear_open(attempt: Attempt, verdict: Verdict, now: datetime) -> Decision:
    match verdict:
        case Pending() if (offer := _new_offer(attempt, verdict)) is not None:
            return _shown(attempt, offer, now)
        case Pending(code=code, message=words):
            return Decision(changes=(ask_again(attempt, attempt.state, code, words, now),))
        case SurelyNotPaid():
            return _not_paid(attempt, verdict, now)
        case NotKnownThere(code=code, message=words) | Unknown(code=code, message=words):
            return _unknown(attempt, code or why(verdict), words, now)
        case Paid():
            raise AssertionError("heard before")


def _new_offer(attempt: Attempt, verdict: Pending) -> Offer | None:
    """How the payer can pay, where that is news. At the till there is nothing to be given."""
    if verdict.offer is None and attempt.offer is None and is_at_the_till(attempt.terms.pay_type):
        return AtTheTill()
    return verdict.offer


def paid(attempt: Attempt, verdict: Paid, profile: ChannelProfile, now: datetime) -> Decision:
    """The channel has the money, if the amount is the one that was asked for."""
    if not is_what_was_asked(attempt, verdict):
        return _mispaid(attempt, verdict, profile, now)
    succeeded = replace(
        attempt,
        state=AttemptState.SUCCEEDED,
        channel_trade_no=verdict.channel_payment_id,
        paid_fen=verdict.amount_fen,
        paid_at=verdict.paid_at.astimezone(UTC),
        query_at=None,
        updated_at=now,
    )
    said = (money(succeeded, profile), *taken_back(succeeded))
    return Decision(changes=(succeeded,), effects=said)


def money(attempt: Attempt, profile: ChannelProfile) -> Effect:
    """What is said of an attempt that has succeeded; it may be said again."""
    assert attempt.channel_trade_no and attempt.paid_fen and attempt.paid_at
    said = AttemptSucceeded(
        payment_id=attempt.payment_id,
        attempt_id=attempt.attempt_id,
        channel_no=attempt.channel_no,
        channel_trade_no=attempt.channel_trade_no,
        amount_fen=attempt.paid_fen,
        funds_flow=profile.funds_flow,
        paid_at=attempt.paid_at,
        cost_fen=fee_fen(attempt.paid_fen, profile.cost_rate_ppm),
        risk=attempt.decisions.risk if attempt.offer is None else None,
    )
    return say(attempt, said)


def _mispaid(attempt: Attempt, verdict: Paid, profile: ChannelProfile, now: datetime) -> Decision:
    """Money came, and not what was asked for: it is told once, and the payment stays open."""
    terms = attempt.terms
    words = (
        f"asked for {terms.amount_fen} {terms.currency}, "
        f"paid {verdict.amount_fen} {verdict.currency}"
    )
    decision = _unknown(attempt, AMOUNT_MISMATCH, words, now)
    if attempt.mispaid is not None:
        return decision
    (open_still,) = decision.changes
    after, told = first_told(open_still, verdict, profile, now)
    return Decision(changes=(after,), effects=(*decision.effects, told))


def _hear_late(attempt: Attempt, verdict: Verdict, now: datetime) -> Decision:
    """The money came first. An offer that comes after it still answers the waiting merchant."""
    match verdict:
        case Pending(offer=offer) if attempt.offer is None and offer is not None:
            shown = replace(attempt, offer=offer, answered_at=now, updated_at=now)
            return Decision(changes=(shown,), effects=(_pending(shown, offer),))
        case _:
            return Decision()


def _shown(attempt: Attempt, offer: Offer, now: datetime) -> Decision:
    """Some channels repeat their offer whenever they are asked, which is another query in vain."""
    is_news = attempt.offer != offer
    queries = attempt.queries if is_news else min(attempt.queries + 1, 30_000)
    shown = replace(
        attempt,
        state=AttemptState.PENDING,
        offer=offer,
        queries=queries,
        query_at=query_time(queries, now, attempt.terms.pay_type),
        answered_at=attempt.answered_at or now,
        updated_at=now,
    )
    return Decision(changes=(shown,), effects=(_pending(shown, offer),))


def _not_paid(attempt: Attempt, verdict: SurelyNotPaid, now: datetime) -> Decision:
    code, words = verdict.code, verdict.message
    failed = replace(
        attempt,
        state=AttemptState.FAILED,
        channel_code=code,
        channel_message=words,
        query_at=None,
        updated_at=now,
    )
    following = next_attempt(attempt, now) if _may_go_on(attempt, verdict) else None
    if following is not None:
        return Decision(changes=(failed, following))
    if attempt.offer is not None and not is_at_the_till(attempt.terms.pay_type):
        return closed(attempt, code, words, now)  # its life there was over before ours
    said = AttemptFailed(
        payment_id=attempt.payment_id,
        attempt_id=attempt.attempt_id,
        channel_no=attempt.channel_no,
        refusal=Refusal(code="channel_refused", reason=f"{code}: {words}"),
        risk=attempt.decisions.risk,
    )
    return Decision(changes=(failed,), effects=(say(attempt, said),))


def _may_go_on(attempt: Attempt, verdict: SurelyNotPaid) -> bool:
    """Whether another channel may be asked: not once the payer has an offer or money was spoken of,
    nor where it is the payer who can't pay, nor at the till after he has waited."""
    if (
        attempt.offer is not None
        or attempt.mispaid is not None
        or verdict.cause in ("payer", "balance")
    ):
        return False
    return attempt.queries == 0 or not is_at_the_till(attempt.terms.pay_type)


def _unknown(attempt: Attempt, code: str, words: str, now: datetime) -> Decision:
    """Nothing is proved. An attempt that the payer has an offer for stays pending, and one that is
    to be closed is still to be closed."""
    stays = attempt.state in (AttemptState.PENDING, AttemptState.CLOSING)
    state = attempt.state if stays else AttemptState.UNKNOWN
    open_still = ask_again(attempt, state, code, words, now)
    if attempt.state is state:
        return Decision(changes=(open_still,))
    said = AttemptUnknown(
        payment_id=attempt.payment_id,
        attempt_id=attempt.attempt_id,
        channel_no=attempt.channel_no,
        refusal=Refusal(code="channel_unknown", reason=f"{code}: {words}"),
        risk=attempt.decisions.risk,
    )
    return Decision(changes=(open_still,), effects=(say(attempt, said),))


def _pending(attempt: Attempt, offer: Offer) -> Effect:
    said = AttemptPending(
        payment_id=attempt.payment_id,
        attempt_id=attempt.attempt_id,
        channel_no=attempt.channel_no,
        offer=offer,
        risk=attempt.decisions.risk,
    )
    return say(attempt, said)
