"""A public SDK, written by others, does its business with the simulator: the protocol is not only
our idea."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from typing import Any

import pytest
from msgspec.structs import replace

from handlers.simulator.wechat.accounts import generate_certified_account
from schema.channels import Paid, Pending, QrCode
from schema.channels.wechat import WechatLanguage
from schema.channels.wechat.documents import china_time
from schema.channels.wechat.sheets import fen, read_sheet
from tests.wire.street import Accounts, Street, a_street, fresh
from tests.wire.wechat_pair import (
    APPID,
    MCHID,
    OPENID,
    ORDER_NO,
    REFUND_NO,
    SHARE_NO,
    SUB_MCHID,
    TRANSFER_NO,
)
from tests.wire.wechat_sdk import Form, Sdk, an_sdk

H5_SCENE = {"payer_client_ip": "192.0.2.7", "h5_info": {"type": "Wap"}}
TILL_SCENE = {"store_info": {"id": "0001"}}
CODE = {"auth_code": "130612345678901234"}
HURRIED = 1000


@pytest.fixture(params=["sync", "async"])
def form(request: pytest.FixtureRequest) -> Form:
    return request.param


@pytest.fixture
async def hurried(accounts: Accounts) -> AsyncIterator[Street]:
    """A street on which seconds of waiting are milliseconds."""
    async with a_street(accounts, clock_speed=HURRIED) as opened:
        yield opened


@pytest.fixture
async def sdk(hurried: Street, form: Form) -> AsyncIterator[Sdk]:
    async with an_sdk(hurried, form) as opened:
        yield opened


def an_sdk_order(out_trade_no: str = ORDER_NO, total: int = 1999, **more: Any) -> dict[str, Any]:
    amount = {"total": total, "currency": "CNY"}
    return {"description": "两斤番茄", "out_trade_no": out_trade_no, "amount": amount} | more


async def paid(street: Street, sdk: Sdk, number: str = ORDER_NO, **more: Any) -> dict[str, Any]:
    """An order, made and paid, as the SDK sees it afterwards."""
    await sdk.done("pay", **an_sdk_order(number, **more), pay_type=sdk.kinds.NATIVE)
    assert await street.pay(number) == 200
    return await sdk.done("query", out_trade_no=number)


async def told(street: Street, sdk: Sdk, event: str) -> dict[str, Any]:
    """The sealed part of the first callback of this kind, opened by the SDK."""
    seen = 0
    while True:
        seen += 1
        notice = sdk.client.callback(*(await street.callbacks(seen))[-1])
        if notice["event_type"] == event:
            return notice["resource"]


async def until(sdk: Sdk, name: str, field: str, state: str, **arguments: Any) -> dict[str, Any]:
    """Asks until the state is there; the platform takes some seconds of its own time."""
    for _ in range(200):
        standing = await sdk.done(name, **arguments)
        if standing[field] == state:
            return standing
    raise AssertionError(f"{name} never said {state}")


async def test_all_kinds_of_payment_are_prepared(sdk: Sdk) -> None:
    payer = {"openid": OPENID}
    kinds: dict[str, dict[str, Any]] = {
        "NATIVE": {},
        "JSAPI": {"payer": payer},
        "MINIPROG": {"payer": payer},
        "APP": {},
        "H5": {"scene_info": H5_SCENE},
    }
    prepared = {
        kind: await sdk.done(
            "pay", **an_sdk_order(f"order-{kind}"), **more, pay_type=getattr(sdk.kinds, kind)
        )
        for kind, more in kinds.items()
    }
    assert [set(each) for each in prepared.values()] == [
        {"code_url"},
        {"prepay_id"},
        {"prepay_id"},
        {"prepay_id"},
        {"h5_url"},
    ]


async def test_an_order_is_looked_at_closed_and_paid_and_its_callback_is_read(
    hurried: Street, sdk: Sdk
) -> None:
    closing = an_sdk_order("to-be-closed")
    await sdk.done("pay", **closing, pay_type=sdk.kinds.NATIVE)
    assert (await sdk.done("query", out_trade_no="to-be-closed"))["trade_state"] == "NOTPAY"
    assert (await sdk.call("close", out_trade_no="to-be-closed"))[0] == 204
    assert (await sdk.done("query", out_trade_no="to-be-closed"))["trade_state"] == "CLOSED"
    standing = await paid(hurried, sdk)
    assert (standing["trade_state"], standing["trade_type"]) == ("SUCCESS", "NATIVE")
    by_theirs = await sdk.done("query", transaction_id=standing["transaction_id"])
    assert by_theirs == standing
    assert await told(hurried, sdk, "TRANSACTION.SUCCESS") == standing


async def test_a_payment_code_is_charged_at_once_or_after_a_password_and_taken_back(
    hurried: Street, sdk: Sdk
) -> None:
    till = {"payer": CODE, "scene_info": TILL_SCENE, "pay_type": sdk.kinds.CODEPAY}
    at_once = await sdk.done("pay", **an_sdk_order(), **till)
    assert (at_once["trade_state"], at_once["trade_type"]) == ("SUCCESS", "MICROPAY")
    status, typing = await sdk.call("pay", **an_sdk_order("large-order", 100_000), **till)
    assert (status, typing["code"]) == (202, "USERPAYING")
    standing = await sdk.done("query", out_trade_no="large-order")
    assert standing["trade_state"] == "USERPAYING"
    await hurried.pay("large-order")
    assert (await sdk.done("query", out_trade_no="large-order"))["trade_state"] == "SUCCESS"
    await sdk.done("codepay_reverse", out_trade_no="large-order")
    assert (await sdk.done("query", out_trade_no="large-order"))["trade_state"] == "REVOKED"


async def test_a_refund_is_worked_on_done_and_told(hurried: Street, sdk: Sdk) -> None:
    await paid(hurried, sdk)
    amount = {"refund": 500, "total": 1999, "currency": "CNY"}
    wish = {"out_refund_no": REFUND_NO, "amount": amount, "out_trade_no": ORDER_NO}
    opened = await sdk.done("refund", **wish, reason="一斤烂了")
    assert opened["status"] == "PROCESSING"
    standing = await until(sdk, "query_refund", "status", "SUCCESS", out_refund_no=REFUND_NO)
    assert standing["amount"]["refund"] == 500 and standing["refund_id"] == opened["refund_id"]
    assert (await sdk.done("refund", **wish))["refund_id"] == opened["refund_id"]
    status, other = await sdk.call("refund", **wish | {"amount": amount | {"refund": 501}})
    assert (status, other["code"]) == (400, "INVALID_REQUEST")
    assert (await sdk.done("query", out_trade_no=ORDER_NO))["trade_state"] == "REFUND"
    notice = await told(hurried, sdk, "REFUND.SUCCESS")
    assert (notice["refund_status"], notice["mchid"]) == ("SUCCESS", MCHID)


async def test_money_that_could_not_reach_the_payer_is_sent_another_way(
    hurried: Street, sdk: Sdk
) -> None:
    await paid(hurried, sdk)
    await hurried.order_fault("refund", "ends_abnormal")
    amount = {"refund": 1999, "total": 1999, "currency": "CNY"}
    await sdk.done("refund", out_refund_no=REFUND_NO, amount=amount, out_trade_no=ORDER_NO)
    standing = await until(sdk, "query_refund", "status", "ABNORMAL", out_refund_no=REFUND_NO)
    sent = await sdk.done(
        "abnormal_refund",
        refund_id=standing["refund_id"],
        out_refund_no=REFUND_NO,
        type="USER_BANK_CARD",
        bank_type="ICBC_DEBIT",
        bank_account="6222600000000000000",
        real_name="张三",
    )
    assert sent["status"] == "SUCCESS"


@pytest.mark.usefixtures("one_day")
async def test_bills_are_found_downloaded_and_have_their_hash(hurried: Street, sdk: Sdk) -> None:
    await paid(hurried, sdk)
    amount = {"refund": 500, "total": 1999, "currency": "CNY"}
    await sdk.done("refund", out_refund_no=REFUND_NO, amount=amount, out_trade_no=ORDER_NO)
    await until(sdk, "query_refund", "status", "SUCCESS", out_refund_no=REFUND_NO)
    today = china_time(datetime.now(UTC)).date().isoformat()
    status, early = await sdk.call("trade_bill", bill_date=today)
    assert (status, early["code"]) == (400, "STATEMENT_CREATING")
    await hurried.tell("/simulator/clock", {"close_day": True})
    status, nothing = await sdk.call("trade_bill", bill_date="2020-01-01")
    assert (status, nothing["code"]) == (400, "NO_STATEMENT_EXIST")
    for name in ("trade_bill", "fundflow_bill"):
        place = await sdk.done(name, bill_date=today)
        packed = await sdk.done("download_bill", url=place["download_url"])
        content = gzip.decompress(packed)
        assert sha1(content).hexdigest() == place["hash_value"]
        sheet = read_sheet(content)
        assert len(sheet.rows) == (2 if name == "trade_bill" else 4)
    assert [fen(row["收支金额(元)"]) for row in sheet.rows] == [1999, 12, 500, 3]


async def test_a_transfer_waits_for_its_payee_and_is_told(hurried: Street, sdk: Sdk) -> None:
    reports = [
        {"info_type": "活动名称", "info_content": "新会员"},
        {"info_type": "奖励说明", "info_content": "三月"},
    ]
    wish = {
        "out_bill_no": TRANSFER_NO,
        "transfer_scene_id": "1000",
        "openid": OPENID,
        "transfer_amount": 200_000,
        "transfer_remark": "三月",
        "user_name": "张三",
        "transfer_scene_report_infos": reports,
    }
    opened = await sdk.done("mch_transfer_bills", **wish)
    assert opened["state"] == "WAIT_USER_CONFIRM" and opened["package_info"]
    # The name is encrypted anew, and it is the same transfer all the same.
    assert await sdk.done("mch_transfer_bills", **wish) == opened
    package = {"package": opened["package_info"]}
    assert (await hurried.tell("/simulator/transfers/confirm", package))[0] == 200
    query = "mch_transfer_bills_query"
    standing = await until(sdk, query, "state", "SUCCESS", out_bill_no=TRANSFER_NO)
    by_theirs = await sdk.done(query, transfer_bill_no=opened["transfer_bill_no"])
    assert by_theirs == standing and standing["transfer_amount"] == 200_000
    assert (await told(hurried, sdk, "MCHTRANSFER.BILL.FINISHED"))["state"] == "SUCCESS"
    status, unknown = await sdk.call(query, out_bill_no="neverheardof")
    assert (status, unknown["code"]) == (404, "NOT_FOUND")


async def test_a_transfer_that_nobody_confirmed_is_given_up(hurried: Street) -> None:
    """Only the sync client: the async one signs an empty body here and sends `null`."""
    async with an_sdk(hurried, "sync") as sdk:
        await sdk.done(
            "mch_transfer_bills",
            out_bill_no=TRANSFER_NO,
            transfer_scene_id="1000",
            openid=OPENID,
            transfer_amount=100,
            transfer_remark="三月",
            transfer_scene_report_infos=[{"info_type": "活动名称", "info_content": "新会员"}],
        )
        cancelled = await sdk.done("mch_transfer_bills_cancel", out_bill_no=TRANSFER_NO)
        assert cancelled["state"] == "CANCELING"
        standing = await sdk.done("mch_transfer_bills_query", out_bill_no=TRANSFER_NO)
        assert standing["state"] == "CANCELLED"


async def test_a_payment_is_shared_and_the_rest_is_free(hurried: Street, sdk: Sdk) -> None:
    held = {"settle_info": {"profit_sharing": True}}
    transaction_id = (await paid(hurried, sdk, **held))["transaction_id"]
    receiver = {"type": "MERCHANT_ID", "account": "1900000008", "amount": 300}
    names = {"name": "番茄农场", "description": "种的"}
    opened = await sdk.done(
        "profitsharing_order",
        transaction_id=transaction_id,
        out_order_no=SHARE_NO,
        receivers=[receiver | names],
        unfreeze_unsplit=False,
    )
    assert opened["state"] == "PROCESSING"
    which = {"transaction_id": transaction_id, "out_order_no": SHARE_NO}
    done = await until(sdk, "profitsharing_order_query", "state", "FINISHED", **which)
    assert [each["result"] for each in done["receivers"]] == ["SUCCESS"]
    back = {"out_return_no": "back-1", "out_order_no": SHARE_NO}
    part = {"return_mchid": "1900000008", "amount": 100, "description": "还的"}
    returned = await sdk.done("profitsharing_return", **back, **part)
    assert (returned["result"], returned["amount"]) == ("SUCCESS", 100)
    assert await sdk.done("profitsharing_return_query", **back) == returned
    amounts = await sdk.done("profitsharing_amount_query", transaction_id=transaction_id)
    assert amounts["unsplit_amount"] == 1799
    free = {"out_order_no": "free-1", "description": "解冻"}
    await sdk.done("profitsharing_unfreeze", transaction_id=transaction_id, **free)
    amounts = await sdk.done("profitsharing_amount_query", transaction_id=transaction_id)
    assert amounts["unsplit_amount"] == 0


async def test_receivers_of_shares_are_named_and_struck_off(sdk: Sdk) -> None:
    whose = {"account_type": "MERCHANT_ID", "account": "1900000008"}
    added = {"relation_type": "SUPPLIER", "name": "番茄农场"}
    assert (await sdk.done("profitsharing_add_receiver", **whose, **added))["type"] == "MERCHANT_ID"
    deleted = await sdk.done("profitsharing_delete_receiver", **whose)
    assert deleted["account"] == "1900000008"


async def test_a_payment_that_was_not_held_can_not_be_shared(hurried: Street, sdk: Sdk) -> None:
    transaction_id = (await paid(hurried, sdk))["transaction_id"]
    receiver = {"type": "MERCHANT_ID", "account": "1", "amount": 1, "description": "x"}
    status, refused = await sdk.call(
        "profitsharing_order",
        transaction_id=transaction_id,
        out_order_no=SHARE_NO,
        receivers=[receiver],
        unfreeze_unsplit=False,
    )
    assert (status, refused["code"]) == (400, "INVALID_REQUEST")


async def test_a_service_provider_does_business_for_its_sub_merchant(
    accounts: Accounts, form: Form
) -> None:
    ours, theirs = accounts
    provider = (ours, replace(theirs, sub_mchids=(SUB_MCHID,)))
    async with a_street(provider) as street, an_sdk(street, form, partner_mode=True) as sdk:
        sub = {"sub_mchid": SUB_MCHID}
        order = an_sdk_order() | {"pay_type": sdk.kinds.JSAPI, "payer": {"sp_openid": OPENID}}
        await sdk.done("pay", **order, **sub)
        await street.pay()
        standing = await sdk.done("query", out_trade_no=ORDER_NO, **sub)
        assert (standing["sp_mchid"], standing["sub_mchid"]) == (MCHID, SUB_MCHID)
        assert standing["payer"] == {"sp_openid": OPENID}
        amount = {"refund": 1, "total": 1999, "currency": "CNY"}
        wish = {"out_refund_no": REFUND_NO, "amount": amount, "out_trade_no": ORDER_NO}
        await sdk.done("refund", **wish, **sub)
        await sdk.done("query_refund", out_refund_no=REFUND_NO, **sub)
        status, refused = await sdk.call("query", out_trade_no=ORDER_NO, sub_mchid="1900000077")
        assert (status, refused["code"]) == (403, "NO_AUTH")


async def test_certificates_are_fetched_and_prove_everything(form: Form) -> None:
    now = datetime.now(UTC)
    day = timedelta(days=1)
    pair = generate_certified_account(
        MCHID,
        APPID,
        "https://pay.test",
        "https://tomato.test/notices/1",
        periods=((now - 300 * day, now + 2 * day), (now - day, now + 300 * day)),
    )
    async with a_street(pair, clock_speed=HURRIED) as street, an_sdk(street, form) as sdk:
        standing = await paid(street, sdk)
        assert await told(street, sdk, "TRANSACTION.SUCCESS") == standing
        bare = replace(street.keys.account, platform_certificates_pem=())
        language = WechatLanguage.of(bare)
        renewed = await street.ask(language.renew(fresh()))
        assert isinstance(renewed, WechatLanguage)
        assert len(renewed.keys.peers) == 2
        verdict = await street.ask(renewed.query(street.order(), fresh()))
        assert isinstance(verdict, Paid)


async def test_the_sdk_sees_a_tampered_callback_too(hurried: Street, sdk: Sdk) -> None:
    await hurried.order_fault("notify", "forged_notify")
    await paid(hurried, sdk)
    (received, *_) = await hurried.callbacks(1)
    assert sdk.client.callback(*received) is None


async def test_our_requests_and_the_sdks_look_alike_to_the_platform(
    hurried: Street, sdk: Sdk
) -> None:
    """The same order, created by the SDK and then by us with the same words, is one order."""
    expires = china_time(hurried.order().expires_at).isoformat()
    order = an_sdk_order(time_expire=expires)
    prepared = await sdk.done("pay", **order, pay_type=sdk.kinds.NATIVE)
    assert await hurried.create() == Pending(offer=QrCode(url=prepared["code_url"]))
