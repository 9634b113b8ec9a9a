"""One example of each message about how a payment ends, and about what of it goes back."""

from __future__ import annotations

from msgspec.structs import replace

from schema.messages.accounting import RefundFunded, RefundUnfunded
from schema.messages.channels import (
    AttemptClosed,
    AttemptMispaid,
    AttemptMispaidRetracted,
    CallRepayment,
    QueryRepayment,
    RepaymentAbnormal,
    RepaymentFailed,
    RepaymentPending,
    RepaymentSucceeded,
    RepaymentUnknown,
)
from schema.messages.contract import Message
from schema.messages.doors import ChoosePayType, ClosePayment, PlaceRefund, RepeatRepayment
from schema.messages.ordering import (
    BeginRound,
    CloseAttempts,
    ExpirePayment,
    PaymentClosed,
    PaymentDuplicated,
    PaymentLatePaid,
    RefundAbnormal,
    RefundAnswered,
    RefundFailed,
    RefundPlaced,
    RefundSucceeded,
    Repay,
    RetryRefund,
)
from schema.payments import PaymentState, PaymentTerms, PaymentView, Refusal
from schema.refunds import RefundRequest, RefundState, RefundTerms, RefundView
from tests.contracts.examples_of_books import (
    ATTEMPT_ID,
    MERCHANT_NO,
    OVER_LIMIT,
    PAID_AT,
    PAYMENT_ID,
    PLACED_AT,
)

REFUND_ID = "ref_01k2x4m8qv7h3dp1ra9e0000"
OF_REFUND = {"refund_id": REFUND_ID, "payment_id": PAYMENT_ID}
REFUSED = Refusal(code="channel_refused", reason="NOT_ENOUGH: 基本账户余额不足")

REFUND = RefundView(
    id=REFUND_ID,
    merchant_no=MERCHANT_NO,
    merchant_refund_no="20260701-R1",
    payment_id=PAYMENT_ID,
    merchant_order_no="20260701-0001",
    kind="merchant",
    state=RefundState.SUCCEEDED,
    amount_fen=64_000,
    currency="CNY",
    metadata={"shop": "south"},
    created_at=PLACED_AT,
    reason="too ripe",
    channel_refund_no="50300001232026070112345678901",
    refunded_at=PAID_AT,
    failure=REFUSED,
)
REFUND_TERMS = RefundTerms(
    refund_id=REFUND_ID,
    kind="merchant",
    payment_id=PAYMENT_ID,
    attempt_id=ATTEMPT_ID,
    merchant_no=MERCHANT_NO,
    channel_no="wechat_a",
    channel_trade_no="4200001234202607011234567890",
    funds_flow="platform",
    pay_type="wechat_native",
    refund_fen=64_000,
    paid_fen=128_000,
    currency="CNY",
    reason="too ripe",
    opened_at=PLACED_AT,
    paid_at=PAID_AT,
)
ENDED = {"refund": REFUND, "terms": REFUND_TERMS, "notify_url": "https://shop.example/refunded"}

OF_PAYMENTS: tuple[Message, ...] = (
    ClosePayment(merchant_no=MERCHANT_NO, payment_id=PAYMENT_ID),
    ExpirePayment(payment_id=PAYMENT_ID),
    ChoosePayType(
        payment_id=PAYMENT_ID,
        pay_type="alipay_wap",
        client_ip="203.0.113.7",
        return_url="https://pay.example/cashier/a",
    ),
    BeginRound(payment_id=PAYMENT_ID, round_no=1),
    AttemptClosed(payment_id=PAYMENT_ID, attempt_id=ATTEMPT_ID, channel_no="wechat_a"),
    AttemptMispaid(
        payment_id=PAYMENT_ID,
        attempt_id=ATTEMPT_ID,
        merchant_no=MERCHANT_NO,
        channel_no="wechat_a",
        channel_trade_no="4200001234202607011234567890",
        funds_flow="platform",
        asked_fen=128_000,
        asked_currency="CNY",
        paid_fen=127_999,
        paid_currency="CNY",
        paid_at=PAID_AT,
    ),
    AttemptMispaidRetracted(
        payment_id=PAYMENT_ID,
        attempt_id=ATTEMPT_ID,
        merchant_no=MERCHANT_NO,
        channel_no="wechat_a",
        funds_flow="platform",
        asked_fen=128_000,
        asked_currency="CNY",
        paid_fen=127_999,
        paid_currency="CNY",
    ),
    PaymentDuplicated(
        payment_id=PAYMENT_ID,
        merchant_no=MERCHANT_NO,
        attempt_id=ATTEMPT_ID,
        channel_no="alipay_a",
        channel_trade_no="2026070122001400001",
        funds_flow="platform",
        amount_fen=128_000,
        currency="CNY",
        cost_fen=384,
        paid_at=PAID_AT,
    ),
)

OF_REFUNDS: tuple[Message, ...] = (
    RepeatRepayment(refund_id=REFUND.id),
    PlaceRefund(
        merchant_no=MERCHANT_NO,
        request=RefundRequest(
            merchant_refund_no="20260701-R1",
            payment_id=PAYMENT_ID,
            merchant_order_no="20260701-0001",
            amount_fen=64_000,
            reason="too ripe",
            notify_url="https://shop.example/refunded",
            metadata={"shop": "south"},
        ),
    ),
    RefundAnswered(refund=REFUND, refusal=OVER_LIMIT),
    RefundPlaced(terms=REFUND_TERMS),
    RefundFunded(**OF_REFUND),
    RefundUnfunded(**OF_REFUND, refusal=OVER_LIMIT),
    RetryRefund(**OF_REFUND),
    Repay(terms=REFUND_TERMS),
    QueryRepayment(refund_id=REFUND_ID, channel_no="wechat_a"),
    CallRepayment(refund_id=REFUND_ID, channel_no="wechat_a"),
    RepaymentPending(**OF_REFUND, channel_refund_no="50300001232026070112345678901"),
    RepaymentSucceeded(
        **OF_REFUND,
        channel_refund_no="50300001232026070112345678901",
        refund_fen=64_000,
        refunded_at=PAID_AT,
        is_again=True,
    ),
    RepaymentFailed(**OF_REFUND, refusal=REFUSED),
    RepaymentAbnormal(
        **OF_REFUND, channel_refund_no="50300001232026070112345678901", refusal=REFUSED
    ),
    RepaymentUnknown(**OF_REFUND, refusal=REFUSED),
    RefundSucceeded(**ENDED, refunded_at=PAID_AT),
    RefundFailed(**ENDED, refusal=REFUSED),
    RefundAbnormal(**ENDED, refusal=REFUSED),
)


def ends(payment: PaymentView, terms: PaymentTerms) -> tuple[Message, ...]:
    """The examples, with those about this payment."""
    late = replace(payment, state=PaymentState.LATE_PAID, is_late=True)
    closed = replace(payment, state=PaymentState.CLOSED, closed_at=PAID_AT, close_reason="expired")
    return (
        *OF_PAYMENTS,
        *OF_REFUNDS,
        CloseAttempts(terms=terms, reason="expired"),
        PaymentClosed(payment=closed, notify_url="https://shop.example/paid"),
        PaymentLatePaid(
            payment=late,
            channel_no="wechat_a",
            channel_trade_no="4200001234202607011234567890",
            funds_flow="platform",
            amount_fen=128_000,
            fee_fen=768,
            fee_rate_ppm=6_000,
            paid_at=PAID_AT,
            notify_url="https://shop.example/paid",
            cost_fen=384,
        ),
    )
