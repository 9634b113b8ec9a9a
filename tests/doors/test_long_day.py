"""A day of a hundred thousand entries: streamed in little memory, and found without searching."""

from __future__ import annotations

import asyncio
import os
import socket
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from bus.database import read_queries
from bus.jobs import now_utc
from deploy.local.services import Services
from handlers.merchant_api import account_books, files
from schema.days import day_of, end_of, start_of
from schema.settings import Settings
from tests.doors.books import Bookkeeper
from tests.doors.room import Room
from tests.doors.street import Merchant, Street, a_street
from tests.sites import a_database

ENTRIES = 100_000
YESTERDAY = day_of(now_utc()) - timedelta(days=1)
NOON = start_of(YESTERDAY) + timedelta(hours=12)

MEMORY_MAX = 12_000_000
"""Its lines alone are 13 MB; the entries as objects are ten times that."""

END = b"0\r\n\r\n"
"""What an answer in chunks ends with."""

PAGES_MAX = 3_000
"""Pages of the database for one answer: that many a month of open days takes, 75 for each. Whatever
else is asked needs a fifth of it, and a search through half the account fifty thousand."""


@dataclass(frozen=True)
class LongDay:
    """A merchant whose account was moved all day, in a database that no other test looks at."""

    street: Street
    merchant: Merchant
    account_no: str
    account_id: int

    async def get(self, place: str) -> Any:
        """A document about the account."""
        path = f"/v1/accounts/{self.account_no}/{place}"
        return (await self.street.get(self.merchant, path)).json


@pytest.fixture(scope="module")
async def long_day(services: Services, settings: Settings, room: Room) -> AsyncIterator[LongDay]:
    async with (
        a_database(services.postgres_url, f"tomato_long_day_{os.getpid()}") as url,
        a_street(settings, room, postgres_url=url) as street,
    ):
        merchant = await street.open_merchant()
        books = Bookkeeper(street.shared.pool, merchant.merchant_no)
        await books.hear(NOON, books.paid(NOON), books.paid(NOON, funds_flow="direct"))
        number = await books.account_no()
        yield LongDay(street, merchant, number, await fill(street, number))


async def fill(street: Street, number: str) -> int:
    """Entries of one fen each, against another account; returns the account's id."""
    pool = street.shared.pool
    account_id = await pool.fetchval(
        "SELECT account_id FROM accounting.account WHERE account_no = $1", number
    )
    await pool.execute(BOOKINGS, NOON, ENTRIES)
    await pool.execute(LINES, account_id, NOON, ENTRIES)
    await pool.execute(
        "UPDATE accounting.account SET serial = serial + $2, balance_fen = balance_fen + $2"
        " WHERE account_id = $1", account_id, ENTRIES,
    )  # fmt: skip
    return account_id


BOOKINGS = """
INSERT INTO accounting.booking SELECT -n, 'charge:' || n, 'charge', 'c-' || n, NULL, NULL, NULL,
    1, 0, '', $1 FROM generate_series(1, $2::int) AS n
"""
LINES = """
INSERT INTO accounting.entry (booking_id, account_id, serial, amount_fen, balance_after_fen,
    booked_at, kind, currency)
SELECT -n, $1 + 1000000 * a, n + 1, 1 - 2 * a, 994 + n * (1 - 2 * a),
    $2::timestamptz + n * interval '0.1 second', 'charge', 'CNY'
FROM generate_series(1, $3::int) AS n, generate_series(0, 1) AS a
"""


@pytest.mark.parametrize("form", ["csv", "json"])
async def test_a_long_statement_streams_in_little_memory(long_day: LongDay, form: str) -> None:
    street, merchant = long_day.street, long_day.merchant
    path = f"/v1/accounts/{long_day.account_no}/statement?day={YESTERDAY}&format={form}"
    headers = {"Authorization": merchant.authorization("GET", path)}
    mark = b"charge:" if form == "csv" else b'"charge:'
    tracemalloc.start()
    async with street.session.get(street.edge.url + path, headers=headers) as answer:
        count, rest = 0, b""
        async for chunk in answer.content.iter_any():
            text = rest + chunk
            count += text.count(mark)
            rest = text[-(len(mark) - 1) :]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (answer.status, count) == (200, ENTRIES)
    closing = f"{994 + ENTRIES}"
    assert closing.encode() in rest + chunk
    assert peak < MEMORY_MAX


