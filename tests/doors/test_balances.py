"""Balances: what a merchant has with us, true to the last entry, now and at any past moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from bus.jobs import now_utc
from schema.bookings import Charge, DepositTaken, Withdrawal
from schema.days import day_of, end_of, start_of
from schema.ids import check_digit
from schema.messages.accounting import (
    ApplyPending,
    ChangeAccount,
    CloseDay,
    ConfigureAccount,
    PlaceHold,
)
from tests.doors.books import Bookkeeper
from tests.doors.street import Merchant, Street

pytestmark = pytest.mark.usefixtures("one_day")

NOON = start_of(day_of(now_utc()) - timedelta(days=1)) + timedelta(hours=12)
"""Yesterday's; the day before's, where midnight passes between the first test and the last."""

SOME_NO = "102026021400003100013"
"""A number that could be an account's."""


@pytest.fixture
def books(street: Street, merchant: Merchant) -> Bookkeeper:
    return Bookkeeper(street.shared.pool, merchant.merchant_no)


async def money(street: Street, merchant: Merchant) -> dict[str, Any]:
    """The figures of the merchant's only currency."""
    (balance,) = (await street.get(merchant, "/v1/balances")).json["items"]
    return {name: figure for name, figure in balance.items() if figure}


def moment(at: datetime) -> str:
    """A moment as it stands in an address."""
    return quote(at.isoformat())


async def test_balances_tell_where_all_the_money_is(
    street: Street, merchant: Merchant, books: Bookkeeper
) -> None:
    owner, now = merchant.merchant_no, now_utc()
    await books.hear(NOON, books.paid(NOON, amount_fen=10_000, fee_fen=60))
    await books.book(NOON, DepositTaken(no=f"d-{owner}", owner=owner, amount_fen=500))
    await books.hear(now, a_hold(owner, 1_000), books.paid(now, funds_flow="direct"))
    await books.book(now, Withdrawal(no=f"w-{owner}", owner=owner, amount_fen=2_000, fee_fen=0))
    assert await money(street, merchant) == {
        "currency": "CNY",
        "balance_fen": 7_440,
        "available_fen": 6_440,
        "held_fen": 1_000,
        "out_of_reserve_fen": 6_440,
        "in_transit_fen": 2_000,
        "deposit_fen": 500,
        "fees_owed_fen": 6,
        "yesterday_balance_fen": 9_440,
    }
    shown = (await street.get(merchant, "/v1/balances")).json["accounts"]
    assert {account["kind"]: account["balance_fen"] for account in shown} == {
        "payable": 6_440, "frozen": 1_000, "in_transit": 2_000, "deposit": 500, "receivable": -6,
    }  # fmt: skip


async def test_a_merchant_without_accounts_has_no_money(street: Street, merchant: Merchant) -> None:
    answer = (await street.get(merchant, "/v1/balances")).json
    assert (answer["items"], answer["accounts"]) == ([], [])


async def test_what_is_booked_later_is_in_every_figure_at_once(
    street: Street, merchant: Merchant, books: Bookkeeper
) -> None:
    """A trade in the reserve, a charge that takes from outside it, and another trade."""
    await books.hear(NOON, books.paid(NOON, amount_fen=5_000, fee_fen=0))
    await books.hear(NOON, a_configuration(await books.account_no(), "async", reserve_days=2))
    charge = Charge(no=f"c-{merchant.merchant_no}", owner=merchant.merchant_no, amount_fen=700)
    await books.hear(NOON, books.paid(NOON, amount_fen=300, fee_fen=0))
    await books.book(NOON, charge)
    await books.hear(NOON, books.paid(NOON, amount_fen=90, fee_fen=0))
    figures = {
        "currency": "CNY",
        "balance_fen": 4_690,
        "available_fen": 4_690,
        "in_reserve_fen": 390,
        "out_of_reserve_fen": 4_300,
        "yesterday_balance_fen": 4_690,
    }
    assert await money(street, merchant) == figures | {"pending_fen": -310}
    await books.hear(NOON, ApplyPending())
    assert await money(street, merchant) == figures


async def test_money_that_came_while_the_account_took_none_is_in_suspense(
    street: Street, merchant: Merchant, books: Bookkeeper
) -> None:
    await books.hear(NOON, books.paid(NOON))
    await books.hear(NOON, an_order(await books.account_no(), "freeze_credit"))
    await books.hear(NOON, books.paid(NOON))
    shown = await money(street, merchant)
    assert (shown["available_fen"], shown["suspense_fen"]) == (994, 994)


