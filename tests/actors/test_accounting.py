"""The books on a real database: what the rules promise, the database enforces once more."""

from __future__ import annotations

import os

import asyncpg
import pytest

from bus.database import Pool
from bus.errors import is_clash
from tests.actors.books import Books
from tests.actors.two_at_once import BATCH, against_each_other, in_line_behind
from tests.examples import NOW


@pytest.fixture
def books(pool: Pool) -> Books:
    return Books(pool)


async def test_a_payment_is_booked_on_accounts_that_are_opened_on_first_use(books: Books) -> None:
    await books.hear(books.paid())
    expected = {"clearing": (-1_000, 1), "payable": (994, 1)}
    assert await books.balances() == expected


async def test_what_the_channel_keeps_is_a_cost(books: Books) -> None:
    await books.hear(books.paid(cost_fen=4))
    expected = {"clearing": (-996, 1), "cost": (-4, 1), "payable": (994, 1)}
    assert await books.balances() == expected


async def test_a_batch_of_hundreds_moves_each_account_once(books: Books) -> None:
    await books.hear(books.paid(BATCH))
    await books.hear(books.paid(3))
    count = BATCH + 3
    expected = {"clearing": (-1_000 * count, count), "payable": (994 * count, count)}
    assert await books.balances() == expected


async def test_a_payment_that_is_told_again_is_not_booked_again(books: Books) -> None:
    paid = books.paid(2)
    await books.hear([*paid, paid[0]])
    before = await books.balances()
    await books.hear(paid[::-1])
    assert await books.balances() == before
    assert before == {"clearing": (-2_000, 2), "payable": (1_988, 2)}


async def test_a_payment_without_any_fee_is_booked_without_entries(books: Books) -> None:
    (paid,) = books.paid(funds_flow="direct", fee_fen=0)
    await books.hear([paid])
    row = await books.pool.fetchrow(
        "SELECT kind, party, amount_fen, booked_at FROM accounting.booking WHERE subject = $1",
        paid.payment.id,
    )
    assert row is not None
    assert tuple(row) == ("trade", books.merchant_no, 1_000, NOW)
    assert await books.balances() == {}


async def test_a_second_worker_books_on_the_balance_that_the_first_has_left(books: Books) -> None:
    other = Books(books.pool, shard=1)
    other.merchant_no, other.channel_no = books.merchant_no, books.channel_no
    await books.hear(books.paid())
    await other.hear(other.paid())
    first, second = books.paid(5), books.paid(7)
    await in_line_behind(
        books.pool, lambda c: books.hear(first, c), lambda c: other.hear(second, c)
    )
    assert (await books.account())["balance_fen"] == 994 * 14


async def test_two_workers_who_are_told_the_same_book_it_once(books: Books) -> None:
    paid = books.paid(5)
    await books.hear(books.paid())  # the accounts are there, as nearly always
    await in_line_behind(books.pool, lambda c: books.hear(paid, c), lambda c: books.hear(paid, c))
    assert (await books.balances())["clearing"] == (-6_000, 6)


async def test_two_workers_of_one_shard_clash_over_the_next_link_of_its_chain(
    books: Books,
) -> None:
    first, second = books.paid(5), books.paid(7)
    await books.hear(books.paid())
    with pytest.raises(asyncpg.UniqueViolationError) as caught:
        await in_line_behind(
            books.pool, lambda c: books.hear(first, c), lambda c: books.hear(second, c)
        )
    assert is_clash(caught.value)  # so the kernel loads it again
    await books.hear(second)
    assert (await books.balances())["clearing"] == (-13_000, 13)


async def test_workers_of_many_shards_lose_no_fen_of_one_merchant(books: Books) -> None:
    shards = [Books(books.pool, shard=shard) for shard in range(2, 8)]
    for shard in shards:
        shard.merchant_no = books.merchant_no
        await shard.hear(shard.paid())
    batches = [(shard, shard.paid(20)) for shard in shards]
    raised = await against_each_other(
        books.pool, *(lambda c, s=shard, b=batch: s.hear(b, c) for shard, batch in batches)
    )
    assert raised == []
    assert (await books.balances())["payable"] == (994 * 126, 126)


async def test_a_booking_key_is_unique_in_the_database_too(books: Books) -> None:
    (paid,) = books.paid()
    await books.hear([paid])
    with pytest.raises(asyncpg.UniqueViolationError) as caught:
        await books.pool.execute(
            "INSERT INTO accounting.booking (booking_id, booking_key, kind, subject, amount_fen,"
            " fee_fen, digest, booked_at) VALUES (-1, $1, 'trade', 'x', 1, 0, '', now())",
            f"trade:{paid.payment.id}",
        )
    assert is_clash(caught.value)


