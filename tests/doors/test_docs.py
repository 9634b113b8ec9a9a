"""The document and its page: true, complete, and without strangers."""

from __future__ import annotations

import csv
import re
from typing import Any

import msgspec
import pytest

from handlers.merchant_api import day_statements, openapi_accounts, openapi_ends
from handlers.merchant_api.account_views import (
    Account,
    AccountDays,
    AccountEntryPage,
    Balances,
    PastBalance,
    Statement,
)
from handlers.merchant_api.events import PaymentEvents
from handlers.merchant_api.openapi import (
    EXAMPLE_CASHIER,
    EXAMPLE_PAID,
    EXAMPLE_PENDING,
    EXAMPLE_REQUEST,
    openapi,
)
from handlers.merchant_api.problems import PROBLEMS
from handlers.merchant_api.statements import COLUMNS
from schema.ids import is_account_no
from schema.payments import PaymentRequest, PaymentView
from schema.refunds import RefundRequest, RefundView
from tests.doors.street import Street

DOCUMENT = openapi("https://pay.example")


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if "$ref" in node else set()
        return own.union(*map(references, node.values()))
    if isinstance(node, list):
        return set().union(*map(references, node))
    return set()


async def test_the_document_is_served(street: Street) -> None:
    answer = await street.send("GET", "/docs/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json == openapi(street.shared.settings.public_url)


def test_every_reference_leads_somewhere() -> None:
    schemas = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert references(DOCUMENT) <= schemas
    assert schemas - references(DOCUMENT) == set()


def test_the_examples_are_true() -> None:
    for example, kind in (
        (EXAMPLE_REQUEST, PaymentRequest),
        (EXAMPLE_PENDING, PaymentView),
        (EXAMPLE_CASHIER, PaymentView),
        (EXAMPLE_PAID, PaymentView),
        (openapi_ends.EXAMPLE_REFUND_REQUEST, RefundRequest),
        (openapi_ends.EXAMPLE_REFUND, RefundView),
        (openapi_ends.EXAMPLE_REFUNDED, RefundView),
        (openapi_ends.EXAMPLE_CLOSED, PaymentView),
        (openapi_ends.EXAMPLE_EVENTS, PaymentEvents),
        (openapi_accounts.EXAMPLE_BALANCES, Balances),
        (openapi_accounts.EXAMPLE_ACCOUNT, Account),
        (openapi_accounts.EXAMPLE_PAST, PastBalance),
        (openapi_accounts.EXAMPLE_ENTRIES, AccountEntryPage),
        (openapi_accounts.EXAMPLE_DAYS, AccountDays),
        (openapi_accounts.EXAMPLE_STATEMENT, Statement),
    ):
        msgspec.convert(example, kind)
        assert set(example) <= set(kind.__struct_fields__)


def test_the_example_of_a_statement_has_the_columns_of_one() -> None:
    lines = list(csv.reader(openapi_accounts.EXAMPLE_CSV.splitlines()))
    assert lines[0] == list(COLUMNS)
    assert {len(line) for line in lines} == {len(COLUMNS)}
    assert is_account_no(openapi_accounts.EXAMPLE_ACCOUNT["account_no"])


def test_the_example_of_a_days_statement_adds_up() -> None:
    lines = list(csv.DictReader(openapi_ends.EXAMPLE_DAY.splitlines()))
    assert list(lines[0]) == list(day_statements.COLUMNS)
    assert all(None not in line and None not in line.values() for line in lines)
    assert [int(line["gross_fen"]) - int(line["fee_fen"]) for line in lines] == [
        int(line["net_fen"]) for line in lines
    ]
    assert int(lines[-1]["net_fen"]) == sum(int(line["net_fen"]) for line in lines[:2])


def test_every_code_is_documented_and_belongs_to_an_answer() -> None:
    assert set(DOCUMENT["x-problems"]) == set(PROBLEMS)
    documented = {
        code
        for methods in DOCUMENT["paths"].values()
        for operation in methods.values()
        for response in operation["responses"].values()
        for kind, media in response.get("content", {}).items()
        for code in media.get("examples", {})
        if kind == "application/problem+json"
    }
    nowhere_in_particular = {"not_found", "method_not_allowed"}
    assert documented == set(PROBLEMS) - nowhere_in_particular


@pytest.mark.parametrize("code", PROBLEMS)
def test_a_code_reads_like_a_code(code: str) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code)
    assert 400 <= PROBLEMS[code].status <= 599


async def test_the_page_needs_nobody_else(street: Street) -> None:
    answer = await street.send("GET", "/docs")
    page = answer.body.decode()
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert not re.search(r"(src|href)=.?https?:|@import|url\(", page)
