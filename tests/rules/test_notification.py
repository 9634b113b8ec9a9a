"""What merchants are told, where, and what becomes of their own wishes."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from actors.notification.endpoint import ENDPOINTS_MAX, Endpoint, EndpointState
from actors.notification.events import WebhookBody
from actors.notification.notification import Notification, NotificationState, deliver, try_now
from actors.notification.rules import Outbox, decide, decide_wish, event_id
from actors.ordering.payment import view
from bus.effects import Publish, Reply
from schema.messages.contract import Message, contract_of
from schema.messages.doors import (
    RemoveWebhookEndpoint,
    ResendNotifications,
    RotateWebhookSecret,
    SaveWebhookEndpoint,
    SendNotification,
)
from schema.messages.notification import (
    DeliverNotification,
    NotificationAnswered,
    WebhookEndpointAnswered,
)
from schema.messages.ordering import PaymentFailed, PaymentSucceeded
from schema.payments import PaymentState, PaymentView
from schema.webhooks import EVENT_TYPES, EndpointTerms, SealedSecret, is_wanted
from tests.examples import (
    MERCHANT_NO,
    NOW,
    PAYMENT_ID,
    TURNED_AWAY,
    a_merchant,
    a_paid_payment,
    a_payment,
)
from tests.notifications import ENDPOINT_ID, HOOK, NOTIFICATION_ID, a_notification, an_endpoint

OTHER_HOOK = "https://shop.test/other"
WISH = DeliverNotification(notification_id=NOTIFICATION_ID, lane=f"m{MERCHANT_NO}", attempt=1)
SECRET = SealedSecret(sealed="sealed", created_at=NOW)


def an_outbox(*rows: Notification | Endpoint, notify_url: str | None = HOOK) -> Outbox:
    return Outbox(rows, {MERCHANT_NO: a_merchant(notify_url=notify_url)})


def a_failed_payment() -> PaymentFailed:
    payment = a_payment(state=PaymentState.FAILED, failure=TURNED_AWAY)
    return PaymentFailed(payment=view(payment), refusal=TURNED_AWAY)


def answer_to(outbox: Outbox, wish: Message) -> Any:
    """What the one who wished is told; the book is changed as the kernel changes it."""
    decision = decide_wish(outbox, wish, NOW)
    for change in decision.changes:
        outbox.put(change)
    (reply,) = [effect for effect in decision.effects if isinstance(effect, Reply)]
    return reply.message


@pytest.mark.parametrize("ended", [a_paid_payment(), a_failed_payment()], ids=["paid", "failed"])
def test_a_merchant_is_told_how_a_payment_ended(ended: PaymentSucceeded | PaymentFailed) -> None:
    (written,) = decide(an_outbox(), ended, NOW).changes
    name = contract_of(ended).name
    body = msgspec.json.decode(written.body, type=WebhookBody[PaymentView])
    assert body == WebhookBody(type=name, timestamp=NOW, data=ended.payment)
    id = event_id(PAYMENT_ID, name)
    expected = a_notification(notification_id=id, event_id=id, type=name, url_from="profile")
    assert written == replace(expected, body=written.body)


def test_every_type_that_a_fact_tells_can_be_filtered_for() -> None:
    told = {decide(an_outbox(), fact, NOW).changes[0].type
            for fact in (a_paid_payment(), a_failed_payment())}  # fmt: skip
    assert told <= set(EVENT_TYPES)


def test_a_webhook_goes_out_in_the_merchants_own_lane() -> None:
    decision = decide(an_outbox(), a_paid_payment(), NOW)
    expected = Publish(WISH, subject=PAYMENT_ID, lane=f"m{MERCHANT_NO}")
    assert decision.effects == (expected,)


def test_the_orders_own_address_goes_before_the_profiles() -> None:
    (written,) = decide(an_outbox(), a_paid_payment(notify_url=OTHER_HOOK), NOW).changes
    assert (written.url, written.url_from) == (OTHER_HOOK, "order")


def test_a_merchant_without_an_address_is_told_nothing() -> None:
    assert decide(an_outbox(notify_url=None), a_paid_payment(), NOW).changes == ()
    assert decide(Outbox(), a_paid_payment(), NOW).effects == ()


def test_each_endpoint_that_wants_it_is_told_in_a_lane_of_its_own() -> None:
    wants = an_endpoint(endpoint_id="we_0000000000000001", event_types=("payment.*",))
    other = an_endpoint(endpoint_id="we_0000000000000002", event_types=("refund.succeeded",))
    all_of_it = an_endpoint(endpoint_id="we_0000000000000003")
    decision = decide(an_outbox(wants, other, all_of_it), a_paid_payment(), NOW)
    assert [row.endpoint_id for row in decision.changes] == [
        None, "we_0000000000000001", "we_0000000000000003",
    ]  # fmt: skip
    assert {row.event_id for row in decision.changes} == {NOTIFICATION_ID}
    lanes = [effect.lane for effect in decision.effects if isinstance(effect, Publish)]
    assert lanes == [
        f"m{MERCHANT_NO}", f"m{MERCHANT_NO}.we_0000000000000001",
        f"m{MERCHANT_NO}.we_0000000000000003",
    ]  # fmt: skip


def test_what_a_disabled_endpoint_would_hear_is_kept() -> None:
    disabled = an_endpoint(state=EndpointState.DISABLED)
    decision = decide(an_outbox(disabled, notify_url=None), a_paid_payment(), NOW)
    (kept,) = decision.changes
    assert (kept.state, kept.due_at) == (NotificationState.SKIPPED, None)
    assert decision.effects == ()


def test_what_was_removed_or_is_another_merchants_hears_nothing() -> None:
    removed = an_endpoint(state=EndpointState.REMOVED)
    strangers = an_endpoint(endpoint_id="we_0000000000000009", merchant_no="100001")
    outbox = an_outbox(removed, strangers, notify_url=None)
    assert decide(outbox, a_paid_payment(), NOW).changes == ()


@pytest.mark.parametrize(
    ("filters", "type", "hears"),
    [
        ((), "payment.failed", True),
        (("*",), "refund.failed", True),
        (("payment.*",), "payment.failed", True),
        (("payment.*",), "payout.failed", False),
        (("payment.failed",), "payment.succeeded", False),
        (("refund.*", "payment.succeeded"), "payment.succeeded", True),
    ],
)
def test_filters_name_types_families_or_all(
    filters: tuple[str, ...], type: str, hears: bool
) -> None:
    assert is_wanted(filters, type) is hears


def test_the_same_end_told_twice_is_the_same_notification() -> None:
    (first,) = decide(an_outbox(), a_paid_payment(), NOW).changes
    (second,) = decide(an_outbox(), a_paid_payment(), NOW + timedelta(hours=1)).changes
    assert first.notification_id == second.notification_id


def test_ids_have_no_dots_which_separate_what_is_signed() -> None:
    assert re.fullmatch(r"evt_[0-9a-z]{24}_payment_succeeded", NOTIFICATION_ID)
    assert event_id(PAYMENT_ID, "payment.failed") != NOTIFICATION_ID


# Sending at somebody's wish.


def a_wish_to_send(**differences: Any) -> SendNotification:
    usual: dict[str, Any] = {
        "merchant_no": MERCHANT_NO,
        "event_id": "evt_note",
        "type": "account.alarmed",
        "subject": "account-1",
        "data": '{"b":1,"a":"番茄"}',
    }
    return SendNotification(**usual | differences)


def test_asynchronous_acceptance_answers_at_once_and_delivers_in_the_lane() -> None:
    decision = decide_wish(an_outbox(), a_wish_to_send(), NOW)
    (written,) = decision.changes
    assert '"data":{"b":1,"a":"番茄"}' in written.body, "keys keep their order"
    answer = NotificationAnswered(notification_ids=("evt_note",), state="waiting")
    assert decision.effects == (deliver(written), Reply(answer))


def test_synchronous_acceptance_is_answered_by_the_first_try() -> None:
    decision = decide_wish(an_outbox(), a_wish_to_send(acceptance="sync"), NOW)
    assert decision.effects == (try_now(decision.changes[0]),)


def test_a_test_goes_to_one_endpoint_whatever_it_listens_for() -> None:
    deaf = an_endpoint(event_types=("payout.*",))
    wish = a_wish_to_send(endpoint_id=ENDPOINT_ID, type="webhook.tested", acceptance="sync")
    (written,) = decide_wish(an_outbox(deaf), wish, NOW).changes
    assert (written.notification_id, written.event_id) == (f"evt_note_{ENDPOINT_ID}", "evt_note")


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (a_wish_to_send(data="{"), "invalid_json"),
        (a_wish_to_send(endpoint_id=ENDPOINT_ID), "endpoint_not_found"),
        (a_wish_to_send(merchant_no="100001"), "unknown_merchant"),
    ],
)
def test_what_can_not_be_sent_is_refused(wish: SendNotification, code: str) -> None:
    assert answer_to(an_outbox(), wish).refusal.code == code


def test_nobody_who_listens_is_an_answer_too() -> None:
    answer = answer_to(an_outbox(notify_url=None), a_wish_to_send())
    assert answer.refusal.code == "no_address"


def test_an_event_that_is_sent_twice_is_one_event_whatever_became_of_it() -> None:
    outbox = an_outbox()
    answer_to(outbox, a_wish_to_send())
    sent = outbox.notification(MERCHANT_NO, "evt_note")
    assert sent is not None
    outbox.put(replace(sent, state=NotificationState.DELIVERED, attempts=1))
    for acceptance in ("async", "sync"):
        decision = decide_wish(outbox, a_wish_to_send(acceptance=acceptance), NOW)
        answer = NotificationAnswered(notification_ids=("evt_note",), state="delivered")
        assert (decision.changes, decision.effects) == ((), (Reply(answer),))


def test_nobody_takes_the_number_of_another_merchants_event() -> None:
    strangers = a_notification(notification_id="evt_note", merchant_no="100001")
    assert answer_to(an_outbox(strangers), a_wish_to_send()).refusal.code == "event_id_taken"


# Sending again.


def a_wish_to_resend(*ids: str, **differences: Any) -> ResendNotifications:
    named = ids or (NOTIFICATION_ID,)
    return ResendNotifications(merchant_no=MERCHANT_NO, notification_ids=named, **differences)


def test_a_resend_advances_the_try_so_that_the_waiting_one_is_stale() -> None:
    later = NOW + timedelta(hours=1)
    waiting = a_notification(attempts=2, due_at=later)
    decision = decide_wish(an_outbox(waiting), a_wish_to_resend(), NOW)
    assert decision.changes == (replace(waiting, due_at=NOW),)
    wish = replace(WISH, attempt=3)
    assert decision.effects[0] == Publish(wish, subject=PAYMENT_ID, lane=f"m{MERCHANT_NO}")


@pytest.mark.parametrize("state", ["delivered", "exhausted", "skipped", "superseded"])
def test_what_had_come_to_its_end_begins_a_new_ladder(state: str) -> None:
    ended = a_notification(state=NotificationState(state), attempts=10, delivered_at=NOW)
    (again,) = decide_wish(an_outbox(ended), a_wish_to_resend(), NOW).changes
    assert (again.state, again.ladder_from, again.delivered_at) == ("waiting", 10, None)


def test_a_resend_that_somebody_waits_for_is_tried_beside_the_lane() -> None:
    decision = decide_wish(an_outbox(a_notification()), a_wish_to_resend(acceptance="sync"), NOW)
    assert decision.effects == (try_now(decision.changes[0]),)


def test_a_replay_of_many_passes_over_what_is_not_the_merchants() -> None:
    mine = [a_notification(notification_id=f"evt_{n}") for n in range(3)]
    strangers = a_notification(notification_id="evt_9", merchant_no="100001")
    wish = a_wish_to_resend("evt_0", "evt_1", "evt_9", "evt_nobodys", "evt_2")
    answer = answer_to(an_outbox(*mine, strangers), wish)
    assert answer.notification_ids == ("evt_0", "evt_1", "evt_2")


def test_a_resend_to_an_endpoint_that_hears_nothing_is_refused() -> None:
    row = a_notification(endpoint_id=ENDPOINT_ID)
    disabled = an_endpoint(state=EndpointState.DISABLED)
    assert answer_to(an_outbox(row, disabled), a_wish_to_resend()).refusal.code == (
        "endpoint_disabled"
    )
    assert answer_to(an_outbox(), a_wish_to_resend()).refusal.code == "notification_not_found"


# Endpoints.


def a_wish_to_save(version: int = 0, **differences: Any) -> SaveWebhookEndpoint:
    usual: dict[str, Any] = {"terms": EndpointTerms(url=OTHER_HOOK), "secret": SECRET}
    return SaveWebhookEndpoint(
        merchant_no=MERCHANT_NO, endpoint_id=ENDPOINT_ID, version=version, **usual | differences
    )


def test_a_new_endpoint_is_kept_with_its_secret() -> None:
    outbox = an_outbox()
    answer = answer_to(outbox, a_wish_to_save())
    assert answer == WebhookEndpointAnswered(endpoint_id=ENDPOINT_ID, version=1)
    made = outbox.endpoint(MERCHANT_NO, ENDPOINT_ID)
    assert made is not None and made.secrets == (SECRET,) and made.terms.url == OTHER_HOOK


def test_a_new_endpoint_may_begin_disabled() -> None:
    outbox = an_outbox()
    answer_to(outbox, a_wish_to_save(is_enabled=False))
    made = outbox.endpoint(MERCHANT_NO, ENDPOINT_ID)
    assert made is not None and (made.state, made.reason) == ("disabled", "as its owner wished")


def test_a_wish_that_comes_again_changes_nothing() -> None:
    outbox = an_outbox()
    answer_to(outbox, a_wish_to_save())
    assert decide_wish(outbox, a_wish_to_save(), NOW).changes == ()


def test_who_has_not_seen_the_last_change_may_not_overwrite_it() -> None:
    outbox = an_outbox(an_endpoint(version=3))
    assert answer_to(outbox, a_wish_to_save(2)).refusal.code == "endpoint_changed"
    assert answer_to(outbox, a_wish_to_save(3)).version == 4
    assert answer_to(an_outbox(), a_wish_to_save(3)).refusal.code == "endpoint_not_found"


def test_a_merchant_has_a_limited_number_of_endpoints() -> None:
    many = [an_endpoint(endpoint_id=f"we_{n:016d}") for n in range(ENDPOINTS_MAX)]
    assert answer_to(an_outbox(*many), a_wish_to_save()).refusal.code == "too_many_endpoints"


def test_a_removed_endpoint_leaves_neither_address_nor_secret() -> None:
    outbox = an_outbox(an_endpoint(secrets=(SECRET,)))
    wish = RemoveWebhookEndpoint(merchant_no=MERCHANT_NO, endpoint_id=ENDPOINT_ID)
    assert answer_to(outbox, wish).refusal is None
    left = outbox.get(ENDPOINT_ID)
    assert isinstance(left, Endpoint)
    assert (left.state, left.secrets, left.terms.url) == (
        "removed", (), "https://removed.invalid/",
    )  # fmt: skip
    assert answer_to(outbox, wish).refusal.code == "endpoint_not_found"


def test_another_merchants_endpoint_is_not_there() -> None:
    strangers = an_endpoint(merchant_no="100001")
    wish = RotateWebhookSecret(merchant_no=MERCHANT_NO, endpoint_id=ENDPOINT_ID, secret=SECRET)
    assert answer_to(an_outbox(strangers), wish).refusal.code == "endpoint_not_found"
    assert answer_to(an_outbox(strangers), a_wish_to_save()).refusal.code == "endpoint_not_found"
