"""What channels says about its attempts to have a payment paid."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from schema.bookings import FundsFlow
from schema.channels.offers import Offer
from schema.events import Moment
from schema.messages.contract import Message, command, fact
from schema.money import AmountFen
from schema.payments import Refusal, RiskDecision
from schema.products import PayType
from schema.text import ChannelNo, MerchantNo, PaymentId, RefundId

CallOperation = Literal[
    "create", "query", "close", "reverse", "refund", "query_refund", "transfer", "query_transfer",
    "share", "query_share",
]  # fmt: skip

CallOutcome = Literal[
    "ok",  # it did what was asked, or told how it stands
    "balance_not_enough",
    "payer_error",  # the payer's doing: wrong password, account closed
    "refused",  # the contract's or our own doing: no right, a parameter, a number used twice
    "rate_limited",
    "third_error",  # the channel is unwell: 5xx, an answer that is not proven or can't be read
    "no_answer",  # nothing came back in time
]
"""How a call went. Only the last three are held against the channel."""


@fact("attempt.pending", owner="channels")
class AttemptPending(Message, frozen=True, kw_only=True):
    """The channel waits for the payer, who can pay as the offer says."""

    payment_id: str
    attempt_id: str
    channel_no: str
    offer: Offer
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
    risk: RiskDecision | None = None
    """Where the money came at once and no offer went before it."""


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


@fact("attempt.closed", owner="channels")
class AttemptClosed(Message, frozen=True, kw_only=True):
    """Every channel that was asked has confirmed that nobody can pay this order any more; or none
    was asked, and none will be."""

    payment_id: str
    attempt_id: str | None = None
    """The last one; None where no attempt was made."""
    channel_no: str | None = None


@fact("attempt.mispaid", owner="channels")
class AttemptMispaid(Message, frozen=True, kw_only=True):
    """A channel says, in signed words, that another amount was paid than we asked for. It is no
    success: the money waits in suspense until the channel, asked by us, takes that back, or a
    person has looked."""

    payment_id: str
    attempt_id: str
    merchant_no: MerchantNo
    channel_no: ChannelNo
    channel_trade_no: str
    funds_flow: FundsFlow
    asked_fen: AmountFen
    asked_currency: str
    paid_fen: Annotated[int, Meta(ge=0)]
    paid_currency: str
    paid_at: Moment


@fact("attempt.mispaid_retracted", owner="channels")
class AttemptMispaidRetracted(Message, frozen=True, kw_only=True):
    """Asked by us, the channel says in signed words that the right amount was paid: what it had
    said of other money was wrong, and nothing waits in suspense."""

    payment_id: str
    attempt_id: str
    merchant_no: MerchantNo
    channel_no: ChannelNo
    funds_flow: FundsFlow
    asked_fen: AmountFen
    asked_currency: str
    paid_fen: Annotated[int, Meta(ge=0)]
    """What it had said; so is the currency."""
    paid_currency: str


@fact("repayment.pending", owner="channels")
class RepaymentPending(Message, frozen=True, kw_only=True):
    """The channel has taken the refund and works on it."""

    refund_id: RefundId
    payment_id: PaymentId
    channel_refund_no: str = ""


@fact("repayment.succeeded", owner="channels")
class RepaymentSucceeded(Message, frozen=True, kw_only=True):
    """The payer has the money back, or is certain to get it."""

    refund_id: RefundId
    payment_id: PaymentId
    channel_refund_no: str
    refund_fen: AmountFen
    refunded_at: Moment
    is_again: bool = False
    """It had succeeded before, under another number at the channel: the payer has it twice."""


@fact("repayment.failed", owner="channels")
class RepaymentFailed(Message, frozen=True, kw_only=True):
    """The channel has proved that nothing went back and nothing will under this number."""

    refund_id: RefundId
    payment_id: PaymentId
    refusal: Refusal


@fact("repayment.abnormal", owner="channels")
class RepaymentAbnormal(Message, frozen=True, kw_only=True):
    """The money left the merchant and could not reach the payer: a person has to see to it."""

    refund_id: RefundId
    payment_id: PaymentId
    channel_refund_no: str
    refusal: Refusal


@fact("repayment.unknown", owner="channels")
class RepaymentUnknown(Message, frozen=True, kw_only=True):
    """Nobody can say yet whether the channel took the refund; it will be asked again."""

    refund_id: RefundId
    payment_id: PaymentId
    refusal: Refusal


@command("repayment.query", owner="channels", to="channels.refunds")
class QueryRepayment(Message, frozen=True, kw_only=True):
    """Ask the channel how this refund stands."""

    refund_id: RefundId
    channel_no: ChannelNo


@command("attempt.query", owner="channels", to="channels.calls")
class QueryAttempt(Message, frozen=True, kw_only=True):
    """Ask the channel how this attempt stands: its notice is late or its answer was lost."""

    attempt_id: str
    channel_no: str


@command("attempt.call", owner="channels", to="channels.lanes")
class CallAttempt(Message, frozen=True, kw_only=True):
    """Make this attempt when its channel's lane comes to it, or end it as it stands by then."""

    attempt_id: str
    channel_no: ChannelNo
    auth_code: str | None = None
    """What the payer shows at the till; it is stored nowhere else."""


@command("repayment.call", owner="channels", to="channels.lanes")
class CallRepayment(Message, frozen=True, kw_only=True):
    """Have the channel give this refund back when its lane comes to it."""

    refund_id: RefundId
    channel_no: ChannelNo


@fact("channel.called", owner="channels")
class ChannelCalled(Message, frozen=True, kw_only=True):
    """A channel was asked something and this is what came back; said once per call."""

    channel_no: ChannelNo
    pay_type: PayType
    operation: CallOperation
    outcome: CallOutcome
    code: str = ""
    """The channel's own, or ours for an answer that never came (`no_answer`)."""
    cost_ms: Annotated[int, Meta(ge=0)]
    called_at: Moment
    payment_id: str
    attempt_id: str