async def test_a_reader_who_stops_reading_is_left(
    long_day: LongDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server runs ahead of him by what the network holds, waits, and breaks the file off."""
    monkeypatch.setattr(files, "READER_WAIT_S", 0.5)
    received = await slowly_read(long_day, f"statement?day={YESTERDAY}")
    assert received.startswith(b"HTTP/1.1 200 OK")
    assert b"closing_balance" not in received
    assert not received.endswith(END)
    assert (await long_day.get("entries?limit=1"))["items"][0]["serial"] == ENTRIES + 1


async def slowly_read(account: LongDay, place: str) -> bytes:
    """What arrives where somebody asks, sleeps, and reads only then."""
    path = f"/v1/accounts/{account.account_no}/{place}"
    address, loop = urlsplit(account.street.edge.url), asyncio.get_running_loop()
    request = (
        f"GET {path} HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: {account.merchant.authorization('GET', path)}\r\n\r\n"
    )
    received = b""
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        reader.setblocking(False)
        await loop.sock_connect(reader, (address.hostname, address.port))
        await loop.sock_sendall(reader, request.encode())
        await asyncio.sleep(3)
        with suppress(ConnectionError):
            while chunk := await loop.sock_recv(reader, 1_000_000):
                received += chunk
    return received


async def test_moments_are_found_among_a_hundred_thousand(long_day: LongDay) -> None:
    for n in (1, 2, 49_999, ENTRIES):
        at = (NOON + n * timedelta(seconds=0.1)).isoformat().replace("+00:00", "Z")
        past = await long_day.get(f"balance?at={at}")
        assert (past["serial"], past["balance_fen"]) == (n, 993 + n)
        page = await long_day.get(f"entries?limit=3&from={at}")
        assert page["items"][0]["serial"] == ENTRIES + 1


def questions(account: LongDay) -> dict[str, list[Any]]:
    """The statements that the doors ask, with what is dearest for them."""
    moment = NOON + ENTRIES // 3 * timedelta(seconds=0.1)
    days = [YESTERDAY - timedelta(days=n) for n in range(32)]
    number, merchant_no = account.account_no, account.merchant.merchant_no
    return {
        "find_accounts": [merchant_no, number, moment],
        "find_account_id": [number, merchant_no],
        "find_balances": [account.account_id, [moment, moment]],
        "list_entries": [account.account_id, 0, ENTRIES // 2, 101],
        "list_statement": [account.account_id, ENTRIES // 2, ENTRIES, 100],
        "list_pending": [account.account_id, ENTRIES // 2, ENTRIES, 100],
        "list_days": [account.account_id, days, [end_of(day) for day in days]],
        "list_collects": [account.account_id, days[-1], days[0]],
    }


@pytest.mark.parametrize("plan", ["force_generic_plan", "force_custom_plan"])
async def test_every_question_is_answered_by_key(long_day: LongDay, plan: str) -> None:
    written = read_queries(Path(account_books.__file__).with_name("queries.sql"))
    async with long_day.street.shared.pool.acquire() as connection, connection.transaction():
        await connection.execute(f"SET LOCAL plan_cache_mode = {plan}")
        for name, arguments in questions(long_day).items():
            explained = await connection.fetchval(
                f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {written[name]}", *arguments
            )
            top = msgspec.json.decode(explained)[0]["Plan"]
            assert "Seq Scan" not in explained, (name, explained)
            pages = top["Shared Hit Blocks"] + top["Shared Read Blocks"]
            assert pages < PAGES_MAX, (name, pages, explained)
