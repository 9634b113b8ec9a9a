"""How a call to a channel went, by what it proved: for whoever watches channels. Pure."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from bus.effects import Effect, Publish
from schema.channels import (
    Cause,
    RefundVerdict,
    ShareVerdict,
    SurelyNotPaid,
    SurelyNotRefunded,
    SurelyNotShared,
    SurelyNotTransferred,
    TransferVerdict,
    Unknown,
    UnknownWhy,
    Verdict,
)
from schema.messages.channels import CallOperation, CallOutcome, ChannelCalled
from schema.products import PayType

Said = Verdict | RefundVerdict | TransferVerdict | ShareVerdict

REFUSALS = (SurelyNotPaid, SurelyNotRefunded, SurelyNotTransferred, SurelyNotShared)

WISHES: tuple[CallOperation, ...] = ("create", "refund", "transfer", "share")
"""Calls that want something new. All others only tell how a thing stands, or end it: there a "no"
is what was asked for."""

BY_CAUSE: dict[Cause, CallOutcome] = {
    "channel":  "third_error",
    "payer":    "payer_error",
    "balance":  "balance_not_enough",
    "merchant": "refused",
    "platform": "refused",
}  # fmt: skip

BY_WHY: dict[UnknownWhy, CallOutcome | None] = {
    "no_answer":     "no_answer",
    "server_error":  "third_error",
    "rate_limited":  "rate_limited",
    "unparsable":    "third_error",
    "bad_signature": "third_error",
    "other_order":   "third_error",
    "unlisted":      None,  # their code was read, so its cause decides
    "ambiguous":     None,
}  # fmt: skip


class Called(Struct, frozen=True):
    """One call: what was asked, when, how long it took and what it proved."""

    operation: CallOperation
    called_at: datetime
    cost_ms: int
    verdict: Said


def outcome_of(operation: CallOperation, verdict: Said) -> CallOutcome:
    """How the call went; what counts against the channel is in the last words of CallOutcome."""
    if isinstance(verdict, Unknown):
        return BY_WHY[verdict.why] or BY_CAUSE[verdict.cause]
    if isinstance(verdict, REFUSALS) and operation in WISHES:
        return BY_CAUSE[verdict.cause]
    return "ok"


def code_of(verdict: Said) -> str:
    """The channel's own code for it, or why there is none."""
    if isinstance(verdict, Unknown):
        return verdict.code or verdict.why
    return str(getattr(verdict, "code", ""))


def said_of(
    call: Called, channel_no: str, pay_type: PayType, payment_id: str, attempt_id: str
) -> Effect:
    """What is said of a call."""
    said = ChannelCalled(
        channel_no=channel_no,
        pay_type=pay_type,
        operation=call.operation,
        outcome=outcome_of(call.operation, call.verdict),
        code=code_of(call.verdict),
        cost_ms=call.cost_ms,
        called_at=call.called_at,
        payment_id=payment_id,
        attempt_id=attempt_id,
    )
    return Publish(said, subject=payment_id)
