"""Books of one merchant and one channel that no other test has, kept as the kernel keeps them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from actors.accounting.actor import accounting
from bus.database import Connection, Pool
from bus.effects import Effect, Reply
from schema import ids
from schema.bookings import Booked
from schema.messages.accounting import AccountingAnswered, PostBooking
from schema.messages.contract import Message
from schema.messages.ordering import PaymentSucceeded
from tests.actors.profiles import new_channel_no, new_merchant_no
from tests.examples import MERCHANT_NO, NOW, a_paid_payment


class Books:
    """A shard's books on a real database."""

    def __init__(self, pool: Pool, *, shard: int = 0) -> None:
        self.pool = pool
        self.decider = accounting(shard)
        self.merchant_no, self.channel_no = new_merchant_no(), new_channel_no()
        self.effects: list[Effect] = []

    def paid(self, count: int = 1, **differences: Any) -> list[PaymentSucceeded]:
        """Payments of ten yuan each, at a fee of six fen."""
        numbers = [ids.payment_id(MERCHANT_NO, os.urandom(8).hex(), NOW) for _ in range(count)]
        whose = {"merchant_no": self.merchant_no, "channel_no": self.channel_no}
        return [a_paid_payment(number, **whose | differences) for number in numbers]

    async def hear(
        self,
        messages: Sequence[Message],
        connection: Connection | None = None,
        *,
        now: datetime = NOW,
    ) -> list[AccountingAnswered]:
        """Settles a batch as the kernel does, in one transaction; what was answered."""
        if connection is None:
            async with self.pool.acquire() as own, own.transaction():
                return await self.hear(messages, own, now=now)
        ledger, self.effects = await self.decider.load(connection, messages), []
        for message in messages:
            decision = self.decider.decide(ledger, message, now)
            for change in decision.changes:
                ledger.put(change)
            self.effects += decision.effects
        assert self.decider.save is not None
        await self.decider.save(connection, ledger)
        answers = [effect.message for effect in self.effects if isinstance(effect, Reply)]
        return [answer for answer in answers if isinstance(answer, AccountingAnswered)]

    async def book(self, wish: Booked, *, now: datetime = NOW) -> AccountingAnswered:
        """The answer to one wish."""
        (answer,) = await self.hear([PostBooking(wish=wish)], now=now)
        return answer

    async def account(self, kind: str = "payable") -> Any:
        """The row of the merchant's account."""
        return await self.pool.fetchrow(
            "SELECT * FROM accounting.account WHERE owner = $1 AND kind = $2",
            self.merchant_no,
            kind,
        )

    async def balances(self) -> dict[str, tuple[int, int]]:
        """Balance and serial of our accounts, by kind; each proved by its entries."""
        rows = await self.pool.fetch(
            "SELECT kind, account_id, balance_fen, serial FROM accounting.account"
            " WHERE owner = ANY($1)",
            [self.merchant_no, self.channel_no],
        )
        for row in rows:
            assert await self.derived(row["account_id"]) == (row["balance_fen"], row["serial"])
        return {row["kind"]: (row["balance_fen"], row["serial"]) for row in rows if row["serial"]}

    async def derived(self, account_id: int) -> tuple[int, int]:
        """Balance and serial from the entries alone; each of them carries the balance on."""
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
