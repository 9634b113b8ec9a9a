"""What merchants are told, under which signature, and for how long it is tried."""

from __future__ import annotations

import re
import secrets
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from actors.notification.rules import (
    LADDER_S,
    TRIES_MAX,
    Notification,
    NotificationState,
    Outbox,
    Try,
    WebhookBody,
    after,
    decide,
    notification_id,
)
from actors.notification.signing import signature, signed_headers
from actors.ordering.payment import view
from bus.effects import Effect, Later, Publish
from schema.messages.contract import contract_of
from schema.messages.notification import DeliverNotification, NotificationExhausted
from schema.messages.ordering import PaymentFailed, PaymentSucceeded
from schema.payments import PaymentState
from tests.examples import (
    MERCHANT_NO,
    NOW,
    PAYMENT_ID,
    TURNED_AWAY,
    a_merchant,
    a_paid_payment,
    a_payment,
)

HOOK, OTHER_HOOK = "https://shop.test/hooks", "https://shop.test/other"
NOTIFICATION_ID = notification_id(PAYMENT_ID, "payment.succeeded")
WISH = DeliverNotification(notification_id=NOTIFICATION_ID, lane=f"m{MERCHANT_NO}", attempt=1)


def an_outbox(notify_url: str | None = HOOK) -> Outbox:
    return Outbox((), {MERCHANT_NO: a_merchant(notify_url=notify_url)})


def a_notification(attempts: int = 0) -> Notification:
    return Notification(
        notification_id=NOTIFICATION_ID,
        merchant_no=MERCHANT_NO,
        subject=PAYMENT_ID,
        type="payment.succeeded",
        url=HOOK,
        body="{}",
        attempts=attempts,
        due_at=NOW,
        created_at=NOW,
    )


def a_try(number: int = 1, status: int | None = 500, error: str | None = None) -> Try:
    """A try that took two seconds."""
    return Try(
        notification_id=NOTIFICATION_ID,
        number=number,
        started_at=NOW,
        cost_ms=2_000,
        status=status,
        response_head=None,
        error=error,
    )


def a_failed_payment() -> PaymentFailed:
    payment = a_payment(state=PaymentState.FAILED, failure=TURNED_AWAY)
    return PaymentFailed(payment=view(payment), refusal=TURNED_AWAY)


@pytest.mark.parametrize("ended", [a_paid_payment(), a_failed_payment()], ids=["paid", "failed"])
def test_a_merchant_is_told_how_a_payment_ended(ended: PaymentSucceeded | PaymentFailed) -> None:
    (written,) = decide(an_outbox(), ended, NOW).changes
    name = contract_of(ended).name
    body = msgspec.json.decode(written.body, type=WebhookBody)
    assert body == WebhookBody(type=name, timestamp=NOW, data=ended.payment)
    assert written == msgspec.structs.replace(
        a_notification(),
        notification_id=notification_id(PAYMENT_ID, name),
        type=name,
        body=written.body,
    )


def test_a_webhook_goes_out_in_the_merchants_own_lane() -> None:
    decision = decide(an_outbox(), a_paid_payment(), NOW)
    expected = Publish(WISH, subject=PAYMENT_ID, lane=f"m{MERCHANT_NO}")
    assert decision.effects == (expected,)


def test_the_orders_own_address_goes_before_the_merchants() -> None:
    (written,) = decide(an_outbox(), a_paid_payment(notify_url=OTHER_HOOK), NOW).changes
    assert written.url == OTHER_HOOK


def test_a_merchant_without_an_address_is_told_nothing() -> None:
    assert decide(an_outbox(None), a_paid_payment(), NOW).changes == ()
    assert decide(Outbox(), a_paid_payment(), NOW).effects == ()


def test_the_same_end_told_twice_is_the_same_notification() -> None:
    (first,) = decide(an_outbox(), a_paid_payment(), NOW).changes
    (second,) = decide(an_outbox(), a_paid_payment(), NOW + timedelta(hours=1)).changes
    assert first.notification_id == second.notification_id


