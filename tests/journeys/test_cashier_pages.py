"""The cashier in a real browser, on a phone's screen and on a desktop, in both languages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlencode, urlsplit

import pytest

from handlers.cashier.links import links_of
from tests.browser import PHONE, Browser, a_browser
from tests.journeys.payers import Counter, open_counter
from tests.journeys.platform import Platform

DESKTOP = (1280, 900)


@pytest.fixture(scope="module")
async def phone() -> AsyncIterator[Browser]:
    async with a_browser(size=PHONE) as opened:
        yield opened


@pytest.fixture(scope="module")
async def desktop() -> AsyncIterator[Browser]:
    async with a_browser(size=DESKTOP, language="en-US") as opened:
        yield opened


@pytest.fixture
async def counter(platform: Platform) -> Counter:
    return await open_counter(platform)


async def test_a_payer_scans_the_code_pays_and_the_open_page_says_so(
    platform: Platform, counter: Counter, desktop: Browser, phone: Browser
) -> None:
    payment, url = await counter.order(subject="<i>两斤番茄</i>")
    await desktop.open(url)
    await desktop.sees("¥10.00", "<i>两斤番茄</i>", "Choose how to pay", "Time left")
    await desktop.click("WeChat Pay QR")
    await desktop.sees("Scan with your wallet")
    code = (await counter.shop.find(payment["id"]))["pay"]["url"]
    origin = platform.both_ends[0].base_url
    await phone.open(f"{origin}/pay?{urlencode({'code': code})}")
    await phone.click("付款")
    await phone.sees("支付成功")
    await desktop.sees("Paid")
    assert await desktop.complaints() == []


async def test_a_payer_changes_the_wallet_and_pays(counter: Counter, phone: Browser) -> None:
    payment, url = await counter.order()
    await phone.open(url)
    await phone.click("微信扫码")
    await phone.sees("请打开钱包扫码支付", "换一种支付方式")
    await phone.click("支付宝扫码")
    await phone.sees("请打开钱包扫码支付", "微信扫码")
    await counter.pay(payment, "alipay", 1)
    await phone.sees("支付成功")
    assert await phone.complaints() == []


@pytest.mark.parametrize(
    ("holds", "choice", "pays", "paid"),
    [
        ("phone", "微信支付", "付款", "支付成功"),
        ("phone", "支付宝", "付款", "支付成功"),
        ("phone", "网银支付", "付款", "支付成功"),
        ("desktop", "Alipay on the web", "Pay", "Paid"),
        ("desktop", "Online bank", "Pay", "Paid"),
    ],
)
async def test_a_payer_is_led_to_the_wallets_own_page_pays_there_and_comes_back(
    platform: Platform, phone: Browser, desktop: Browser,
    holds: str, choice: str, pays: str, paid: str,
) -> None:  # fmt: skip
    browser = phone if holds == "phone" else desktop
    counter = await open_counter(platform, "alipay", "bank")
    _, url = await counter.order()
    await browser.open(url)
    await browser.click(choice)
    await browser.click(pays)
    assert (await browser.address()).startswith(f"{platform.both_ends[0].base_url}/pay?code=")
    await browser.sees(paid)
    (told,) = await counter.shop.told()
    assert told["type"] == "payment.succeeded"
    await browser.open(url)
    await browser.sees(paid)
    assert await browser.complaints() == []


async def test_a_payer_scans_the_code_of_unionpay_and_pays(
    platform: Platform, desktop: Browser, phone: Browser
) -> None:
    counter = await open_counter(platform, "unionpay")
    payment, url = await counter.order()
    await desktop.open(url)
    await desktop.click("UnionPay QR")
    await desktop.sees("Scan with your wallet")
    code = (await counter.shop.find(payment["id"]))["pay"]["url"]
    origin = platform.both_ends[0].base_url
    await phone.open(f"{origin}/pay?{urlencode({'code': code})}")
    await phone.click("付款")
    await desktop.sees("Paid")
    assert await desktop.complaints() == []


async def test_who_must_not_choose_any_more_finds_the_way_back(
    counter: Counter, phone: Browser
) -> None:
    _, url = await counter.order()
    await phone.open(url)
    await phone.run("document.querySelector('button').value = 'wechat_jsapi'")
    await phone.click("微信支付")
    await phone.sees("请换一种")
    await phone.click("返回选择支付方式")
    await phone.sees("选择支付方式", "剩余时间")


async def test_an_open_page_says_that_the_order_has_expired(
    counter: Counter, phone: Browser
) -> None:
    payment, url = await counter.order(return_url="https://shop.example/back")
    await phone.open(url)
    await phone.sees("剩余时间")
    await counter.platform.expire(payment["id"])
    await phone.sees("订单已过期", "返回商家")


async def test_a_payer_whose_wallet_refuses_is_asked_to_choose_another(
    counter: Counter, phone: Browser
) -> None:
    counter.channels["wechat"].trouble("create", "refuse", value="RULE_LIMIT", times=None)
    _, url = await counter.order()
    await phone.open(url)
    await phone.click("微信扫码")
    await phone.sees("请换一种", "支付宝扫码")


async def test_a_payer_changes_the_language(counter: Counter, phone: Browser) -> None:
    _, url = await counter.order()
    await phone.open(url)
    await phone.click("English")
    await phone.sees("Choose how to pay", "中文")
    await phone.click("Alipay QR")
    await phone.sees("Scan with your wallet")


async def test_pages_fit_a_phone_and_load_nothing_from_elsewhere(
    platform: Platform, counter: Counter, phone: Browser
) -> None:
    shared = platform.shared
    shop_url = links_of(shared.settings, shared.vault).shop_url(counter.shop.merchant_no)
    _, url = await counter.order(subject="番茄" * 30)
    for address in (url, platform.edge.url + urlsplit(shop_url).path, f"{url}x"):
        await phone.open(address)
        assert not await phone.is_too_wide(), address
    loaded = await phone.run(
        "return performance.getEntriesByType('resource').map(entry => new URL(entry.name).host)"
    )
    assert isinstance(loaded, list) and {*loaded} == {urlsplit(platform.edge.url).netloc}


async def test_a_payer_types_the_amount_at_a_shops_code_and_pays(
    platform: Platform, counter: Counter, phone: Browser
) -> None:
    shared = platform.shared
    shop_url = links_of(shared.settings, shared.vault).shop_url(counter.shop.merchant_no)
    await phone.open(platform.edge.url + urlsplit(shop_url).path)
    await phone.fill("amount", "12.50")
    await phone.sees("¥12.50", "选择支付方式")
    await phone.click("支付宝扫码")
    await phone.sees("请打开钱包扫码支付")
    (listed,) = (await counter.shop.look("/v1/payments"))["items"]
    await counter.pay(listed, "alipay")
    await phone.sees("支付成功")


async def test_inside_wechat_a_known_payer_is_asked_by_the_wallet_itself(
    counter: Counter, phone: Browser
) -> None:
    _, url = await counter.order(payer_id="oUpF8uMuAJO_M2pxb1Q9zNjWeS6o")
    await counter.choose(url, "wechat_jsapi")
    await phone.open(url)
    await phone.run(
        "window.WeixinJSBridge = {invoke: (what, fields) => { window.asked = [what, fields]; }}"
    )
    await phone.click("去支付")
    asked = await phone.run("return window.asked")
    assert isinstance(asked, list) and asked[0] == "getBrandWCPayRequest"
    assert {"appId", "timeStamp", "nonceStr", "package", "signType", "paySign"} == set(asked[1])
