"""The simulator's pages in a real browser, on a phone's screen, in both languages."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from schema.channels import Paid, Pending, QrCode, TransferPending
from tests.browser import Browser, a_browser
from tests.wire.street import Street, fresh
from tests.wire.wechat_pair import ORDER_NO, a_transfer


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with a_browser() as opened:
        yield opened


async def test_a_person_types_what_they_scanned_sees_the_order_and_pays(
    browser: Browser, street: Street
) -> None:
    created = await street.create(subject="<i>两斤番茄</i>", amount_fen=1234567)
    assert isinstance(created, Pending) and isinstance(created.offer, QrCode)
    await browser.open(f"{street.origin}/")
    await browser.fill("code", created.offer.url)
    await browser.sees("¥12,345.67", "<i>两斤番茄</i>", ORDER_NO)
    await browser.click("付款")
    await browser.sees("支付成功")
    assert isinstance(await street.query(), Paid)
    assert len(await street.callbacks(1)) == 1
    assert await browser.complaints() == []


async def test_a_person_finds_an_order_in_the_list(browser: Browser, street: Street) -> None:
    await street.create()
    await browser.open(f"{street.origin}/")
    await browser.click(ORDER_NO)
    await browser.sees("两斤番茄", "¥19.99")
    await browser.open(f"{street.origin}/?lang=en")
    await browser.sees("Waiting")


async def test_pages_fit_a_phone_and_load_their_own_style_and_nothing_else(
    browser: Browser, street: Street
) -> None:
    await street.create()
    for path in ("/", f"/pay/{ORDER_NO}", "/pay/none"):
        await browser.open(street.origin + path)
        assert not await browser.is_too_wide(), path
    await browser.open(f"{street.origin}/pay/{ORDER_NO}")
    assert await browser.style("button", "background-color") == "rgba(6, 131, 63, 1)"
    loaded = await browser.run(
        "return performance.getEntriesByType('resource').map(entry => new URL(entry.name).host)"
    )
    assert isinstance(loaded, list) and {*loaded} == {street.origin.removeprefix("http://")}


@pytest.mark.parametrize(
    ("button", "shown", "state"),
    [
        ("输入密码并付款", "支付成功", "paid"),
        ("取消支付", "支付失败", "failed"),
        ("余额不足", "支付失败", "failed"),
    ],
)
async def test_a_payer_whose_code_was_scanned_confirms_refuses_or_has_no_money(
    browser: Browser, street: Street, button: str, shown: str, state: str
) -> None:
    await street.order_fault("pay", "needs_password")
    order = street.order(pay_type="wechat_barcode", auth_code="134567890123456789")
    assert isinstance(await street.ask(street.language.create(order, fresh())), Pending)
    await browser.open(f"{street.origin}/pay/{ORDER_NO}")
    await browser.click(button)
    await browser.sees(shown)
    assert (await street.look("/simulator/trades"))["trades"][0]["state"] == state


async def test_a_payee_takes_the_money_of_a_transfer(browser: Browser, street: Street) -> None:
    sent = await street.ask(street.language.transfer(a_transfer(), fresh()))
    assert isinstance(sent, TransferPending) and sent.package
    await browser.open(f"{street.origin}/transfers/{sent.package}")
    await browser.click("确认收款")
    await browser.sees("处理中")
    await street.tell("/simulator/clock", {"move_s": 3_600})
    (transfer,) = await street.look("/simulator/transfers")
    assert transfer["state"] == "transferred"


async def test_a_person_is_told_why_they_can_not_pay_in_their_language(street: Street) -> None:
    await street.create()
    await street.order_fault("pay", "silent_outage")
    async with a_browser(language="en-GB") as english:
        await english.open(f"{street.origin}/pay/{ORDER_NO}")
        await english.click("Pay")
        await english.sees("The payment network does not answer.")
