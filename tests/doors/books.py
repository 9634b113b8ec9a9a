"""A bookkeeper: real bookings of any moment, decided and stored as accounting does it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

from actors.accounting import opening
from actors.accounting.actor import accounting
from bus.database import Pool
from bus.effects import Effect, Publish, Reply
from schema import ids
from schema.accounts import AccountNo
from schema.bookings import Booked
from schema.messages.accounting import AccountingAnswered, PostBooking
from schema.messages.contract import Message
from schema.messages.ordering import PaymentSucceeded
from tests.examples import a_paid_payment


class Bookkeeper:
    """Books for one merchant whatever it is told, at whatever time."""

    def __init__(self, pool: Pool, merchant_no: str) -> None:
        self.pool, self.merchant_no = pool, merchant_no
        self._accounting = accounting()

    def paid(self, now: datetime, **differences: Any) -> PaymentSucceeded:
        """A payment of ten yuan at a fee of six fen, with a number of its own."""
        number = ids.payment_id(self.merchant_no, secrets.token_hex(8), now)
        return a_paid_payment(number, self.merchant_no, **differences)

    async def book(self, now: datetime, *wishes: Booked) -> None:
        """Books wishes."""
        await self.hear(now, *(PostBooking(wish=wish) for wish in wishes))

    async def hear(self, now: datetime, *messages: Message) -> None:
        """All of this in one transaction, and what follows from it; nothing may be refused."""
        effects = await self._decide(now, messages)
        answers = [effect.message for effect in effects if isinstance(effect, Reply)]
        for answer in answers:
            assert isinstance(answer, AccountingAnswered) and answer.refusal is None, answer
        following = [effect.message for effect in effects if isinstance(effect, Publish)]
        if following:
            await self.hear(now, *following)

    async def account_no(self, kind: str = "payable") -> AccountNo:
        """The number of an account of the merchant's."""
        return await self.pool.fetchval(
            "SELECT account_no FROM accounting.account"
            " WHERE role = 'merchant' AND owner = $1 AND kind = $2",
            self.merchant_no, kind,
        )  # fmt: skip

    async def _decide(self, now: datetime, messages: Sequence[Message]) -> list[Effect]:
        effects: list[Effect] = []
        async with self.pool.acquire() as connection, connection.transaction():
            with pytest.MonkeyPatch.context() as clock:  # accounts are as old as their first entry
                clock.setattr(opening, "now_utc", lambda: now)
                ledger = await self._accounting.load(connection, messages)
            for message in messages:
                decision = self._accounting.decide(ledger, message, now)
                effects += decision.effects
                for change in decision.changes:
                    ledger.put(change)
            await self._accounting.save(connection, ledger)
        return effects
