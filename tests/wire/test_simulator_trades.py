"""The simulated platform's books: which moves are allowed, and what a repeat gets."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import product
from typing import get_args

import msgspec
import pytest

from handlers.simulator.faults import APIS, Api, FaultOrder, Faults, Kind
from handlers.simulator.trades import MOVES, PAYER_ID, Trade, TradeBook, TradeState, Wish
from schema.channels.wechat.documents import Amount, NativeOrderDocument
from schema.channels.wechat.platform import CallRefused
from tests.wire.wechat_pair import APPID, MCHID, NOW, ORDER_NO

ORDER = NativeOrderDocument(
    appid=APPID,
    mchid=MCHID,
    description="两斤番茄",
    out_trade_no=ORDER_NO,
    notify_url="https://tomato.test/notices/1",
    amount=Amount(total=1999),
)


def opened(book: TradeBook, now: datetime = NOW, **changed: object) -> Trade:
    order = msgspec.structs.replace(ORDER, **changed)
    trade = book.open(order, msgspec.to_builtins(order), now)
    assert isinstance(trade, Trade)
    return trade


def paid(book: TradeBook, trade: Trade, now: datetime = NOW) -> Trade | CallRefused:
    return book.pay(trade, PAYER_ID, now)


def code(outcome: Trade | CallRefused) -> str:
    assert isinstance(outcome, CallRefused)
    return outcome.code


def test_every_state_has_an_answer_to_every_wish() -> None:
    assert set(MOVES) == set(product(TradeState, get_args(Wish)))


def test_an_identical_create_call_gets_the_same_code() -> None:
    book = TradeBook(10)
    first, again = opened(book), opened(book)
    assert first is again and len(book.page(0, 10)) == 1


def test_the_order_of_the_parameters_does_not_make_another_order() -> None:
    book = TradeBook(10)
    first = opened(book)
    turned = dict(reversed(msgspec.to_builtins(ORDER).items()))
    assert book.open(ORDER, turned, NOW) is first


def test_a_used_number_with_other_content_is_refused_even_in_fields_that_nobody_reads() -> None:
    book = TradeBook(10)
    opened(book)
    other = msgspec.to_builtins(ORDER) | {"goods_tag": "WXG"}
    assert code(book.open(ORDER, other, NOW)) == "OUT_TRADE_NO_USED"


def test_a_code_renews_when_it_is_older_than_two_hours() -> None:
    book, later = TradeBook(10), NOW + timedelta(hours=2, seconds=1)
    first = opened(book)
    old_code = first.code_url
    assert code(paid(book, first, later)) == "TRADE_ERROR"
    renewed = opened(book, later)
    assert renewed is first and renewed.code_url != old_code
    assert (book.find_code(old_code), book.find_code(renewed.code_url)) == (None, first)


def test_nobody_pays_after_the_time_to_pay_but_the_order_stays_open_until_it_is_closed() -> None:
    book = TradeBook(10)
    trade = opened(book, time_expire=NOW + timedelta(minutes=5))
    late = NOW + timedelta(minutes=5, seconds=1)
    assert code(paid(book, trade, late)) == "TRADE_ERROR"
    assert trade.state is TradeState.NOTPAY


def test_a_time_to_pay_of_less_than_a_minute_is_made_a_minute() -> None:
    book = TradeBook(10)
    trade = opened(book, time_expire=NOW - timedelta(days=1))
    assert trade.pay_until == NOW + timedelta(minutes=1)


def test_a_closed_order_can_not_be_paid_opened_or_closed_again() -> None:
    book = TradeBook(10)
    trade = opened(book)
    assert book.close(trade) is trade
    outcomes = [
        paid(book, trade),
        book.close(trade),
        book.open(ORDER, msgspec.to_builtins(ORDER), NOW),
    ]
    assert [code(outcome) for outcome in outcomes] == ["ORDER_CLOSED"] * 3


def test_a_paid_order_can_not_be_paid_opened_or_closed_again() -> None:
    book = TradeBook(10)
    trade = opened(book)
    assert paid(book, trade) is trade
    number = trade.transaction_id
    outcomes = [
        paid(book, trade),
        book.close(trade),
        book.open(ORDER, msgspec.to_builtins(ORDER), NOW),
    ]
    assert [code(outcome) for outcome in outcomes] == ["ORDERPAID"] * 3
    assert (trade.transaction_id, len(number)) == (number, 28)
    assert book.find_transaction(MCHID, number) is trade


def test_a_full_book_turns_new_orders_away_and_still_knows_the_old() -> None:
    book = TradeBook(1)
    first = opened(book)
    another = msgspec.structs.replace(ORDER, out_trade_no="another-order")
    assert code(book.open(another, {}, NOW)) == "FREQUENCY_LIMITED"
    assert opened(book) is first


def wish(kind: Kind, api: Api, value: int | str | None = None, times: int | None = None):
    return FaultOrder(mchid=MCHID, api=api, kind=kind, value=value, times=times)


def test_a_fault_lasts_as_many_calls_as_were_ordered() -> None:
    faults = Faults()
    assert faults.order(wish("slow", "create", 50, times=2)) is None
    numbers = [fault.number if (fault := faults.take(MCHID, "create")) else None for _ in range(3)]
    assert numbers == [50, 50, None]


def test_a_fault_without_a_count_lasts_until_it_is_ended() -> None:
    faults = Faults()
    faults.order(wish("http_500", "query"))
    assert all(faults.take(MCHID, "query") for _ in range(5))
    faults.order(wish("http_500", "query", times=0))
    assert faults.take(MCHID, "query") is None


def test_a_fault_of_one_merchant_and_call_does_not_touch_others() -> None:
    faults = Faults()
    faults.order(wish("http_500", "query"))
    assert (faults.take("1900000002", "query"), faults.take(MCHID, "close")) == (None, None)


@pytest.mark.parametrize(("kind", "api"), list(product(get_args(Kind), get_args(Api))))
def test_a_fault_can_be_ordered_only_where_it_happens(kind: Kind, api: Api) -> None:
    assert (Faults().order(wish(kind, api)) is None) == (api in APIS[kind])


@pytest.mark.parametrize(("kind", "value"), [("slow", "long"), ("refuse", 5), ("http_500", 1)])
def test_a_fault_with_a_value_that_does_not_fit_is_refused(kind: Kind, value: int | str) -> None:
    assert Faults().order(wish(kind, "create", value)) == f"this value does not fit {kind}"
