"""The simulated platform's API over real HTTP, as a merchant meets it, faults included."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import msgspec
import pytest
from msgspec.structs import replace

from schema.channels import NotKnownThere, Paid, Pending, QrCode, Stamp, SurelyNotPaid, Unknown
from schema.channels.wechat import WechatKeys
from schema.channels.wechat.asking import signed_request
from schema.channels.wechat.documents import Transaction
from tests.wire.street import Accounts, Street, a_street, fresh, total_fen
from tests.wire.wechat_pair import MCHID, ORDER_NO, asked


async def test_an_order_is_created_paid_and_notified(street: Street) -> None:
    created = await street.create()
    assert isinstance(created, Pending) and isinstance(created.offer, QrCode)
    assert created.offer.url.startswith("weixin://wxpay/bizpayurl?pr=")
    assert await street.query() == Pending(code="NOTPAY", message="订单未支付")
    assert await street.pay() == 200
    (received,) = await street.callbacks(1)
    paid = await street.query()
    assert isinstance(paid, Paid) and paid.amount_fen == 1999
    told = street.opened(received)
    assert isinstance(told, Transaction)
    assert told.transaction_id == paid.channel_payment_id
    trade = await street.settled()
    assert (trade["state"], trade["notified_count"]) == ("paid", 1)


async def test_an_order_is_found_by_the_number_of_the_platform_too(street: Street) -> None:
    await street.create()
    await street.pay()
    paid = await street.query()
    assert isinstance(paid, Paid)
    path = f"/v3/pay/transactions/id/{paid.channel_payment_id}?mchid={MCHID}"
    request = signed_request(street.keys, "GET", path, b"", fresh())
    answer = await street.send(request)
    assert msgspec.json.decode(answer.body)["out_trade_no"] == ORDER_NO


async def test_a_repeated_create_gets_the_same_code_and_another_order_is_refused(
    street: Street,
) -> None:
    first = await street.create()
    assert await street.create() == first
    other = await street.create(amount_fen=2000)
    assert other == Unknown(
        why="ambiguous", code="OUT_TRADE_NO_USED", message="商户订单号重复", cause="platform"
    )


async def test_a_closed_order_can_not_be_paid(street: Street) -> None:
    await street.create()
    assert isinstance(await street.close(), SurelyNotPaid)
    assert await street.pay() == 409
    assert await street.query() == SurelyNotPaid(code="CLOSED", message="订单已关闭", cause="payer")


async def test_a_paid_order_can_not_be_closed(street: Street) -> None:
    await street.create()
    await street.pay()
    closed = await street.close()
    assert isinstance(closed, Unknown) and closed.code == "ORDERPAID"
    assert isinstance(await street.query(), Paid)


async def test_an_order_that_was_never_made_is_not_known_there(street: Street) -> None:
    expected = NotKnownThere(code="ORDER_NOT_EXIST", message="订单不存在")
    assert [await street.query(), await street.close()] == [expected, expected]


async def test_orders_pay_themselves_where_the_configuration_says_so(accounts: Accounts) -> None:
    async with a_street(accounts, auto_pay_after_ms=10) as street:
        await street.create()
        await street.create()
        assert total_fen(street.opened((await street.callbacks(1))[0])) == 1999
        await asyncio.sleep(0.05)
        assert len(street.received) == 1


async def test_the_platform_thinks_as_long_as_it_is_told(accounts: Accounts) -> None:
    async with a_street(accounts, answer_delay_ms=60) as street:
        started = asyncio.get_running_loop().time()
        await street.create()
        assert asyncio.get_running_loop().time() - started >= 0.06


@pytest.mark.parametrize(
    ("field", "value", "pointer"),
    [
        ("appid", None, "/appid"),
        ("description", "", "/description"),
        ("description", "长" * 128, "/description"),
        ("out_trade_no", "short", "/out_trade_no"),
        ("out_trade_no", "with spaces", "/out_trade_no"),
        ("amount", {"total": 0}, "/amount/total"),
        ("amount", {"total": 1.5}, "/amount/total"),
        ("amount", {"currency": "CNY"}, "/amount/total"),
        ("amount", {"total": 1, "currency": "USD"}, "/amount/currency"),
        ("time_expire", "tomorrow", "/time_expire"),
        ("time_expire", "2026-03-01T12:00:00", "/time_expire"),
        ("notify_url", "https://tomato.test/n?a=1", "/notify_url"),
        ("mchid", "1900000002", "/mchid"),
    ],
)
async def test_a_wrong_parameter_is_named(
    street: Street, field: str, value: object, pointer: str
) -> None:
    request = asked(street.language.create(street.order(), fresh())).request
    document = msgspec.json.decode(request.body) | {field: value}
    if value is None:
        del document[field]
    body = msgspec.json.encode(document)
    answer = await street.send(signed_request(street.keys, "POST", request.path, body, fresh()))
    told = msgspec.json.decode(answer.body)
    assert (answer.status, told["code"]) == (400, "PARAM_ERROR")
    assert told["detail"]["field"] == pointer
    assert "Wechatpay-Signature" not in answer.headers


async def test_an_app_that_is_not_the_merchants_is_refused(street: Street) -> None:
    street.keys = WechatKeys.of(replace(street.keys.account, appid="wx0000000000000009"))
    refused = await street.create()
    assert isinstance(refused, SurelyNotPaid) and refused.code == "APPID_MCHID_NOT_MATCH"


async def test_a_query_in_the_name_of_another_merchant_is_refused(street: Street) -> None:
    path = f"/v3/pay/transactions/out-trade-no/{ORDER_NO}"
    codes = []
    for full in (path, f"{path}?mchid=1900000002"):
        request = signed_request(street.keys, "GET", full, b"", fresh())
        codes.append(msgspec.json.decode((await street.send(request)).body)["code"])
    assert codes == ["PARAM_ERROR", "NO_AUTH"]


async def test_a_merchant_with_a_wrong_clock_is_refused(street: Street) -> None:
    late = datetime.now(UTC) - timedelta(minutes=6)
    answer = await street.send(
        asked(street.language.query(street.order(), Stamp(now=late, nonce="n"))).request
    )
    assert (answer.status, msgspec.json.decode(answer.body)["code"]) == (401, "SIGN_ERROR")


async def test_a_merchant_who_is_not_known_is_refused(street: Street, stranger: Any) -> None:
    answer = await street.send(asked(stranger.language.query(street.order(), fresh())).request)
    assert (answer.status, msgspec.json.decode(answer.body)["code"]) == (404, "MCH_NOT_EXISTS")


async def test_a_request_without_authorization_is_refused(street: Street) -> None:
    request = replace(asked(street.language.query(street.order(), fresh())).request, headers={})
    answer = await street.send(request)
    assert (answer.status, msgspec.json.decode(answer.body)["code"]) == (401, "SIGN_ERROR")


async def test_a_lost_answer_leaves_the_order_made(street: Street) -> None:
    await street.order_fault("create", "lost_answer")
    with pytest.raises(aiohttp.ClientConnectionError):
        await street.create()
    assert isinstance(await street.query(), Pending)
    assert isinstance(await street.create(), Pending)


async def test_a_server_error_leaves_nothing_made(street: Street) -> None:
    await street.order_fault("create", "http_500")
    unknown = await street.create()
    assert isinstance(unknown, Unknown) and unknown.why == "server_error"
    assert isinstance(await street.query(), NotKnownThere)


async def test_a_refusal_on_order_has_the_code_that_was_ordered(street: Street) -> None:
    await street.order_fault("create", "refuse", value="NO_AUTH")
    refused = await street.create()
    assert isinstance(refused, SurelyNotPaid) and refused.code == "NO_AUTH"
    await street.order_fault("query", "refuse", value="FREQUENCY_LIMITED")
    limited = await street.query()
    assert isinstance(limited, Unknown) and limited.why == "rate_limited"


async def test_a_slow_answer_comes_late_and_only_as_often_as_ordered(street: Street) -> None:
    await street.create()
    await street.order_fault("query", "slow", value=400)
    times = []
    for _ in range(2):
        started = asyncio.get_running_loop().time()
        assert isinstance(await street.query(), Pending)
        times.append(asyncio.get_running_loop().time() - started)
    assert times[0] >= 0.4 > times[1]
