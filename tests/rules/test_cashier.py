"""The cashier's addresses, what is offered where, and what its pages say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.cashier.choices import device_of, offered
from handlers.cashier.limiter import WINDOW_S, Limiter
from handlers.cashier.orders import Order
from handlers.cashier.pages import Page, money
from handlers.cashier.returning import way_back
from handlers.cashier.shop import AMOUNT_FEN_MAX, fen_of
from handlers.cashier.words import WORDS, preferred
from schema.channels.offers import ClientCall, Form, QrCode, Redirect
from schema.payments import PaymentState
from schema.profiles import Binding
from tests.examples import (
    CHANNEL_NO,
    CODE,
    LINKS,
    MERCHANT_NO,
    NOW,
    ORDER_NO,
    PAYMENT_ID,
    TURNED_AWAY,
    a_channel,
    a_merchant,
)

URL = LINKS.order_url(PAYMENT_ID)
HOSTILE = "<img src=x onerror=alert(1)>'\""


def an_order(**differences: Any) -> Order:
    usual: dict[str, Any] = {
        "payment_id": PAYMENT_ID, "merchant_no": MERCHANT_NO, "merchant_order_no": ORDER_NO,
        "state": PaymentState.PLACED, "amount_fen": 123_456, "currency": "CNY",
        "pay_type": "cashier", "subject": "两斤番茄", "offer": None, "failure": None,
        "payer_id": None, "return_url": None, "close_reason": None,
        "expires_at": NOW + timedelta(seconds=300), "updated_at": NOW,
    }  # fmt: skip
    return Order(**usual | differences)


def drawn(page: Page | None = None, **differences: Any) -> str:
    page = page or Page("en", "phone")
    order = an_order(**differences)
    return page.order(order, "Tomato Noodles", ["wechat_native", "alipay_qr"], URL, NOW)


def test_an_address_is_read_back_and_only_as_it_was_given_out() -> None:
    token = LINKS.token("order", PAYMENT_ID)
    assert LINKS.number("order", token) == PAYMENT_ID
    assert LINKS.number("shop", token) is None
    other = type(LINKS)(base_url=LINKS.base_url, key=b"o" * 32)
    assert other.number("order", token) is None


@given(st.text())
def test_nobody_makes_up_an_address(text: str) -> None:
    assert LINKS.number("order", text) is None
    assert LINKS.number("order", f"{PAYMENT_ID}.{text}") is None


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        ("Mozilla/5.0 (iPhone) Mobile MicroMessenger/8.0", "wechat"),
        ("Mozilla/5.0 (Linux; Android) Mobile AlipayClient/10", "alipay"),
        ("Mozilla/5.0 (Linux; Android) Mobile UnionPay/1.0", "unionpay"),
        ("Mozilla/5.0 (iPhone) Mobile/15E148 Safari", "phone"),
        ("Mozilla/5.0 (X11; Linux x86_64)", "desktop"),
        ("", "desktop"),
    ],
)
def test_a_wallet_is_known_by_its_name(agent: str, device: str) -> None:
    assert device_of(agent) == device


@pytest.mark.parametrize(
    "lacks",
    [
        {"rates_ppm": {"alipay_qr": 1}},
        {"bindings": ()},
        {"channel": {"status": "inactive"}},
        {"channel": {"pay_types": ("alipay_qr",)}},
    ],
)
def test_what_has_no_rate_or_no_channel_is_not_offered(lacks: dict[str, Any]) -> None:
    bound = {"bindings": (Binding(pay_type="wechat_native", channel_no=CHANNEL_NO),)}
    channels = {CHANNEL_NO: a_channel()}
    assert offered("desktop", a_merchant(**bound), channels, None) == ["wechat_native"]
    channels = {CHANNEL_NO: a_channel(**lacks.pop("channel", {}))}
    assert offered("desktop", a_merchant(**bound | lacks), channels, None) == []


@pytest.mark.parametrize(
    ("typed", "fen"),
    [("1", 100), ("0.01", 1), ("12.5", 1_250), (" 50000 ", AMOUNT_FEN_MAX), ("50000.01", None),
     ("0", None), ("1.234", None), ("-1", None), ("1e3", None), ("1,5", None), ("１２", None)],
)  # fmt: skip
def test_an_amount_is_read_as_people_type_it(typed: str, fen: int | None) -> None:
    assert fen_of(typed) == fen


def test_everything_that_came_from_outside_is_escaped() -> None:
    offers = (
        QrCode(url=HOSTILE),
        Redirect(url=f"https://x.test/{HOSTILE}"),
        Form(url=f"https://x.test/{HOSTILE}", fields={HOSTILE: HOSTILE}),
        ClientCall(parameters={HOSTILE: HOSTILE}),
    )
    page = Page("zh", "phone")
    for offer in offers:
        order = an_order(subject=HOSTILE, offer=offer, state=PaymentState.PENDING)
        text = page.order(order, HOSTILE, ["alipay_qr"], URL, NOW)
        assert "<img" not in text
    assert "<img" not in page.shop(HOSTILE, HOSTILE)


def test_a_redirect_to_what_is_no_web_page_is_not_shown() -> None:
    text = drawn(offer=Redirect(url="javascript:alert(1)"), state=PaymentState.PENDING)
    assert "javascript" not in text


@pytest.mark.parametrize(
    ("differences", "word"),
    [
        ({}, "choose"),
        ({"failure": TURNED_AWAY}, "try_other"),
        ({"state": PaymentState.SCREENING}, "asking"),
        ({"state": PaymentState.UNKNOWN}, "checking"),
        ({"state": PaymentState.CLOSING}, "checking"),
        ({"expires_at": NOW}, "checking"),
        ({"state": PaymentState.PENDING, "offer": CODE}, "scan"),
        ({"state": PaymentState.SUCCEEDED}, "paid"),
        ({"state": PaymentState.PARTIALLY_REFUNDED}, "paid"),
        ({"state": PaymentState.REFUNDED}, "refunded"),
        ({"state": PaymentState.LATE_PAID}, "late"),
        ({"state": PaymentState.FAILED}, "failed"),
        ({"state": PaymentState.CLOSED, "close_reason": "expired"}, "expired"),
        ({"state": PaymentState.CLOSED, "close_reason": "merchant"}, "closed"),
    ],
)
def test_every_state_has_words_in_both_languages(differences: dict[str, Any], word: str) -> None:
    for language, number in (("zh", 0), ("en", 1)):
        assert WORDS[word][number] in drawn(Page(language, "phone"), **differences)


@pytest.mark.parametrize("state", PaymentState)
def test_a_page_waits_for_news_until_the_order_has_ended(state: PaymentState) -> None:
    text = drawn(state=state)
    is_over = state.value in (
        "succeeded", "failed", "closed", "late_paid", "partially_refunded", "refunded",
    )  # fmt: skip
    assert ("data-watch" in text) is not is_over


def test_what_is_chosen_already_is_not_offered_again() -> None:
    text = drawn(state=PaymentState.PENDING, offer=CODE, pay_type="wechat_native")
    assert 'value="alipay_qr"' in text and 'value="wechat_native"' not in text


def test_inside_a_wallet_the_first_way_is_taken_by_itself_unless_it_has_failed() -> None:
    assert "data-auto" in drawn(Page("zh", "alipay"))
    assert "data-auto" not in drawn(Page("zh", "phone"))
    assert "data-auto" not in drawn(Page("zh", "alipay"), failure=TURNED_AWAY)


@pytest.mark.parametrize(
    ("accepted", "wished", "language"),
    [("", None, "zh"), ("en-US,zh;q=0.5", None, "en"), ("fr,zh-CN", None, "zh"), ("zh", "en", "en"),
     ("en", "xx", "en")],
)  # fmt: skip
def test_the_language_is_the_browsers_or_the_wished_one(
    accepted: str, wished: str | None, language: str
) -> None:
    assert preferred(accepted, wished) == language


@pytest.mark.parametrize("address", ["http://shop.test:99999/", "http://[shop/", "http://s:x/"])
def test_who_can_not_be_led_back_stays_on_the_page(address: str) -> None:
    assert way_back(an_order(return_url=address), (), 1_700_000_000) is None


def test_a_knock_too_many_waits_for_the_next_window() -> None:
    limiter = Limiter()
    assert [limiter.allows("page", "a", 2, 100.0) for _ in range(3)] == [True, True, False]
    assert limiter.allows("page", "b", 2, 100.0)
    assert limiter.allows("page", "a", 2, 100.0 + WINDOW_S)


def test_an_amount_is_written_as_people_read_it() -> None:
    assert (money(1_234_567, "CNY"), money(5, "USD")) == ("¥12,345.67", "USD 0.05")