ENTRY = (
    "INSERT INTO accounting.entry (account_id, serial, booking_id, amount_fen,"
    " balance_after_fen, currency, kind, booked_at)"
    " SELECT a, 1, k, f, f, c, 'trade', now()"
    " FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[]) AS e (a, k, f, c)"
)
UNBALANCED = {
    "one fen is missing": ([1, 1], [-1_000, 999], ["CNY", "CNY"]),
    "one side is missing": ([1, 1], [5, 6], ["CNY", "CNY"]),
    "each currency must balance": ([1, 1], [-5, 5], ["CNY", "USD"]),
    "each booking must balance": ([1, 2], [-5, 5], ["CNY", "CNY"]),
}


@pytest.mark.parametrize("why", UNBALANCED)
async def test_the_database_refuses_entries_that_do_not_sum_to_zero(books: Books, why: str) -> None:
    bookings, amounts, currencies = UNBALANCED[why]
    with pytest.raises(asyncpg.CheckViolationError, match="does not sum to zero"):
        await books.pool.execute(ENTRY, [-1, -2], bookings, amounts, currencies)


async def test_the_database_refuses_an_entry_of_nothing(books: Books) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await books.pool.execute(ENTRY, [-1], [1], [0], ["CNY"])


async def test_the_database_refuses_a_balance_below_its_floor(books: Books) -> None:
    await books.hear(books.paid())
    with pytest.raises(asyncpg.CheckViolationError, match="balance_keeps_its_floor"):
        await books.pool.execute(
            "UPDATE accounting.account SET balance_fen = -1 WHERE owner = $1 AND kind = 'payable'",
            books.merchant_no,
        )


CHANGES = [
    "UPDATE accounting.entry SET amount_fen = amount_fen + 1",
    "DELETE FROM accounting.entry",
    "TRUNCATE accounting.entry",
    "UPDATE accounting.booking SET kind = 'refund'",
    "DELETE FROM accounting.booking",
    "TRUNCATE accounting.booking",
    "DELETE FROM accounting.batch",
    "UPDATE accounting.rate SET plan = '{}'",
    "DELETE FROM accounting.account_change",
]


@pytest.mark.parametrize("statement", CHANGES)
async def test_what_is_in_the_books_stays_there(books: Books, statement: str) -> None:
    await books.hear(books.paid())
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="is append-only"):
        await books.pool.execute(statement)
    assert len(await books.balances()) == 2


@pytest.mark.parametrize("statement", CHANGES)
async def test_the_bookkeepers_role_may_not_even_try(books: Books, statement: str) -> None:
    async with books.pool.acquire() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
            async with connection.transaction():
                await connection.execute("SET LOCAL ROLE tomato_bookkeeper")
                await connection.execute(statement)


async def test_who_writes_books_does_so_as_the_bookkeeper(books: Books) -> None:
    async with books.pool.acquire() as connection:
        async with connection.transaction():
            await books.hear(books.paid(), connection)
            assert await connection.fetchval("SELECT current_user") == "tomato_bookkeeper"
        assert await connection.fetchval("SELECT current_user") != "tomato_bookkeeper"


async def test_account_numbers_differ_however_many_are_opened(books: Books) -> None:
    others = [Books(books.pool) for _ in range(40)]
    await books.hear([paid for other in others for paid in other.paid()])
    numbers = await books.pool.fetch(
        "SELECT account_no FROM accounting.account WHERE owner = ANY($1)",
        [name for other in others for name in (other.merchant_no, other.channel_no)],
    )
    assert len({row["account_no"] for row in numbers}) == len(numbers) == 120


async def test_an_account_that_was_opened_in_vain_is_opened_again(books: Books) -> None:
    class Undone(Exception):
        pass

    paid = books.paid()
    with pytest.raises(Undone):
        async with books.pool.acquire() as connection, connection.transaction():
            await books.hear(paid, connection)
            raise Undone
    await books.hear(paid)
    assert (await books.balances())["payable"] == (994, 1)


async def test_two_workers_who_open_the_same_account_open_it_once(pool: Pool) -> None:
    first, second = Books(pool, shard=10), Books(pool, shard=11)
    second.merchant_no = first.merchant_no
    await in_line_behind(
        pool, lambda c: first.hear(first.paid(), c), lambda c: second.hear(second.paid(), c)
    )
    assert (await first.account())["balance_fen"] == 1_988


async def test_an_unknown_shard_starts_a_chain_of_its_own(pool: Pool) -> None:
    shard = 20 + os.getpid() % 40
    books = Books(pool, shard=shard)
    await books.hear(books.paid())
    await books.hear(books.paid())
    rows = await pool.fetch(
        "SELECT no, previous, hash, bookings, entries FROM accounting.batch"
        " WHERE shard = $1 ORDER BY no",
        shard,
    )
    assert [(r["no"], r["bookings"], r["entries"]) for r in rows] == [(1, 1, 3), (2, 1, 3)]
    assert rows[0]["previous"] == b"\0" * 32
    assert rows[1]["previous"] == rows[0]["hash"] != rows[1]["hash"]
