"""Placing an order: what goes in, what the room hears, what the merchant is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from prometheus_client import REGISTRY

from bus import topology
from handlers import outlet
from handlers.trace import accepted_trace
from schema.payments import PaymentRequest
from tests.doors.room import CODE
from tests.doors.street import Answer, Merchant, Street, order

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def test_an_order_is_answered_with_the_code_that_the_payer_scans(
    street: Street, merchant: Merchant
) -> None:
    answer = await street.order(merchant, merchant_order_no="o-1", metadata={"basket": "b 17"})
    assert answer.status == 201
    payment = answer.json
    assert answer.headers["Location"] == f"/v1/payments/{payment['id']}"
    assert answer.headers["X-Request-Id"].startswith("req_")
    for changing in ("id", "created_at", "expires_at"):
        del payment[changing]
    assert payment == {
        "merchant_no": merchant.merchant_no,
        "merchant_order_no": "o-1",
        "state": "pending",
        "amount_fen": 1999,
        "currency": "CNY",
        "pay_type": "wechat_native",
        "subject": "两斤番茄",
        "metadata": {"basket": "b 17"},
        "pay": {"kind": "qr_code", "url": CODE.url},
    }


async def test_the_room_hears_who_asks_and_where_to_answer(
    street: Street, merchant: Merchant
) -> None:
    body = order(merchant_order_no="o-2", expires_in_s=60)
    answer = await street.post(merchant, body, traceparent=TRACE)
    [(event, message)] = street.room.orders(merchant.merchant_no)
    assert event.correlationid == answer.headers["X-Request-Id"]
    assert event.replyto is not None and event.replyto.startswith("reply.")
    assert event.traceparent == TRACE
    assert event.source == "tomato/doors"
    assert msgspec.json.encode(message.request) == msgspec.json.encode(
        msgspec.json.decode(body, type=PaymentRequest)
    )


@pytest.mark.parametrize(
    "trace", ["", "x", TRACE[:-1], "00-" + "0" * 32 + TRACE[35:], "01" + TRACE]
)
async def test_a_trace_that_is_none_is_replaced(
    street: Street, merchant: Merchant, trace: str
) -> None:
    await street.post(merchant, order(), traceparent=trace)
    [(event, _)] = street.room.orders(merchant.merchant_no)
    assert event.traceparent != trace and accepted_trace(event.traceparent)


async def test_a_repeat_of_an_order_in_progress_is_told_so(
    street: Street, merchant: Merchant
) -> None:
    answer = await street.order(merchant, merchant_order_no="screening-1")
    assert (answer.status, answer.json["state"]) == (202, "screening")
    assert answer.headers["Location"] == f"/v1/payments/{answer.json['id']}"


async def test_an_order_whose_payment_failed_is_taken_all_the_same(
    street: Street, merchant: Merchant
) -> None:
    answer = await street.order(merchant, merchant_order_no="failed-1")
    assert (answer.status, answer.json["state"]) == (201, "failed")
    assert answer.json["failure"]["code"] == "no_channel"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("order_no_conflict", 409),
        ("merchant_suspended", 403),
        ("pay_type_not_enabled", 422),
        ("something_new", 422),
    ],
)
async def test_a_refusal_becomes_a_problem(
    street: Street, merchant: Merchant, code: str, status: int
) -> None:
    answer = await street.order(merchant, merchant_order_no=f"refused|{code}-1")
    assert (answer.status, answer.code) == (status, code)
    assert answer.json["detail"] == "as the test wished"


async def test_an_answer_that_takes_too_long_is_announced(
    street: Street, merchant: Merchant
) -> None:
    answer = await street.order(merchant, merchant_order_no="silent-a|b*c")
    assert answer.status == 202
    assert answer.json == {"state": "processing", "merchant_order_no": "silent-a|b*c"}
    assert answer.headers["Location"] == "/v1/payments?merchant_order_no=silent-a%7Cb%2Ac"
    assert (await street.get(merchant, answer.headers["Location"])).code == "payment_not_found"


async def test_an_order_that_nobody_confirms_may_be_sent_again(
    street: Street, merchant: Merchant
) -> None:
    """Without the queue of ordering the broker can't confirm a command."""
    async with nobody_takes_orders(street):
        answer = await street.order(merchant)
        assert (answer.status, answer.code) == (503, "try_again")
        assert answer.headers["Retry-After"] == "1"
    again = await until_status(street, merchant, 201)
    assert again.status == 201


async def test_an_order_that_waited_too_long_is_not_sent_later(
    street: Street, merchant: Merchant
) -> None:
    """The first is on its way and sent until it is confirmed; the second can be taken back."""
    async with nobody_takes_orders(street):
        await street.order(merchant, merchant_order_no="first")
        await street.order(merchant, merchant_order_no="second")
    await until_status(street, merchant, 201)
    numbers = {m.request.merchant_order_no for _, m in street.room.orders(merchant.merchant_no)}
    assert "second" not in numbers and "first" in numbers


async def test_orders_beyond_what_can_wait_are_turned_away_at_once(
    street: Street, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outlet, "WAITING_MAX", 0)
    answer = await street.order(merchant)
    assert (answer.status, answer.code) == (503, "try_again")
    assert street.room.orders(merchant.merchant_no) == []


async def test_many_orders_at_once_travel_together_and_each_hears_of_its_own(
    street: Street, merchant: Merchant
) -> None:
    sent_before = deliveries_out()
    numbers = [f"many-{n}" for n in range(200)]
    answers = await asyncio.gather(
        *(street.order(merchant, merchant_order_no=number) for number in numbers)
    )
    assert [answer.json["merchant_order_no"] for answer in answers] == numbers
    assert deliveries_out() - sent_before < 100


def deliveries_out() -> float:
    """Of this process: the edge's commands and the stand-in's answers."""
    return REGISTRY.get_sample_value("tomato_deliveries_out_total") or 0


@asynccontextmanager
async def nobody_takes_orders(street: Street) -> AsyncIterator[None]:
    channel = await street.room.broker.channel()
    queue = await channel.get_queue("ordering")
    await queue.unbind(topology.COMMANDS, "ordering")
    try:
        yield
    finally:
        await queue.bind(topology.COMMANDS, "ordering")
        await channel.close()


async def until_status(street: Street, merchant: Merchant, status: int) -> Answer:
    """Orders until one is answered so: a publish that failed is repeated after a growing wait."""
    for _ in range(20):
        answer = await street.order(merchant)
        if answer.status == status:
            return answer
    raise AssertionError(f"no order was answered with {status}")
