"""Books on the real database that one test has to itself, whatever else the database holds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from actors.accounting.actor import accounting
from actors.accounting.chart import CHART, AccountKey
from actors.accounting.opening import Directory
from bus.database import Connection, Pool
from bus.decider import Decider
from bus.effects import Reply
from schema.messages.accounting import AccountingAnswered
from schema.messages.contract import Message
from tests.actors.ledger_model import Key

MERCHANTS = ("100001", "100002", "100003")
AGENT = "agent_1"
CHANNEL = "wechat_1"
OWNERS = {
    "merchant": MERCHANTS, "agent": (AGENT,), "channel": (CHANNEL,), "platform": ("platform",),
}  # fmt: skip
KEYS: tuple[Key, ...] = tuple(
    (line.role, line.kind, owner) for line in CHART for owner in OWNERS[line.role]
)
NUMBERS: dict[str, Key] = {f"{place:021d}": key for place, key in enumerate(KEYS)}
NUMBER_OF = {key: number for number, key in NUMBERS.items()}

DAWN = datetime(2031, 5, 4, 1, tzinfo=UTC)
"""Later than any clock, so that an account's opening never counts as its newest movement."""

TABLES = (
    "account", "batch", "booking", "entry", "hold", "payout", "trade_use", "adjustment", "alarm",
    "account_change", "rate", "closed_day", "balance_day", "collect_day",
)  # fmt: skip

EVERYTHING = " UNION ALL ".join(
    f"SELECT '{table}', to_jsonb(t)::text FROM accounting.{table} AS t" for table in TABLES
)


BOOKS = {
    "accounts": "SELECT account_no, state, floor_fen, reserve_days, refund_fee_policy, balance_fen,"
    " serial, out_of_reserve_fen, reserved_on, moved_at FROM accounting.account ORDER BY 1",
    "entries": "SELECT a.account_no, e.serial, b.booking_key, b.subject, b.fee_fen,"
    " e.amount_fen, e.balance_after_fen, e.booked_at, e.kind, e.fee_fen, e.rate_ppm,"
    " regexp_replace(e.rate_no, '^[0-9]{21}', '') AS rate_no"
    " FROM accounting.entry AS e JOIN accounting.account AS a USING (account_id)"
    " JOIN accounting.booking AS b USING (booking_id) ORDER BY 1, 2",
} | {
    table: f"SELECT t.*::text FROM accounting.{table} AS t ORDER BY 1"
    for table in ("hold", "payout", "trade_use", "alarm")
}


class NeverMind(Exception):
    """Ends a transaction whose outcome nobody needs."""


class World:
    """Every account there can be, open and empty, and one worker who keeps them."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.decider: Decider[Any] = accounting()
        self.heard = 0

    async def begin(self) -> None:
        """Opens the accounts, under numbers that are the same each time."""
        keys = [AccountKey(*key, "CNY") for key in KEYS]
        ids = await Directory().find(self.connection, keys, 0)
        await self.connection.executemany(
            "UPDATE accounting.account SET account_no = $2 WHERE account_id = $1",
            [(ids[key], NUMBER_OF[key.role, key.kind, key.owner]) for key in keys],
        )

    async def hear(self, messages: Sequence[Message]) -> list[str | None]:
        """Carries out one batch as the kernel does; why each was refused, if it was."""
        async with self.connection.transaction():
            ledger = await self.decider.load(self.connection, messages)
            codes: list[str | None] = []
            for place, message in enumerate(messages):
                decision = self.decider.decide(ledger, message, self.moment_of(place))
                for change in decision.changes:
                    ledger.put(change)
                codes += [refusal_in(decision.effects)]
            assert self.decider.save is not None
            await self.decider.save(self.connection, ledger)
        self.heard += len(messages)
        return codes

    def moment_of(self, place: int) -> datetime:
        """When the message at this place of the next batch is heard: one every hour."""
        return DAWN + timedelta(hours=self.heard + place)

    async def standing(self) -> dict[Key, tuple[int, str, int]]:
        """Balance, state and what is out of reserve of every account; all entries counted."""
        rows = await self.connection.fetch(
            "SELECT a.role, a.kind, a.owner, a.state, a.out_of_reserve_fen, a.balance_fen +"
            " coalesce((SELECT sum(e.amount_fen) FROM accounting.entry AS e"
            " WHERE e.account_id = a.account_id AND e.serial > a.serial), 0)::bigint AS balance"
            " FROM accounting.account AS a"
        )
        return {
            (r["role"], r["kind"], r["owner"]): (r["balance"], r["state"], r["out_of_reserve_fen"])
            for r in rows
        }

    async def books(self) -> dict[str, list[asyncpg.Record]]:
        """All that is written, without what depends on how it was cut into batches."""
        return {what: await self.connection.fetch(sql) for what, sql in BOOKS.items()}

    async def everything(self) -> list[asyncpg.Record]:
        """All rows of all tables."""
        return await self.connection.fetch(f"{EVERYTHING} ORDER BY 1, 2")


@asynccontextmanager
async def a_world(pool: Pool) -> AsyncIterator[World]:
    """Books in a transaction that is never committed: the next test finds none of it."""
    with suppress(NeverMind):
        async with pool.acquire() as connection, connection.transaction():
            world = World(connection)
            await world.begin()
            yield world
            raise NeverMind


def refusal_in(effects: Sequence[Any]) -> str | None:
    """The code with which whoever asked was refused."""
    answers = [e.message for e in effects if isinstance(e, Reply)]
    refusals = [a.refusal for a in answers if isinstance(a, AccountingAnswered)]
    return next((r.code for r in refusals if r is not None), None)
