"""The account system in the merchant API's document."""

from __future__ import annotations

import msgspec

from handlers.merchant_api.account_queries import DAYS_MAX
from handlers.merchant_api.account_views import (
    Account,
    AccountDays,
    AccountEntryPage,
    Balances,
    PastBalance,
    Statement,
)
from handlers.merchant_api.accounts import ACCOUNT, BALANCES
from handlers.merchant_api.openapi_parts import LIMIT, Json, answer, problems, query
from schema.accounts import AccountNo

ACCOUNT_TYPES = (Balances, Account, PastBalance, AccountEntryPage, AccountDays, Statement)

CODES = ["invalid_parameter", "account_not_found"]
MOMENT: Json = {"type": "string", "format": "date-time"}
DAY: Json = {"type": "string", "format": "date"}

EXAMPLE_ACCOUNT = {
    "account_no": "102026021400003100013",
    "kind": "payable",
    "currency": "CNY",
    "state": "available",
    "booking_mode": "sync",
    "balance_fen": 1987,
    "pending_fen": 0,
    "in_reserve_fen": 1987,
    "out_of_reserve_fen": 0,
    "yesterday_balance_fen": 0,
    "reserve_days": 1,
    "refund_fee_policy": "keep",
    "opened_at": "2026-02-14T08:01:30.412Z",
    "moved_at": "2026-02-14T08:01:30.412Z",
}
EXAMPLE_BALANCES = {
    "read_at": "2026-02-14T09:00:00Z",
    "items": [
        {
            "currency": "CNY",
            "balance_fen": 1987,
            "available_fen": 1987,
            "held_fen": 0,
            "in_reserve_fen": 1987,
            "out_of_reserve_fen": 0,
            "in_transit_fen": 0,
            "deposit_fen": 0,
            "fees_owed_fen": 0,
            "suspense_fen": 0,
            "yesterday_balance_fen": 0,
            "pending_fen": 0,
        }
    ],
    "accounts": [EXAMPLE_ACCOUNT],
}
EXAMPLE_PAST = {
    "account_no": EXAMPLE_ACCOUNT["account_no"],
    "currency": "CNY",
    "at": "2026-02-14T08:30:00Z",
    "serial": 1,
    "balance_fen": 1987,
}
EXAMPLE_ENTRY = {
    "serial": 1,
    "booked_at": "2026-02-14T08:01:30.412Z",
    "kind": "trade",
    "booking_key": "trade:pay_01khbcdefg3h9k2m5p100001",
    "subject": "pay_01khbcdefg3h9k2m5p100001",
    "amount_fen": 1987,
    "balance_after_fen": 1987,
    "fee_fen": 12,
    "rate_ppm": 6000,
    "rate_no": None,
}
EXAMPLE_ENTRIES = {"items": [EXAMPLE_ENTRY], "next_cursor": None}
EXAMPLE_DAYS = {
    "account_no": EXAMPLE_ACCOUNT["account_no"],
    "currency": "CNY",
    "items": [
        {
            "day": "2026-02-14",
            "is_closed": True,
            "opening_balance_fen": 0,
            "closing_balance_fen": 1987,
            "collects": [{"kind": "trade", "amount_fen": 1987, "volume_fen": 1999, "count": 1}],
        }
    ],
}
EXAMPLE_STATEMENT = {
    "account_no": EXAMPLE_ACCOUNT["account_no"],
    "currency": "CNY",
    "day": "2026-02-14",
    "opening_balance_fen": 0,
    "entries": [EXAMPLE_ENTRY],
    "closing_balance_fen": 1987,
}
EXAMPLE_CSV = """\
serial,booked_at,kind,booking_key,subject,amount_fen,balance_after_fen,fee_fen,rate_ppm,rate_no
,,opening_balance,,,,0,,,
1,2026-02-14T16:01:30.412+08:00,trade,trade:pay_01khbcdefg3h9k2m5p100001,\
pay_01khbcdefg3h9k2m5p100001,1987,1987,12,6000,
,,closing_balance,,,,1987,,,
"""


def account_paths() -> Json:
    """Where money and accounts are looked up."""
    return {
        BALANCES: {"get": _balances()},
        ACCOUNT: {"get": _account()},
        f"{ACCOUNT}/balance": {"get": _balance()},
        f"{ACCOUNT}/entries": {"get": _entries()},
        f"{ACCOUNT}/days": {"get": _days()},
        f"{ACCOUNT}/statement": {"get": _statement()},
    }


def _balances() -> Json:
    return {
        "operationId": "readBalances",
        "summary": "What money there is, per currency and account",
        "responses": {
            "200": answer("All balances.", [Balances], EXAMPLE_BALANCES),
            **problems(["invalid_parameter"]),
        },
    }


def _account() -> Json:
    found = answer("The account.", [Account], EXAMPLE_ACCOUNT)
    return _of_account("findAccount", "Find an account by its number", [], found)


def _balance() -> Json:
    found = answer("The balance then.", [PastBalance], EXAMPLE_PAST)
    return {
        **_of_account(
            "readBalanceAt",
            "An account's balance at a moment of the past",
            [query("at", MOMENT, required=True)],
            found,
        ),
        "description": "It holds all that was booked before the moment `at`, and nothing that was"
        " booked at it or later. So midnight gives the balance at the end of the day before."
        " What happens in these seconds may still be booked a little earlier than now.",
    }


def _entries() -> Json:
    parameters = [query("from", MOMENT), query("to", MOMENT), query("limit", LIMIT)]
    found = answer("A page of entries, newest first.", [AccountEntryPage], EXAMPLE_ENTRIES)
    return {
        **_of_account(
            "listEntries",
            "List what has moved an account",
            [*parameters, query("cursor", {"type": "string"})],
            found,
        ),
        "description": "With `from`, of that moment on; with `to`, of before that moment. Keep"
        " both while you follow the cursor.",
    }


def _days() -> Json:
    parameters = [query("from", DAY, required=True), query("to", DAY, required=True)]
    found = answer("The days, oldest first.", [AccountDays], EXAMPLE_DAYS)
    return {
        **_of_account("listDays", "An account's days: balances and sums", parameters, found),
        "description": f"Both days are in the list, which has {DAYS_MAX} days at the most.",
    }


def _statement() -> Json:
    form = {"type": "string", "enum": ["csv", "json"], "default": "csv"}
    parameters = [query("day", DAY, required=True), query("format", form)]
    found = answer("The statement, of any length.", [Statement], EXAMPLE_STATEMENT)
    found["content"]["text/csv"] = {"schema": {"type": "string"}, "example": EXAMPLE_CSV}
    return {
        **_of_account("readStatement", "A day's statement as a file", parameters, found),
        "description": "It is sent while it is read, and broken off where it can't be finished:"
        " one that ends with its closing balance is whole. A day is final once it is closed.",
    }


def _of_account(operation: str, summary: str, parameters: list[Json], found: Json) -> Json:
    number = msgspec.json.schema(AccountNo)
    path = {"name": "account_no", "in": "path", "required": True, "schema": number}
    return {
        "operationId": operation,
        "summary": summary,
        "parameters": [path, *parameters],
        "responses": {"200": found, **problems(CODES)},
    }
