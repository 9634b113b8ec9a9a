"""A public SDK, written by others, pays through the simulator: the protocol is not only our idea.

wechatpayv3 has no setting for another host; its private `_gate_way` is set instead. Its sync and
its async client each have their own enums, and its annotations are wrong, hence `Any`.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from wechatpayv3 import WeChatPay, WeChatPayType
from wechatpayv3.async_ import AsyncWeChatPay
from wechatpayv3.async_ import WeChatPayType as AsyncWeChatPayType

from schema.channels import Pending, QrCode
from schema.channels.wechat import WechatAccount
from tests.wire.street import Street
from tests.wire.wechat_pair import ORDER_NO


def settings(account: WechatAccount) -> dict[str, Any]:
    return {
        "mchid": account.mchid,
        "private_key": account.merchant_private_key_pem,
        "cert_serial_no": account.merchant_serial,
        "apiv3_key": account.api_v3_key,
        "appid": account.appid,
        "notify_url": account.notify_url,
        "public_key": account.public_key_pem,
        "public_key_id": account.public_key_id,
    }


def sync_client(street: Street) -> Any:
    client = WeChatPay(wechatpay_type=WeChatPayType.NATIVE, **settings(street.keys.account))
    client._core._gate_way = street.origin
    return client


def async_client(street: Street) -> Any:
    kind = AsyncWeChatPayType.NATIVE
    client = AsyncWeChatPay(wechatpay_type=kind, **settings(street.keys.account))
    client._core._gate_way = street.origin
    return client


def an_sdk_order(out_trade_no: str) -> dict[str, Any]:
    return {"description": "两斤番茄", "out_trade_no": out_trade_no, "amount": {"total": 1999}}


def pay_query_and_close(client: Any) -> list[tuple[int, Any]]:
    """Two orders: one is looked at, one is closed and looked at."""
    return [
        client.pay(**an_sdk_order(ORDER_NO), pay_type=WeChatPayType.NATIVE),
        client.query(out_trade_no=ORDER_NO),
        client.pay(**an_sdk_order("to-be-closed"), pay_type=WeChatPayType.NATIVE),
        client.close(out_trade_no="to-be-closed"),
        client.query(out_trade_no="to-be-closed"),
    ]


def check(answers: list[tuple[int, Any]]) -> None:
    assert [status for status, _ in answers] == [200, 200, 200, 204, 200]
    created, waiting, _, _, closed = (json.loads(text or "{}") for _, text in answers)
    assert created["code_url"].startswith("weixin://wxpay/bizpayurl?pr=")
    assert (waiting["trade_state"], closed["trade_state"]) == ("NOTPAY", "CLOSED")


async def test_the_sync_sdk_creates_queries_closes_and_reads_a_callback(street: Street) -> None:
    client = sync_client(street)
    check(await asyncio.to_thread(pay_query_and_close, client))
    await street.pay()
    (received,) = await street.callbacks(1)
    told = client.callback(*received)
    assert told["event_type"] == "TRANSACTION.SUCCESS"
    assert told["resource"]["out_trade_no"] == ORDER_NO
    assert told["resource"]["amount"]["total"] == 1999


async def test_the_async_sdk_creates_queries_closes_and_reads_a_callback(street: Street) -> None:
    async with async_client(street) as client:
        kind = AsyncWeChatPayType.NATIVE
        answers = [
            await client.pay(**an_sdk_order(ORDER_NO), pay_type=kind),
            await client.query(out_trade_no=ORDER_NO),
            await client.pay(**an_sdk_order("to-be-closed"), pay_type=kind),
            await client.close(out_trade_no="to-be-closed"),
            await client.query(out_trade_no="to-be-closed"),
        ]
        check(answers)
        await street.pay()
        (received,) = await street.callbacks(1)
        assert client.callback(*received)["resource"]["trade_state"] == "SUCCESS"


async def test_the_sdk_sees_a_tampered_callback_too(street: Street) -> None:
    client = sync_client(street)
    await asyncio.to_thread(client.pay, **an_sdk_order(ORDER_NO))
    await street.order_fault("notify", "forged_notify")
    await street.pay()
    (received,) = await street.callbacks(1)
    assert client.callback(*received) is None


async def test_our_requests_and_the_sdks_look_alike_to_the_platform(street: Street) -> None:
    """The same order, created by the SDK and then by us with the same words, is one order."""
    client = sync_client(street)
    order = an_sdk_order(ORDER_NO) | {"amount": {"total": 1999, "currency": "CNY"}}
    _, text = await asyncio.to_thread(client.pay, **order)
    created = await street.create()
    assert created == Pending(offer=QrCode(url=json.loads(text)["code_url"]))
