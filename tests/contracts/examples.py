"""One example of every message, with each optional field filled in, and its event."""

from __future__ import annotations

from bus.contracts import our_contracts
from schema.channels import QrCode
from schema.events import Event
from schema.messages.bus import LaneHeld, LaneOpened, LaneWorkersChanged
from schema.messages.channels import (
    AttemptFailed,
    AttemptPending,
    AttemptSucceeded,
    AttemptUnknown,
    CallAttempt,
    ChannelCalled,
    QueryAttempt,
)
from schema.messages.contract import Message, contract_of, write
from schema.messages.doors import (
    ChannelNotified,
    DrainLane,
    PauseLane,
    PlacePayment,
    RemoveWebhookEndpoint,
    RequestRefused,
    ResendNotifications,
    ResumeLane,
    RotateWebhookSecret,
    SaveWebhookEndpoint,
    SendNotification,
)
from schema.messages.merchants import ProfileChanged
from schema.messages.notification import (
    AlarmUnheard,
    DeliverNotification,
    NotificationAnswered,
    NotificationExhausted,
    TryNotification,
    WebhookEndpointAnswered,
    WebhookEndpointDisabled,
    WebhookEndpointFailing,
)
from schema.messages.ordering import (
    PaymentAnswered,
    PaymentFailed,
    PaymentPlaced,
    PaymentSucceeded,
)
from schema.messages.risk import PaymentCleared, PaymentRefused
from schema.messages.routing import PaymentRouted, PaymentUnroutable
from schema.payments import (
    Candidate,
    Choice,
    PaymentRequest,
    PaymentState,
    PaymentTerms,
    PaymentView,
    RiskDecision,
    RoutingDecision,
    Score,
    Used,
)
from schema.webhooks import EndpointTerms, SealedSecret
from tests.contracts.examples_of_books import (
    ATTEMPT_ID,
    BOOKS,
    EXPIRES_AT,
    MERCHANT_NO,
    OVER_LIMIT,
    PAID_AT,
    PAYMENT_ID,
    PLACED_AT,
)
from tests.contracts.examples_of_ends import ends
from tests.contracts.examples_of_monitoring import MONITORING

CODE = QrCode(url="weixin://wxpay/bizpayurl?pr=p4lpSuKzz")
ENDPOINT_ID = "we_0123456789abcdef"
PASSED = RiskDecision(verdict="pass", decided_at=PLACED_AT)
REFUSED = RiskDecision(verdict="refuse", reasons=(OVER_LIMIT,), decided_at=PLACED_AT)

REQUEST = PaymentRequest(
    merchant_order_no="20260701-0001",
    amount_fen=128_000,
    currency="CNY",
    pay_type="wechat_native",
    subject="番茄 two boxes",
    expires_in_s=600,
    client_ip="203.0.113.7",
    payer_id="member-8812",
    auth_code="134567890123456789",
    return_url="https://shop.example/back",
    notify_url="https://shop.example/paid",
    metadata={"shop": "south"},
)
TERMS = PaymentTerms(
    payment_id=PAYMENT_ID,
    merchant_no=MERCHANT_NO,
    amount_fen=128_000,
    currency="CNY",
    pay_type="wechat_native",
    subject="番茄 two boxes",
    expires_at=EXPIRES_AT,
    client_ip="203.0.113.7",
    payer_id="member-8812",
    auth_code="134567890123456789",
    return_url="https://shop.example/back",
    metadata={"shop": "south"},
    round_no=1,
)
PAYMENT = PaymentView(
    id=PAYMENT_ID,
    merchant_no=MERCHANT_NO,
    merchant_order_no="20260701-0001",
    state=PaymentState.SUCCEEDED,
    amount_fen=128_000,
    currency="CNY",
    pay_type="wechat_native",
    subject="番茄 two boxes",
    metadata={"shop": "south"},
    created_at=PLACED_AT,
    expires_at=EXPIRES_AT,
    cashier_url="https://pay.example/cashier/a",
    pay=CODE,
    channel_no="wechat_a",
    channel_trade_no="4200001234202607011234567890",
    paid_at=PAID_AT,
    fee_fen=768,
    refunded_fen=64_000,
    is_late=True,
    closed_at=PAID_AT,
    close_reason="expired",
    failure=OVER_LIMIT,
)
ROUTING = RoutingDecision(
    seed=PAYMENT_ID,
    candidates=(
        Candidate(
            channel_no="wechat_a",
            tier="default",
            priority=10,
            weight=70,
            cost_fen=256,
            latency_ms=180,
            score=Score(
                good_milli=951_000, bad_milli=49_000, overdue=1, is_open=True, is_probe=True
            ),
            used=Used(day_fen=4_000_000, day_count=310, total_fen=98_000_000),
        ),
        Candidate(
            channel_no="wechat_b",
            tier="backup",
            priority=20,
            weight=30,
            removed_by="amount: 128000 is above 100000",
        ),
        Candidate(
            channel_no="wechat_c",
            tier="default",
            priority=10,
            weight=30,
            used=Used(day_fen=4_950_000, day_count=12, total_fen=4_950_000),
            passed_over="daily amount: 4950000 + 128000 fen is above 5000000",
        ),
    ),
    ranked=("wechat_a",),
    decided_at=PLACED_AT,
    choices=(
        Choice(
            tier="default",
            strategy="success_rate",
            rule_no="south",
            rule_version=3,
            branch=1,
            seed="south:payer:member-8812",
            explore_ppm=10_000,
            reason="best",
            drawn_ppm=412_345,
            probability_ppm=873_000,
        ),
    ),
)

