"""Entries and statements: each movement once, in order, and a file that is whole or broken off."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from bus.jobs import now_utc
from handlers.merchant_api import account_books
from handlers.merchant_api.account_books import Books
from schema.bookings import Charge, Refund
from schema.days import day_of, start_of
from tests.doors.books import Bookkeeper
from tests.doors.street import Answer, Merchant, Street
from tests.examples import CHANNEL_NO

YESTERDAY = day_of(now_utc()) - timedelta(days=1)
NOON = start_of(YESTERDAY) + timedelta(hours=12)
SECOND = timedelta(seconds=1)


@pytest.fixture
def books(street: Street, merchant: Merchant) -> Bookkeeper:
    return Bookkeeper(street.shared.pool, merchant.merchant_no)


async def listed(street: Street, merchant: Merchant, path: str) -> list[dict[str, Any]]:
    """All entries of a list, page after page."""
    items, cursor = [], ""
    while cursor is not None:
        page = (await street.get(merchant, f"{path}{cursor and f'&cursor={cursor}'}")).json
        items += page["items"]
        cursor = page["next_cursor"]
    return items


async def entries_of(books: Bookkeeper) -> str:
    return f"/v1/accounts/{await books.account_no()}/entries"


def shown_trade(number: str) -> dict[str, Any]:
    """A payment of ten yuan at noon, the first that moved the account."""
    return {
        "serial": 1,
        "booked_at": f"{NOON:%Y-%m-%dT%H:%M:%SZ}",
        "kind": "trade",
        "booking_key": f"trade:{number}",
        "subject": number,
        "amount_fen": 994,
        "balance_after_fen": 994,
        "fee_fen": 6,
        "rate_ppm": 6_000,
        "rate_no": None,
    }


async def test_an_entry_tells_what_it_is_about_and_what_it_cost(
    street: Street, merchant: Merchant, books: Bookkeeper
) -> None:
    paid = books.paid(NOON)
    refund = Refund(
        no=f"r-{merchant.merchant_no}", payment_id=paid.payment.id,
        merchant_no=merchant.merchant_no, channel_no=CHANNEL_NO, funds_flow="platform",
        amount_fen=400,
    )  # fmt: skip
    await books.hear(NOON, paid)
    await books.book(NOON + SECOND, refund)
    page = (await street.get(merchant, await entries_of(books))).json
    newest, oldest = page["items"]
    assert (oldest, page["next_cursor"]) == (shown_trade(paid.payment.id), None)
    assert newest == newest | {
        "serial": 2,
        "kind": "refund",
        "booking_key": f"refund:{refund.no}",
        "subject": paid.payment.id,
        "amount_fen": -400,
        "balance_after_fen": 594,
        "fee_fen": 0,
    }


async def test_a_list_shows_each_entry_once_newest_first(
    street: Street, merchant: Merchant, books: Bookkeeper
) -> None:
    await books.hear(NOON, *(books.paid(NOON) for _ in range(57)))
    path = await entries_of(books)
    for limit in (1, 10, 19, 56, 57, 100):
        items = await listed(street, merchant, f"{path}?limit={limit}")
        assert [item["serial"] for item in items] == list(range(57, 0, -1))
    assert len((await street.get(merchant, path)).json["items"]) == 20


async def test_an_entry_that_comes_while_one_reads_disturbs_no_page(
    street: Street, merchant: Merchant, books: Bookkeeper
) -> None:
    await books.hear(NOON, *(books.paid(NOON) for _ in range(4)))
    path = await entries_of(books)
    first = (await street.get(merchant, f"{path}?limit=2")).json
    await books.hear(NOON, books.paid(NOON))
    second = (await street.get(merchant, f"{path}?limit=2&cursor={first['next_cursor']}")).json
    serials = [item["serial"] for item in first["items"] + second["items"]]
    assert serials == [4, 3, 2, 1]


async def test_a_list_begins_at_one_moment_and_ends_before_another(
    street: Street, merchant: Merchant, books: Bookkeeper
) -> None:
    for n in range(6):
        await books.hear(NOON + n * SECOND, books.paid(NOON))
    path = await entries_of(books)
    moments = [NOON + n * SECOND for n in range(7)]
    for first, begin in enumerate(moments):
        for last, end in enumerate(moments[first:], start=first):
            query = f"from={quote(begin.isoformat())}&to={quote(end.isoformat())}&limit=2"
            items = await listed(street, merchant, f"{path}?{query}")
            assert [item["serial"] for item in items] == list(range(last, first, -1))
    ahead = quote((now_utc() + timedelta(days=900_000)).isoformat())
    assert len(await listed(street, merchant, f"{path}?to={ahead}")) == 6


async def test_a_statement_is_a_table_that_begins_and_ends_with_a_balance(
    street: Street, merchant: Merchant, books: Bookkeeper
) -> None:
    owner = merchant.merchant_no
    await books.hear(NOON - timedelta(days=1), books.paid(NOON))
    paid = books.paid(NOON)
    await books.hear(NOON, paid)
    await books.book(NOON + SECOND, Charge(no=f"-1{owner}", owner=owner, amount_fen=100))
    await books.hear(now_utc(), books.paid(NOON))
    answer = await statement(street, merchant, books)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    name = f"statement-{await books.account_no()}-{YESTERDAY}.csv"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert answer.headers["X-Request-Id"].startswith("req_")
    number = paid.payment.id
    assert answer.body.decode().split("\r\n") == [
        "serial,booked_at,kind,booking_key,subject,amount_fen,balance_after_fen,"
        "fee_fen,rate_ppm,rate_no",
        ",,opening_balance,,,,994,,,",
        f"2,{YESTERDAY}T12:00:00.000+08:00,trade,trade:{number},{number},994,1988,6,6000,",
        f"3,{YESTERDAY}T12:00:01.000+08:00,charge,charge:-1{owner},'-1{owner},-100,1888,0,,",
        ",,closing_balance,,,,1888,,,",
        "",
    ]


async def test_the_same_statement_is_a_document(
    street: Street, merchant: Merchant, books: Bookkeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_books, "PAGE_ENTRIES", 2)
    await books.hear(NOON, *(books.paid(NOON) for _ in range(5)))
    entries = (await street.get(merchant, await entries_of(books))).json["items"]
    answer = await statement(street, merchant, books, "&format=json")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json == {
        "account_no": await books.account_no(),
        "currency": "CNY",
        "day": str(YESTERDAY),
        "opening_balance_fen": 0,
        "entries": entries[::-1],
        "closing_balance_fen": 5 * 994,
    }


async def test_a_day_on_which_nothing_happened_has_its_balances(
    street: Street, merchant: Merchant, books: Bookkeeper
) -> None:
    await books.hear(NOON - timedelta(days=1), books.paid(NOON))
    answer = await statement(street, merchant, books)
    assert [row[6] for row in csv.reader(answer.body.decode().splitlines())][1:] == ["994", "994"]
    document = (await statement(street, merchant, books, "&format=json")).json
    figures = (document["opening_balance_fen"], document["closing_balance_fen"])
    assert (document["entries"], figures) == ([], (994, 994))


async def test_the_head_of_a_statement_may_be_asked_for(
    street: Street, merchant: Merchant, books: Bookkeeper
) -> None:
    await books.hear(NOON, books.paid(NOON))
    path = f"/v1/accounts/{await books.account_no()}/statement?day={YESTERDAY}"
    headers = {"Authorization": merchant.authorization("HEAD", path)}
    answer = await street.send("HEAD", path, headers=headers)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Content-Type"].startswith("text/csv")


@pytest.mark.parametrize("form", ["csv", "json"])
async def test_a_statement_that_can_not_be_finished_is_broken_off(
    street: Street, merchant: Merchant, books: Bookkeeper, form: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    whole = Books.entries_of

    async def first_page_only(self: Books, sheet: Any) -> AsyncIterator[Any]:
        yield await anext(whole(self, sheet))
        raise OSError("the database has gone")

    monkeypatch.setattr(Books, "entries_of", first_page_only)
    await books.hear(NOON, books.paid(NOON))
    with pytest.raises(aiohttp.ClientPayloadError):
        await statement(street, merchant, books, f"&format={form}")
    assert (await street.get(merchant, "/v1/balances")).status == 200


async def test_a_statement_that_can_not_be_begun_is_a_problem(
    street: Street, merchant: Merchant, books: Bookkeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_page(self: Books, sheet: Any) -> AsyncIterator[Any]:
        raise OSError("the database has gone")
        yield

    monkeypatch.setattr(Books, "entries_of", no_page)
    await books.hear(NOON, books.paid(NOON))
    answer = await statement(street, merchant, books)
    assert (answer.status, answer.code) == (503, "try_again")


async def statement(
    street: Street, merchant: Merchant, books: Bookkeeper, more: str = ""
) -> Answer:
    """Yesterday's."""
    number = await books.account_no()
    return await street.get(merchant, f"/v1/accounts/{number}/statement?day={YESTERDAY}{more}")