def test_ids_have_no_dots_which_separate_what_is_signed() -> None:
    assert re.fullmatch(r"evt_[0-9a-z]{24}_payment_succeeded", NOTIFICATION_ID)
    assert notification_id(PAYMENT_ID, "payment.failed") != NOTIFICATION_ID


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_success_is_an_acknowledgement(status: int) -> None:
    told, effects = after(a_notification(), a_try(status=status))
    assert (told.state, told.attempts, told.due_at) == (NotificationState.DELIVERED, 1, None)
    assert told.delivered_at == NOW + timedelta(seconds=2)
    assert effects == ()


@pytest.mark.parametrize("status", [None, 100, 199, 300, 302, 404, 410, 500])
def test_anything_else_is_tried_again_later(status: int | None) -> None:
    told, effects = after(a_notification(), a_try(status=status))
    due_at = NOW + timedelta(seconds=2 + LADDER_S[0])
    assert (told.state, told.attempts, told.due_at) == (NotificationState.WAITING, 1, due_at)
    wish = msgspec.structs.replace(WISH, attempt=2)
    lane = f"m{MERCHANT_NO}"
    assert effects == (Later(wish, due_at, subject=PAYMENT_ID, lane=lane),)


def test_a_silent_merchant_is_told_ten_times_within_a_day_and_then_an_operator_is() -> None:
    row, effects = a_notification(), tuple[Effect, ...]()
    waits: list[timedelta] = []
    for number in range(1, TRIES_MAX + 1):
        row, effects = after(row, a_try(number, status=None, error="TimeoutError"))
        if row.due_at is not None:
            waits.append(row.due_at - NOW - timedelta(seconds=2))
    assert waits == [timedelta(seconds=seconds) for seconds in LADDER_S]
    assert waits == sorted(waits)
    assert timedelta(hours=22) < sum(waits, timedelta()) < timedelta(hours=24)
    assert (row.state, row.attempts, row.due_at) == (NotificationState.EXHAUSTED, 10, None)
    told = NotificationExhausted(
        notification_id=NOTIFICATION_ID,
        merchant_no=MERCHANT_NO,
        attempts=10,
        last_error="TimeoutError",
    )
    assert effects == (Publish(told, subject=PAYMENT_ID),)


def test_an_operator_hears_the_last_status_where_there_was_an_answer() -> None:
    _, effects = after(a_notification(9), a_try(10, status=503))
    (effect,) = effects
    assert isinstance(effect, Publish) and isinstance(effect.message, NotificationExhausted)
    assert effect.message.last_error == "status 503"


def test_the_published_example_of_standard_webhooks_is_signed_alike() -> None:
    signed = signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        '{"test": 2432232314}',
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def a_secret() -> str:
    return f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"


def test_the_reference_library_takes_our_signature() -> None:
    secret, body = a_secret(), '{"subject":"两斤番茄"}'
    headers = signed_headers(secret, NOTIFICATION_ID, int(datetime.now(UTC).timestamp()), body)
    assert Webhook(secret).verify(body, headers) == {"subject": "两斤番茄"}


@pytest.mark.parametrize("tampered", ["body", "webhook-id", "webhook-timestamp", "secret"])
def test_the_reference_library_refuses_what_was_changed_on_the_way(tampered: str) -> None:
    secret, body, now = a_secret(), '{"amount_fen":1000}', int(datetime.now(UTC).timestamp())
    headers = signed_headers(secret, NOTIFICATION_ID, now, body)
    changes = {"webhook-id": "evt_other", "webhook-timestamp": str(now - 1)}
    if tampered in changes:
        headers[tampered] = changes[tampered]
    body = '{"amount_fen":9000}' if tampered == "body" else body
    with pytest.raises(WebhookVerificationError):
        Webhook(a_secret() if tampered == "secret" else secret).verify(body, headers)


def test_without_a_secret_nothing_is_signed() -> None:
    assert "webhook-signature" not in signed_headers(None, NOTIFICATION_ID, 1, "{}")
