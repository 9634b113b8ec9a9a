"""Books with something of everything in them, in a database that a test may spoil."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
from yarl import URL

from bus.database import Pool, connect
from schema.bookings import Charge, ProfitShare, Refund, Settlement, Share, Withdrawal
from schema.days import day_of
from schema.messages.accounting import CloseDay, ConfigureAccount, PlaceHold, PostBooking
from tests.actors.books import Books
from tests.examples import NOW
from tests.sites import a_database

BY = {"operator": "carol", "reason": "test"}

UNGUARDED = """
    ALTER TABLE accounting.entry DISABLE TRIGGER USER;
    ALTER TABLE accounting.booking DISABLE TRIGGER USER;
    ALTER TABLE accounting.batch DISABLE TRIGGER USER;
    ALTER TABLE accounting.account DROP CONSTRAINT balance_keeps_its_floor;
    ALTER TABLE accounting.booking DROP CONSTRAINT booking_booking_key_key;
"""
"""What only the owner of the tables can do: from here on the database refuses nothing."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Where the books are, and whose: `one` has something of everything, `two` two payments."""

    url: str
    one: str
    two: str
    channel: str

    @property
    def owners(self) -> dict[str, str]:
        """What owners are called here, by who they are."""
        named = {"one": self.one, "two": self.two, "channel": self.channel, "a1": "a1"}
        return {who: name for name, who in named.items()}

    async def tamper(self, statements: str) -> None:
        """Changes what can't be changed."""
        named = {"one": self.one, "two": self.two, "newest": NEWEST.format(one=self.one)}
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(UNGUARDED + statements.format(**named))
        finally:
            await connection.close()


NEWEST = """(account_id, serial) = (SELECT account_id, newest_serial FROM accounting.standing
    WHERE owner = '{one}' AND kind = 'payable')"""
"""The newest entry of one's account."""


@asynccontextmanager
async def kept_books(server_url: str) -> AsyncGenerator[Kept]:
    """Books that are right, in a database of their own that nobody is connected to."""
    async with a_database(server_url, f"tomato_kept_{os.getpid()}") as url:
        async with await connect(url) as pool:
            one, two = Books(pool), Books(pool)
            two.channel_no = one.channel_no
            await fill(pool, one, two)
        yield Kept(url, one.merchant_no, two.merchant_no, one.channel_no)


@asynccontextmanager
async def a_copy(server_url: str, kept: Kept) -> AsyncGenerator[Kept]:
    """The same books once more, for one test."""
    name = f"tomato_copy_{os.getpid()}"
    server = await asyncpg.connect(server_url)
    try:
        await server.execute(f"CREATE DATABASE {name} TEMPLATE {URL(kept.url).path[1:]}")
        url = str(URL(kept.url).with_path(f"/{name}"))
        yield Kept(url, kept.one, kept.two, kept.channel)
        await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await server.close()


async def fill(pool: Pool, one: Books, two: Books) -> None:
    """Trades, a refund, one that waits, a share, a hold, payouts, entries to be applied later, a
    day's end."""
    paid = one.paid(3)
    await one.hear([*paid, *two.paid(2)])
    whose = {"merchant_no": one.merchant_no, "channel_no": one.channel_no}
    await one.book(
        Refund(
            no="r1", payment_id=paid[0].payment.id, funds_flow="platform", amount_fen=400, **whose
        )
    )
    waiting = Refund(
        no="r2", payment_id=paid[2].payment.id, funds_flow="platform", amount_fen=50,
        is_waiting=True, **whose,
    )  # fmt: skip
    await one.book(waiting)
    shares = (Share(agent_no="a1", amount_fen=2),)
    await one.book(ProfitShare(no="s1", payment_id=paid[1].payment.id, shares=shares))
    await one.hear([PlaceHold(hold_no="h1", owner=one.merchant_no, amount_fen=100, **BY)])
    await one.book(Withdrawal(no="w1", owner=one.merchant_no, amount_fen=200))
    await two.book(Settlement(no="s1", owner=two.merchant_no, amount_fen=500))
    sql = "SELECT account_no FROM accounting.account WHERE kind = 'fee_income'"
    number = await pool.fetchval(sql)
    await one.hear(
        [ConfigureAccount(change_no="c1", account_no=number, booking_mode="async", **BY)]
    )
    await two.hear([PostBooking(wish=Charge(no="c1", owner=two.merchant_no, amount_fen=7))])
    await one.hear([CloseDay(day=day_of(NOW))])