async def test_an_account_is_shown_whole(
    street: Street, merchant: Merchant, books: Bookkeeper
) -> None:
    await books.hear(NOON, books.paid(NOON))
    number = await books.account_no()
    await books.hear(NOON, an_order(number, "freeze_debit"))
    answer = await street.get(merchant, f"/v1/accounts/{number}")
    assert answer.json == {
        "account_no": number,
        "kind": "payable",
        "currency": "CNY",
        "state": "freeze_debit",
        "booking_mode": "sync",
        "balance_fen": 994,
        "pending_fen": 0,
        "in_reserve_fen": 0,
        "out_of_reserve_fen": 994,
        "yesterday_balance_fen": 994,
        "reserve_days": 0,
        "refund_fee_policy": "keep",
        "opened_at": f"{NOON:%Y-%m-%dT%H:%M:%SZ}",
        "moved_at": f"{NOON:%Y-%m-%dT%H:%M:%SZ}",
    }


async def test_a_balance_holds_what_was_booked_before_the_moment(
    street: Street, merchant: Merchant, books: Bookkeeper
) -> None:
    tick = timedelta(microseconds=1)
    for n in range(7):
        await books.hear(NOON + n * tick, books.paid(NOON))
    path = f"/v1/accounts/{await books.account_no()}/balance"
    for n in range(8):
        answer = await street.get(merchant, f"{path}?at={moment(NOON + n * tick)}")
        assert (answer.json["serial"], answer.json["balance_fen"]) == (n, n * 994)


async def test_midnight_gives_the_balance_of_the_day_before(
    street: Street, merchant: Merchant, books: Bookkeeper
) -> None:
    today = day_of(now_utc())
    midnight = start_of(today)
    await books.hear(midnight - timedelta(microseconds=1), books.paid(NOON))
    await books.hear(midnight, books.paid(NOON))
    number = await books.account_no()
    answer = await street.get(
        merchant, f"/v1/accounts/{number}/balance?at={today}T00:00:00%2B08:00"
    )
    assert answer.json == {
        "account_no": number,
        "currency": "CNY",
        "at": f"{midnight:%Y-%m-%dT%H:%M:%SZ}",
        "serial": 1,
        "balance_fen": 994,
    }
    assert (await money(street, merchant))["yesterday_balance_fen"] == 994


async def test_days_tell_what_moved_an_account_and_how_it_stood(
    street: Street, merchant: Merchant, books: Bookkeeper
) -> None:
    owner, today = merchant.merchant_no, day_of(now_utc())
    before, yesterday = (today - timedelta(days=n) for n in (2, 1))
    noon = start_of(yesterday) + timedelta(hours=12)
    await books.hear(noon - timedelta(days=2), books.paid(noon))
    await books.hear(noon, books.paid(noon), books.paid(noon))
    await books.book(noon, Charge(no=f"c-{owner}", owner=owner, amount_fen=100))
    await books.hear(now_utc(), books.paid(NOON))
    for day in (before, yesterday):
        await books.hear(end_of(day), CloseDay(day=day))
    path = f"/v1/accounts/{await books.account_no()}/days"
    answer = await street.get(merchant, f"{path}?from={before}&to={today}")
    days = [tuple(item.values())[1:4] for item in answer.json["items"]]
    assert days == [(True, 994, 994), (True, 994, 2_882), (False, 2_882, 3_876)]
    assert [item["collects"] for item in answer.json["items"]] == [
        [],
        [
            {"kind": "charge", "amount_fen": -100, "volume_fen": 100, "count": 1},
            {"kind": "trade", "amount_fen": 1_988, "volume_fen": 2_000, "count": 2},
        ],
        None,
    ]


PLACES = ["", "/balance?at=2026-01-01T00:00:00Z", "/entries", "/days?from=2026-01-01&to=2026-01-02",
          "/statement?day=2026-01-01", "/statement?day=2026-01-01&format=json"]  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
async def test_another_merchants_account_is_not_there(
    street: Street, merchant: Merchant, books: Bookkeeper, place: str
) -> None:
    stranger = await street.open_merchant()
    await books.hear(NOON, books.paid(NOON))
    path = f"/v1/accounts/{await books.account_no()}{place}"
    assert (await street.get(merchant, path)).status == 200
    answer = await street.get(stranger, path)
    assert (answer.status, answer.code) == (404, "account_not_found")
    assert answer.json["param"] == "account_no"


