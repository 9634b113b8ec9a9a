"""What a channel's word makes of a repayment. Pure: repayment, verdict and time in, values out.

Only two words end one: that the money went back, and a proof that it did not and will not. Money
that left the merchant and reached nobody is neither.
"""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec.structs import replace

from actors.channels.ladders import refund_query_time
from actors.channels.refunds.repayment import ENDED, Repayment, RepaymentState
from bus.decider import Decision
from bus.effects import Effect, Publish
from schema.channels import (
    NotKnownThere,
    RefundAbnormal,
    Refunded,
    RefundPending,
    RefundVerdict,
    SurelyNotRefunded,
    Unknown,
)
from schema.ids import REFUND_NUMBERS_MAX
from schema.messages.channels import (
    RepaymentAbnormal,
    RepaymentFailed,
    RepaymentPending,
    RepaymentSucceeded,
    RepaymentUnknown,
)
from schema.messages.contract import Message
from schema.messages.ordering import Repay
from schema.payments import Refusal

GIVES_UP_NUMBERS = (RepaymentState.OPENED, RepaymentState.UNKNOWN, RepaymentState.FAILED)
"""Where a dead number may be given up: in all others the channel has said more of it than no."""


def opened(message: Repay, order_opened_at: datetime | None, now: datetime) -> Repayment:
    """A refund that its channel is about to be asked for."""
    terms = message.terms
    return Repayment(
        refund_id=terms.refund_id,
        payment_id=terms.payment_id,
        channel_no=terms.channel_no,
        state=RepaymentState.OPENED,
        terms=terms,
        query_at=refund_query_time(0, now),
        order_opened_at=order_opened_at or terms.paid_at,
        opened_at=now,
        updated_at=now,
    )


def repeated(repayment: Repayment, now: datetime) -> Repayment | None:
    """A refused refund as it is about to be asked for once more, under the same number, or asked
    about where that one is spent; None where it was not refused, or has had all its numbers. A
    merchant's refund that was refused is over: what was set aside for it went back to the merchant,
    who may wish for another one. Of an automatic one it is still there."""
    if repayment.state is not RepaymentState.FAILED or repayment.terms.kind == "merchant":
        return None
    if repayment.number_is_spent and repayment.numbers >= REFUND_NUMBERS_MAX:
        return None
    return replace(
        repayment,
        state=RepaymentState.OPENED,
        queries=0,
        query_at=refund_query_time(0, now),
        updated_at=now,
    )


def renumbered(
    repayment: Repayment, ordinal: int, verdict: RefundVerdict, now: datetime
) -> Repayment | None:
    """The refund under a new number, where its last one was spent and the channel has just said so
    again; None where it said anything else, or where the number was given up by then. So there is
    never a new number while money may still go back under another one."""
    is_dead = isinstance(verdict, SurelyNotRefunded) and verdict.number_is_spent
    is_the_last = ordinal == repayment.numbers < REFUND_NUMBERS_MAX and repayment.number_is_spent
    is_ours_to_repeat = repayment.terms.kind != "merchant" and repayment.state in GIVES_UP_NUMBERS
    if not (is_dead and is_the_last and is_ours_to_repeat):
        return None
    return replace(
        repayment,
        state=RepaymentState.OPENED,
        numbers=ordinal + 1,
        number_is_spent=False,
        channel_refund_no=None,
        channel_code=None,
        channel_message=None,
        queries=0,
        query_at=refund_query_time(0, now),
        opened_at=now,
        updated_at=now,
    )


def is_a_riddle(repayment: Repayment, ordinal: int, verdict: RefundVerdict) -> bool:
    """Whether money has left under a number that was proved dead, or under two of them: whatever
    is made of it here, a person has to look."""
    if not isinstance(verdict, Refunded | RefundAbnormal):
        return False
    if repayment.state is RepaymentState.SUCCEEDED:
        return repayment.repaid_ordinal not in (None, ordinal)
    return ordinal < repayment.numbers


def hear_refund(
    repayment: Repayment, ordinal: int, verdict: RefundVerdict, now: datetime
) -> Decision:
    """What a verdict about one of the refund's numbers changes. After a proof that nothing went
    back, word that it did is told all the same: what it means is not for this room to say."""
    if repayment.state is RepaymentState.SUCCEEDED:
        return _heard_afterwards(repayment, ordinal, verdict, now)
    if ordinal < repayment.numbers:
        return _heard_of_an_earlier(repayment, ordinal, verdict, now)
    match verdict:
        case Refunded():
            return _repaid(repayment, ordinal, verdict, now)
        case _ if repayment.state is RepaymentState.FAILED:
            return Decision()
        case RefundPending():
            return _works(repayment, verdict, now)
        case RefundAbnormal():
            return _stuck(repayment, verdict, now)
        case SurelyNotRefunded():
            return _not_repaid(repayment, verdict, now)
        case NotKnownThere(code=code, message=words):
            return _not_known(repayment, code or "not_known_there", words, now)
        case Unknown(why=why, code=code, message=words):
            return _not_known(repayment, code or why, words, now)


def _heard_of_an_earlier(
    repayment: Repayment, ordinal: int, verdict: RefundVerdict, now: datetime
) -> Decision:
    """An earlier number was given up on a proof, so only word that money left by it counts: then
    nothing is sent under the last one any more."""
    match verdict:
        case Refunded():
            return _repaid(repayment, ordinal, verdict, now)
        case RefundAbnormal():
            return _stuck(repayment, verdict, now)
        case _:
            return Decision()


