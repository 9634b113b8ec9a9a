"""The simulated Alipay as its merchants meet it: over HTTP, in the platform's own ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from handlers.simulator.alipay.front import ALIPAY, RETRY_AFTER_S
from handlers.simulator.world import Trade, TradeState
from schema.channels import (
    AtTheTill,
    BillWish,
    ClientCall,
    Form,
    FundBill,
    HttpRequest,
    NotKnownThere,
    Paid,
    Part,
    Payee,
    PaymentNotice,
    Pending,
    ProtocolError,
    QrCode,
    Refunded,
    RefundNotice,
    RefundPending,
    Share,
    Shared,
    SharePending,
    SurelyNotPaid,
    SurelyNotRefunded,
    TradeBill,
    TransferNotice,
    TransferPending,
    Transferred,
    Unknown,
)
from schema.channels.alipay.asking import FORM, GATEWAY_PATH
from schema.channels.alipay.signing import form, read_form
from tests.wire.alipay_pair import NOW, ORDER_NO, REFUND_NO, a_refund, a_transfer
from tests.wire.alipay_street import AlipayStreet, an_alipay_street, fresh

AUTH_CODE = "281234567890123456"


@pytest.fixture
async def street(one_day: None) -> AsyncIterator[AlipayStreet]:
    async with an_alipay_street(clock_speed=1_000) as opened:
        yield opened


async def paid(street: AlipayStreet, **changed: Any) -> Paid:
    """An order that its payer has paid at the till."""
    order = street.order(pay_type="alipay_barcode", auth_code=AUTH_CODE, **changed)
    verdict = await street.ask(street.ours.create(order, fresh()))
    assert isinstance(verdict, Paid)
    return verdict


async def test_a_code_is_scanned_paid_and_told(street: AlipayStreet) -> None:
    order = street.order()
    created = await street.ask(street.ours.create(order, fresh()))
    assert isinstance(created, Pending) and isinstance(created.offer, QrCode)
    assert created.offer.url.startswith("https://qr.alipay.com/")
    assert await street.ask(street.ours.create(order, fresh())) == created
    street.world.pay(street.trade())
    [notice] = await street.notices(1)
    street.ours.prove({}, notice, NOW)
    told = street.ours.read_notice(notice)
    asked = await street.ask(street.ours.query(order, fresh()))
    assert isinstance(told, PaymentNotice) and told.verdict == asked
    assert isinstance(asked, Paid) and asked.amount_fen == 1999


async def test_a_trade_is_not_stored_before_its_payer_opens_it(street: AlipayStreet) -> None:
    order = street.order()
    await street.ask(street.ours.create(order, fresh()))
    waits = await street.ask(street.ours.query(order, fresh()))
    assert isinstance(waits, Pending) and waits.code == "ACQ.TRADE_NOT_EXIST"
    assert isinstance(await street.ask(street.ours.close(order, fresh())), NotKnownThere)
    gone = await street.ask(street.ours.reverse(order, fresh()))
    assert isinstance(gone, SurelyNotPaid) and gone.code == "close"
    assert street.trade().state is TradeState.REVERSED


async def test_a_code_that_is_looked_at_is_a_stored_trade(street: AlipayStreet) -> None:
    order = street.order()
    await street.ask(street.ours.create(order, fresh()))
    page = await street.send(
        HttpRequest(method="GET", path=f"/pay?code={street.trade().code}", headers={}, body=b"")
    )
    assert page.status == 200
    waits = await street.ask(street.ours.query(order, fresh()))
    assert waits == Pending(code="WAIT_BUYER_PAY")


@pytest.mark.parametrize("pay_type", ["alipay_page", "alipay_wap"])
async def test_a_browser_that_brings_the_form_opens_the_trade(
    street: AlipayStreet, pay_type: Any
) -> None:
    order = street.order(pay_type=pay_type, return_url="https://shop.test/")
    offered = street.ours.create(order, fresh())
    assert isinstance(offered, Pending) and isinstance(offered.offer, Form)
    assert offered.offer.url == street.origin + GATEWAY_PATH
    body = form(offered.offer.fields)
    brought = HttpRequest(method="POST", path=GATEWAY_PATH, headers=FORM, body=body)
    by_get = HttpRequest(
        method="GET", path=f"{GATEWAY_PATH}&{body.decode()}".replace("charset=utf-8&", "", 1),
        headers={}, body=b"",
    )  # fmt: skip
    for request in (brought, by_get):
        answer = await street.send(request)
        assert answer.status == 302
        assert answer.headers["Location"] == f"/pay?code={street.trade().code}"
    waits = await street.ask(street.ours.query(order, fresh()))
    assert waits == Pending(code="WAIT_BUYER_PAY")
    closed = await street.ask(street.ours.close(order, fresh()))
    assert isinstance(closed, SurelyNotPaid)
    [notice] = await street.notices(1)
    told = street.ours.read_notice(notice)
    assert isinstance(told, PaymentNotice) and isinstance(told.verdict, SurelyNotPaid)
    assert isinstance(await street.ask(street.ours.close(order, fresh())), SurelyNotPaid)


async def test_what_nobody_opened_in_time_can_not_be_opened_any_more(street: AlipayStreet) -> None:
    order = street.order(expires_at=street.began_at + timedelta(seconds=1))
    await street.ask(street.ours.create(order, fresh()))
    street.world.clock.move(timedelta(minutes=2))
    trade = street.trade()
    street.world.show(trade)
    assert not trade.channel_number and not isinstance(street.world.pay(trade), Trade)
    late = street.order(number="late", expires_at=street.began_at - timedelta(seconds=1))
    refused = await street.ask(street.ours.create(late, fresh()))
    assert isinstance(refused, SurelyNotPaid)
    assert refused.code == "ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR"


async def test_a_stored_trade_whose_time_is_over_is_closed(street: AlipayStreet) -> None:
    order = street.order(pay_type="alipay_jsapi", payer_id="2088000000000009")
    await street.ask(street.ours.create(order, fresh()))
    street.world.clock.move(timedelta(minutes=16))
    ended = await street.ask(street.ours.query(order, fresh()))
    assert isinstance(ended, SurelyNotPaid) and ended.code == "TRADE_CLOSED"


async def test_a_form_with_a_changed_amount_opens_nothing(street: AlipayStreet) -> None:
    offered = street.ours.create(street.order(pay_type="alipay_page"), fresh())
    assert isinstance(offered, Pending) and isinstance(offered.offer, Form)
    fields = offered.offer.fields
    changed = fields | {"biz_content": fields["biz_content"].replace("19.99", "0.01")}
    answer = await street.send(
        HttpRequest(method="POST", path=GATEWAY_PATH, headers=FORM, body=form(changed))
    )
    assert answer.status == 200 and b"isv.invalid-signature" in answer.body
    with pytest.raises(KeyError):
        street.trade()


async def test_a_mini_program_pays_a_stored_trade(street: AlipayStreet) -> None:
    order = street.order(pay_type="alipay_jsapi", payer_id="2088000000000009")
    created = await street.ask(street.ours.create(order, fresh()))
    assert isinstance(created, Pending) and isinstance(created.offer, ClientCall)
    assert created.offer.parameters == {"tradeNO": street.trade().channel_number}
    assert await street.ask(street.ours.create(order, fresh())) == created
    waits = await street.ask(street.ours.query(order, fresh()))
    assert waits == Pending(code="WAIT_BUYER_PAY")


async def test_at_the_till_a_large_amount_waits_for_the_password(street: AlipayStreet) -> None:
    order = street.order(pay_type="alipay_barcode", auth_code=AUTH_CODE, amount_fen=200_000)
    assert await street.ask(street.ours.create(order, fresh())) == Pending(offer=AtTheTill())
    assert await street.ask(street.ours.create(order, fresh())) == Pending(offer=AtTheTill())
    street.world.pay(street.trade())
    assert isinstance(await street.ask(street.ours.query(order, fresh())), Paid)
    again = await street.ask(street.ours.create(order, fresh()))
    assert isinstance(again, Unknown) and again.code == "ACQ.TRADE_HAS_SUCCESS"


@pytest.mark.parametrize(
    ("auth_code", "kind", "code"),
    [
        ("123", None, "ACQ.PAYMENT_AUTH_CODE_INVALID"),
        (AUTH_CODE, "not_enough_money", "ACQ.BUYER_BALANCE_NOT_ENOUGH"),
        (AUTH_CODE, "payer_refuses", "ACQ.PAYMENT_FAIL"),
    ],
)
async def test_at_the_till_it_may_fail(
    street: AlipayStreet, auth_code: str, kind: Any, code: str
) -> None:
    if kind:
        street.fault(api="pay", kind=kind)
    order = street.order(pay_type="alipay_barcode", auth_code=auth_code)
    failed = await street.ask(street.ours.create(order, fresh()))
    assert isinstance(failed, SurelyNotPaid) and failed.code == code


async def test_the_number_of_an_order_is_used_once(street: AlipayStreet) -> None:
    await street.ask(street.ours.create(street.order(), fresh()))
    other = await street.ask(street.ours.create(street.order(amount_fen=1), fresh()))
    assert isinstance(other, Unknown) and other.code == "ACQ.CONTEXT_INCONSISTENT"


async def test_a_paid_trade_is_taken_back_and_stays_so(street: AlipayStreet) -> None:
    await paid(street)
    order = street.order(pay_type="alipay_barcode", auth_code=AUTH_CODE)
    for _ in range(2):
        gone = await street.ask(street.ours.reverse(order, fresh()))
        assert isinstance(gone, SurelyNotPaid) and gone.code == "refund"
    seen = await street.ask(street.ours.query(order, fresh()))
    assert isinstance(seen, Paid) and seen.is_refunded


async def test_a_refund_moves_money_once_and_is_told(street: AlipayStreet) -> None:
    was = await paid(street)
    refund = a_refund(channel_payment_id=was.channel_payment_id)
    nothing = await street.ask(street.ours.query_refund(refund, fresh()))
    assert isinstance(nothing, NotKnownThere)
    done = await street.ask(street.ours.refund(refund, fresh()))
    assert isinstance(done, Refunded) and done.refund_fen == 500
    again = await street.ask(street.ours.refund(refund, fresh()))
    assert isinstance(again, RefundPending) and again.code == "fund_change=N"
    seen = await street.ask(street.ours.query_refund(refund, fresh()))
    assert isinstance(seen, Refunded) and seen.refund_fen == 500
    differing = a_refund(refund_fen=501, channel_payment_id=was.channel_payment_id)
    other = await street.ask(street.ours.refund(differing, fresh()))
    assert isinstance(other, Unknown) and other.code == "ACQ.DISCORDANT_REPEAT_REQUEST"
    too_much = a_refund(number="r2", refund_fen=1_500, channel_payment_id=was.channel_payment_id)
    refused = await street.ask(street.ours.refund(too_much, fresh()))
    assert isinstance(refused, SurelyNotRefunded)
    assert refused.code == "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"
    assert not refused.number_is_spent
    told = street.ours.read_notice((await street.notices(2))[1])
    assert isinstance(told, RefundNotice)
    assert (told.number, told.order_number) == (REFUND_NO, ORDER_NO)


async def test_a_whole_refund_closes_the_trade(street: AlipayStreet) -> None:
    was = await paid(street)
    refund = a_refund(refund_fen=1_999, channel_payment_id=was.channel_payment_id)
    await street.ask(street.ours.refund(refund, fresh()))
    seen = await street.ask(street.ours.query(street.order(), fresh()))
    assert isinstance(seen, Paid) and seen.is_refunded


async def test_a_transfer_arrives_is_told_and_may_be_asked_about(street: AlipayStreet) -> None:
    ours, transfer = street.by_certificates, a_transfer()
    absent = await street.ask(ours.query_transfer(transfer, fresh()))
    assert isinstance(absent, NotKnownThere)
    sent = await street.ask(ours.transfer(transfer, fresh()))
    assert isinstance(sent, Transferred) and sent.amount_fen == 5_000
    assert await street.ask(ours.transfer(transfer, fresh())) == sent
    assert await street.ask(ours.query_transfer(transfer, fresh())) == sent
    [message] = await street.notices(1)
    ours.prove({}, message, NOW)
    told = ours.read_notice(message)
    assert told == TransferNotice(number=ORDER_NO, verdict=sent)
    other = await street.ask(ours.transfer(a_transfer(amount_fen=1_000), fresh()))
    assert isinstance(other, Unknown) and other.code == "PAYMENT_INFO_INCONSISTENCY"


async def test_a_transfer_to_a_bank_card_takes_a_while(street: AlipayStreet) -> None:
    card = Payee(kind="bank_card", account="6222000000000000", name="老李", bank_name="工商银行")
    transfer = a_transfer(payee=card)
    sent = await street.ask(street.by_certificates.transfer(transfer, fresh()))
    assert isinstance(sent, TransferPending) and sent.code == "DEALING"
    await street.notices(1)
    seen = await street.ask(street.by_certificates.query_transfer(transfer, fresh()))
    assert isinstance(seen, Transferred)


async def test_a_paid_order_is_shared(street: AlipayStreet) -> None:
    was = await paid(street, shares_profit=True)
    farmer = Payee(kind="alipay_user_id", account="2088000000000002")
    share = Share(
        number="s1",
        order_number=ORDER_NO,
        channel_payment_id=was.channel_payment_id,
        parts=(Part(payee=farmer, amount_fen=300, description="农民"),),
        is_last=True,
        opened_at=NOW,
    )
    assert isinstance(await street.ask(street.ours.query_share(share, fresh())), NotKnownThere)
    taken = await street.ask(street.ours.share(share, fresh()))
    assert isinstance(taken, SharePending) and taken.channel_share_id
    async with asyncio.timeout(5):
        while isinstance(
            seen := await street.ask(street.ours.query_share(share, fresh())), SharePending
        ):
            await asyncio.sleep(0.01)
    assert isinstance(seen, Shared)
    assert [(each.account, each.amount_fen, each.state) for each in seen.receipts] == [
        (farmer.account, 300, "shared")
    ]


async def test_bills_are_written_out_of_what_happened(street: AlipayStreet) -> None:
    was = await paid(street)
    refund = a_refund(channel_payment_id=was.channel_payment_id)
    await street.ask(street.ours.refund(refund, fresh()))
    early = await street.ask(
        street.ours.find_bill(BillWish(day=street.world.clock.today()), fresh())
    )
    assert not hasattr(early, "url")
    day = street.world.clock.close_day()
    bills: list[Any] = []
    for kind in ("trades", "funds"):
        wish = BillWish(day=day, kind=kind)  # type: ignore[arg-type]
        place = await street.ask(street.ours.find_bill(wish, fresh()))
        bills.append(await street.ask(street.ours.fetch_bill(wish, place, fresh())))
    trades, funds = bills
    assert isinstance(trades, TradeBill) and isinstance(funds, FundBill)
    assert [(line.kind, line.number, line.amount_fen, line.fee_fen) for line in trades.lines] == [
        ("payment", ORDER_NO, 1_999, 12),
        ("refund", REFUND_NO, 500, -3),
    ]
    assert trades.lines[0].channel_number == was.channel_payment_id
    assert sum(line.amount_fen for line in funds.lines) == 1_999 - 12 - 500 + 3
    assert funds.lines[-1].balance_fen == 1_999 - 12 - 500 + 3


async def test_a_bill_that_lacks_a_line_still_fits_its_own_footer(street: AlipayStreet) -> None:
    await paid(street)
    await paid(street, number="second")
    street.fault(api="bill", kind="missing_rows")
    wish = BillWish(day=street.world.clock.close_day())
    place = await street.ask(street.ours.find_bill(wish, fresh()))
    bill = await street.ask(street.ours.fetch_bill(wish, place, fresh()))
    assert isinstance(bill, TradeBill) and len(bill.lines) == 1


async def test_a_notice_comes_again_by_the_schedule_until_it_is_taken(
    street: AlipayStreet,
) -> None:
    street.answers += [b"fail", b"SUCCESS", b"success "]
    street.world.clock.hurry(60_000)
    await paid(street)
    sent = await street.notices(3)
    assert len({street.ours.prove({}, notice, NOW) for notice in sent}) == 1
    await asyncio.sleep(0.05)
    assert len(street.received) == 3


def test_the_schedule_of_notices_is_eight_sends_in_about_25_hours() -> None:
    assert [timedelta(seconds=each) for each in RETRY_AFTER_S] == [
        timedelta(minutes=4), timedelta(minutes=10), timedelta(minutes=10), timedelta(hours=1),
        timedelta(hours=2), timedelta(hours=6), timedelta(hours=15),
    ]  # fmt: skip
    assert ALIPAY.retry_after_s is RETRY_AFTER_S


async def test_forged_and_wrong_notices_are_told_apart(street: AlipayStreet) -> None:
    street.fault(api="notify", kind="forged_notify", times=1)
    await paid(street)
    [forged] = await street.notices(1)
    with pytest.raises(ProtocolError, match="signature"):
        street.ours.prove({}, forged, NOW)
    street.fault(api="notify", kind="wrong_amount_notify", times=1)
    await paid(street, number="second")
    wrong = (await street.notices(2))[1]
    street.ours.prove({}, wrong, NOW)
    told = street.ours.read_notice(wrong)
    assert isinstance(told, PaymentNotice) and isinstance(told.verdict, Paid)
    assert told.verdict.amount_fen == 2_000


@pytest.mark.parametrize(
    ("kind", "value", "why"),
    [
        ("http_500", None, "server_error"),
        ("rate_limit", None, "rate_limited"),
        ("refuse", "20000", "server_error"),
        ("refuse", "ACQ.SYSTEM_ERROR", "server_error"),
    ],
)
async def test_a_platform_that_is_not_well_leaves_it_unknown(
    street: AlipayStreet, kind: Any, value: Any, why: str
) -> None:
    street.fault(api="create", kind=kind, value=value, times=1)
    verdict = await street.ask(street.ours.create(street.order(), fresh()))
    assert isinstance(verdict, Unknown) and verdict.why == why


async def test_whoever_is_not_known_or_calls_what_is_not_there_is_turned_away(
    street: AlipayStreet,
) -> None:
    for parameters, code in (
        ({"app_id": "nobody"}, b"isv.invalid-app-id"),
        ({}, b"isv.invalid-app-id"),
        ({"app_id": street.accounts[0].app_id}, b"isv.missing-method"),
    ):
        request = HttpRequest(method="POST", path=GATEWAY_PATH, headers=FORM, body=form(parameters))
        assert code in (await street.send(request)).body
    twice = HttpRequest(method="POST", path=GATEWAY_PATH, headers=FORM, body=b"a=1&a=2")
    assert b"isv.invalid-encoding" in (await street.send(twice)).body
    assert read_form(form({"a": ""})) == {"a": ""}
