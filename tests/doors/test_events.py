"""The time line of a payment: everything that happened, in order, in the merchant's words."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from handlers.merchant_api import events
from schema.ids import attempt_id
from tests.doors.books import Bookkeeper
from tests.doors.rows import NOON, a_paid_payment, a_payment, a_refund, insert
from tests.doors.street import PATH, Merchant, Street
from tests.examples import a_paid_payment as the_fact_of_it

SECOND = timedelta(seconds=1)
DECISIONS = (
    '{"risk":{"verdict":"pass","decided_at":"2026-02-14T12:00:00.010Z"},'
    '"routing":{"seed":"s","candidates":[],"ranked":["wechat_1"],'
    '"decided_at":"2026-02-14T12:00:00.020Z"}}'
)


async def time_line(street: Street, merchant: Merchant, number: str) -> Any:
    answer = await street.get(merchant, f"{PATH}/{number}/events")
    assert answer.status == 200, answer.json
    return answer.json


async def an_attempt(street: Street, payment: str, rank: int = 1, **columns: Any) -> None:
    row = {
        "attempt_id": attempt_id(payment, rank),
        "payment_id": payment,
        "channel_no": "wechat_1",
        "rank": rank,
        "state": "succeeded",
        "terms": '{"auth_code":"SECRET"}',
        "decisions": DECISIONS,
        "channel_message": "SECRET",
        "opened_at": NOON + SECOND,
        "answered_at": NOON + 2 * SECOND,
        "updated_at": NOON + 3 * SECOND,
    } | columns
    await insert(street.shared.pool, "channels.attempt", row)


async def a_webhook(street: Street, merchant: Merchant, payment: str, state: str) -> None:
    row = {
        "notification_id": f"evt_{payment}_{state}",
        "event_id": f"evt_{payment}_{state}",
        "merchant_no": merchant.merchant_no,
        "subject": payment,
        "type": "payment.succeeded",
        "url": "https://shop.example/SECRET",
        "body": "SECRET",
        "state": state,
        "created_at": NOON + 31 * SECOND,
        "delivered_at": NOON + 32 * SECOND if state == "delivered" else None,
    }
    await insert(street.shared.pool, "notification.notification", row)


async def test_a_payment_tells_all_that_happened_to_it(street: Street, merchant: Merchant) -> None:
    number = await a_paid_payment(street, merchant, "o-1", state="partially_refunded")
    await an_attempt(street, number)
    books = Bookkeeper(street.shared.pool, merchant.merchant_no)
    await books.hear(NOON + 30.5 * SECOND, the_fact_of_it(number, merchant.merchant_no))
    for state in ("delivered", "waiting", "exhausted"):
        await a_webhook(street, merchant, number, state)
    refund = await a_refund(street, merchant, number, "r-1")
    told = await time_line(street, merchant, number)
    assert (told["payment_id"], told["state"]) == (number, "partially_refunded")
    assert told["is_whole"] is True
    assert [item["kind"] for item in told["items"]] == [
        "placed", "cleared", "routed", "channel_asked", "channel_answered", "paid", "booked",
        "webhook_waiting", "webhook_ended", "webhook_delivered", "refund_placed",
        "refund_succeeded",
    ]  # fmt: skip
    assert told["items"][-1] == {
        "at": "2026-02-14T13:00:07Z", "kind": "refund_succeeded", "refund_id": refund,
        "amount_fen": -500,
    }  # fmt: skip
    moments = [datetime.fromisoformat(item["at"]) for item in told["items"]]
    assert moments == sorted(moments)
    assert "SECRET" not in str(told)


async def test_an_order_that_was_closed_and_paid_late_tells_so(
    street: Street, merchant: Merchant
) -> None:
    number = await a_paid_payment(
        street, merchant, "o-1", state="late_paid", is_late=True, closed_at=NOON + 10 * SECOND,
        close_reason="merchant",
    )  # fmt: skip
    await an_attempt(street, number, state="closed")
    items = (await time_line(street, merchant, number))["items"]
    assert [item["kind"] for item in items[-3:]] == ["attempt_closed", "closed", "paid_late"]
    assert items[-2]["close_reason"] == "merchant"


async def test_what_a_channel_dates_to_the_whole_second_is_not_told_before_its_cause(
    street: Street, merchant: Merchant
) -> None:
    almost = NOON + timedelta(milliseconds=900)
    number = await a_paid_payment(street, merchant, "o-1", created_at=almost, paid_at=NOON)
    await an_attempt(street, number, opened_at=almost, answered_at=almost, updated_at=almost)
    await a_refund(street, merchant, number, "r-1", created_at=almost, refunded_at=NOON)
    items = (await time_line(street, merchant, number))["items"]
    kinds = [item["kind"] for item in items if item["kind"] not in ("cleared", "routed")]
    assert kinds == [
        "placed", "channel_asked", "channel_answered", "paid", "refund_placed", "refund_succeeded",
    ]  # fmt: skip
    assert items[-1]["at"] == "2026-02-14T12:00:00Z", "its time is shown as the channel says it"


async def test_a_payment_that_risk_refused_tells_why(street: Street, merchant: Merchant) -> None:
    decisions = '{"risk":{"verdict":"refuse","decided_at":"2026-02-14T12:00:00.010Z"}}'
    failure = '{"code":"blacklisted","reason":"The payer is blocked."}'
    number = await a_payment(
        street, merchant, "o-1", state="failed", decisions=decisions, failure=failure,
        updated_at=NOON + SECOND,
    )  # fmt: skip
    items = (await time_line(street, merchant, number))["items"]
    assert [item["kind"] for item in items] == ["placed", "refused", "failed"]
    assert items[-1]["failure"]["code"] == "blacklisted"


async def test_a_time_line_is_bounded_and_says_so(
    street: Street, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "EACH_MAX", 3)
    number = await a_paid_payment(street, merchant, "o-1")
    for n in range(5):
        await a_refund(street, merchant, number, f"r-{n}", amount_fen=1)
    told = await time_line(street, merchant, number)
    assert told["is_whole"] is False
    assert [item["kind"] for item in told["items"]].count("refund_placed") == 3


async def test_another_merchants_time_line_is_not_there(street: Street, merchant: Merchant) -> None:
    stranger = await street.open_merchant()
    number = await a_paid_payment(street, merchant, "o-1")
    answer = await street.get(stranger, f"{PATH}/{number}/events")
    assert (answer.status, answer.code) == (404, "payment_not_found")


async def test_a_time_line_takes_no_parameters(street: Street, merchant: Merchant) -> None:
    number = await a_paid_payment(street, merchant, "o-1")
    answer = await street.get(merchant, f"{PATH}/{number}/events?limit=1")
    assert (answer.status, answer.code) == (400, "invalid_parameter")