def _heard_afterwards(
    repayment: Repayment, ordinal: int, verdict: RefundVerdict, now: datetime
) -> Decision:
    """The payer has it by one number. That it came by another one too is told, however often it is
    said; what became of the last number is asked until that is known."""
    if repayment.repaid_ordinal in (None, ordinal):
        return Decision()
    told = ()
    if isinstance(verdict, Refunded):
        number = verdict.channel_refund_id
        told = (_say(repayment, _succeeded(repayment, verdict, number, is_again=True)),)
    if repayment.query_at is None or ordinal < repayment.numbers:
        return Decision(effects=told)
    is_known = isinstance(verdict, Refunded | SurelyNotRefunded)
    query_at = None if is_known else refund_query_time(repayment.queries + 1, now)
    queries = min(repayment.queries + 1, 30_000)
    after = replace(repayment, queries=queries, query_at=query_at, updated_at=now)
    return Decision(changes=(after,), effects=told)


def _repaid(repayment: Repayment, ordinal: int, verdict: Refunded, now: datetime) -> Decision:
    """The payer has the money, if it is the amount that was wished. Where it came by an earlier
    number, the last one may be under way."""
    asked = (repayment.terms.refund_fen, repayment.terms.currency)
    if (verdict.refund_fen, verdict.currency) != asked:
        if repayment.state is RepaymentState.FAILED:
            return Decision()
        words = f"wished {asked[0]} {asked[1]}, got {verdict.refund_fen} {verdict.currency}"
        return _not_known(repayment, "amount_mismatch", words, now)
    is_the_last = ordinal == repayment.numbers
    is_settled = is_the_last or repayment.state is RepaymentState.FAILED
    number = verdict.channel_refund_id or (is_the_last and repayment.channel_refund_no) or ""
    after = replace(
        repayment,
        state=RepaymentState.SUCCEEDED,
        repaid_ordinal=ordinal,
        channel_refund_no=number,
        query_at=None if is_settled else refund_query_time(0, now),
        refunded_at=verdict.refunded_at.astimezone(UTC),
        updated_at=now,
    )
    return Decision(changes=(after,), effects=(_say(after, _succeeded(after, verdict, number)),))


def _succeeded(
    repayment: Repayment, verdict: Refunded, number: str, *, is_again: bool = False
) -> Message:
    return RepaymentSucceeded(
        refund_id=repayment.refund_id,
        payment_id=repayment.payment_id,
        channel_refund_no=number,
        refund_fen=verdict.refund_fen,
        refunded_at=verdict.refunded_at.astimezone(UTC),
        is_again=is_again,
    )


def _works(repayment: Repayment, verdict: RefundPending, now: datetime) -> Decision:
    state = RepaymentState.PENDING
    if repayment.state is RepaymentState.ABNORMAL:
        state = RepaymentState.ABNORMAL  # somebody sees to it there; it is not over yet
    number = verdict.channel_refund_id
    after = _ask_again(repayment, state, verdict.code, verdict.message, now)
    after = replace(after, channel_refund_no=number or repayment.channel_refund_no)
    if state is repayment.state:
        return Decision(changes=(after,))
    said = RepaymentPending(
        refund_id=after.refund_id, payment_id=after.payment_id, channel_refund_no=number
    )
    return Decision(changes=(after,), effects=(_say(after, said),))


def _stuck(repayment: Repayment, verdict: RefundAbnormal, now: datetime) -> Decision:
    state, number = RepaymentState.ABNORMAL, verdict.channel_refund_id
    after = _ask_again(repayment, state, verdict.code, verdict.message, now)
    after = replace(after, channel_refund_no=number or repayment.channel_refund_no)
    if state is repayment.state:
        return Decision(changes=(after,))
    said = RepaymentAbnormal(
        refund_id=after.refund_id,
        payment_id=after.payment_id,
        channel_refund_no=number,
        refusal=_refusal("refund_abnormal", verdict.code, verdict.message),
    )
    return Decision(changes=(after,), effects=(_say(after, said),))


def _not_repaid(repayment: Repayment, verdict: SurelyNotRefunded, now: datetime) -> Decision:
    code, words = verdict.code, verdict.message
    if repayment.state is RepaymentState.ABNORMAL:
        return Decision(changes=(_ask_again(repayment, repayment.state, code, words, now),))
    after = replace(
        repayment,
        state=RepaymentState.FAILED,
        number_is_spent=verdict.number_is_spent,
        channel_code=code,
        channel_message=words,
        query_at=None,
        updated_at=now,
    )
    said = RepaymentFailed(
        refund_id=after.refund_id,
        payment_id=after.payment_id,
        refusal=_refusal("channel_refused", code, words),
    )
    return Decision(changes=(after,), effects=(_say(after, said),))


def _not_known(repayment: Repayment, code: str, words: str, now: datetime) -> Decision:
    """Nothing is proved. What the channel has once taken stays pending."""
    is_new = repayment.state is RepaymentState.OPENED
    state = RepaymentState.UNKNOWN if is_new else repayment.state
    after = _ask_again(repayment, state, code, words, now)
    if not is_new:
        return Decision(changes=(after,))
    said = RepaymentUnknown(
        refund_id=after.refund_id,
        payment_id=after.payment_id,
        refusal=_refusal("channel_unknown", code, words),
    )
    return Decision(changes=(after,), effects=(_say(after, said),))


def _ask_again(
    repayment: Repayment, state: RepaymentState, code: str, words: str, now: datetime
) -> Repayment:
    assert state not in ENDED
    return replace(
        repayment,
        state=state,
        channel_code=code,
        channel_message=words,
        queries=min(repayment.queries + 1, 30_000),
        query_at=refund_query_time(repayment.queries + 1, now),
        updated_at=now,
    )


def _refusal(code: str, channel_code: str, words: str) -> Refusal:
    return Refusal(code=code, reason=f"{channel_code}: {words}")


def _say(repayment: Repayment, said: Message) -> Effect:
    return Publish(said, subject=repayment.payment_id)
