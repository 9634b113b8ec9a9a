"""Books from before the ledger: carried over to the fen, provable, and not booked a second time."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from pogo_core.util import migrate as pogo

from bus.database import Pool, connect
from bus.migrations import TABLES, migrate
from deploy.local.services import Services
from schema.ids import is_account_no
from tests.actors.books import Books
from tests.examples import a_paid_payment
from tests.sites import a_database

LATER = "00[1-9][0-9]_*.sql"
"""The migrations that came with the ledger and after it."""

PAID = [("p1", 1_000, 6, "platform"), ("p2", 2_000, 12, "direct"), ("p3", 500, 0, "direct")]

BEFORE = """
INSERT INTO ordering.payment (payment_id, merchant_no, merchant_order_no, state, amount_fen,
    currency, pay_type, subject, metadata, digest, fee_rate_ppm, fee_fen, channel_no, funds_flow,
    created_at, expires_at, updated_at)
SELECT p, '1025112200001', p, 'succeeded', a, 'CNY', 'wechat_native', 's', '{}', '', 6000, f,
    'wechat_a', flow, now(), now(), now()
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[]) AS x (p, a, f, flow);
"""
BOOKED = """
INSERT INTO accounting.account (account_id, kind, owner, currency, balance_fen, serial) VALUES
    ('channel_clearing:wechat_a:CNY', 'channel_clearing', 'wechat_a', 'CNY', -1000, 1),
    ('merchant_payable:1025112200001:CNY', 'merchant_payable', '1025112200001', 'CNY', 994, 1),
    ('merchant_fee_receivable:1025112200001:CNY', 'merchant_fee_receivable', '1025112200001',
        'CNY', -12, 1),
    ('fee_income:platform:CNY', 'fee_income', 'platform', 'CNY', 18, 2);
INSERT INTO accounting.booking VALUES ('pay:p1', 'payment', 'p1', now()),
    ('pay:p2', 'payment', 'p2', now()), ('pay:p3', 'payment', 'p3', now());
INSERT INTO accounting.entry VALUES
    ('channel_clearing:wechat_a:CNY', 1, 'pay:p1', -1000, -1000, 'CNY'),
    ('merchant_payable:1025112200001:CNY', 1, 'pay:p1', 994, 994, 'CNY'),
    ('fee_income:platform:CNY', 1, 'pay:p1', 6, 6, 'CNY'),
    ('merchant_fee_receivable:1025112200001:CNY', 1, 'pay:p2', -12, -12, 'CNY'),
    ('fee_income:platform:CNY', 2, 'pay:p2', 12, 18, 'CNY');
"""


@pytest.fixture
async def carried(services: Services, tmp_path: Path) -> AsyncIterator[Pool]:
    """A database whose books were written before there was a ledger, brought up to date."""
    for file in TABLES.glob("*.sql"):
        if not file.match(LATER):
            shutil.copy(file, tmp_path)
    empty = f"tomato_carried_{os.getpid()}"
    async with a_database(services.postgres_url, empty) as url:
        await _begin_again(url, tmp_path)
        await migrate(url)
        async with await connect(url, name="tests") as pool:
            yield pool


async def _begin_again(url: str, tables: Path) -> None:
    connection = await asyncpg.connect(url)
    try:
        schemas = (
            "accounting, bus, channels, directory, merchants, monitoring, notification, ordering,"
            " risk, routing"
        )
        await connection.execute(f"DROP SCHEMA {schemas} CASCADE; DELETE FROM _pogo_migration")
        await pogo.apply(connection, tables, schema_name="public", logger=logging.getLogger())
        await connection.execute(BEFORE, *map(list, zip(*PAID, strict=True)))
        await connection.execute(BOOKED)
    finally:
        await connection.close()


async def test_balances_numbers_and_chains_of_entries_are_all_there(carried: Pool) -> None:
    rows = await carried.fetch(
        "SELECT role || '.' || kind AS kind, account_no, account_id, balance_fen, serial,"
        " out_of_reserve_fen FROM accounting.account"
    )
    assert {row["kind"]: row["balance_fen"] for row in rows} == {
        "channel.clearing": -1_000,
        "merchant.payable": 994,
        "merchant.receivable": -12,
        "platform.fee_income": 18,
    }
    books = Books(carried)
    for row in rows:
        assert is_account_no(row["account_no"])
        assert await books.derived(row["account_id"]) == (row["balance_fen"], row["serial"])
        outside = 994 if row["kind"] == "merchant.payable" else 0
        assert row["out_of_reserve_fen"] == outside


async def test_bookings_keep_what_was_paid_and_where(carried: Pool) -> None:
    rows = await carried.fetch(
        "SELECT booking_key, party, funds_flow, amount_fen, fee_fen FROM accounting.booking"
        " ORDER BY booking_key"
    )
    assert [tuple(row) for row in rows] == [
        (f"trade:{payment}", "1025112200001", flow, amount, fee)
        for payment, amount, fee, flow in PAID
    ]


async def test_the_ledger_goes_on_from_there(carried: Pool) -> None:
    books = Books(carried)
    books.merchant_no, books.channel_no = "1025112200001", "wechat_a"
    await books.hear(books.paid())
    assert await books.balances() == {
        "clearing": (-2_000, 2),
        "payable": (1_988, 2),
        "receivable": (-12, 1),
    }


async def test_a_payment_from_before_is_not_booked_again(carried: Pool) -> None:
    told_again = a_paid_payment("p1", "1025112200001", channel_no="wechat_a")
    await Books(carried).hear([told_again])
    assert await carried.fetchval("SELECT count(*) FROM accounting.booking") == len(PAID)
