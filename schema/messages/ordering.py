"""What ordering says: an order was taken, how its payment ended, and what of it goes back."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from schema.events import Moment
from schema.messages.contract import Message, answer, command, fact
from schema.money import AmountFen, Currency, RatePpm
from schema.payments import CloseReason, PaymentTerms, PaymentView, Refusal
from schema.refunds import RefundTerms, RefundView
from schema.text import MerchantNo, PaymentId, RefundId


@fact("payment.placed", owner="ordering")
class PaymentPlaced(Message, frozen=True, kw_only=True):
    """An order is stored with a way to pay; nobody has been asked for money yet. Where the payer
    chooses, it is said of each choice."""

    terms: PaymentTerms


@fact("payment.succeeded", owner="ordering")
class PaymentSucceeded(Message, frozen=True, kw_only=True):
    """The channel holds the payer's money for this order. Said once per payment."""

    payment: PaymentView
    channel_no: str
    channel_trade_no: str
    funds_flow: str
    """`platform`: the channel settles to us; `direct`: to the merchant 合规直清."""
    amount_fen: AmountFen
    fee_fen: int
    fee_rate_ppm: RatePpm
    paid_at: Moment
    notify_url: str | None = None
    cost_fen: Annotated[int, Meta(ge=0)] = 0
    """What the channel keeps of it by its contract with us."""


@fact("payment.failed", owner="ordering")
class PaymentFailed(Message, frozen=True, kw_only=True):
    """No channel took, or can still take, money for this order."""

    payment: PaymentView
    refusal: Refusal
    notify_url: str | None = None


@fact("payment.late_paid", owner="ordering")
class PaymentLatePaid(PaymentSucceeded, frozen=True, kw_only=True):
    """Somebody paid an order that had ended. The money is booked, and goes back by itself."""


@fact("payment.duplicated", owner="ordering")
class PaymentDuplicated(Message, frozen=True, kw_only=True):
    """The payer paid the same order once more, through another attempt; that goes back by itself.
    It never was the merchant's money."""

    payment_id: PaymentId
    merchant_no: MerchantNo
    attempt_id: str
    channel_no: str
    channel_trade_no: str
    funds_flow: str
    amount_fen: AmountFen
    currency: Currency
    cost_fen: Annotated[int, Meta(ge=0)] = 0
    paid_at: Moment


@fact("payment.closed", owner="ordering")
class PaymentClosed(Message, frozen=True, kw_only=True):
    """Nobody has paid this order, and nobody can any more."""

    payment: PaymentView
    notify_url: str | None = None


@command("payment.expire", owner="ordering", to="ordering")
class ExpirePayment(Message, frozen=True, kw_only=True):
    """The life of this order is over, or its closing has taken long: see to it."""

    payment_id: PaymentId


@command("attempts.close", owner="ordering", to="channels.calls")
class CloseAttempts(Message, frozen=True, kw_only=True):
    """See to it that nobody can pay this round of the order any more: at every channel that was
    asked, and at none from now on."""

    terms: PaymentTerms
    reason: CloseReason


@command("payment.begin_round", owner="ordering", to="ordering")
class BeginRound(Message, frozen=True, kw_only=True):
    """The payer has waited long enough for the choice before this one to be closed."""

    payment_id: PaymentId
    round_no: Annotated[int, Meta(ge=0, le=9)]


@fact("refund.placed", owner="ordering")
class RefundPlaced(Message, frozen=True, kw_only=True):
    """A part of the payment is reserved for this refund; the books have to set the money aside."""

    terms: RefundTerms


@command("refund.retry", owner="ordering", to="ordering")
class RetryRefund(Message, frozen=True, kw_only=True):
    """Try once more to have the money for this refund set aside."""

    refund_id: RefundId
    payment_id: PaymentId


@command("refund.repay", owner="ordering", to="channels.refunds")
class Repay(Message, frozen=True, kw_only=True):
    """Have the channel give this back to the payer."""

    terms: RefundTerms


@fact("refund.succeeded", owner="ordering")
class RefundSucceeded(Message, frozen=True, kw_only=True):
    """The payer has the money back. Said once per refund."""

    refund: RefundView
    terms: RefundTerms
    refunded_at: Moment
    notify_url: str | None = None


@fact("refund.failed", owner="ordering")
class RefundFailed(Message, frozen=True, kw_only=True):
    """Nothing went back; what was set aside is the merchant's again."""

    refund: RefundView
    terms: RefundTerms
    refusal: Refusal
    notify_url: str | None = None


@fact("refund.abnormal", owner="ordering")
class RefundAbnormal(Message, frozen=True, kw_only=True):
    """The money left the merchant and could not reach the payer; it stays set aside."""

    refund: RefundView
    terms: RefundTerms
    refusal: Refusal
    notify_url: str | None = None


@answer("refund.answered", owner="ordering", outside=True)
class RefundAnswered(Message, frozen=True, kw_only=True):
    """The answer to PlaceRefund: the refund as it stands, or why there is none."""

    refund: RefundView | None = None
    refusal: Refusal | None = None


@answer("payment.answered", owner="ordering", outside=True)
class PaymentAnswered(Message, frozen=True, kw_only=True):
    """The answer to PlacePayment: the payment as it stands, or why there is none."""

    payment: PaymentView | None = None
    refusal: Refusal | None = None