@pytest.mark.parametrize("place", PLACES)
async def test_a_number_with_a_wrong_digit_is_no_account_number(
    street: Street, merchant: Merchant, place: str
) -> None:
    digits = "10202602140000310001"
    wrong = [f"{digits}{n}" for n in range(10) if str(n) != check_digit(digits)]
    for number in (*wrong, digits, f"{digits}00", "x", "%00", "%ff", quote("１" * 21)):
        answer = await street.get(merchant, f"/v1/accounts/{number}{place}")
        assert (answer.status, answer.code) == (400, "invalid_parameter"), number
        assert answer.json["param"] == "account_no"


MOMENTS = ["", "now", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01T00:00:00+08:00",
           "1999-12-31T23:59:59Z", "0001-01-01T00:00:00%2B23:59", "9999-12-31T23:59:59-23:59",
           "2026-13-01T00:00:00Z", "1767225600", "%00"]  # fmt: skip
DAYS = ["", "today", "2026-1-1", "2026-02-30", "20260101", "1999-12-31", "0001-01-01", "9999-12-31",
        "2026-01-01T00:00:00Z", "%00"]  # fmt: skip
CURSORS = ["", "x", "%00", "MA", "LTE", "cGF5Xw", "A" * 2_000, "OTk5OTk5OTk5OTk5OTk5OTk5OTk"]
WRONG = [
    *(("balance", f"at={at}", "at") for at in MOMENTS),
    *(("entries", f"from={at}", "from") for at in MOMENTS),
    *(("entries", f"to={at}", "to") for at in MOMENTS),
    ("entries", "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "to"),
    *(("entries", f"limit={n}", "limit") for n in ("0", "101", "-1", "1.0", "", "many")),
    *(("entries", f"cursor={text}", "cursor") for text in CURSORS),
    *(("days", f"from={day}&to=2026-01-01", "from") for day in DAYS),
    *(("days", f"from=2026-01-01&to={day}", "to") for day in DAYS),
    ("days", "from=2026-01-02&to=2026-01-01", "to"),
    ("days", "from=2026-01-01&to=2026-02-01", "to"),
    ("days", "to=2026-02-01", "from"),
    ("days", "from=2026-02-01", "to"),
    *(("statement", f"day={day}", "day") for day in DAYS),
    *(("statement", f"day=2026-01-01&format={form}", "format") for form in ("", "CSV", "pdf")),
    ("statement", "format=csv", "day"),
    ("balance", "", "at"),
    ("balance", "at=2026-01-01T00:00:00Z&colour=red", "colour"),
    ("balance", "at=2026-01-01T00:00:00Z&at=2026-01-01T00:00:00Z", None),
]  # fmt: skip


@pytest.mark.parametrize(("place", "query", "param"), WRONG)
async def test_what_is_wrong_in_a_question_is_named(
    street: Street, merchant: Merchant, place: str, query: str, param: str | None
) -> None:
    answer = await street.get(merchant, f"/v1/accounts/{SOME_NO}/{place}?{query}".rstrip("?"))
    assert (answer.status, answer.code) == (400, "invalid_parameter")
    assert answer.json.get("param") == param


@pytest.mark.parametrize(
    ("place", "param"),
    [("days?from={}&to=2026-01-01", "from"), ("days?from=2026-01-01&to={}", "to"),
     ("statement?day={}", "day")],
)  # fmt: skip
async def test_tomorrow_has_not_begun(
    street: Street, merchant: Merchant, place: str, param: str
) -> None:
    tomorrow = day_of(now_utc()) + timedelta(days=1)
    answer = await street.get(merchant, f"/v1/accounts/{SOME_NO}/{place.format(tomorrow)}")
    assert (answer.status, answer.code) == (400, "invalid_parameter")
    assert answer.json["param"] == param


@pytest.mark.parametrize("path", ["/v1/balances", f"/v1/accounts/{SOME_NO}"])
async def test_where_nothing_may_be_asked_nothing_is_ignored(
    street: Street, merchant: Merchant, path: str
) -> None:
    answer = await street.get(merchant, f"{path}?colour=red")
    assert (answer.status, answer.code, answer.json["param"]) == (
        400,
        "invalid_parameter",
        "colour",
    )


def a_hold(owner: str, amount_fen: int) -> PlaceHold:
    return PlaceHold(
        hold_no=f"h-{owner}", owner=owner, amount_fen=amount_fen, operator="li", reason="complaint"
    )


def a_configuration(number: str, mode: Any, reserve_days: int) -> ConfigureAccount:
    return ConfigureAccount(
        change_no=f"m-{number}", account_no=number, booking_mode=mode, reserve_days=reserve_days,
        operator="li", reason="busy",
    )  # fmt: skip


def an_order(number: str, order: Any) -> ChangeAccount:
    return ChangeAccount(
        change_no=f"o-{number}", account_no=number, order=order, operator="li", reason="asked"
    )
