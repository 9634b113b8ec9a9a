"""Payers who choose how to pay and choose again, and what the cashier's door keeps out."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import aiohttp
import pytest
from standardwebhooks import Webhook
from yarl import URL

from handlers.cashier.links import links_of
from handlers.simulator.world import TradeState
from schema.cashier import Links
from schema.ids import round_attempt_id
from schema.webhooks import EVENT_TYPES
from tests.journeys.payers import IN_ALIPAY, IN_UNIONPAY, IN_WECHAT, PHONE, Counter, open_counter
from tests.journeys.platform import Platform
from tests.waiting import at_last


def links_there(counter: Counter) -> Links:
    shared = counter.platform.shared
    return links_of(shared.settings, shared.vault)


@pytest.fixture
async def counter(platform: Platform) -> Counter:
    return await open_counter(platform)


async def test_a_payer_chooses_pays_and_is_shown_it_and_the_shop_is_told(counter: Counter) -> None:
    payment, url = await counter.order()
    assert (payment["state"], payment["pay_type"]) == ("placed", "cashier")
    status, page = await counter.look(url)
    assert status == 200 and "选择支付方式" in page and "¥10.00" in page
    _, page = await counter.choose(url, "wechat_native")
    assert "<svg" in page and "请打开钱包扫码支付" in page
    await counter.pay(payment, "wechat")
    await counter.sees(url, "支付成功")
    (told,) = await counter.shop.told()
    assert (told["type"], told["data"]["pay_type"]) == ("payment.succeeded", "wechat_native")


async def test_a_payer_with_unionpay_chooses_changes_the_wallet_and_pays(
    platform: Platform,
) -> None:
    counter = await open_counter(platform, "unionpay")
    payment, url = await counter.order()
    _, page = await counter.look(url, agent=IN_UNIONPAY)
    assert 'value="unionpay_qr"' in page and 'value="wechat' not in page
    await counter.choose(url, "wechat_native")
    _, page = await counter.choose(url, "unionpay_qr", agent=IN_UNIONPAY)
    assert "请打开钱包扫码支付" in page
    offer = (await counter.shop.find(payment["id"]))["pay"]
    assert offer["kind"] == "qr_code" and offer["url"].startswith("https://qr.95516.com/")
    await counter.pay(payment, "unionpay", 1)
    await counter.sees(url, "支付成功")
    (told,) = await counter.shop.told()
    assert (told["type"], told["data"]["pay_type"]) == ("payment.succeeded", "unionpay_qr")
    first = counter.channels["wechat"].trade(round_attempt_id(payment["id"], 0, 1))
    assert first is not None and first.state is TradeState.CLOSED


async def test_who_changes_the_wallet_can_no_longer_pay_with_the_first_one(
    counter: Counter,
) -> None:
    payment, url = await counter.order()
    await counter.choose(url, "wechat_native")
    _, page = await counter.choose(url, "alipay_qr")
    assert "请打开钱包扫码支付" in page and "支付宝扫码" not in page
    first = counter.channels["wechat"].trade(round_attempt_id(payment["id"], 0, 1))
    assert first is not None and first.state is TradeState.CLOSED
    await counter.pay(payment, "alipay", 1)
    await counter.sees(url, "支付成功")
    (told,) = await counter.shop.told()
    assert told["data"]["pay_type"] == "alipay_qr"


async def test_a_wallet_that_does_not_answer_holds_nobody_up_and_the_second_money_goes_back(
    counter: Counter,
) -> None:
    payment, url = await counter.order()
    await counter.choose(url, "wechat_native")
    counter.channels["wechat"].trouble("query", "http_500", times=None)
    counter.channels["wechat"].trouble("close", "http_500", times=None)
    await counter.choose(url, "alipay_qr")
    await counter.pay(payment, "alipay", 1)
    await counter.pay(payment, "wechat", 0)
    kinds = sorted(told["type"] for told in await counter.shop.told(2))
    assert kinds == ["payment.succeeded", "refund.succeeded"]
    now = await counter.shop.find(payment["id"])
    assert now["state"] == "succeeded"
    trades = [
        counter.channels[wallet].trade(round_attempt_id(payment["id"], number, 1))
        for wallet, number in (("wechat", 0), ("alipay", 1))
    ]
    assert all(trade is not None and trade.paid_at is not None for trade in trades)


async def test_an_order_that_its_payer_never_chose_for_expires(counter: Counter) -> None:
    payment, url = await counter.order()
    await counter.platform.expire(payment["id"])
    await counter.sees(url, "订单已过期")
    (told,) = await counter.shop.told()
    assert (told["type"], told["data"]["close_reason"]) == ("payment.closed", "expired")


async def test_where_a_wallet_refuses_the_payer_chooses_another(counter: Counter) -> None:
    payment, url = await counter.order()
    counter.channels["wechat"].trouble("create", "refuse", value="RULE_LIMIT", times=None)
    _, page = await counter.choose(url, "wechat_native")
    assert "请换一种" in page
    assert (await counter.shop.find(payment["id"]))["state"] == "placed"
    await counter.choose(url, "alipay_qr")
    await counter.pay(payment, "alipay", 1)
    await counter.sees(url, "支付成功")


async def test_open_pages_are_told_that_their_order_has_changed(counter: Counter) -> None:
    _, url = await counter.order()
    async with counter.platform.session.get(f"{url}/status") as events:
        assert events.content_type == "text/event-stream"
        first = await asyncio.wait_for(events.content.readuntil(b"\n\n"), 5)
        await counter.choose(url, "wechat_native")
        second = await asyncio.wait_for(events.content.readuntil(b"\n\n"), 5)
    assert first.startswith(b"data: placed.") and second.startswith(b"data: ")
    assert first != second


async def test_the_way_back_brings_a_result_that_the_shop_can_check(counter: Counter) -> None:
    payment, url = await counter.order(return_url="https://shop.example/back?lang=zh")
    await counter.choose(url, "wechat_native")
    await counter.pay(payment, "wechat")
    assert f'href="{urlsplit(url).path}/back"' in await counter.sees(url, "支付成功")
    session = counter.platform.session
    async with session.get(f"{url}/back", allow_redirects=False) as answer:
        assert answer.status == 303
        back = URL(answer.headers["Location"])
    assert (back.host, back.query["lang"]) == ("shop.example", "zh")
    secret = counter.shop.created.webhook_secret
    result = Webhook(secret).verify(back.query["result"], dict(back.query))
    assert (result["payment_id"], result["state"]) == (payment["id"], "succeeded")
    assert result["merchant_order_no"] == payment["merchant_order_no"]
    assert result["type"] not in EVENT_TYPES, "it can't be sent to the shop as a webhook"


@pytest.mark.parametrize(
    ("agent", "has", "has_not"),
    [
        (PHONE, ["wechat_h5", "alipay_wap", "alipay_qr"], ["wechat_jsapi", "alipay_page"]),
        (IN_WECHAT, ["wechat_jsapi", "wechat_native"], ["alipay"]),
        (IN_ALIPAY, ["alipay_wap"], ["wechat"]),
    ],
)
async def test_each_device_is_offered_what_works_there(
    counter: Counter, agent: str, has: list[str], has_not: list[str]
) -> None:
    _, url = await counter.order(payer_id="oUpF8uMuAJO_M2pxb1Q9zNjWeS6o")
    _, page = await counter.look(url, agent=agent)
    assert all(f'value="{each}' in page for each in has)
    assert not any(f'value="{each}' in page for each in has_not)


async def test_without_a_known_payer_wechat_offers_what_needs_none(counter: Counter) -> None:
    _, url = await counter.order()
    _, page = await counter.look(url, agent=IN_WECHAT)
    assert "wechat_jsapi" not in page and 'value="wechat_h5"' in page


async def test_only_whoever_was_given_the_address_sees_the_order(counter: Counter) -> None:
    payment, url = await counter.order()
    base, token = url.rsplit("/", 1)
    links = links_there(counter)
    as_a_shop = links.token("shop", payment["id"])
    api = (await counter.shop.order()).document
    others = (payment["id"], f"{payment['id']}.", token[:-1], token + "x", as_a_shop, "%00", "é",
        links.token("order", api["id"]))  # fmt: skip
    for other in others:
        for path in (other, f"{other}/status", f"{other}/back"):
            assert (await counter.look(f"{base}/{path}"))[0] == 404, path


async def test_the_shop_finds_the_address_again_while_somebody_can_pay(counter: Counter) -> None:
    payment, url = await counter.order()
    assert await counter.shop.find(payment["id"]) == payment
    await counter.choose(url, "wechat_native")
    shown = await counter.shop.find(payment["id"])
    assert (shown["state"], shown["cashier_url"]) == ("pending", payment["cashier_url"])
    await counter.pay(payment, "wechat")
    paid = await counter.shop.is_in_state(payment["id"], "succeeded")
    assert "cashier_url" not in paid


async def test_a_form_of_another_site_is_not_heard(counter: Counter) -> None:
    payment, url = await counter.order()
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        status, _ = await counter.choose(url, "wechat_native", **headers)
        assert status == 403
    assert (await counter.shop.find(payment["id"]))["state"] == "placed"


async def test_who_knocks_too_often_waits(counter: Counter) -> None:
    _, url = await counter.order()
    knocks = (counter.choose(url, "wechat_native") for _ in range(30))
    statuses = [status for status, _ in await asyncio.gather(*knocks)]
    assert {*statuses} == {200, 429}


async def test_hostile_words_are_shown_and_not_obeyed(counter: Counter) -> None:
    _, url = await counter.order(subject="<script>alert(1)</script>&\"'")
    _, page = await counter.look(url)
    assert "&lt;script&gt;alert(1)" in page and "<script>alert" not in page
    async with counter.platform.session.get(url) as answer:
        policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'")


async def test_a_payer_types_the_amount_at_a_shops_own_code(counter: Counter) -> None:
    links = links_there(counter)
    url = counter.platform.edge.url + urlsplit(links.shop_url(counter.shop.merchant_no)).path
    _, page = await counter.look(url)
    form_no = page.split('name="form_no" value="')[1][:24]
    pages: list[str] = []
    for _ in range(2):
        form = aiohttp.FormData({"form_no": form_no, "amount": "12.5"})
        async with counter.platform.session.post(url, data=form) as answer:
            pages.append(str(answer.url))
    assert pages[0] == pages[1], "a form that is sent twice is one order"
    order = await counter.shop.find_order(f"code-{form_no}")
    assert order is not None and (order["amount_fen"], order["state"]) == (1_250, "placed")

    async def is_listed() -> int:
        return len((await counter.shop.look("/v1/payments"))["items"])

    assert await at_last(is_listed) == 1


@pytest.mark.parametrize("typed", ["0", "-1", "1.234", "1e3", "50000.01", "", "１２"])
async def test_what_is_no_amount_makes_no_order(counter: Counter, typed: str) -> None:
    links = links_there(counter)
    url = counter.platform.edge.url + urlsplit(links.shop_url(counter.shop.merchant_no)).path
    form = aiohttp.FormData({"form_no": "0" * 24, "amount": typed})
    async with counter.platform.session.post(url, data=form) as answer:
        assert answer.status == 400
        assert "请输入" in await answer.text() or "needed" in await answer.text()
