"""Whole flows of our language at the simulated bank, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from msgspec.structs import replace

from handlers.simulator.bank.accounts import generate_bank_account
from handlers.simulator.bank.front import RETRY_AFTER_S
from schema.channels import (
    AtTheTill,
    BillAt,
    BillNotReady,
    BillWish,
    FundBill,
    NoBill,
    NotKnownThere,
    Paid,
    PaymentNotice,
    Pending,
    Redirect,
    Refunded,
    RefundNotice,
    RefundPending,
    SurelyNotPaid,
    SurelyNotRefunded,
    SurelyNotTransferred,
    TradeBill,
    TransferNotice,
    TransferPending,
    Transferred,
    Unknown,
)
from tests.wire import bank_pair
from tests.wire.bank_pair import a_refund, a_transfer
from tests.wire.quarter import Quarter, a_quarter, soon

ACCOUNTS = generate_bank_account("M0001", "https://bank.test", "https://tomato.test/n")


def an_order(**changed: Any) -> Any:
    return bank_pair.an_order(**soon() | changed)


@pytest.fixture
async def quarter() -> AsyncIterator[Quarter]:
    async with a_quarter("bank", *ACCOUNTS) as opened:
        yield opened


async def paid(quarter: Quarter, order: Any) -> Paid:
    await quarter.ask("create", order)
    quarter.world.pay(quarter.trade(order))
    verdict = await quarter.ask("query", order)
    assert isinstance(verdict, Paid)
    return verdict


async def test_a_payer_pays_on_the_banks_page_and_we_are_told(quarter: Quarter) -> None:
    order = an_order()
    pending = await quarter.ask("create", order)
    assert isinstance(pending, Pending) and isinstance(pending.offer, Redirect)
    async with quarter.session.get(pending.offer.url) as page:
        assert page.status == 200 and "19.99" in await page.text()
    assert await quarter.ask("query", order) == pending
    quarter.world.pay(quarter.trade(order))
    verdict = await quarter.ask("query", order)
    assert isinstance(verdict, Paid) and verdict.amount_fen == 1999
    [(_, told)] = await quarter.notices(1)
    assert told == PaymentNotice(number=order.number, verdict=verdict)


async def test_the_same_order_again_is_the_same_order_whatever_became_of_it(
    quarter: Quarter,
) -> None:
    order = an_order()
    first = await quarter.ask("create", order)
    assert await quarter.ask("create", order) == first
    used = await quarter.ask("create", replace(order, amount_fen=2000))
    assert isinstance(used, Unknown) and used.code == "NUMBER_USED"
    quarter.world.pay(quarter.trade(order))
    assert isinstance(await quarter.ask("create", order), Paid)


async def test_a_balance_pays_at_once_or_after_its_owner_confirmed(quarter: Quarter) -> None:
    order = an_order(pay_type="balance", payer_id="acct-7")
    verdict = await quarter.ask("create", order)
    assert isinstance(verdict, Paid) and verdict.payer_id == "acct-7"
    large = an_order(number="large", pay_type="balance", payer_id="acct-7", amount_fen=200_000)
    assert await quarter.ask("create", large) == Pending(offer=AtTheTill(), code="WAITING")
    quarter.world.pay(quarter.trade(large))
    assert isinstance(await quarter.ask("query", large), Paid)
    nobody = an_order(number="nobody", pay_type="balance")
    assert await quarter.ask("create", nobody) == SurelyNotPaid(
        code="PAYER_UNKNOWN", message="no account to take the money from", cause="payer"
    )


async def test_a_balance_that_does_not_suffice_is_the_payers_doing(quarter: Quarter) -> None:
    quarter.order_fault("pay", "not_enough_money")
    verdict = await quarter.ask("create", an_order(pay_type="balance", payer_id="acct-7"))
    assert isinstance(verdict, SurelyNotPaid)
    assert (verdict.code, verdict.cause) == ("BALANCE_SHORT", "balance")


async def test_a_closed_order_is_closed_and_a_paid_one_is_not(quarter: Quarter) -> None:
    order, other = an_order(), an_order(number="other")
    await quarter.ask("create", order)
    for _ in range(2):
        closed = await quarter.ask("close", order)
        assert isinstance(closed, SurelyNotPaid) and closed.cause == "payer"
    await paid(quarter, other)
    verdict = await quarter.ask("close", other)
    assert isinstance(verdict, Unknown) and verdict.code == "ORDER_PAID"
    assert isinstance(await quarter.ask("reverse", other), SurelyNotPaid)
    assert isinstance(await quarter.ask("close", an_order(number="never")), NotKnownThere)


async def test_refunds_take_a_while_and_never_exceed_the_payment(quarter: Quarter) -> None:
    order, refund = an_order(), a_refund()
    early = await quarter.ask("refund", refund)
    assert isinstance(early, SurelyNotRefunded) and early.code == "ORDER_UNKNOWN"
    await paid(quarter, order)
    assert isinstance(await quarter.ask("refund", refund), RefundPending | Refunded)
    await quarter.notices(2)
    done = await quarter.ask("refund", refund)
    assert isinstance(done, Refunded) and done.refund_fen == 500
    assert await quarter.ask("query_refund", refund) == done
    told = quarter.heard[1][1]
    assert told == RefundNotice(number=refund.number, order_number=order.number, verdict=done)
    too_much = await quarter.ask("refund", a_refund(number="r2", refund_fen=1500))
    assert isinstance(too_much, SurelyNotRefunded) and too_much.code == "REFUND_EXCEEDS"
    assert not too_much.number_is_spent, "nothing is kept of it"
    used = await quarter.ask("refund", a_refund(refund_fen=501))
    assert isinstance(used, Unknown) and used.code == "NUMBER_USED"
    assert isinstance(await quarter.ask("query_refund", a_refund(number="r9")), NotKnownThere)
    part = await quarter.ask("query", order)
    assert isinstance(part, Paid) and part.is_refunded


async def test_a_transfer_arrives_later_and_a_repeat_is_not_a_second_one(quarter: Quarter) -> None:
    transfer = a_transfer()
    assert isinstance(await quarter.ask("query_transfer", transfer), NotKnownThere)
    assert isinstance(await quarter.ask("transfer", transfer), TransferPending | Transferred)
    [(_, told)] = await quarter.notices(1)
    done = await quarter.ask("transfer", transfer)
    assert isinstance(done, Transferred) and done.amount_fen == 88_800
    assert told == TransferNotice(number=transfer.number, verdict=done)
    assert len(quarter.merchant.transfers) == 1


async def test_a_transfer_that_comes_back_is_told_after_it_had_arrived(quarter: Quarter) -> None:
    quarter.order_fault("transfer", "returned", value=1)
    transfer = a_transfer()
    await quarter.ask("transfer", transfer)
    await quarter.notices(2)
    back = await quarter.ask("query_transfer", transfer)
    assert isinstance(back, SurelyNotTransferred)
    assert (back.code, back.message, back.cause) == ("RETURNED", "ACCOUNT_CLOSED", "payer")


async def test_a_transfer_that_is_refused_says_why(quarter: Quarter) -> None:
    quarter.order_fault("transfer", "ends_failed", value="NAME_MISMATCH")
    await quarter.ask("transfer", a_transfer())
    await quarter.notices(1)
    assert await quarter.ask("query_transfer", a_transfer()) == SurelyNotTransferred(
        code="NAME_MISMATCH", cause="payer"
    )


async def test_notices_come_again_under_one_id_until_they_are_taken(quarter: Quarter) -> None:
    quarter.deaf_for = 3
    await paid(quarter, an_order())
    heard = await quarter.notices(4)
    assert len({known for known, _ in heard}) == 1
    await quarter.until(lambda: quarter.trade(an_order()).acknowledged_at)
    assert len(RETRY_AFTER_S) == 9 and not quarter.refused


async def test_a_forged_notice_is_refused_and_the_true_one_comes_after_it(
    quarter: Quarter,
) -> None:
    quarter.order_fault("notify", "forged_notify", times=1)
    await paid(quarter, an_order())
    await quarter.notices(1)
    assert quarter.refused == ["a wrong signature"]


async def test_a_lost_answer_leaves_the_order_made(quarter: Quarter) -> None:
    quarter.order_fault("create", "lost_answer", times=1)
    with pytest.raises(aiohttp.ClientError):
        await quarter.ask("create", an_order())
    assert isinstance(await quarter.ask("query", an_order()), Pending)


async def test_a_bank_that_knows_the_number_never_says_that_nothing_was_done(
    quarter: Quarter,
) -> None:
    await paid(quarter, an_order())
    quarter.order_fault("create", "refuse", times=2)
    again = await quarter.ask("create", an_order())
    assert isinstance(again, Unknown) and again.code == "BUSY"
    new = await quarter.ask("create", an_order(number="new"))
    assert isinstance(new, SurelyNotPaid) and new.code == "LIMIT"


@pytest.mark.usefixtures("one_day")
async def test_the_days_bills_have_all_that_happened(quarter: Quarter) -> None:
    today = quarter.world.clock.today()
    assert isinstance(await quarter.ask("find_bill", BillWish(day=today)), BillNotReady)
    order = an_order()
    await paid(quarter, order)
    await quarter.ask("refund", a_refund())
    await quarter.ask("transfer", a_transfer())
    await quarter.notices(3)
    day = quarter.world.clock.close_day()
    bills = {}
    for kind in ("trades", "funds"):
        wish = BillWish(day=day, kind=kind)
        place = await quarter.ask("find_bill", wish)
        assert isinstance(place, BillAt) and place.digest_kind == "sha256"
        bills[kind] = await quarter.ask("fetch_bill", wish, place)
    trades, funds = bills["trades"], bills["funds"]
    assert isinstance(trades, TradeBill) and isinstance(funds, FundBill)
    assert [(line.kind, line.number, line.amount_fen, line.fee_fen) for line in trades.lines] == [
        ("payment", order.number, 1999, 12),
        ("refund", a_refund().number, 500, -3),
    ]
    assert sorted(line.business for line in funds.lines) == [
        "fee", "fee", "payment", "refund", "transfer",
    ]  # fmt: skip
    assert funds.lines[-1].balance_fen == 1999 - 12 - 500 + 3 - 88_800
    before = BillWish(day=day - timedelta(days=365))
    assert isinstance(await quarter.ask("find_bill", before), NoBill)


async def test_a_stranger_and_a_wrong_secret_are_refused(quarter: Quarter) -> None:
    account = quarter.language.account  # type: ignore[attr-defined]
    for changed in ({"merchant": "M0009"}, {"secret": "x" * 40}):
        quarter.language = type(quarter.language).of(replace(account, **changed))  # type: ignore[attr-defined]
        verdict = await quarter.ask("query", an_order())
        assert isinstance(verdict, Unknown)
        assert (verdict.why, verdict.code) == ("bad_signature", "UNSIGNED")
