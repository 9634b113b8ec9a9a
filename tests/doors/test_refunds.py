"""Refunds at the door: wished, answered as the books say, and seen by their merchant only."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from handlers import outlet
from schema.messages.doors import PlaceRefund
from schema.refunds import RefundRequest
from tests.doors.rows import NOON, a_paid_payment, a_refund
from tests.doors.street import PATH, Answer, Merchant, Street
from tests.doors.test_placing import nobody_takes_orders
from tests.waiting import at_last

REFUNDS = "/v1/refunds"
PAYMENT = "pay_" + "0" * 24


async def wish(street: Street, merchant: Merchant, **fields: Any) -> Answer:
    """A refund that is right but for these fields; ... leaves a field out."""
    right = {"merchant_refund_no": "r-1", "payment_id": PAYMENT, "amount_fen": 500}
    form = {name: value for name, value in (right | fields).items() if value is not ...}
    return await street.ask(merchant, "POST", REFUNDS, form)


async def test_a_refund_is_asked_for_and_answered(street: Street, merchant: Merchant) -> None:
    more = {"reason": "太熟了", "metadata": {"shop": "south"}}
    answer = await wish(street, merchant, **more)
    assert (answer.status, answer.json["state"]) == (201, "asked")
    assert answer.headers["Location"] == f"{REFUNDS}/{answer.json['id']}"
    request = RefundRequest(merchant_refund_no="r-1", payment_id=PAYMENT, amount_fen=500, **more)
    assert street.room.wishes(merchant.merchant_no) == [
        PlaceRefund(merchant_no=merchant.merchant_no, request=request)
    ]


@pytest.mark.parametrize(
    ("number", "status", "state"),
    [("failed-1", 201, "failed"), ("queued-1", 202, "queued"), ("silent-1", 202, "processing")],
)
async def test_a_refund_that_does_not_go_at_once_says_how_it_stands(
    street: Street, merchant: Merchant, number: str, status: int, state: str
) -> None:
    answer = await wish(street, merchant, merchant_refund_no=number)
    assert (answer.status, answer.json["state"]) == (status, state)
    assert answer.headers["Location"].startswith(REFUNDS)


async def test_a_refund_that_nobody_confirms_may_be_wished_again(
    street: Street, merchant: Merchant
) -> None:
    async with nobody_takes_orders(street):
        answer = await wish(street, merchant)
        assert (answer.status, answer.code) == (503, "try_again")
        assert answer.headers["Retry-After"] == "1"

    async def is_taken() -> bool:
        return (await wish(street, merchant)).status == 201

    await at_last(is_taken)


async def test_a_refund_beyond_what_can_wait_is_turned_away_at_once(
    street: Street, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outlet, "WAITING_MAX", 0)
    answer = await wish(street, merchant)
    assert (answer.status, answer.code) == (503, "try_again")
    assert street.room.wishes(merchant.merchant_no) == []


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("missing_field", 400), ("payment_not_found", 404), ("refund_no_conflict", 409),
        ("payment_not_refundable", 409), ("refund_above_payment", 422), ("refund_too_late", 422),
        ("a_new_one", 422),
    ],
)  # fmt: skip
async def test_a_refusal_becomes_a_problem_with_its_status(
    street: Street, merchant: Merchant, code: str, status: int
) -> None:
    answer = await wish(street, merchant, merchant_refund_no=f"refused|{code}-1")
    assert (answer.status, answer.code) == (status, code)


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"merchant_refund_no": ...}, "missing_field", "merchant_refund_no"),
        ({"merchant_refund_no": ""}, "invalid_field", "merchant_refund_no"),
        ({"merchant_refund_no": "r\n1"}, "invalid_field", "merchant_refund_no"),
        ({"merchant_refund_no": "late:" + "0" * 26}, "invalid_field", "merchant_refund_no"),
        ({"amount_fen": 0}, "invalid_field", "amount_fen"),
        ({"amount_fen": -1}, "invalid_field", "amount_fen"),
        ({"amount_fen": 1.5}, "invalid_field", "amount_fen"),
        ({"amount_fen": "500"}, "invalid_field", "amount_fen"),
        ({"amount_fen": 10**11}, "invalid_field", "amount_fen"),
        ({"amount_fen": True}, "invalid_field", "amount_fen"),
        ({"payment_id": "pay_'; DROP TABLE"}, "invalid_field", "payment_id"),
        ({"reason": "a\x00b"}, "invalid_field", "reason"),
        ({"reason": "x" * 81}, "invalid_field", "reason"),
        ({"metadata": {"a b": "c"}}, "invalid_field", "metadata"),
        ({"kind": "late"}, "unknown_field", "kind"),
        ({"notify_url": "ftp://shop.example/"}, "invalid_field", "notify_url"),
        ({"notify_url": "http://169.254.169.254/latest"}, "url_not_allowed", "notify_url"),
    ],
)
async def test_a_wish_that_is_wrong_is_refused_by_its_field(
    street: Street, merchant: Merchant, fields: dict[str, Any], code: str, param: str
) -> None:
    answer = await wish(street, merchant, **fields)
    assert (answer.code, answer.json["param"]) == (code, param)
    assert street.room.wishes(merchant.merchant_no) == []


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b"\xff", b"[" * 30_000])
async def test_a_body_that_is_no_wish_is_refused(
    street: Street, merchant: Merchant, body: bytes
) -> None:
    authorization = merchant.authorization("POST", REFUNDS, body)
    answer = await street.send("POST", REFUNDS, body, {"Authorization": authorization})
    assert answer.status == 400 and answer.code in ("invalid_json", "invalid_field")


async def test_a_refund_is_shown_whole(street: Street, merchant: Merchant) -> None:
    payment = await a_paid_payment(street, merchant, "o-1")
    number = await a_refund(street, merchant, payment, "r-1", metadata='{"shop":"south"}')
    expected = {
        "id": number,
        "merchant_no": merchant.merchant_no,
        "merchant_refund_no": "r-1",
        "payment_id": payment,
        "merchant_order_no": "o-1",
        "kind": "merchant",
        "state": "succeeded",
        "amount_fen": 500,
        "currency": "CNY",
        "metadata": {"shop": "south"},
        "created_at": "2026-02-14T13:00:00Z",
        "reason": "太熟了",
        "channel_refund_no": "50r-1",
        "refunded_at": "2026-02-14T13:00:07Z",
    }
    assert (await street.get(merchant, f"{REFUNDS}/{number}")).json == expected
    assert (await street.get(merchant, f"{REFUNDS}?merchant_refund_no=r-1")).json == expected
    page = {"items": [expected], "next_cursor": None}
    for path in (REFUNDS, f"{REFUNDS}?payment_id={payment}", f"{PATH}/{payment}/refunds"):
        assert (await street.get(merchant, path)).json == page


async def test_a_refund_that_came_by_itself_has_no_number_of_the_merchants(
    street: Street, merchant: Merchant
) -> None:
    payment = await a_paid_payment(street, merchant, "o-1", state="late_paid", is_late=True)
    number = await a_refund(street, merchant, payment, f"late:{'0' * 26}", kind="late")
    assert "merchant_refund_no" not in (await street.get(merchant, f"{REFUNDS}/{number}")).json


async def test_a_refund_that_failed_says_why(street: Street, merchant: Merchant) -> None:
    payment = await a_paid_payment(street, merchant, "o-1")
    failure = msgspec.json.encode({"code": "channel_refused", "reason": "NOT_ENOUGH"}).decode()
    number = await a_refund(
        street, merchant, payment, "r-1", state="failed", failure=failure, refunded_at=None
    )
    shown = (await street.get(merchant, f"{REFUNDS}/{number}")).json
    assert shown["failure"]["code"] == "channel_refused" and "refunded_at" not in shown


async def test_another_merchants_refunds_are_not_there(street: Street, merchant: Merchant) -> None:
    stranger = await street.open_merchant()
    payment = await a_paid_payment(street, merchant, "o-1")
    number = await a_refund(street, merchant, payment, "r-1")
    for path in (f"{REFUNDS}/{number}", f"{REFUNDS}?merchant_refund_no=r-1"):
        answer = await street.get(stranger, path)
        assert (answer.status, answer.code) == (404, "refund_not_found")
    answer = await street.get(stranger, f"{PATH}/{payment}/refunds")
    assert (answer.status, answer.code) == (404, "payment_not_found")
    for path in (REFUNDS, f"{REFUNDS}?payment_id={payment}"):
        assert (await street.get(stranger, path)).json["items"] == []


async def test_a_list_of_refunds_shows_each_once_newest_first(
    street: Street, merchant: Merchant
) -> None:
    payment = await a_paid_payment(street, merchant, "o-1")
    other = await a_paid_payment(street, merchant, "o-2")
    mine: list[str] = []
    for n in range(23):
        at = NOON + timedelta(seconds=n)
        mine.append(await a_refund(street, merchant, payment, f"r-{n}", created_at=at))
        await a_refund(street, merchant, other, f"s-{n}", created_at=at)
    for limit in (1, 10, 23, 100):
        start = f"{PATH}/{payment}/refunds?limit={limit}"
        seen, path = [], start
        while path:
            page = (await street.get(merchant, path)).json
            seen += [item["id"] for item in page["items"]]
            path = page["next_cursor"] and f"{start}&cursor={page['next_cursor']}"
        assert seen == mine[::-1]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "cursor=x", "cursor=%00", "payment_id=pay_1", "colour=red",
     "merchant_refund_no=", "merchant_refund_no=a%0A", "limit=1&limit=1", "payment_id=%00"],
)  # fmt: skip
async def test_a_wrong_query_for_refunds_is_refused(
    street: Street, merchant: Merchant, query: str
) -> None:
    answer = await street.get(merchant, f"{REFUNDS}?{query}")
    assert (answer.status, answer.code) == (400, "invalid_parameter")


@pytest.mark.parametrize("number", ["ref_", "ref_" + "0" * 24, "%00", "%ff", "pay_" + "0" * 24])
async def test_a_number_of_no_refund_is_not_found(
    street: Street, merchant: Merchant, number: str
) -> None:
    answer = await street.get(merchant, f"{REFUNDS}/{number}")
    assert (answer.status, answer.code) == (404, "refund_not_found")
