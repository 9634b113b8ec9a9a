"""The statement of a day: each payment and refund once, exact sums, safe in a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import aiohttp
import pytest

from bus.jobs import now_utc
from handlers.merchant_api import day_statements
from handlers.merchant_api.day_statements import COLUMNS, DayBook
from schema.days import day_of, end_of, start_of
from tests.doors.rows import NOON, a_paid_payment, a_payment, a_refund, insert
from tests.doors.street import Answer, Merchant, Street

DAY = day_of(NOON)
MICROSECOND = timedelta(microseconds=1)


async def statement(street: Street, merchant: Merchant, day: date | str = DAY) -> Answer:
    return await street.get(merchant, f"/v1/statements/{day}.csv")


async def lines(street: Street, merchant: Merchant, day: date = DAY) -> list[dict[str, str]]:
    answer = await statement(street, merchant, day)
    assert answer.status == 200, answer.body
    return list(csv.DictReader(answer.body.decode().splitlines()))


async def test_a_day_shows_its_payments_and_refunds_and_what_they_come_to(
    street: Street, merchant: Merchant
) -> None:
    payment = await a_paid_payment(street, merchant, "o-1", state="partially_refunded")
    refund = await a_refund(street, merchant, payment, "r-1")
    await the_books_know(street, merchant, payment, refund, fee_fen=-3)
    await a_payment(street, merchant, "o-2")
    answer = await statement(street, merchant)
    assert answer.headers["Content-Type"].startswith("text/csv")
    name = f"payments-{merchant.merchant_no}-{DAY}.csv"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    rows = list(csv.reader(answer.body.decode().splitlines()))
    assert rows == [
        list(COLUMNS),
        ["payment", "2026-02-14T20:00:30.000+08:00", payment, "o-1", "", "", "wechat_native",
         "wechat_1", "42o-1", "", "CNY", "1999", "12", "1987", "", "两斤番茄"],
        ["refund", "2026-02-14T21:00:07.000+08:00", payment, "o-1", refund, "r-1",
         "wechat_native", "wechat_1", "42o-1", "50r-1", "CNY", "-500", "-3", "-497", "", "太熟了"],
        ["payments_total", *[""] * 10, "1999", "12", "1987", "1", ""],
        ["refunds_total", *[""] * 10, "-500", "-3", "-497", "1", ""],
        ["total", *[""] * 10, "1499", "9", "1490", "2", ""],
    ]  # fmt: skip


async def the_books_know(
    street: Street, merchant: Merchant, payment: str, refund: str, fee_fen: int
) -> None:
    row = {
        "refund_no": refund,
        "payment_id": payment,
        "merchant_no": merchant.merchant_no,
        "currency": "CNY",
        "funds_flow": "platform",
        "amount_fen": 500,
        "fee_fen": fee_fen,
        "fee_returned_fen": -fee_fen,
        "state": "completed",
        "begun_at": NOON,
        "changed_at": NOON,
    }
    await insert(street.shared.pool, "accounting.refund", row)


async def test_a_day_begins_and_ends_at_chinas_midnight(street: Street, merchant: Merchant) -> None:
    moments = {
        "before": start_of(DAY) - MICROSECOND,
        "first": start_of(DAY),
        "last": end_of(DAY) - MICROSECOND,
        "after": end_of(DAY),
    }
    for name, at in moments.items():
        payment = await a_paid_payment(street, merchant, f"p-{name}", paid_at=at)
        await a_refund(street, merchant, payment, f"r-{name}", refunded_at=at)
    found = await lines(street, merchant)
    numbers = [line["merchant_refund_no"] or line["merchant_order_no"] for line in found[:-3]]
    assert numbers == ["p-first", "p-last", "r-first", "r-last"]


async def test_pages_that_meet_at_the_same_moment_lose_and_repeat_nothing(
    street: Street, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day_statements, "PAGE_LINES", 3)
    for n in range(9):
        payment = await a_paid_payment(street, merchant, f"p-{n}")
        await a_refund(street, merchant, payment, f"r-{n}", amount_fen=n + 1)
    found = await lines(street, merchant)
    assert len({line["payment_id"] for line in found[:9]}) == 9
    assert len({line["refund_id"] for line in found[9:18]}) == 9
    assert [int(line["gross_fen"]) for line in found[18:]] == [9 * 1999, -45, 9 * 1999 - 45]
    assert [int(line["count"]) for line in found[18:]] == [9, 9, 18]


async def test_money_that_came_late_is_there_and_what_came_twice_is_not(
    street: Street, merchant: Merchant
) -> None:
    payment = await a_paid_payment(street, merchant, "o-1", state="refunded", is_late=True)
    await a_refund(street, merchant, payment, f"late:{'0' * 26}", kind="late", amount_fen=1999)
    await a_refund(street, merchant, payment, f"duplicate:{'1' * 26}", kind="duplicate")
    found = await lines(street, merchant)
    assert [line["kind"] for line in found[:-3]] == ["late_payment", "late_refund"]
    assert found[1]["merchant_refund_no"] == ""


async def test_a_day_without_anything_is_a_whole_file(street: Street, merchant: Merchant) -> None:
    found = await lines(street, merchant)
    assert [line["kind"] for line in found] == ["payments_total", "refunds_total", "total"]
    assert {line["net_fen"] for line in found} == {"0"}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "＝1", "\t=1"])
async def test_no_text_becomes_a_formula(street: Street, merchant: Merchant, text: str) -> None:
    await a_paid_payment(street, merchant, "-1.2", subject=text)
    (line, *_) = await lines(street, merchant)
    assert (line["text"], line["merchant_order_no"]) == (f"'{text}", "'-1.2")


async def test_a_text_with_commas_and_quotes_stays_one_cell(
    street: Street, merchant: Merchant
) -> None:
    await a_paid_payment(street, merchant, "o-1", subject='two, "ripe"\r\nones')
    answer = await statement(street, merchant)
    assert b'"two, ""ripe""\r\nones"' in answer.body


async def test_another_merchants_day_is_empty(street: Street, merchant: Merchant) -> None:
    stranger = await street.open_merchant()
    payment = await a_paid_payment(street, merchant, "o-1")
    await a_refund(street, merchant, payment, "r-1")
    assert len(await lines(street, stranger)) == 3


@pytest.mark.parametrize(
    "day",
    ["2026-02-30", "2026-2-1", "20260214", "2026-W07-6", "today", "1999-12-31", "9999-12-31",
     "%00", "%ff", "2026-02-14%0A", "2026-02-14T00:00:00Z", "-1", "2026-02-14.csv"],
)  # fmt: skip
async def test_what_is_no_day_is_refused(street: Street, merchant: Merchant, day: str) -> None:
    answer = await statement(street, merchant, day)
    assert (answer.status, answer.code, answer.json["param"]) == (400, "invalid_parameter", "day")


@pytest.mark.usefixtures("one_day")
async def test_a_day_that_has_not_begun_is_refused(street: Street, merchant: Merchant) -> None:
    today = day_of(now_utc())
    answer = await statement(street, merchant, today + timedelta(days=2))
    assert (answer.status, answer.code) == (400, "invalid_parameter")
    assert (await statement(street, merchant, today)).status == 200


async def test_a_statement_takes_no_parameters(street: Street, merchant: Merchant) -> None:
    answer = await street.get(merchant, f"/v1/statements/{DAY}.csv?limit=1")
    assert (answer.status, answer.code) == (400, "invalid_parameter")


async def test_a_days_statement_that_can_not_be_finished_is_broken_off(
    street: Street, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = DayBook.lines

    async def first_page_only(self: DayBook, *of: Any) -> AsyncIterator[Any]:
        yield await anext(whole(self, *of))
        raise OSError("the database has gone")

    monkeypatch.setattr(DayBook, "lines", first_page_only)
    await a_paid_payment(street, merchant, "o-1")
    with pytest.raises(aiohttp.ClientPayloadError):
        await statement(street, merchant)


async def test_a_days_statement_that_can_not_be_begun_is_a_problem(
    street: Street, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_page(self: DayBook, *of: Any) -> AsyncIterator[Any]:
        raise OSError("the database has gone")
        yield

    monkeypatch.setattr(DayBook, "lines", no_page)
    answer = await statement(street, merchant)
    assert (answer.status, answer.code) == (503, "try_again")


async def test_the_head_of_a_days_statement_may_be_asked_for(
    street: Street, merchant: Merchant
) -> None:
    path = f"/v1/statements/{DAY}.csv"
    headers = {"Authorization": merchant.authorization("HEAD", path)}
    answer = await street.send("HEAD", path, headers=headers)
    assert (answer.status, answer.body) == (200, b"")