WEBHOOK_TERMS = EndpointTerms(
    url="https://shop.example/webhooks",
    description="番茄 shop",
    event_types=("payment.*", "refund.succeeded"),
    acknowledgement="body_equals",
    expected_body="ok",
    policy="wechat",
    ladder_s=(5, 60),
    deadline_ms=5_000,
    requests_per_s_max=10,
    in_order=True,
    latest_only=True,
    header_names=("authorization",),
    sealed_headers="c2VhbGVk",
)
WEBHOOK_SECRET = SealedSecret(
    kind="ed25519",
    sealed="c2VhbGVk",
    public_key="whpk_cHVibGlj",
    created_at=PLACED_AT,
    expires_at=EXPIRES_AT,
)

MESSAGES: tuple[Message, ...] = (
    *BOOKS,
    *ends(PAYMENT, TERMS),
    *MONITORING,
    AttemptFailed(
        payment_id=PAYMENT_ID,
        attempt_id=ATTEMPT_ID,
        channel_no="wechat_a",
        refusal=OVER_LIMIT,
        risk=PASSED,
    ),
    AttemptPending(
        payment_id=PAYMENT_ID,
        attempt_id=ATTEMPT_ID,
        channel_no="wechat_a",
        offer=CODE,
        risk=PASSED,
    ),
    AttemptSucceeded(
        payment_id=PAYMENT_ID,
        attempt_id=ATTEMPT_ID,
        channel_no="wechat_a",
        channel_trade_no="4200001234202607011234567890",
        amount_fen=128_000,
        funds_flow="direct",
        paid_at=PAID_AT,
        cost_fen=384,
        risk=PASSED,
    ),
    AttemptUnknown(
        payment_id=PAYMENT_ID,
        attempt_id=ATTEMPT_ID,
        channel_no="wechat_a",
        refusal=OVER_LIMIT,
        risk=PASSED,
    ),
    QueryAttempt(attempt_id=ATTEMPT_ID, channel_no="wechat_a"),
    CallAttempt(attempt_id=ATTEMPT_ID, channel_no="wechat_a", auth_code="134567890123456789"),
    ChannelCalled(
        channel_no="wechat_a",
        pay_type="wechat_native",
        operation="create",
        outcome="no_answer",
        code="no_answer",
        cost_ms=10_000,
        called_at=PLACED_AT,
        payment_id=PAYMENT_ID,
        attempt_id=ATTEMPT_ID,
    ),
    ChannelNotified(
        channel_no="wechat_a", notice_id="EV-2026070104301200", body="e30=", encoding="base64"
    ),
    PlacePayment(merchant_no=MERCHANT_NO, request=REQUEST),
    RequestRefused(refusal=OVER_LIMIT),
    LaneOpened(actor="notification", lane=MERCHANT_NO),
    LaneHeld(actor="notification", lane=MERCHANT_NO),
    LaneWorkersChanged(actor="notification"),
    PauseLane(actor="notification", lane=MERCHANT_NO, reason="audit", until=EXPIRES_AT),
    DrainLane(actor="notification", lane=MERCHANT_NO, reason="moving house"),
    ResumeLane(actor="notification", lane=MERCHANT_NO),
    ProfileChanged(kind="merchant", number=MERCHANT_NO, version=7),
    DeliverNotification(notification_id="ntf_1", lane=MERCHANT_NO, attempt=2),
    NotificationExhausted(
        notification_id="ntf_1",
        merchant_no=MERCHANT_NO,
        attempts=15,
        last_error="timeout",
        endpoint_id=ENDPOINT_ID,
    ),
    TryNotification(notification_id="evt_1", attempt=2),
    NotificationAnswered(
        notification_ids=("evt_1",), state="delivered", attempts=2, refusal=OVER_LIMIT
    ),
    WebhookEndpointAnswered(endpoint_id=ENDPOINT_ID, version=3, refusal=OVER_LIMIT),
    WebhookEndpointDisabled(
        merchant_no=MERCHANT_NO, endpoint_id=ENDPOINT_ID, reason="it answered 410 Gone"
    ),
    WebhookEndpointFailing(
        merchant_no=MERCHANT_NO, endpoint_id=ENDPOINT_ID, percent=50, failing_since=PLACED_AT
    ),
    AlarmUnheard(
        alarm_no="alm-1", check_name="balance", role="agent", owner="agent_7", account_no="1" * 21
    ),
    SendNotification(
        merchant_no=MERCHANT_NO,
        event_id="evt_1",
        type="account.alarmed",
        subject="account-1",
        data='{"balance_fen":1}',
        acceptance="sync",
        endpoint_id=ENDPOINT_ID,
        notify_url="https://shop.example/told",
    ),
    ResendNotifications(
        merchant_no=MERCHANT_NO, notification_ids=("evt_1", "evt_2"), acceptance="sync"
    ),
    SaveWebhookEndpoint(
        merchant_no=MERCHANT_NO,
        endpoint_id=ENDPOINT_ID,
        version=2,
        terms=WEBHOOK_TERMS,
        secret=WEBHOOK_SECRET,
        is_enabled=False,
    ),
    RotateWebhookSecret(
        merchant_no=MERCHANT_NO, endpoint_id=ENDPOINT_ID, secret=WEBHOOK_SECRET, keep_old_s=3_600
    ),
    RemoveWebhookEndpoint(merchant_no=MERCHANT_NO, endpoint_id=ENDPOINT_ID),
    PaymentAnswered(payment=PAYMENT, refusal=OVER_LIMIT),
    PaymentFailed(payment=PAYMENT, refusal=OVER_LIMIT, notify_url="https://shop.example/paid"),
    PaymentPlaced(terms=TERMS),
    PaymentSucceeded(
        payment=PAYMENT,
        channel_no="wechat_a",
        channel_trade_no="4200001234202607011234567890",
        funds_flow="direct",
        amount_fen=128_000,
        fee_fen=768,
        fee_rate_ppm=6_000,
        paid_at=PAID_AT,
        notify_url="https://shop.example/paid",
        cost_fen=384,
    ),
    PaymentCleared(terms=TERMS, risk=PASSED),
    PaymentRefused(payment_id=PAYMENT_ID, risk=REFUSED),
    PaymentRouted(terms=TERMS, risk=PASSED, routing=ROUTING),
    PaymentUnroutable(payment_id=PAYMENT_ID, risk=PASSED, routing=ROUTING),
)

EXAMPLES: dict[str, Message] = {contract_of(message).name: message for message in MESSAGES}

CONTRACTS = {contract.name: contract for contract in our_contracts()}


def event_of(message: Message) -> Event:
    """The message's event with every attribute of the envelope."""
    return write(
        message,
        id="0197c2a1-5e40-7abc-8def-0123456789ab",
        time=PLACED_AT,
        subject=PAYMENT_ID,
        causationid="0197c2a1-5e3f-7fed-8cba-ba9876543210",
        correlationid="req_1",
        replyto="reply.edge-1",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )
