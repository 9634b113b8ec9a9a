"""Closing a payment: what the door answers is how the payment stands, whoever was faster."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import pytest

from handlers import outlet
from schema.messages.doors import ClosePayment
from tests.doors.rows import NOON, a_paid_payment, a_payment
from tests.doors.street import PATH, Merchant, Street
from tests.doors.test_placing import nobody_takes_orders
from tests.waiting import at_last


def becomes(
    street: Street, number: str, state: str, **columns: Any
) -> Callable[[], Awaitable[None]]:
    """What ordering does meanwhile."""

    async def change() -> None:
        sets = ", ".join(f"{name} = ${n}" for n, name in enumerate(("state", *columns), 2))
        await street.shared.pool.execute(
            f"UPDATE ordering.payment SET {sets} WHERE payment_id = $1",
            number, state, *columns.values(),
        )  # fmt: skip

    return change


async def test_a_payment_is_closed_once_the_channels_have_confirmed_it(
    street: Street, merchant: Merchant
) -> None:
    number = await a_payment(street, merchant, "o-1")
    street.room.ends[number] = becomes(
        street, number, "closed", closed_at=NOON, close_reason="merchant"
    )
    answer = await street.ask(merchant, "POST", f"{PATH}/{number}/close")
    assert (answer.status, answer.json["state"]) == (200, "closed")
    assert (answer.json["close_reason"], answer.json["closed_at"]) == (
        "merchant", "2026-02-14T12:00:00Z",
    )  # fmt: skip
    assert street.room.wishes(merchant.merchant_no) == [
        ClosePayment(merchant_no=merchant.merchant_no, payment_id=number)
    ]


@pytest.mark.parametrize("state", ["closing", "pending"])
async def test_a_close_that_takes_longer_is_accepted(
    street: Street, merchant: Merchant, state: str
) -> None:
    number = await a_payment(street, merchant, "o-1", state=state)
    answer = await street.ask(merchant, "POST", f"{PATH}/{number}/close")
    assert (answer.status, answer.json["state"]) == (202, state)


@pytest.mark.parametrize("state", ["succeeded", "late_paid", "partially_refunded", "refunded"])
async def test_a_paid_payment_is_not_closed(street: Street, merchant: Merchant, state: str) -> None:
    number = await a_paid_payment(street, merchant, "o-1", state="pending")
    street.room.ends[number] = becomes(street, number, state)
    answer = await street.ask(merchant, "POST", f"{PATH}/{number}/close")
    assert (answer.status, answer.code) == (409, "payment_already_paid")
    assert state in answer.json["detail"] and answer.json["param"] == "payment_id"


async def test_a_failed_payment_has_ended_already(street: Street, merchant: Merchant) -> None:
    number = await a_payment(street, merchant, "o-1", state="failed")
    answer = await street.ask(merchant, "POST", f"{PATH}/{number}/close")
    assert (answer.status, answer.code) == (409, "payment_ended")
    assert street.room.wishes(merchant.merchant_no) == [], "nobody is asked in vain"


async def test_many_closes_at_once_are_all_answered(street: Street, merchant: Merchant) -> None:
    number = await a_payment(street, merchant, "o-1")
    street.room.ends[number] = becomes(street, number, "closed", closed_at=NOON)
    path = f"{PATH}/{number}/close"
    answers = await asyncio.gather(*(street.ask(merchant, "POST", path) for _ in range(20)))
    assert {answer.status for answer in answers} == {200}


async def test_a_close_that_nobody_confirms_may_be_wished_again(
    street: Street, merchant: Merchant
) -> None:
    number = await a_payment(street, merchant, "o-1")
    street.room.ends[number] = becomes(street, number, "closed", closed_at=NOON)
    path = f"{PATH}/{number}/close"
    async with nobody_takes_orders(street):
        answer = await street.ask(merchant, "POST", path)
        assert (answer.status, answer.code) == (503, "try_again")
        assert answer.headers["Retry-After"] == "1"
        assert (await street.get(merchant, f"{PATH}/{number}")).json["state"] == "pending"

    async def is_closed() -> bool:
        return (await street.ask(merchant, "POST", path)).status == 200

    await at_last(is_closed)


async def test_a_close_beyond_what_can_wait_is_turned_away_at_once(
    street: Street, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await a_payment(street, merchant, "o-1")
    monkeypatch.setattr(outlet, "WAITING_MAX", 0)
    answer = await street.ask(merchant, "POST", f"{PATH}/{number}/close")
    assert (answer.status, answer.code) == (503, "try_again")
    assert street.room.wishes(merchant.merchant_no) == []


async def test_another_merchants_payment_can_not_be_closed(
    street: Street, merchant: Merchant
) -> None:
    stranger = await street.open_merchant()
    number = await a_payment(street, merchant, "o-1")
    answer = await street.ask(stranger, "POST", f"{PATH}/{number}/close")
    assert (answer.status, answer.code) == (404, "payment_not_found")
    assert street.room.wishes(stranger.merchant_no) == []


@pytest.mark.parametrize("number", ["pay_", "pay_" + "0" * 24, "%00", "%ff", "a%2Fb", "'; --"])
async def test_what_is_no_number_is_not_found(
    street: Street, merchant: Merchant, number: str
) -> None:
    for part in ("close", "refunds", "events"):
        path = f"{PATH}/{quote(number, safe='%')}/{part}"
        answer = await street.ask(merchant, "POST" if part == "close" else "GET", path)
        assert (answer.status, answer.code) == (404, "payment_not_found")
