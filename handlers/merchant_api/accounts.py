"""`/v1/balances` and `/v1/accounts`: a merchant's money, and every movement of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC
from typing import TypeVar

from aiohttp import web

from bus.jobs import now_utc
from handlers.merchant_api.account_books import Books, Owned
from handlers.merchant_api.account_queries import (
    BalanceQuery,
    DaysQuery,
    EntriesQuery,
    Query,
    StatementQuery,
)
from handlers.merchant_api.account_views import AccountDays, Balances, PastBalance, balances_of
from handlers.merchant_api.answers import document
from handlers.merchant_api.authentication import Call
from handlers.merchant_api.parameters import read_account_no, read_query
from handlers.merchant_api.problems import Problem
from handlers.merchant_api.statements import hand_out

BALANCES = "/v1/balances"
ACCOUNT = "/v1/accounts/{account_no}"

Q = TypeVar("Q", bound=Query)
Answer = web.StreamResponse | Problem


class AccountDoor:
    """The endpoints of accounts, for those whom the gate has let in."""

    def __init__(self, books: Books) -> None:
        self._books = books

    async def balances(self, call: Call) -> Answer:
        """All of the merchant's money."""
        query = read_query(call.request, Query)
        if isinstance(query, Problem):
            return query
        now = now_utc()
        accounts = await self._books.accounts(call.merchant.merchant_no, now)
        return document(Balances(read_at=now, items=balances_of(accounts), accounts=accounts))

    async def find(self, call: Call) -> Answer:
        """One account as it stands now."""
        return await self._of_account(call, Query, self._find)

    async def balance(self, call: Call) -> Answer:
        """How an account stood at a moment."""
        return await self._of_account(call, BalanceQuery, self._balance)

    async def entries(self, call: Call) -> Answer:
        """A page of an account's entries, newest first."""
        return await self._of_account(call, EntriesQuery, self._entries)

    async def days(self, call: Call) -> Answer:
        """What moved an account on each of some days, and how it stood at their ends."""
        return await self._of_account(call, DaysQuery, self._days)

    async def statement(self, call: Call) -> Answer:
        """All entries of an account's day, streamed."""
        return await self._of_account(call, StatementQuery, self._statement)

    async def _of_account(
        self, call: Call, kind: type[Q], act: Callable[[Call, Owned, Q], Awaitable[Answer]]
    ) -> Answer:
        """What `act` finds, where the query can be answered and the account is the merchant's."""
        number = read_account_no(call.request)
        if isinstance(number, Problem):
            return number
        query = read_query(call.request, kind)
        if isinstance(query, Problem):
            return query
        if objection := query.objection(now_utc()):
            return objection
        account = await self._books.owned(call.merchant.merchant_no, number)
        return _no_account(number) if account is None else await act(call, account, query)

    async def _find(self, call: Call, account: Owned, _: Query) -> Answer:
        (found,) = await self._books.accounts(
            call.merchant.merchant_no, now_utc(), account.account_no
        )
        return document(found)

    async def _balance(self, _: Call, account: Owned, query: BalanceQuery) -> Answer:
        (point,) = await self._books.before(account, query.at)
        return document(
            PastBalance(
                account_no=account.account_no,
                currency=account.currency,
                at=query.at.astimezone(UTC),
                serial=point.serial,
                balance_fen=point.balance_fen,
            )
        )

    async def _entries(self, _: Call, account: Owned, query: EntriesQuery) -> Answer:
        assert query.before_serial is not None
        low, high = await self._books.span(account, query.begin, query.end)
        high = min(high, query.before_serial)
        return document(await self._books.page(account, low, high, int(query.limit)))

    async def _days(self, _: Call, account: Owned, query: DaysQuery) -> Answer:
        days = await self._books.days(account, query.first, query.last)
        return document(
            AccountDays(account_no=account.account_no, currency=account.currency, items=days)
        )

    async def _statement(self, call: Call, account: Owned, query: StatementQuery) -> Answer:
        sheet = await self._books.sheet(account, query.day)
        return await hand_out(call, sheet, self._books.entries_of(sheet), query.format)


def _no_account(number: str) -> Problem:
    return Problem("account_not_found", f"the merchant has no account {number}", "account_no")
