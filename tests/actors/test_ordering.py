"""Ordering on a real database: every column there and back, and two workers on the same orders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta

import asyncpg
import pytest
from msgspec.structs import astuple, replace

from actors.ordering.actor import ordering
from actors.ordering.payment import Decisions, Orders, Payment, Round
from actors.ordering.placing import content_digest
from actors.ordering.rules import decide
from actors.ordering.store import load_orders, save_orders
from bus.database import Connection, Pool
from bus.directory import Directory
from bus.errors import is_clash
from schema import ids
from schema.messages.contract import Message
from schema.messages.doors import PlacePayment
from schema.payments import PaymentState
from tests.actors.profiles import new_merchant_no, register
from tests.actors.two_at_once import BATCH, against_each_other, in_line_behind
from tests.examples import (
    CHANNEL_NO,
    CODE,
    LINKS,
    MERCHANT_NO,
    NOW,
    OBJECTED,
    OBJECTION,
    TRADE_NO,
    a_merchant,
    a_payment,
    a_request,
    a_routing,
    pending,
    succeeded,
)

LATER = NOW + timedelta(seconds=90, microseconds=7)


def new_payments(count: int = 1) -> list[Payment]:
    """Payments that no other test has, as rules have just placed them."""
    numbers = [os.urandom(8).hex() for _ in range(count)]
    return [
        a_payment(
            payment_id=ids.payment_id(MERCHANT_NO, number, NOW),
            merchant_order_no=number,
            metadata={"till": "7", "店": "番茄 \\ \" '"},
            notify_url="https://shop.test/hooks",
            client_ip="203.0.113.7",
            payer_id="member-7",
            return_url="https://shop.test/back",
            digest=content_digest(a_request(merchant_order_no=number)),
        )
        for number in numbers
    ]


def with_all_that_can_change(payment: Payment) -> Payment:
    """The payment after everything that can happen to its row has happened."""
    return replace(
        payment,
        state=PaymentState.SUCCEEDED,
        pay_type="alipay_qr",
        fee_rate_ppm=5_000,
        rounds=(Round(pay_type="alipay_qr", fee_rate_ppm=5_000, client_ip="203.0.113.8"),),
        fee_fen=6,
        cost_fen=3,
        offer=CODE,
        channel_no=CHANNEL_NO,
        channel_trade_no=TRADE_NO,
        funds_flow="platform",
        failure=OBJECTION,
        decisions=Decisions(risk=OBJECTED, routing=a_routing("b", "a")),
        answered_at=LATER,
        paid_at=LATER,
        updated_at=LATER,
        attempt_id=ids.attempt_id(payment.payment_id, 1),
        is_late=True,
        refunding_fen=300,
        refunded_fen=200,
        close_at=LATER,
        close_reason="payer",
        closed_at=LATER,
    )


async def add(connection: Connection | Pool, payments: Sequence[Payment]) -> None:
    orders = Orders()
    for payment in payments:
        orders.put(payment)
    await save_orders(connection, orders)


async def change(connection: Connection | Pool, payments: Sequence[Payment]) -> None:
    orders = Orders(payments)
    for payment in payments:
        orders.put(with_all_that_can_change(payment))
    await save_orders(connection, orders)


async def stored(pool: Pool, directory: Directory, payments: Sequence[Payment]) -> list[Payment]:
    """The payments by id, as a batch of words about them finds them."""
    words = [pending(payment.payment_id) for payment in payments]
    async with pool.acquire() as connection, connection.transaction():
        return list(await load_orders(connection, words, directory))


def by_id(payments: Sequence[Payment]) -> list[Payment]:
    return sorted(payments, key=lambda payment: payment.payment_id)


async def test_every_column_of_a_payment_comes_back(pool: Pool, directory: Directory) -> None:
    (placed,) = new_payments()
    await add(pool, [placed])
    assert await stored(pool, directory, [placed]) == [placed]
    await change(pool, [placed])
    (changed,) = await stored(pool, directory, [placed])
    assert changed == with_all_that_can_change(placed)
    assert None not in astuple(changed), "every column was tried"


async def test_a_batch_of_hundreds_comes_back_in_the_order_of_ids(
    pool: Pool, directory: Directory
) -> None:
    payments = new_payments(BATCH)
    await add(pool, payments)
    assert await stored(pool, directory, payments[::-1]) == by_id(payments)
    await change(pool, payments)
    changed = [with_all_that_can_change(payment) for payment in by_id(payments)]
    assert await stored(pool, directory, payments) == changed


async def test_a_repeat_finds_the_order_by_the_merchants_number(
    pool: Pool, directory: Directory
) -> None:
    (placed,) = new_payments()
    await add(pool, [placed])
    request = a_request(merchant_order_no=placed.merchant_order_no)
    mine = PlacePayment(merchant_no=MERCHANT_NO, request=request)
    others = PlacePayment(merchant_no="1025112299999", request=request)
    async with pool.acquire() as connection:
        orders = await load_orders(connection, [mine, others], directory)
    assert orders.numbered(MERCHANT_NO, placed.merchant_order_no) == placed
    assert orders.numbered("1025112299999", placed.merchant_order_no) is None


async def test_an_order_number_is_unique_per_merchant(pool: Pool) -> None:
    (placed,) = new_payments()
    await add(pool, [placed])
    (again,) = new_payments()
    with pytest.raises(asyncpg.UniqueViolationError) as caught:
        await add(pool, [replace(again, merchant_order_no=placed.merchant_order_no)])
    assert is_clash(caught.value), "the batch is loaded again and finds a repeat"


async def test_the_database_refuses_a_fee_above_the_amount(pool: Pool) -> None:
    (placed,) = new_payments()
    with pytest.raises(asyncpg.CheckViolationError):
        await add(pool, [replace(placed, fee_fen=placed.amount_fen + 1)])


async def test_a_second_worker_waits_and_decides_on_what_the_first_has_left(
    pool: Pool, directory: Directory
) -> None:
    (placed,) = new_payments()
    await add(pool, [placed])

    async def hear(connection: Connection, message: Message) -> Payment:
        orders = await load_orders(connection, [message], directory)
        for changed in decide(orders, message, NOW).changes:
            orders.put(changed)
        await save_orders(connection, orders)
        return next(iter(orders))

    after = await in_line_behind(
        pool,
        lambda connection: hear(connection, pending(placed.payment_id)),
        lambda connection: hear(connection, succeeded(placed.payment_id)),
    )
    assert (after.state, after.offer) == (PaymentState.SUCCEEDED, CODE)


async def test_opposite_orders_of_the_same_payments_do_not_lock_each_other_out(
    pool: Pool, directory: Directory
) -> None:
    payments = new_payments(BATCH)
    await add(pool, payments)

    async def hear(connection: Connection, words: Sequence[Message]) -> None:
        await change(connection, list(await load_orders(connection, words, directory)))

    words = [pending(payment.payment_id) for payment in payments]
    raised = await against_each_other(
        pool,
        *(lambda c: hear(c, words), lambda c: hear(c, words[::-1])) * 3,
    )
    assert raised == []


async def test_the_same_new_orders_in_opposite_order_are_taken_once(
    pool: Pool, directory: Directory
) -> None:
    payments = new_payments(BATCH)
    raised = await against_each_other(
        pool,
        lambda connection: add(connection, payments),
        lambda connection: add(connection, payments[::-1]),
    )
    assert [type(error) for error in raised] == [asyncpg.UniqueViolationError]
    assert await stored(pool, directory, payments) == by_id(payments)


async def test_profiles_are_read_of_those_who_order_and_of_nobody_else(
    pool: Pool, directory: Directory
) -> None:
    merchant = a_merchant(merchant_no=new_merchant_no())
    await register(pool, merchant, a_merchant(merchant_no=new_merchant_no()))
    placing = PlacePayment(merchant_no=merchant.merchant_no, request=a_request())
    words = [placing, pending("pay_of_nobody")]
    async with pool.acquire() as connection:
        orders = await ordering(directory, LINKS).load(connection, words)
    assert orders.merchants == {merchant.merchant_no: merchant}
    assert list(orders) == []
