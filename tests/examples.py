"""Builders: one call makes one valid value; name only what the test is about."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

from actors.channels.attempts.attempt import Attempt, AttemptState
from actors.channels.attempts.attempt import Decisions as AttemptDecisions
from actors.ordering.payment import Payment, view
from actors.ordering.placing import content_digest
from schema import ids
from schema.cashier import Links
from schema.channels import QrCode
from schema.messages.channels import (
    AttemptFailed,
    AttemptPending,
    AttemptSucceeded,
    AttemptUnknown,
)
from schema.messages.ordering import PaymentSucceeded
from schema.messages.risk import PaymentCleared, PaymentRefused
from schema.messages.routing import PaymentRouted, PaymentUnroutable
from schema.payments import (
    Candidate,
    PaymentRequest,
    PaymentState,
    PaymentTerms,
    Refusal,
    RiskDecision,
    RoutingDecision,
)
from schema.profiles import ChannelProfile, MerchantProfile

NOW = datetime(2026, 3, 1, 4, 5, 6, tzinfo=UTC)
MERCHANT_NO = "1025112200001"
CHANNEL_NO = "wechat_a"
ORDER_NO = "20260301-0001"
PAYMENT_ID = ids.payment_id(MERCHANT_NO, ORDER_NO, NOW)
CODE = QrCode(url="weixin://wxpay/bizpayurl?pr=qwerty123")
TRADE_NO = "4200002026030100001234567890"
SEALED = b64encode(b"nobody opens this").decode()

LINKS = Links(base_url="https://pay.test", key=b"k" * 32)

PASSED = RiskDecision(verdict="pass")
OBJECTION = Refusal(code="above_single_max", reason="The most is 500 fen.", param="amount_fen")
OBJECTED = RiskDecision(verdict="refuse", reasons=(OBJECTION,))
NO_ANSWER = Refusal(code="channel_unknown", reason="no_answer: TimeoutError")
TURNED_AWAY = Refusal(code="channel_refused", reason="RULE_LIMIT: too much for one day")


def a_merchant(**differences: Any) -> MerchantProfile:
    """An active merchant who pays 0.6 % for WeChat payments."""
    usual: dict[str, Any] = {
        "merchant_no": MERCHANT_NO,
        "name": "Tomato Noodles",
        "rates_ppm": {"wechat_native": 6_000},
    }
    return MerchantProfile(**usual | differences)


def a_channel(**differences: Any) -> ChannelProfile:
    """An active WeChat channel whose account nobody can open."""
    usual: dict[str, Any] = {
        "channel_no": CHANNEL_NO,
        "name": "WeChat Pay",
        "protocol": "wechat",
        "pay_types": ("wechat_native",),
        "account": SEALED,
    }
    return ChannelProfile(**usual | differences)


def a_request(**differences: Any) -> PaymentRequest:
    """A merchant asks for ten yuan."""
    usual: dict[str, Any] = {
        "merchant_order_no": ORDER_NO,
        "amount_fen": 1_000,
        "pay_type": "wechat_native",
        "subject": "两斤番茄",
    }
    return PaymentRequest(**usual | differences)


def a_payment(**differences: Any) -> Payment:
    """That order just placed, at a fee of 0.6 %."""
    usual: dict[str, Any] = {
        "payment_id": PAYMENT_ID,
        "merchant_no": MERCHANT_NO,
        "merchant_order_no": ORDER_NO,
        "state": PaymentState.SCREENING,
        "amount_fen": 1_000,
        "currency": "CNY",
        "pay_type": "wechat_native",
        "subject": "两斤番茄",
        "metadata": {},
        "notify_url": None,
        "client_ip": None,
        "payer_id": None,
        "digest": content_digest(a_request()),
        "fee_rate_ppm": 6_000,
        "created_at": NOW,
        "expires_at": NOW + timedelta(seconds=300),
        "close_at": NOW + timedelta(seconds=300),
        "updated_at": NOW,
    }
    return Payment(**usual | differences)


def a_shown_payment(**differences: Any) -> Payment:
    """The payer holds a code: the first answer was given."""
    shown: dict[str, Any] = {
        "state": PaymentState.PENDING,
        "offer": CODE,
        "channel_no": CHANNEL_NO,
        "answered_at": NOW,
    }
    return a_payment(**shown | differences)


def some_terms(**differences: Any) -> PaymentTerms:
    """What travels with that order."""
    usual: dict[str, Any] = {
        "payment_id": PAYMENT_ID,
        "merchant_no": MERCHANT_NO,
        "amount_fen": 1_000,
        "currency": "CNY",
        "pay_type": "wechat_native",
        "subject": "两斤番茄",
        "expires_at": NOW + timedelta(seconds=300),
    }
    return PaymentTerms(**usual | differences)


def a_candidate(channel_no: str = CHANNEL_NO, **differences: Any) -> Candidate:
    """A channel of the first tier, as likely as any other."""
    usual: dict[str, Any] = {"tier": "default", "priority": 100, "weight": 100}
    return Candidate(channel_no=channel_no, **usual | differences)


def a_routing(*ranked: str) -> RoutingDecision:
    """The record that ranks these channels in this order."""
    candidates = tuple(a_candidate(number, priority=i) for i, number in enumerate(ranked))
    return RoutingDecision(seed=PAYMENT_ID, candidates=candidates, ranked=ranked)


def a_routed_payment(*ranked: str, **differences: Any) -> PaymentRouted:
    """That order, cleared and routed."""
    return PaymentRouted(
        terms=some_terms(**differences), risk=PASSED, routing=a_routing(*(ranked or (CHANNEL_NO,)))
    )


def an_attempt(*ranked: str, **differences: Any) -> Attempt:
    """The first attempt at the best of these channels, about to be made."""
    channels = ranked or (CHANNEL_NO,)
    usual: dict[str, Any] = {
        "attempt_id": ids.attempt_id(PAYMENT_ID, 1),
        "payment_id": PAYMENT_ID,
        "channel_no": channels[0],
        "rank": 1,
        "state": AttemptState.OPENED,
        "terms": some_terms(),
        "decisions": AttemptDecisions(risk=PASSED, routing=a_routing(*channels)),
        "query_at": NOW + timedelta(seconds=5),
        "opened_at": NOW,
        "updated_at": NOW,
    }
    return Attempt(**usual | differences)


def cleared(payment_id: str = PAYMENT_ID) -> PaymentCleared:
    """Risk lets it through."""
    return PaymentCleared(terms=some_terms(payment_id=payment_id), risk=PASSED)


def refused(payment_id: str = PAYMENT_ID) -> PaymentRefused:
    """Risk objects."""
    return PaymentRefused(payment_id=payment_id, risk=OBJECTED)


def unroutable(payment_id: str = PAYMENT_ID) -> PaymentUnroutable:
    """No channel is left."""
    return PaymentUnroutable(payment_id=payment_id, risk=PASSED, routing=a_routing())


def pending(payment_id: str = PAYMENT_ID, **differences: Any) -> AttemptPending:
    """The channel has given a code."""
    usual: dict[str, Any] = {"offer": CODE, "risk": PASSED}
    return AttemptPending(**_of_an_attempt(payment_id) | usual | differences)


def unknown(payment_id: str = PAYMENT_ID) -> AttemptUnknown:
    """The channel has not answered."""
    return AttemptUnknown(**_of_an_attempt(payment_id), refusal=NO_ANSWER, risk=PASSED)


def failed(payment_id: str = PAYMENT_ID) -> AttemptFailed:
    """The channel has proved that it was not paid."""
    return AttemptFailed(**_of_an_attempt(payment_id), refusal=TURNED_AWAY, risk=PASSED)


def succeeded(payment_id: str = PAYMENT_ID, **differences: Any) -> AttemptSucceeded:
    """The payer has paid."""
    usual: dict[str, Any] = {
        "channel_trade_no": TRADE_NO,
        "amount_fen": 1_000,
        "funds_flow": "platform",
        "paid_at": NOW,
    }
    return AttemptSucceeded(**_of_an_attempt(payment_id) | usual | differences)


def a_paid_payment(
    payment_id: str = PAYMENT_ID, merchant_no: str = MERCHANT_NO, **differences: Any
) -> PaymentSucceeded:
    """That order paid, at a fee of 6 fen; payment and fact name the same amounts."""
    usual: dict[str, Any] = {
        "channel_no": CHANNEL_NO,
        "channel_trade_no": TRADE_NO,
        "amount_fen": 1_000,
        "fee_fen": 6,
        "paid_at": NOW,
    }
    told = usual | {"funds_flow": "platform", "fee_rate_ppm": 6_000} | differences
    payment = a_payment(
        payment_id=payment_id,
        merchant_no=merchant_no,
        state=PaymentState.SUCCEEDED,
        **{name: told[name] for name in usual},
    )
    return PaymentSucceeded(payment=view(payment), **told)


def _of_an_attempt(payment_id: str) -> dict[str, Any]:
    return {
        "payment_id": payment_id,
        "attempt_id": ids.attempt_id(payment_id, 1),
        "channel_no": CHANNEL_NO,
    }
