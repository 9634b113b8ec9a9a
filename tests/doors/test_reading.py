"""Looking up and listing payments: one's own, whole, and each exactly once."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

import pytest
from yarl import URL

from bus.jobs import now_utc
from handlers.merchant_api.views import OPEN
from schema.payments import PaymentState
from tests.doors.rows import NOON, a_payment
from tests.doors.street import PATH, Merchant, Street


async def test_a_payment_is_shown_whole(street: Street, merchant: Merchant) -> None:
    number = await a_payment(
        street, merchant, "o-1", state="succeeded", metadata='{"basket":"b 17"}', fee_fen=12,
        offer='{"kind":"qr_code","url":"weixin://x"}',
        channel_no="wechat_1", channel_trade_no="4200001",
        paid_at=NOON + timedelta(seconds=30, microseconds=5),
    )  # fmt: skip
    expected = {
        "id": number,
        "merchant_no": merchant.merchant_no,
        "merchant_order_no": "o-1",
        "state": "succeeded",
        "amount_fen": 1999,
        "currency": "CNY",
        "pay_type": "wechat_native",
        "subject": "两斤番茄",
        "metadata": {"basket": "b 17"},
        "created_at": "2026-02-14T12:00:00Z",
        "expires_at": "2026-02-14T12:05:00Z",
        "pay": {"kind": "qr_code", "url": "weixin://x"},
        "channel_no": "wechat_1",
        "channel_trade_no": "4200001",
        "paid_at": "2026-02-14T12:00:30.000005Z",
        "fee_fen": 12,
    }
    assert (await street.get(merchant, f"{PATH}/{number}")).json == expected
    assert (await street.get(merchant, f"{PATH}?merchant_order_no=o-1")).json == expected
    assert (await street.get(merchant, PATH)).json == {"items": [expected], "next_cursor": None}


async def test_the_address_of_the_cashier_is_there_while_somebody_can_pay(
    street: Street, merchant: Merchant
) -> None:
    chosen, later = {"rounds": "[]", "pay_type": "cashier"}, now_utc() + timedelta(hours=1)
    shown: dict[str, bool] = {}
    for state in PaymentState:
        number = await a_payment(
            street, merchant, f"o-{state}", state=state, expires_at=later, **chosen
        )
        payment = (await street.get(merchant, f"{PATH}/{number}")).json
        shown[state] = "cashier_url" in payment
        if shown[state]:
            assert URL(payment["cashier_url"]).path.startswith(f"/cashier/{number}.")
    assert [state for state, is_shown in shown.items() if is_shown] == [*OPEN]
    listed = (await street.get(merchant, PATH)).json["items"]
    assert sum("cashier_url" in payment for payment in listed) == len(OPEN)
    number = await a_payment(street, merchant, "o-expired", state="pending", **chosen)
    assert "cashier_url" not in (await street.get(merchant, f"{PATH}/{number}")).json


async def test_a_failed_payment_says_why(street: Street, merchant: Merchant) -> None:
    failure = '{"code":"no_channel","reason":"No channel can take this payment."}'
    number = await a_payment(street, merchant, "o-1", state="failed", failure=failure)
    payment = (await street.get(merchant, f"{PATH}/{number}")).json
    assert payment["failure"]["code"] == "no_channel"
    assert "pay" not in payment and "paid_at" not in payment


async def test_another_merchants_payment_is_not_there(street: Street, merchant: Merchant) -> None:
    stranger = await street.open_merchant()
    number = await a_payment(street, merchant, "o-1")
    for path in (f"{PATH}/{number}", f"{PATH}?merchant_order_no=o-1"):
        answer = await street.get(stranger, path)
        assert (answer.status, answer.code) == (404, "payment_not_found")
    assert (await street.get(stranger, PATH)).json["items"] == []


@pytest.mark.parametrize(
    "number", ["pay_", "x", "pay_" + "0" * 24, "PAY_" + "0" * 24, "%00", "%ff", "a%2Fb", "'; --"]
)
async def test_a_number_that_is_none_is_not_found(
    street: Street, merchant: Merchant, number: str
) -> None:
    answer = await street.get(merchant, f"{PATH}/{quote(number, safe='%')}")
    assert (answer.status, answer.code) == (404, "payment_not_found")


async def test_a_list_shows_each_payment_once_newest_first(
    street: Street, merchant: Merchant
) -> None:
    stranger = await street.open_merchant()
    mine: list[str] = []
    for n in range(57):
        at = NOON + timedelta(milliseconds=7 * n)
        mine.append(await a_payment(street, merchant, f"mine-{n}", created_at=at))
        await a_payment(street, stranger, f"theirs-{n}", created_at=at)
    for limit in (1, 10, 19, 56, 57, 100):
        seen, path = [], f"{PATH}?limit={limit}"
        while path:
            page = (await street.get(merchant, path)).json
            assert 0 < len(page["items"]) <= limit
            seen += [item["id"] for item in page["items"]]
            cursor = page["next_cursor"]
            path = cursor and f"{PATH}?limit={limit}&cursor={cursor}"
        assert seen == mine[::-1]


async def test_a_payment_that_comes_while_one_reads_disturbs_no_page(
    street: Street, merchant: Merchant
) -> None:
    old = [
        await a_payment(street, merchant, f"o-{n}", created_at=NOON + timedelta(seconds=n))
        for n in range(4)
    ]
    first = (await street.get(merchant, f"{PATH}?limit=2")).json
    await a_payment(street, merchant, "late", created_at=NOON + timedelta(hours=1))
    second = (await street.get(merchant, f"{PATH}?limit=2&cursor={first['next_cursor']}")).json
    assert [item["id"] for item in first["items"] + second["items"]] == old[::-1]


async def test_a_page_has_twenty_unless_told_otherwise(street: Street, merchant: Merchant) -> None:
    for n in range(21):
        at = NOON + timedelta(seconds=n)
        await a_payment(street, merchant, f"o-{n}", created_at=at)
    assert len((await street.get(merchant, PATH)).json["items"]) == 20


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=101", "limit=-1", "limit=1.0", "limit=1e1", "limit=", "limit=%2B5",
        "limit=05", "limit=5%0A", "limit=%D9%A3", "limit=" + "9" * 500, "limit=1&limit=2",
        "limit=1&limit=1", "cursor=", "cursor=x", "cursor=%00", "cursor=%ff", "cursor=cGF5Xw",
        "cursor=" + "A" * 2000, "colour=red", "=", "a", "merchant_order_no=", "LIMIT=1",
        "merchant_order_no=a%00", "merchant_order_no=a&merchant_order_no=a",
        "merchant_order_no=" + "a" * 65, "merchant_order_no=%0A", "merchant_order_no=a%0A",
    ],
)  # fmt: skip
async def test_a_wrong_query_is_refused(street: Street, merchant: Merchant, query: str) -> None:
    answer = await street.get(merchant, f"{PATH}?{query}")
    assert (answer.status, answer.code) == (400, "invalid_parameter")


async def test_a_wrong_parameter_is_named(street: Street, merchant: Merchant) -> None:
    answer = await street.get(merchant, f"{PATH}?limit=many")
    assert answer.json["param"] == "limit"


async def test_the_head_of_a_payment_may_be_asked_for(street: Street, merchant: Merchant) -> None:
    path = f"{PATH}/{await a_payment(street, merchant, 'o-1')}"
    headers = {"Authorization": merchant.authorization("HEAD", path)}
    answer = await street.send("HEAD", path, headers=headers)
    assert (answer.status, answer.body) == (200, b"")
