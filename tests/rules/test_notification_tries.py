"""Which try is made, what is an acknowledgement, and what one try makes of everything."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.notification.endpoint import EndpointState
from actors.notification.health import Verdict
from actors.notification.notification import Notification, NotificationState, deliver, next_wish
from actors.notification.tries import (
    NOTHING,
    Opening,
    after,
    claim_end,
    concerns_endpoint,
    endpoint_after,
    is_acknowledged,
    opening,
    released,
    verdict,
)
from bus.effects import Bury, Effect, Later, Publish
from schema.messages.notification import (
    NotificationExhausted,
    WebhookEndpointDisabled,
    WebhookEndpointFailing,
)
from schema.webhooks import LADDERS_S
from tests.examples import MERCHANT_NO, NOW, PAYMENT_ID
from tests.notifications import (
    ENDED_AT,
    ENDPOINT_ID,
    NOTIFICATION_ID,
    a_notification,
    a_try,
    an_answer,
    an_endpoint,
)

LADDER_S = LADDERS_S["tomato"]
LANE = f"m{MERCHANT_NO}"


def opened(row: Notification, attempt: int = 1, **more: Any) -> Opening:
    usual: dict[str, Any] = {"endpoint": None, "siblings": (), "now": NOW}
    return opening(row, attempt, **usual | more)


# Claiming.


def test_the_next_try_is_claimed_for_its_deadline_and_a_margin() -> None:
    row = a_notification()
    claimed = replace(row, claimed_until=NOW + timedelta(seconds=15))
    assert opened(row) == Opening(row=claimed, is_ours=True)
    hasty = an_endpoint(deadline_ms=1_000)
    assert claim_end(hasty, NOW) == NOW + timedelta(seconds=6)


@pytest.mark.parametrize("attempt", [0, 1, 2, 4])
def test_a_wish_for_any_other_try_is_stale(attempt: int) -> None:
    assert opened(a_notification(attempts=2), attempt) == NOTHING


@pytest.mark.parametrize("state", ["delivered", "skipped", "superseded"])
def test_what_is_over_is_not_tried(state: str) -> None:
    assert opened(a_notification(state=NotificationState(state))) == NOTHING


def test_a_dead_letter_that_is_replayed_is_tried_once_more() -> None:
    exhausted = a_notification(state=NotificationState.EXHAUSTED, attempts=10)
    assert opened(exhausted, 10) == NOTHING
    assert opened(exhausted, 11).is_ours


def test_a_try_that_somebody_makes_is_waited_for() -> None:
    row = a_notification(claimed_until=NOW + timedelta(seconds=1))
    assert opened(row) == Opening(row=row, waits=True)
    assert opened(row, now=NOW + timedelta(seconds=1)).is_ours, "he has died of it"


def test_nothing_is_sent_to_an_endpoint_that_is_disabled_or_gone() -> None:
    row = a_notification(endpoint_id=ENDPOINT_ID)
    kept = replace(row, state=NotificationState.SKIPPED, due_at=None)
    for state in (EndpointState.DISABLED, EndpointState.REMOVED):
        assert opened(row, endpoint=an_endpoint(state=state)) == Opening(row=kept)
    assert opened(row, endpoint=None) == Opening(row=kept)


def siblings(*serials: int) -> list[Notification]:
    return [
        a_notification(notification_id=f"evt_{n}", serial=n, endpoint_id=ENDPOINT_ID)
        for n in serials
    ]


def test_in_order_what_happened_later_waits_for_what_happened_before() -> None:
    ordered = an_endpoint(in_order=True)
    row = a_notification(serial=5, endpoint_id=ENDPOINT_ID)
    held = opened(row, endpoint=ordered, siblings=[row, *siblings(4)])
    assert held == Opening(row=replace(row, due_at=None))
    assert opened(row, endpoint=ordered, siblings=[row, *siblings(6)]).is_ours


def test_of_one_thing_only_the_latest_is_told_where_that_is_wished() -> None:
    latest = an_endpoint(latest_only=True)
    row = a_notification(serial=5, endpoint_id=ENDPOINT_ID)
    older = opened(row, endpoint=latest, siblings=[row, *siblings(6)])
    assert older.row is not None and older.row.state is NotificationState.SUPERSEDED
    assert opened(row, endpoint=latest, siblings=[row, *siblings(4)]).is_ours


def test_when_one_is_told_the_next_in_order_is_due() -> None:
    told = a_notification(
        serial=1, endpoint_id=ENDPOINT_ID, state=NotificationState.DELIVERED, due_at=None
    )
    second, third = (replace(row, due_at=None) for row in siblings(2, 3))
    waiting = {(ENDPOINT_ID, PAYMENT_ID): [third, second]}
    assert released(told, waiting, NOW) == replace(second, due_at=NOW)
    assert released(replace(told, state=NotificationState.WAITING), waiting, NOW) is None
    assert released(told, {(ENDPOINT_ID, PAYMENT_ID): siblings(2)}, NOW) is None, "it is due"


# Acknowledgement.


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_success_is_an_acknowledgement(status: int) -> None:
    assert is_acknowledged("http_2xx", "", status, "<html>whatever")


@pytest.mark.parametrize("status", [100, 199, 300, 301, 302, 308, 404, 410, 500])
def test_a_redirect_or_an_error_is_none_whatever_it_says(status: int) -> None:
    assert not is_acknowledged("http_2xx", "", status, "success")
    assert not is_acknowledged("body_equals", "success", status, "success")


@pytest.mark.parametrize(
    ("body", "is_taken"),
    [
        ("success", True), (" SUCCESS\r\n", True), ("Success", True),
        ("success!", False), ("", False), (None, False), ("fail", False),
        ("<p>success</p>", False), ('"success"', False),
    ],
)  # fmt: skip
def test_a_body_equals_the_word_in_any_case_and_nothing_else(
    body: str | None, is_taken: bool
) -> None:
    assert is_acknowledged("body_equals", "success", 200, body) is is_taken


@pytest.mark.parametrize(
    ("status", "expected"),
    [(204, Verdict.ACKNOWLEDGED), (None, Verdict.SILENT), (429, Verdict.OVERLOADED),
     (503, Verdict.OVERLOADED), (500, Verdict.REFUSED), (302, Verdict.REFUSED)],
)  # fmt: skip
def test_what_a_try_says_about_the_server(status: int | None, expected: Verdict) -> None:
    assert verdict(an_answer(status=status)) is expected


# What follows from a try.


def test_an_acknowledged_one_is_delivered() -> None:
    claimed = a_notification(claimed_until=ENDED_AT)
    told, effects = after(claimed, an_answer(status=204), None)
    assert told == a_notification(
        state=NotificationState.DELIVERED, attempts=1, due_at=None, delivered_at=ENDED_AT
    )
    assert effects == ()


@pytest.mark.parametrize("status", [None, 100, 199, 300, 302, 404, 500])
def test_anything_else_is_tried_again_later(status: int | None) -> None:
    told, effects = after(a_notification(), an_answer(status=status), None)
    assert told.due_at is not None
    wait_s = (told.due_at - ENDED_AT).total_seconds()
    assert LADDER_S[0] <= wait_s <= 1.1 * LADDER_S[0]
    assert told == a_notification(attempts=1, due_at=told.due_at)
    assert effects == (Later(next_wish(told), told.due_at, subject=PAYMENT_ID, lane=LANE),)


def test_a_silent_merchant_is_told_ten_times_within_a_day_and_then_an_operator_is() -> None:
    row, effects = a_notification(), tuple[Effect, ...]()
    for number in range(1, len(LADDER_S) + 2):
        answer = an_answer(number, None, error="no answer within 10 s")
        row, effects = after(row, answer, None)
    assert (row.state, row.attempts, row.due_at) == (NotificationState.EXHAUSTED, 10, None)
    reason = "no answer within 10 s"
    told = NotificationExhausted(
        notification_id=NOTIFICATION_ID, merchant_no=MERCHANT_NO, attempts=10, last_error=reason
    )
    letter = Bury(next_wish(row), reason, subject=PAYMENT_ID, lane=LANE)
    assert effects == (Publish(told, subject=PAYMENT_ID), letter)


def test_an_operator_hears_the_last_status_where_there_was_an_answer() -> None:
    _, effects = after(a_notification(attempts=9), an_answer(10, 503), None)
    fact = effects[0]
    assert isinstance(fact, Publish) and isinstance(fact.message, NotificationExhausted)
    assert fact.message.last_error == "status 503"


def test_a_replayed_one_has_its_whole_ladder_again() -> None:
    row = a_notification(attempts=10, ladder_from=10)
    told, _ = after(row, an_answer(11), None)
    assert told.state is NotificationState.WAITING


def test_an_endpoint_that_is_tried_only_once_gives_up_at_once() -> None:
    once = an_endpoint(ladder_s=())
    told, _ = after(a_notification(endpoint_id=ENDPOINT_ID), an_answer(), once)
    assert told.state is NotificationState.EXHAUSTED


def test_an_orders_or_profiles_address_that_is_gone_is_not_tried_again() -> None:
    told, effects = after(a_notification(), an_answer(status=410), None)
    assert (told.state, told.due_at) == (NotificationState.EXHAUSTED, None)
    fact, letter = effects
    assert isinstance(fact, Publish) and isinstance(fact.message, NotificationExhausted)
    assert fact.message.last_error == "it answered 410 Gone"
    assert isinstance(letter, Bury) and letter.reason == "it answered 410 Gone"


def test_operators_are_warned_once_at_each_threshold_before_an_endpoint_is_disabled() -> None:
    endpoint, row = an_endpoint(), a_notification(state=NotificationState.EXHAUSTED, attempts=1)
    warned: list[tuple[int, int]] = []
    for hours in range(0, 132, 12):
        now = NOW + timedelta(hours=hours)
        endpoint, said = endpoint_after(endpoint, row, a_try(), now)
        for each in said:
            assert isinstance(each, Publish)
            if isinstance(each.message, WebhookEndpointFailing):
                assert each.message.failing_since == NOW
                warned.append((hours, each.message.percent))
    assert warned == [(60, 50), (84, 70), (108, 90), (120, 100)]
    assert not endpoint.is_enabled


def test_a_success_begins_the_warnings_anew() -> None:
    failing = an_endpoint(failing_since=NOW, failed_at=NOW, warned_percent=50)
    row = a_notification(state=NotificationState.DELIVERED, attempts=1)
    assert endpoint_after(failing, row, a_try(status=200), NOW) == (an_endpoint(), ())


def test_410_keeps_the_notification_and_disables_the_endpoint() -> None:
    endpoint = an_endpoint()
    told, effects = after(a_notification(endpoint_id=ENDPOINT_ID), an_answer(status=410), endpoint)
    assert (told.state, effects) == (NotificationState.SKIPPED, ())
    ended, said = endpoint_after(endpoint, told, a_try(status=410), NOW)
    assert (ended.state, ended.reason) == ("disabled", "it answered 410 Gone")
    fact = WebhookEndpointDisabled(
        merchant_no=MERCHANT_NO, endpoint_id=ENDPOINT_ID, reason="it answered 410 Gone"
    )
    assert said == (Publish(fact, subject=ENDPOINT_ID),)
    assert endpoint_after(ended, told, a_try(status=410), NOW) == (ended, ()), "said once"


@pytest.mark.parametrize("status", [204, 500, None])
def test_most_tries_do_not_concern_the_endpoint(status: int | None) -> None:
    row, _ = after(a_notification(endpoint_id=ENDPOINT_ID), an_answer(status=status), an_endpoint())
    assert not concerns_endpoint(an_endpoint(), row, a_try(status=status))


@given(st.lists(st.sampled_from([None, 200, 302, 429, 500, 503]), min_size=1, max_size=40))
def test_a_notification_ends_once_and_is_never_without_a_next_try_before(
    statuses: list[int | None],
) -> None:
    row = a_notification()
    for status in statuses:
        if not row.is_open:
            break
        row, effects = after(row, an_answer(row.attempts + 1, status), None)
        ends = [e for e in effects if not isinstance(e, Later)]
        assert row.is_open == (row.due_at is not None)
        assert (effects == (deliver(row, row.due_at),)) == row.is_open
        assert bool(ends) == (row.state is NotificationState.EXHAUSTED)
    assert row.attempts <= len(LADDER_S) + 1
