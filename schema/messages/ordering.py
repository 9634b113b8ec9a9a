"""What ordering says: an order was taken, and how its payment ended."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from schema.events import Moment
from schema.messages.contract import Message, answer, fact
from schema.money import AmountFen, RatePpm
from schema.payments import PaymentTerms, PaymentView, Refusal


@fact("payment.placed", owner="ordering")
class PaymentPlaced(Message, frozen=True, kw_only=True):
    """A new order is stored; nobody has been asked for money yet."""

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


@answer("payment.answered", owner="ordering", outside=True)
class PaymentAnswered(Message, frozen=True, kw_only=True):
    """The answer to PlacePayment: the payment as it stands, or why there is none."""

    payment: PaymentView | None = None
    refusal: Refusal | None = None
