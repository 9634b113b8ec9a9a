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
    """A refused refund as it is about to be asked for once more, under the same number; None where
    it was not refused. A merchant's refund that was refused is over: what was set aside for it went
    back to the merchant, who may wish for another one. Of an automatic one it is still there."""
    if repayment.state is not RepaymentState.FAILED or repayment.terms.kind == "merchant":
        return None
    return replace(
        repayment,
        state=RepaymentState.OPENED,
        queries=0,
        query_at=refund_query_time(0, now),
        updated_at=now,
    )


def hear_refund(repayment: Repayment, verdict: RefundVerdict, now: datetime) -> Decision:
    """What a verdict changes. After a proof that nothing went back, word that it did is told all
    the same: what it means is not for this room to say."""
    if repayment.state is RepaymentState.SUCCEEDED:
        return Decision()
    match verdict:
        case Refunded():
            return _repaid(repayment, verdict, now)
        case _ if repayment.state is RepaymentState.FAILED:
            return Decision()
        case RefundPending():
            return _works(repayment, verdict, now)
        case RefundAbnormal():
            return _stuck(repayment, verdict, now)
        case SurelyNotRefunded(code=code, message=words):
            return _not_repaid(repayment, code, words, now)
        case NotKnownThere(code=code, message=words):
            return _not_known(repayment, code or "not_known_there", words, now)
        case Unknown(why=why, code=code, message=words):
            return _not_known(repayment, code or why, words, now)


def _repaid(repayment: Repayment, verdict: Refunded, now: datetime) -> Decision:
    """The payer has the money, if it is the amount that was wished."""
    asked = (repayment.terms.refund_fen, repayment.terms.currency)
    if (verdict.refund_fen, verdict.currency) != asked:
        if repayment.state is RepaymentState.FAILED:
            return Decision()
        words = f"wished {asked[0]} {asked[1]}, got {verdict.refund_fen} {verdict.currency}"
        return _not_known(repayment, "amount_mismatch", words, now)
    refunded_at = verdict.refunded_at.astimezone(UTC)
    number = verdict.channel_refund_id or repayment.channel_refund_no or ""
    after = replace(
        repayment,
        state=RepaymentState.SUCCEEDED,
        channel_refund_no=number,
        query_at=None,
        refunded_at=refunded_at,
        updated_at=now,
    )
    said = RepaymentSucceeded(
        refund_id=repayment.refund_id,
        payment_id=repayment.payment_id,
        channel_refund_no=number,
        refund_fen=verdict.refund_fen,
        refunded_at=refunded_at,
    )
    return Decision(changes=(after,), effects=(_say(after, said),))


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


def _not_repaid(repayment: Repayment, code: str, words: str, now: datetime) -> Decision:
    if repayment.state is RepaymentState.ABNORMAL:
        return Decision(changes=(_ask_again(repayment, repayment.state, code, words, now),))
    after = replace(
        repayment,
        state=RepaymentState.FAILED,
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
    assert repayment.state not in ENDED
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
