"""A public SDK, written by others, pays through the simulator: the protocol is not only our idea.

python-alipay-sdk has no setting for another host; its private `_gateway` is set instead. It blocks,
asks by GET with everything in the address, and wants `sign` taken out of a notice first.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any
from urllib.request import urlopen

import pytest
from alipay import AliPay, DCAliPay, ISVAliPay
from alipay.exceptions import AliPayException
from msgspec.structs import replace

from schema.channels import Pending, QrCode
from schema.channels.alipay import AlipayLanguage
from schema.channels.alipay.asking import GATEWAY
from schema.channels.alipay.bills import read_trade_bill
from schema.channels.alipay.documents import PrecreateAnswer
from schema.channels.alipay.signing import read_form
from tests.wire.alipay_pair import ORDER_NO, by_keys
from tests.wire.alipay_street import LEAVE, TOKEN, AlipayStreet, an_alipay_street, fresh

ORDER: dict[str, Any] = {"subject": "两斤番茄", "total_amount": "19.99"}
TILL: dict[str, Any] = {"scene": "bar_code", "auth_code": "281234567890123456"}
BUYER = "2088000000000009"


pytestmark = pytest.mark.filterwarnings("ignore:X509.get_issuer is deprecated")


@pytest.fixture
async def street() -> AsyncIterator[AlipayStreet]:
    async with an_alipay_street() as opened:
        yield opened


def a_client(street: AlipayStreet) -> Any:
    account = street.accounts[0]
    client = AliPay(
        appid=account.app_id,
        app_notify_url=account.notify_url,
        app_private_key_string=account.app_private_key_pem,
        alipay_public_key_string=account.alipay_public_key_pem,
    )
    client._gateway = street.origin + GATEWAY
    return client


def a_certified_client(street: AlipayStreet) -> Any:
    account = street.certified[0]
    client = DCAliPay(
        appid=account.app_id,
        app_notify_url=account.notify_url,
        app_private_key_string=account.app_private_key_pem,
        app_public_key_cert_string=account.app_certificate_pem,
        alipay_public_key_cert_string=account.alipay_certificates_pem[0],
        alipay_root_cert_string=account.alipay_root_certificates_pem,
    )
    client._gateway = street.origin + GATEWAY
    return client


async def call(act: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """A blocking call of the SDK, beside the running simulator."""
    return await asyncio.to_thread(act, *arguments, **named)


@pytest.mark.parametrize("client_of", [a_client, a_certified_client])
async def test_the_sdk_has_a_code_scanned_and_reads_the_notice(
    street: AlipayStreet, client_of: Any
) -> None:
    client = client_of(street)
    made = await call(client.api_alipay_trade_precreate, out_trade_no=ORDER_NO, **ORDER)
    assert made["code"] == "10000" and made["qr_code"].startswith("https://qr.alipay.com/")
    before = await call(client.api_alipay_trade_query, out_trade_no=ORDER_NO)
    assert (before["code"], before["sub_code"]) == ("40004", "ACQ.TRADE_NOT_EXIST")
    street.world.pay(street.trade(app_id=client.appid))
    after = await call(client.api_alipay_trade_query, out_trade_no=ORDER_NO)
    assert (after["trade_status"], after["total_amount"]) == ("TRADE_SUCCESS", "19.99")
    told = read_form((await street.notices(1))[0])
    signature = told.pop("sign")
    assert client.verify(dict(told), signature)
    assert not client.verify(told | {"total_amount": "0.01"}, signature)
    assert told["trade_no"] == after["trade_no"] and told["out_biz_no"] == ""


async def test_the_sdks_page_wap_and_app_orders_bring_the_payer_to_the_till(
    street: AlipayStreet,
) -> None:
    client = a_client(street)
    makers = {
        "page": client.api_alipay_trade_page_pay,
        "wap": client.api_alipay_trade_wap_pay,
        "app": client.api_alipay_trade_app_pay,
    }
    for number, make in makers.items():
        brought = f"{street.origin}{GATEWAY}?{make(out_trade_no=number, **ORDER)}"
        page = await asyncio.to_thread(lambda url=brought: urlopen(url).read())
        assert "两斤番茄" in page.decode()
        waits = await call(client.api_alipay_trade_query, out_trade_no=number)
        assert waits["trade_status"] == "WAIT_BUYER_PAY"
        closed = await call(client.api_alipay_trade_close, out_trade_no=number)
        assert closed["code"] == "10000" and closed["out_trade_no"] == number
        ended = await call(client.api_alipay_trade_query, out_trade_no=number)
        assert ended["trade_status"] == "TRADE_CLOSED"


async def test_the_sdk_is_paid_at_the_till_refunds_and_takes_back(street: AlipayStreet) -> None:
    client = a_client(street)
    paid = await call(client.api_alipay_trade_pay, out_trade_no=ORDER_NO, **TILL, **ORDER)
    assert (paid["code"], paid["total_amount"]) == ("10000", "19.99")
    query = {"out_request_no": "r1", "out_trade_no": ORDER_NO}
    none = await call(client.api_alipay_trade_fastpay_refund_query, **query)
    assert none["code"] == "10000" and "refund_status" not in none
    refund = {"refund_amount": "5.00", "out_trade_no": ORDER_NO, "out_request_no": "r1"}
    first = await call(client.api_alipay_trade_refund, **refund)
    again = await call(client.api_alipay_trade_refund, **refund)
    assert [(each["fund_change"], each["refund_fee"]) for each in (first, again)] == [
        ("Y", "5.00"), ("N", "5.00"),
    ]  # fmt: skip
    done = await call(client.api_alipay_trade_fastpay_refund_query, **query)
    assert (done["refund_status"], done["refund_amount"]) == ("REFUND_SUCCESS", "5.00")
    gone = await call(client.api_alipay_trade_cancel, out_trade_no=ORDER_NO)
    assert (gone["retry_flag"], gone["action"]) == ("N", "refund")


async def test_the_sdk_waits_for_a_password_at_the_till(street: AlipayStreet) -> None:
    client = a_client(street)
    large = ORDER | {"total_amount": "2000.00"}
    waits = await call(client.api_alipay_trade_pay, out_trade_no=ORDER_NO, **TILL, **large)
    assert waits["code"] == "10003"
    street.world.pay(street.trade())
    seen = await call(client.api_alipay_trade_query, out_trade_no=ORDER_NO)
    assert seen["trade_status"] == "TRADE_SUCCESS"


async def test_the_sdk_creates_for_a_mini_program(street: AlipayStreet) -> None:
    client, wish = a_client(street), ORDER | {"buyer_id": BUYER}
    made = await call(client.api_alipay_trade_create, out_trade_no=ORDER_NO, **wish)
    assert made["trade_no"] == street.trade().channel_number
    street.world.pay(street.trade())
    seen = await call(client.api_alipay_trade_query, trade_no=made["trade_no"])
    assert (seen["trade_status"], seen["buyer_user_id"]) == ("TRADE_SUCCESS", BUYER)


async def test_the_certified_sdk_transfers_and_asks(street: AlipayStreet) -> None:
    client = a_certified_client(street)
    payee = {"identity_type": "ALIPAY_USER_ID", "identity": BUYER}
    transfer = client.api_alipay_fund_trans_uni_transfer
    sent = await call(transfer, "t1", **payee, trans_amount="50.00")
    assert (sent["status"], sent["out_biz_no"]) == ("SUCCESS", "t1")
    asked = {"out_biz_no": "t1", "product_code": "TRANS_ACCOUNT_NO_PWD"}
    seen = await call(client.server_api, "alipay.fund.trans.common.query", asked)
    assert (seen["status"], seen["trans_amount"]) == ("SUCCESS", "50.00")
    told = read_form((await street.notices(1))[0])
    assert told["msg_method"] == "alipay.fund.trans.order.changed"
    assert client.verify({k: v for k, v in told.items() if k != "sign"}, told["sign"])


async def test_transfers_by_keys_alone_are_turned_away(street: AlipayStreet) -> None:
    client, method = a_client(street), "alipay.fund.trans.uni.transfer"
    with pytest.raises(AliPayException) as refused:
        await call(client.server_api, method, {"out_biz_no": "t1"})
    assert "isv.insufficient-isv-permissions" in str(refused.value)


@pytest.mark.parametrize("token", [TOKEN, "made up"])
async def test_the_sdk_speaks_for_a_merchant_who_gave_leave_and_for_nobody_else(
    street: AlipayStreet, token: str
) -> None:
    account = replace(street.accounts[0], app_auth_token=token, auth_app_id=LEAVE.auth_app_id)
    client: Any = ISVAliPay(
        appid=account.app_id,
        app_notify_url=account.notify_url,
        app_private_key_string=account.app_private_key_pem,
        alipay_public_key_string=account.alipay_public_key_pem,
        app_auth_token=token,
    )
    client._gateway = street.origin + GATEWAY
    making = call(client.api_alipay_trade_precreate, out_trade_no=ORDER_NO, **ORDER)
    if token != TOKEN:
        with pytest.raises(AliPayException):
            await making
        return
    assert (await making)["code"] == "10000"
    street.world.pay(street.trade())
    [notice] = await street.notices(1)
    assert read_form(notice)["auth_app_id"] == LEAVE.auth_app_id
    assert AlipayLanguage.of(account).prove({}, notice, street.began_at)


async def test_the_sdk_shares_profit_and_finds_its_bill(street: AlipayStreet) -> None:
    client = a_client(street)
    held = {"extend_params": {"royalty_freeze": "true"}}
    paid = await call(client.api_alipay_trade_pay, out_trade_no=ORDER_NO, **TILL, **ORDER, **held)
    parts = [{"trans_in": BUYER, "trans_in_type": "userId", "amount": 3.0}]
    taken = await call(client.api_alipay_trade_order_settle, "s1", paid["trade_no"], parts)
    assert taken["settle_no"]
    street.world.clock.move(timedelta(seconds=10))
    settled = await call(
        client.server_api, "alipay.trade.order.settle.query", {"settle_no": taken["settle_no"]}
    )
    assert settled["royalty_detail_list"][0]["state"] == "SUCCESS"
    day = street.world.clock.close_day()
    wish = {"bill_type": "trade", "bill_date": day.isoformat()}
    place = await call(client.server_api, "alipay.data.dataservice.bill.downloadurl.query", wish)
    packed = await asyncio.to_thread(lambda: urlopen(place["bill_download_url"]).read())
    [line] = read_trade_bill(packed).lines
    assert (line.number, line.amount_fen) == (ORDER_NO, 1_999)


async def test_an_answer_with_an_odd_brace_stops_the_sdk_and_not_us(street: AlipayStreet) -> None:
    """Why we scan answers ourselves: the SDK counts braces inside texts as well."""
    order = street.order(number="odd-brace")
    created = await street.ask(street.ours.create(order, fresh()))
    assert isinstance(created, Pending) and isinstance(created.offer, QrCode)
    pair, client = by_keys(), a_client(street)
    code = PrecreateAnswer(out_trade_no=order.number, qr_code="https://qr.alipay.com/{")
    answer = pair.done("alipay.trade.precreate", code)
    with pytest.raises(Exception):  # noqa: B017 - whichever of its own
        client._verify_and_return_sync_response(
            answer.body.decode(), "alipay_trade_precreate_response"
        )
    question = street.ours.create(order, fresh())
    assert question.read(answer, order.opened_at) == Pending(offer=QrCode(url=code.qr_code))


async def test_the_sdk_agrees_with_us_on_certificates(street: AlipayStreet) -> None:
    client, ours = a_certified_client(street), street.by_certificates
    assert client.app_cert_sn == ours.keys.app_cert_sn
    assert client.alipay_root_cert_sn == ours.keys.root_cert_sn
