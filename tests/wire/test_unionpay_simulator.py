"""Whole flows of our language at the simulated UnionPay, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from handlers.simulator.unionpay.accounts import generate_unionpay_account
from schema.channels import (
    AtTheTill,
    ClientCall,
    NotKnownThere,
    Paid,
    PaymentNotice,
    Pending,
    QrCode,
    Refunded,
    RefundPending,
    SurelyNotPaid,
    SurelyNotRefunded,
    Unknown,
)
from tests.wire import unionpay_pair
from tests.wire.quarter import Quarter, a_quarter, soon
from tests.wire.unionpay_pair import MERCHANT, PROVIDER


def an_order(**changed: Any) -> Any:
    return unionpay_pair.an_order(**soon() | changed)


def a_refund(order: Any, **changed: Any) -> Any:
    times = {"opened_at": order.opened_at, "order_opened_at": order.opened_at}
    return unionpay_pair.a_refund(**times | changed)


def at_the_till(**changed: Any) -> Any:
    return an_order(pay_type="unionpay_barcode", auth_code="6212345678901234567", **changed)


@pytest.fixture(scope="module")
def both_ends() -> Any:
    return generate_unionpay_account(PROVIDER, MERCHANT, "https://u.test", "https://t.test/n")


@pytest.fixture
async def quarter(both_ends: Any) -> AsyncIterator[Quarter]:
    async with a_quarter("unionpay", *both_ends) as opened:
        yield opened


async def test_a_payer_scans_a_code_and_we_are_told(quarter: Quarter) -> None:
    order = an_order()
    pending = await quarter.ask("create", order)
    assert isinstance(pending, Pending) and isinstance(pending.offer, QrCode)
    assert quarter.world.trades.find_code(pending.offer.url) is quarter.trade(order)
    waiting = await quarter.ask("query", order)
    assert isinstance(waiting, Pending) and waiting.code == "02"
    quarter.world.pay(quarter.trade(order))
    verdict = await quarter.ask("query", order)
    assert isinstance(verdict, Paid) and verdict.amount_fen == 1999
    [(_, told)] = await quarter.notices(1)
    assert told == PaymentNotice(number=order.number, verdict=verdict)


async def test_a_page_in_the_wallet_gets_what_it_needs(quarter: Quarter) -> None:
    order = an_order(pay_type="unionpay_jsapi", payer_id="u-7")
    pending = await quarter.ask("create", order)
    assert isinstance(pending, Pending) and isinstance(pending.offer, ClientCall)
    assert pending.offer.parameters["redirectUrl"].startswith("https://qr.95516.com/")


async def test_a_repeated_order_is_a_duplicate_that_the_query_clears_up(quarter: Quarter) -> None:
    order = an_order()
    await quarter.ask("create", order)
    again = await quarter.ask("create", order)
    assert isinstance(again, Unknown) and (again.why, again.code) == ("ambiguous", "12")
    assert isinstance(await quarter.ask("query", order), Pending)


async def test_a_small_payment_at_the_till_is_paid_at_once(quarter: Quarter) -> None:
    verdict = await quarter.ask("create", at_the_till())
    assert isinstance(verdict, Paid) and verdict.amount_fen == 1999


async def test_a_large_payment_at_the_till_waits_for_its_payer(quarter: Quarter) -> None:
    order = at_the_till(amount_fen=200_000)
    pending = await quarter.ask("create", order)
    assert isinstance(pending, Pending)
    assert (pending.offer, pending.code) == (AtTheTill(), "02")
    paying = await quarter.ask("query", order)
    assert isinstance(paying, Pending) and paying.code == "05"
    quarter.world.pay(quarter.trade(order))
    assert isinstance(await quarter.ask("query", order), Paid)


@pytest.mark.parametrize(
    ("kind", "code", "cause"),
    [("not_enough_money", "64", "balance"), ("payer_refuses", "60", "payer")],
)
async def test_what_the_till_refuses_only_the_query_proves(
    quarter: Quarter, kind: str, code: str, cause: str
) -> None:
    quarter.order_fault("pay", kind)
    order = at_the_till()
    verdict = await quarter.ask("create", order)
    assert isinstance(verdict, Unknown) and (verdict.code, verdict.cause) == (code, cause)
    failed = await quarter.ask("query", order)
    assert isinstance(failed, SurelyNotPaid) and failed.code == "06"


async def test_an_order_is_known_by_its_number_and_its_time(quarter: Quarter) -> None:
    order = an_order()
    await quarter.ask("create", order)
    other_time = replace(order, opened_at=order.opened_at - timedelta(seconds=1))
    assert isinstance(await quarter.ask("query", other_time), NotKnownThere)
    assert isinstance(await quarter.ask("query", an_order(number="never")), NotKnownThere)


async def test_a_closed_order_is_closed_and_a_paid_one_is_not(quarter: Quarter) -> None:
    order, other = an_order(), an_order(number="other")
    await quarter.ask("create", order)
    for _ in range(2):
        assert isinstance(await quarter.ask("close", order), SurelyNotPaid)
    closed = await quarter.ask("query", order)
    assert isinstance(closed, SurelyNotPaid) and closed.code == "03"
    await quarter.ask("create", other)
    quarter.world.pay(quarter.trade(other))
    refused = await quarter.ask("close", other)
    assert isinstance(refused, Unknown) and refused.code == "35"


async def test_a_refund_is_taken_and_its_query_tells_how_it_ended(quarter: Quarter) -> None:
    order = an_order()
    await quarter.ask("create", order)
    quarter.world.pay(quarter.trade(order))
    refund = a_refund(order)
    assert isinstance(await quarter.ask("query_refund", refund), NotKnownThere)
    assert isinstance(await quarter.ask("refund", refund), RefundPending)
    await quarter.until(lambda: quarter.merchant.refunds[refund.number].refunded_at)
    done = await quarter.ask("query_refund", refund)
    assert isinstance(done, Refunded) and done.refund_fen == 500
    again = await quarter.ask("refund", refund)
    assert isinstance(again, Unknown) and again.code == "12"
    too_much = await quarter.ask("refund", a_refund(order, number="r2", refund_fen=1500))
    assert isinstance(too_much, Unknown) and too_much.code == "33"
    part = await quarter.ask("query", order)
    assert isinstance(part, Paid) and part.is_refunded


async def test_a_refund_that_fails_is_surely_not_refunded(quarter: Quarter) -> None:
    quarter.order_fault("refund", "ends_closed")
    order = an_order()
    await quarter.ask("create", order)
    quarter.world.pay(quarter.trade(order))
    refund = a_refund(order)
    await quarter.ask("refund", refund)
    await quarter.until(lambda: quarter.merchant.refunds[refund.number].refunded_at)
    assert isinstance(await quarter.ask("query_refund", refund), SurelyNotRefunded)


async def test_notices_come_again_as_the_same_notice_until_they_are_taken(
    quarter: Quarter,
) -> None:
    quarter.deaf_for = 3
    order = an_order()
    await quarter.ask("create", order)
    quarter.world.pay(quarter.trade(order))
    heard = await quarter.notices(4)
    assert len({known for known, _ in heard}) == 1 and not quarter.refused


async def test_a_forged_notice_is_refused_and_one_of_another_amount_says_so(
    quarter: Quarter,
) -> None:
    order = an_order()
    await quarter.ask("create", order)
    quarter.order_fault("notify", "forged_notify", times=1)
    quarter.world.pay(quarter.trade(order))
    await quarter.notices(1)
    assert quarter.refused == ["the signature does not fit the content"]
    other = an_order(number="other")
    await quarter.ask("create", other)
    quarter.order_fault("notify", "wrong_amount_notify", times=1)
    quarter.world.pay(quarter.trade(other))
    told = (await quarter.notices(2))[1][1]
    assert isinstance(told, PaymentNotice) and isinstance(told.verdict, Paid)
    assert told.verdict.amount_fen == 2000


async def test_trouble_at_the_platform_proves_nothing(quarter: Quarter) -> None:
    quarter.order_fault("create", "http_500", times=1)
    broken = await quarter.ask("create", an_order())
    assert isinstance(broken, Unknown) and broken.why == "server_error"
    quarter.order_fault("create", "refuse", times=1, value="10")
    refused = await quarter.ask("create", an_order())
    assert isinstance(refused, SurelyNotPaid) and refused.cause == "platform"
    quarter.order_fault("create", "rate_limit", times=1)
    assert isinstance(await quarter.ask("create", an_order()), Unknown)


async def test_a_stranger_is_refused(quarter: Quarter, upay: Any) -> None:
    for account in (
        replace(quarter.language.keys.account, mer_id="898000000000009"),  # type: ignore[attr-defined]
        replace(upay.account, base_url=quarter.language.base_url),
    ):
        quarter.language = type(upay.ours).of(account)
        verdict = await quarter.ask("query", an_order())
        assert isinstance(verdict, Unknown) and verdict.why == "bad_signature"
