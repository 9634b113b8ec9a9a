"""The words of a payment that several rooms and doors share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from schema.channels.offers import Offer
from schema.events import Moment
from schema.messages.contract import Part
from schema.money import AmountFen, Currency
from schema.products import PayType, PayWay
from schema.text import (
    AuthCode,
    ClientIp,
    MerchantNo,
    MerchantOrderNo,
    Metadata,
    PayerId,
    PaymentId,
    Subject,
    WebUrl,
)

EXPIRES_IN_S_DEFAULT = 300
"""Five minutes: the founding document's life of an unpaid order."""


class PaymentRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a merchant asks for, over HTTP or AMQP; the content that a repeat is compared with."""

    merchant_order_no: MerchantOrderNo
    amount_fen: AmountFen
    currency: Currency = "CNY"
    pay_type: PayWay
    """`cashier`: the payer chooses on our page, to which the answer leads."""
    subject: Subject
    expires_in_s: Annotated[
        int, Meta(ge=60, le=86_400, description="Life of the order in seconds: 1 min to 24 h.")
    ] = EXPIRES_IN_S_DEFAULT
    client_ip: ClientIp | None = None
    payer_id: PayerId | None = None
    """The payer as the channel knows them (openid, buyer id)."""
    auth_code: AuthCode | None = None
    return_url: WebUrl | None = None
    """Where the payer's browser goes afterwards."""
    notify_url: WebUrl | None = None
    metadata: Metadata = {}


CloseReason = Literal["expired", "merchant", "payer", "channel"]
"""Who, or what, ended a payment that nobody had paid."""


class PaymentState(StrEnum):
    """Where a payment stands; the table of moves is in `actors/ordering/states.py`."""

    PLACED = "placed"  # the payer has not chosen yet how to pay
    SCREENING = "screening"  # risk looks at it
    ROUTING = "routing"  # a channel is looked for and asked
    PENDING = "pending"  # the payer can pay
    UNKNOWN = "unknown"  # nobody can say whether a channel took it
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CLOSING = "closing"  # nobody shall pay it any more; the channel has yet to confirm that
    CLOSED = "closed"
    LATE_PAID = "late_paid"  # paid after it had ended; the money goes back
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"


class Refusal(Part, frozen=True, kw_only=True):
    """Why something was not done: a stable code for programs, a reason for people."""

    code: str
    reason: str
    param: str | None = None
    """The field of the request that is at fault, where one is."""


class PaymentView(Struct, frozen=True, kw_only=True):
    """A payment as merchants see it, in HTTP answers, replies and webhooks alike."""

    id: PaymentId
    merchant_no: MerchantNo
    merchant_order_no: MerchantOrderNo
    state: PaymentState
    amount_fen: AmountFen
    currency: Currency
    pay_type: PayWay
    subject: Subject
    metadata: Metadata
    created_at: Moment
    expires_at: Moment
    cashier_url: str | UnsetType = UNSET
    """The page on which the payer chooses how to pay, while somebody can pay such an order."""
    pay: Offer | UnsetType = UNSET
    """How the payer can pay; present once the channel has said so."""
    channel_no: str | UnsetType = UNSET
    channel_trade_no: str | UnsetType = UNSET
    paid_at: Moment | UnsetType = UNSET
    fee_fen: int | UnsetType = UNSET
    refunded_fen: int | UnsetType = UNSET
    """What went back to the payer so far; unset if nothing did."""
    is_late: bool | UnsetType = UNSET
    """Whether the money came after the payment had ended; only said where it did."""
    closed_at: Moment | UnsetType = UNSET
    close_reason: CloseReason | UnsetType = UNSET
    failure: Refusal | UnsetType = UNSET


class PaymentTerms(Part, frozen=True, kw_only=True):
    """What the rooms along the way need to know of a payment; it travels with it unchanged."""

    payment_id: PaymentId
    merchant_no: MerchantNo
    amount_fen: AmountFen
    currency: Currency
    pay_type: PayType
    subject: Subject
    expires_at: Moment
    client_ip: str | None = None
    payer_id: str | None = None
    auth_code: str | None = None
    """Of use in the first minute only. No room keeps it; the inbox does, with the message that it
    travels in, for as long as that may have to be said again."""
    return_url: str | None = None
    metadata: dict[str, str] = field(default_factory=dict[str, str])
    round_no: Annotated[int, Meta(ge=0, le=9)] = 0
    """How often the payer had chosen before; each choice has attempts of its own."""


class RiskDecision(Part, frozen=True, kw_only=True):
    """The record of one risk check: what was decided and every rule that spoke."""

    verdict: Literal["pass", "refuse"]
    reasons: tuple[Refusal, ...] = ()
    decided_at: Moment | None = None


class Score(Part, frozen=True, kw_only=True):
    """What was seen of a channel when it was scored, in thousandths of a call."""

    good_milli: int
    bad_milli: int
    """Both with what is believed before anything is seen, and older calls counting less."""
    overdue: int = 0
    """Calls under way for too long: held against the channel until they are answered."""
    is_open: bool = False
    """The breaker is open: no payments but a probe now and then."""
    is_probe: bool = False
    """This payment is the probe."""


class Used(Part, frozen=True, kw_only=True):
    """What a channel had taken when there was asked whether it has room for one more payment."""

    day_fen: int
    day_count: int
    total_fen: int


class Candidate(Part, frozen=True, kw_only=True):
    """One channel that routing looked at: removed by a filter, or ranked with a draw."""

    channel_no: str
    tier: Literal["default", "backup"]
    priority: int
    weight: int
    removed_by: str | None = None
    """The filter that took it out and the figures that it compared."""
    cost_fen: int | None = None
    """What it would keep of this payment; where the strategy asks."""
    latency_ms: int | None = None
    """How long it has taken to answer of late; where the strategy asks, and where that is known."""
    score: Score | None = None
    used: Used | None = None
    passed_over: str | None = None
    """The limit that left no room for this payment when the channel's turn came."""


class Choice(Part, frozen=True, kw_only=True):
    """How the candidates of one tier were put in order."""

    tier: Literal["default", "backup"]
    strategy: str
    rule_no: str = ""
    """Empty for bindings without a rule."""
    rule_version: int = 0
    branch: int | None = None
    """Which branch of the rule took the payment, counted from 0."""
    seed: str = ""
    """What the draw is by, where that is not the payment."""
    explore_ppm: int = 0
    reason: Literal["order", "draw", "best", "exploration", "probe", "all_down"] = "order"
    """Why the first one is the first."""
    drawn_ppm: int | None = None
    """The number that was drawn for the first place, below a million."""
    probability_ppm: int | None = None
    """How likely the first one was to be the first, before the draw."""


class RoutingDecision(Part, frozen=True, kw_only=True):
    """The record of one routing: with the seed, anybody can make the same decision again."""

    seed: str
    candidates: tuple[Candidate, ...]
    ranked: tuple[str, ...]
    """Channel numbers in the order in which they may be tried; empty means unroutable."""
    decided_at: Moment | None = None
    choices: tuple[Choice, ...] = ()
    """One for each tier that has a choice; none where there is only one way."""
