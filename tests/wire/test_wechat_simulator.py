"""Our own language does everything that it can say with the running simulator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from schema.channels import (
    AtTheTill,
    BillAt,
    BillNotReady,
    BillWish,
    ClientCall,
    FundBill,
    NoBill,
    NotKnownThere,
    Paid,
    Pending,
    ProtocolError,
    Redirect,
    Refunded,
    RefundNotice,
    RefundPending,
    Shared,
    SharePending,
    SurelyNotPaid,
    SurelyNotShared,
    SurelyNotTransferred,
    TradeBill,
    TransferNotice,
    TransferPending,
    Transferred,
    Unknown,
)
from schema.channels.wechat import WechatKeys
from schema.channels.wechat.asking import signed_request
from schema.channels.wechat.documents import china_time
from tests.wire.street import Accounts, Street, a_street, fresh
from tests.wire.wechat_pair import (
    OPENID,
    ORDER_NO,
    REFUND_NO,
    SUB_APPID,
    SUB_MCHID,
    TRANSFER_NO,
    a_refund,
    a_share,
    a_transfer,
)

HURRIED = 1000
TILL = {"pay_type": "wechat_barcode", "auth_code": "130612345678901234"}


@pytest.fixture
async def hurried(accounts: Accounts) -> AsyncIterator[Street]:
    """A street on which seconds of waiting are milliseconds."""
    async with a_street(accounts, clock_speed=HURRIED) as opened:
        yield opened


async def until(street: Street, ask: Callable[[], object], kind: type) -> Any:
    """Asks until the answer is of this kind."""
    async with asyncio.timeout(5):
        while True:
            verdict = await street.ask(ask())
            if isinstance(verdict, kind):
                return verdict
            await asyncio.sleep(0.002)


async def paid(street: Street, number: str = ORDER_NO, **order: Any) -> Paid:
    await street.create(number=number, **order)
    assert await street.pay(number) == 200
    verdict = await street.query(number)
    assert isinstance(verdict, Paid)
    return verdict


async def told(street: Street, kind: type) -> Any:
    """What the first callback of this kind says."""
    seen = 0
    while True:
        seen += 1
        headers, body = (await street.callbacks(seen))[-1]
        street.language.prove(headers, body, datetime.now(UTC))
        notice = street.language.read_notice(body)
        if isinstance(notice, kind):
            return notice


async def test_every_payer_gets_what_their_wallet_wants(street: Street) -> None:
    payer = {"payer_id": OPENID}
    page = await street.create(number="jsapi-1", pay_type="wechat_jsapi", **payer)
    program = await street.create(number="mini-1", pay_type="wechat_mini", **payer)
    app = await street.create(number="app-order", pay_type="wechat_app")
    h5 = await street.create(number="h5-order", pay_type="wechat_h5", client_ip="192.0.2.7")
    for made in (page, program, app):
        assert isinstance(made, Pending) and isinstance(made.offer, ClientCall)
    assert isinstance(h5, Pending) and isinstance(h5.offer, Redirect)
    async with street.session.get(h5.offer.url) as answer:
        assert answer.status == 200  # the payer's page is really there


async def test_a_scanned_code_is_paid_or_confirmed_and_can_be_taken_back(street: Street) -> None:
    at_once = await street.create(**TILL)
    assert isinstance(at_once, Paid)
    large = {"number": "large-order", "amount_fen": 100_000} | TILL
    typing = await street.create(**large)
    assert isinstance(typing, Pending) and typing.offer == AtTheTill()
    assert await street.create(**large) == typing
    reverse = street.language.reverse(street.order(**large), fresh())
    assert isinstance(await street.ask(reverse), SurelyNotPaid)
    ended = await street.query("large-order")
    assert isinstance(ended, SurelyNotPaid) and ended.code == "REVOKED"
    again = street.language.reverse(street.order(**large), fresh())
    assert isinstance(await street.ask(again), SurelyNotPaid)


async def test_a_payer_without_money_is_no_fault_of_the_channel(street: Street) -> None:
    await street.order_fault("pay", "not_enough_money")
    refused = await street.create(**TILL)
    assert isinstance(refused, SurelyNotPaid)
    assert (refused.code, refused.cause) == ("NOT_ENOUGH", "balance")


async def test_money_goes_back_in_parts_and_never_more_than_was_paid(hurried: Street) -> None:
    channel_payment_id = (await paid(hurried)).channel_payment_id
    refund = a_refund(channel_payment_id=channel_payment_id)
    ask, speak = hurried.ask, hurried.language
    unknown = await ask(speak.query_refund(refund, fresh()))
    assert isinstance(unknown, NotKnownThere)
    first = await ask(speak.refund(refund, fresh()))
    assert isinstance(first, RefundPending)
    done = await until(hurried, lambda: speak.query_refund(refund, fresh()), Refunded)
    assert (done.channel_refund_id, done.refund_fen) == (first.channel_refund_id, 500)
    assert await ask(speak.refund(refund, fresh())) == done  # its number twice is one refund
    notice = await told(hurried, RefundNotice)
    assert (notice.number, notice.order_number) == (REFUND_NO, ORDER_NO)
    assert notice.verdict == done
    too_much = replace(refund, number="rf-2", refund_fen=1500)
    refused = await ask(speak.refund(too_much, fresh()))
    assert isinstance(refused, Unknown) and refused.code == "INVALID_REQUEST"
    still_paid = await hurried.query()
    assert isinstance(still_paid, Paid) and still_paid.is_refunded


async def test_a_transfer_is_taken_by_its_payee(hurried: Street) -> None:
    ask, speak = hurried.ask, hurried.language
    named = replace(a_transfer().payee, name="张三")
    transfer = a_transfer(amount_fen=200_000, payee=named)
    assert isinstance(await ask(speak.query_transfer(transfer, fresh())), NotKnownThere)
    waiting = await ask(speak.transfer(transfer, fresh()))
    assert isinstance(waiting, TransferPending) and waiting.package
    assert await ask(speak.transfer(transfer, fresh())) == waiting
    other = replace(transfer, amount_fen=200_001)
    used = await ask(speak.transfer(other, fresh()))
    assert isinstance(used, Unknown) and used.code == "INVALID_REQUEST"
    await hurried.tell("/simulator/transfers/confirm", {"package": waiting.package})
    done = await until(hurried, lambda: speak.query_transfer(transfer, fresh()), Transferred)
    assert done.amount_fen == 200_000
    assert await told(hurried, TransferNotice) == TransferNotice(number=TRANSFER_NO, verdict=done)


async def test_a_transfer_that_is_given_up_or_that_nobody_takes_surely_did_not_go(
    hurried: Street,
) -> None:
    ask, speak = hurried.ask, hurried.language
    transfer, later = a_transfer(), a_transfer(number="transfer2")
    for each in (transfer, later):
        await ask(speak.transfer(each, fresh()))
    assert isinstance(await ask(speak.cancel_transfer(transfer, fresh())), TransferPending)
    cancelled = await ask(speak.query_transfer(transfer, fresh()))
    assert cancelled == SurelyNotTransferred(code="CANCELLED", cause="platform")
    await hurried.tell("/simulator/clock", {"move_s": 24 * 3600})
    overdue = await until(
        hurried, lambda: speak.query_transfer(later, fresh()), SurelyNotTransferred
    )
    assert (overdue.code, overdue.cause) == ("OVERDUE_CLOSE", "payer")


async def test_a_payment_is_shared(hurried: Street) -> None:
    channel_payment_id = (await paid(hurried, shares_profit=True)).channel_payment_id
    ask, speak = hurried.ask, hurried.language
    share = a_share(channel_payment_id=channel_payment_id)
    assert isinstance(await ask(speak.query_share(share, fresh())), NotKnownThere)
    first = await ask(speak.share(share, fresh()))
    assert isinstance(first, SharePending)
    assert [each.state for each in first.receipts] == ["pending", "pending"]
    done = await until(hurried, lambda: speak.query_share(share, fresh()), Shared)
    assert [(each.amount_fen, each.state) for each in done.receipts] == [
        (300, "shared"),
        (100, "shared"),
    ]
    # Encrypted anew, the name makes no other share of it; and the last one left nothing to share.
    assert await ask(speak.share(share, fresh())) == done
    more = await ask(speak.share(replace(share, number="more"), fresh()))
    assert (more.code, more.cause) == ("NOT_ENOUGH", "balance")


async def test_a_merchant_gives_its_part_back_once(hurried: Street) -> None:
    channel_payment_id = (await paid(hurried, shares_profit=True)).channel_payment_id
    ask, speak = hurried.ask, hurried.language
    share = a_share(channel_payment_id=channel_payment_id, is_last=False)
    await ask(speak.share(share, fresh()))
    await until(hurried, lambda: speak.query_share(share, fresh()), Shared)
    part = share.parts[0]
    first = await ask(speak.return_share(share, part, "back-1", fresh()))
    assert isinstance(first, Shared) and first.receipts[0].amount_fen == 300
    assert await ask(speak.return_share(share, part, "back-1", fresh())) == first
    assert await ask(speak.query_return(share, "back-1", fresh())) == first
    more = await ask(speak.return_share(share, part, "back-2", fresh()))
    assert isinstance(more, SurelyNotShared) and more.code == "NOT_ENOUGH"
    assert isinstance(await ask(speak.query_return(share, "back-2", fresh())), NotKnownThere)


@pytest.mark.usefixtures("one_day")
async def test_the_days_bills_say_what_happened_to_the_fen(hurried: Street) -> None:
    channel_payment_id = (await paid(hurried)).channel_payment_id
    ask, speak = hurried.ask, hurried.language
    refund = a_refund(channel_payment_id=channel_payment_id)
    await ask(speak.refund(refund, fresh()))
    await until(hurried, lambda: speak.query_refund(refund, fresh()), Refunded)
    day = china_time(datetime.now(UTC)).date()
    trades, funds = BillWish(day=day), BillWish(day=day, kind="funds")
    assert isinstance(await ask(speak.find_bill(trades, fresh())), BillNotReady)
    await hurried.tell("/simulator/clock", {"close_day": True})
    empty = BillWish(day=day - timedelta(days=365))
    assert isinstance(await ask(speak.find_bill(empty, fresh())), NoBill)
    bills: list[Any] = []
    for wish in (trades, funds):
        place = await ask(speak.find_bill(wish, fresh()))
        assert isinstance(place, BillAt)
        bills.append(await ask(speak.fetch_bill(wish, place, fresh())))
    trade_bill, fund_bill = bills
    assert isinstance(trade_bill, TradeBill) and isinstance(fund_bill, FundBill)
    assert [
        (line.kind, line.number, line.amount_fen, line.fee_fen) for line in trade_bill.lines
    ] == [
        ("payment", ORDER_NO, 1999, 12),
        ("refund", REFUND_NO, 500, -3),
    ]
    amounts = [line.amount_fen for line in fund_bill.lines]
    assert amounts == [1999, -12, -500, 3] and fund_bill.lines[-1].balance_fen == sum(amounts)


@pytest.mark.usefixtures("one_day")
async def test_what_was_taken_back_at_the_till_is_in_the_bill(hurried: Street) -> None:
    await hurried.create(**TILL)
    await hurried.ask(hurried.language.reverse(hurried.order(**TILL), fresh()))
    wish = BillWish(day=china_time(datetime.now(UTC)).date())
    await hurried.tell("/simulator/clock", {"close_day": True})
    place = await hurried.ask(hurried.language.find_bill(wish, fresh()))
    bill = await hurried.ask(hurried.language.fetch_bill(wish, place, fresh()))
    assert [(line.kind, line.amount_fen) for line in bill.lines] == [
        ("payment", 1999),
        ("refund", 1999),
    ]


@pytest.mark.usefixtures("one_day")
async def test_a_bill_is_fetched_by_whoever_signs_for_it_and_within_its_time(
    hurried: Street,
) -> None:
    await paid(hurried)
    day = china_time(datetime.now(UTC)).date()
    await hurried.tell("/simulator/clock", {"close_day": True})
    wish, speak = BillWish(day=day), hurried.language
    place = await hurried.ask(speak.find_bill(wish, fresh()))
    async with hurried.session.get(place.url) as unsigned:
        assert unsigned.status == 401
    await hurried.tell("/simulator/clock", {"move_s": 300 * HURRIED + 1})
    late = await hurried.ask(speak.fetch_bill(wish, place, fresh()))
    assert isinstance(late, Unknown) and late.code == "RESOURCE_NOT_EXISTS"


async def test_a_service_provider_speaks_for_its_own_sub_merchants_only(
    accounts: Accounts,
) -> None:
    ours, theirs = accounts
    ours = replace(ours, sub_mchid=SUB_MCHID, sub_appid=SUB_APPID)
    theirs = replace(theirs, sub_mchids=(SUB_MCHID, "1900000010"))
    async with a_street((ours, theirs), clock_speed=HURRIED) as street:
        order = {"pay_type": "wechat_jsapi", "payer_id": OPENID, "shares_profit": True}
        channel_payment_id = (await paid(street, **order)).channel_payment_id
        ask, speak = street.ask, street.language
        refund = a_refund(channel_payment_id=channel_payment_id)
        await ask(speak.refund(refund, fresh()))
        await until(street, lambda: speak.query_refund(refund, fresh()), Refunded)
        assert isinstance((await told(street, RefundNotice)).verdict, Refunded)
        share = a_share(channel_payment_id=channel_payment_id)
        assert isinstance(await ask(speak.share(share, fresh())), SharePending)
        for sub_mchid, code in (("1900000010", "ORDER_NOT_EXIST"), ("1900000077", "NO_AUTH")):
            account = replace(street.keys.account, sub_mchid=sub_mchid)
            street.keys = WechatKeys.of(account)
            refused: Any = await street.query()
            assert refused.code == code
            with pytest.raises(ProtocolError, match="another merchant"):
                street.language.read_notice(street.received[0][1])


async def test_a_direct_merchant_can_not_speak_for_anybody(street: Street) -> None:
    account = replace(street.keys.account, sub_mchid=SUB_MCHID)
    street.keys = WechatKeys.of(account)
    refused = await street.create()
    assert isinstance(refused, SurelyNotPaid)
    assert (refused.code, refused.cause) == ("NO_AUTH", "merchant")


async def test_without_certificates_the_platform_says_so(street: Street) -> None:
    request = signed_request(street.keys, "GET", "/v3/certificates", b"", fresh())
    answer = await street.send(request)
    told_code = msgspec.json.decode(answer.body)["code"]
    assert (answer.status, told_code) == (404, "RESOURCE_NOT_EXISTS")


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("/v3/pay/transactions/jsapi", {"payer": None}, "/payer/openid"),
        ("/v3/pay/transactions/h5", {"scene_info": None}, "/scene_info/h5_info"),
        ("/v3/pay/transactions/codepay", {"payer": None}, "/payer/auth_code"),
        ("/v3/pay/transactions/native", {"notify_url": None}, "/notify_url"),
    ],
)
async def test_the_platform_names_what_a_kind_of_payment_lacks(
    street: Street, path: str, body: dict[str, Any], named: str
) -> None:
    question: Any = street.language.create(street.order(), fresh())
    document = {**msgspec.json.decode(question.request.body), **body}
    written = msgspec.json.encode(document)
    answer = await street.send(signed_request(street.keys, "POST", path, written, fresh()))
    told_detail = msgspec.json.decode(answer.body)["detail"]
    assert (answer.status, told_detail["field"]) == (400, named)
