"""The books on a real database: what the rules promise, the database enforces once more."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from actors.accounting.actor import accounting
from actors.accounting.store import load_ledger, save_ledger
from bus.database import Connection, Pool
from bus.errors import is_clash
from schema import ids
from schema.messages.ordering import PaymentSucceeded
from tests.actors.profiles import new_channel_no, new_merchant_no
from tests.actors.two_at_once import BATCH, against_each_other, in_line_behind
from tests.examples import MERCHANT_NO, NOW, a_paid_payment


class Books:
    """The books of one merchant and one channel that no other test has."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.merchant_no, self.channel_no = new_merchant_no(), new_channel_no()

    def paid(self, count: int = 1, **differences: Any) -> list[PaymentSucceeded]:
        """Payments of ten yuan each, at a fee of six fen."""
        numbers = [ids.payment_id(MERCHANT_NO, os.urandom(8).hex(), NOW) for _ in range(count)]
        whose = {"merchant_no": self.merchant_no, "channel_no": self.channel_no}
        return [a_paid_payment(number, **whose | differences) for number in numbers]

    async def book(
        self, payments: Sequence[PaymentSucceeded], connection: Connection | None = None
    ) -> None:
        """Books them as the kernel does, in one transaction."""
        if connection is None:
            async with self.pool.acquire() as own, own.transaction():
                return await self.book(payments, own)
        ledger, decide = await load_ledger(connection, payments), accounting().decide
        for paid in payments:
            for change in decide(ledger, paid, NOW).changes:
                ledger.put(change)
        return await save_ledger(connection, ledger)

    async def balances(self) -> dict[str, tuple[int, int]]:
        """Balance and serial of our accounts, by kind; each proved by its entries."""
        rows = await self.pool.fetch(
            "SELECT kind, account_id, balance_fen, serial FROM accounting.account"
            " WHERE owner = ANY($1)",
            [self.merchant_no, self.channel_no],
        )
        for row in rows:
            assert await self._derived(row["account_id"]) == (row["balance_fen"], row["serial"])
        return {row["kind"]: (row["balance_fen"], row["serial"]) for row in rows}

    async def _derived(self, account_id: str) -> tuple[int, int]:
        """The same from the entries alone; each of them carries the balance on."""
        rows = await self.pool.fetch(
            "SELECT serial, amount_fen, balance_after_fen FROM accounting.entry"
            " WHERE account_id = $1 ORDER BY serial",
            account_id,
        )
        balance = 0
        for serial, row in enumerate(rows, start=1):
            balance += row["amount_fen"]
            assert (row["serial"], row["balance_after_fen"]) == (serial, balance)
        return balance, len(rows)


@pytest.fixture
def books(pool: Pool) -> Books:
    return Books(pool)


async def test_a_payment_is_booked_on_accounts_that_are_opened_on_first_use(books: Books) -> None:
    await books.book(books.paid())
    expected = {"channel_clearing": (-1_000, 1), "merchant_payable": (994, 1)}
    assert await books.balances() == expected


async def test_a_batch_of_hundreds_moves_each_account_once(books: Books) -> None:
    await books.book(books.paid(BATCH))
    await books.book(books.paid(3))
    count = BATCH + 3
    expected = {
        "channel_clearing": (-1_000 * count, count),
        "merchant_payable": (994 * count, count),
    }
    assert await books.balances() == expected


async def test_a_payment_that_is_told_again_is_not_booked_again(books: Books) -> None:
    paid = books.paid(2)
    await books.book([*paid, paid[0]])
    before = await books.balances()
    await books.book(paid[::-1])
    assert await books.balances() == before
    assert before == {"channel_clearing": (-2_000, 2), "merchant_payable": (1_988, 2)}


async def test_a_payment_without_any_fee_is_booked_without_entries(books: Books) -> None:
    (paid,) = books.paid(funds_flow="direct", fee_fen=0)
    await books.book([paid])
    row = await books.pool.fetchrow(
        "SELECT kind, booked_at FROM accounting.booking WHERE payment_id = $1", paid.payment.id
    )
    assert row is not None and (row["kind"], row["booked_at"]) == ("payment", NOW)
    assert await books.balances() == {}


async def test_a_second_worker_books_on_the_balance_that_the_first_has_left(books: Books) -> None:
    first, second = books.paid(5), books.paid(7)
    await in_line_behind(
        books.pool, lambda c: books.book(first, c), lambda c: books.book(second, c)
    )
    assert (await books.balances())["channel_clearing"] == (-12_000, 12)


async def test_two_workers_who_are_told_the_same_book_it_once(books: Books) -> None:
    paid = books.paid(5)
    await books.book(books.paid())  # the accounts are there, as nearly always
    await in_line_behind(books.pool, lambda c: books.book(paid, c), lambda c: books.book(paid, c))
    assert (await books.balances())["channel_clearing"] == (-6_000, 6)


async def test_many_workers_in_any_order_lose_no_fen(books: Books) -> None:
    batches = [books.paid(20) for _ in range(6)]
    raised = await against_each_other(
        books.pool, *(lambda c, batch=batch: books.book(batch, c) for batch in batches)
    )
    assert raised == []
    assert (await books.balances())["merchant_payable"] == (994 * 120, 120)


async def test_a_booking_key_is_unique_in_the_database_too(books: Books) -> None:
    (paid,) = books.paid()
    await books.book([paid])
    with pytest.raises(asyncpg.UniqueViolationError) as caught:
        await books.pool.execute(
            "INSERT INTO accounting.booking VALUES ($1, 'payment', $2, now())",
            f"pay:{paid.payment.id}",
            paid.payment.id,
        )
    assert is_clash(caught.value)


ENTRY = (
    "INSERT INTO accounting.entry"
    " (account_id, serial, booking_key, amount_fen, balance_after_fen, currency)"
    " SELECT a, 1, k, f, f, c FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[])"
    " AS e (a, k, f, c)"
)
UNBALANCED = {
    "one fen is missing": (["k", "k"], [-1_000, 999], ["CNY", "CNY"]),
    "one side is missing": (["k", "k"], [5, 6], ["CNY", "CNY"]),
    "each currency must balance": (["k", "k"], [-5, 5], ["CNY", "USD"]),
    "each booking must balance": (["k", "l"], [-5, 5], ["CNY", "CNY"]),
}


@pytest.mark.parametrize("why", UNBALANCED)
async def test_the_database_refuses_entries_that_do_not_sum_to_zero(books: Books, why: str) -> None:
    keys, amounts, currencies = UNBALANCED[why]
    unique = [f"{key}{os.urandom(6).hex()}" for key in dict.fromkeys(keys)]
    named = dict(zip(dict.fromkeys(keys), unique, strict=True))
    with pytest.raises(asyncpg.CheckViolationError, match="does not sum to zero"):
        await books.pool.execute(
            ENTRY, ["a", "b"], [named[key] for key in keys], amounts, currencies
        )


async def test_the_database_refuses_an_entry_of_nothing(books: Books) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await books.pool.execute(ENTRY, ["a"], ["k"], [0], ["CNY"])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounting.entry SET amount_fen = amount_fen + 1",
        "DELETE FROM accounting.entry",
        "TRUNCATE accounting.entry",
        "UPDATE accounting.booking SET kind = 'refund'",
        "DELETE FROM accounting.booking",
        "TRUNCATE accounting.booking",
    ],
)
async def test_what_is_in_the_books_stays_there(books: Books, statement: str) -> None:
    await books.book(books.paid())
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="is append-only"):
        await books.pool.execute(statement)
    assert len(await books.balances()) == 2
