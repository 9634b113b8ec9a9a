"""What channels says about its attempts to have a payment paid."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from schema.events import Moment
from schema.messages.contract import Message, command, fact
from schema.money import AmountFen
from schema.payments import Refusal, RiskDecision


@fact("attempt.pending", owner="channels")
class AttemptPending(Message, frozen=True, kw_only=True):
    """The channel waits for the payer, who can pay with this code."""

    payment_id: str
    attempt_id: str
    channel_no: str
    code_url: str
    risk: RiskDecision


@fact("attempt.succeeded", owner="channels")
class AttemptSucceeded(Message, frozen=True, kw_only=True):
    """The channel says, in signed words, that the payer has paid."""

    payment_id: str
    attempt_id: str
    channel_no: str
    channel_trade_no: str
    amount_fen: AmountFen
    funds_flow: Literal["platform", "direct"]
    paid_at: Moment
    cost_fen: Annotated[int, Meta(ge=0)] = 0
    """What the channel keeps of it by its contract with us."""


@fact("attempt.failed", owner="channels")
class AttemptFailed(Message, frozen=True, kw_only=True):
    """Every ranked channel has proved that it surely was not paid."""

    payment_id: str
    attempt_id: str
    channel_no: str
    refusal: Refusal
    risk: RiskDecision


@fact("attempt.unknown", owner="channels")
class AttemptUnknown(Message, frozen=True, kw_only=True):
    """Nobody can say yet whether the channel took the payment; it will be asked again."""

    payment_id: str
    attempt_id: str
    channel_no: str
    refusal: Refusal
    risk: RiskDecision


@command("attempt.query", owner="channels", to="channels.calls")
class QueryAttempt(Message, frozen=True, kw_only=True):
    """Ask the channel how this attempt stands: its notice is late or its answer was lost."""

    attempt_id: str
    channel_no: str
