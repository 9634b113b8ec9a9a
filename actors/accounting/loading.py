"""Loads what a batch needs, set by set: what is spoken of first, then the accounts, by rising id.

Every writer takes its locks in this order, so that two of them never wait for each other in a ring.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import TypeVar

import asyncpg
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from actors.accounting.account import Account, moved
from actors.accounting.chain import GENESIS
from actors.accounting.chart import AccountKey
from actors.accounting.ledger import (
    AccountChange,
    Adjustment,
    Alarm,
    Booking,
    DayBalance,
    DayCollect,
    Hold,
    Ledger,
    Page,
    Payout,
    Refunding,
    TradeUse,
)
from actors.accounting.needs import Needs, needs_of
from actors.accounting.opening import Directory
from actors.accounting.postings import suspense_of
from actors.accounting.rates import Rate
from actors.accounting.rules import takes_nothing_in
from bus.database import Connection, queries
from bus.errors import Clash
from bus.jobs import now_utc
from bus.rows import from_row
from schema.accounts import RatePlan
from schema.days import day_of, end_of, start_of
from schema.messages.accounting import CloseDay, ReckonReserve
from schema.messages.contract import Message

SQL = queries(__file__)

PAGE_ACCOUNTS = 200
"""Accounts in one message of a daily duty: some milliseconds, so that payments hardly wait."""

S = TypeVar("S", bound=Struct)

_plan = {"plan": msgspec.json.Decoder(RatePlan)}


async def load_ledger(
    connection: Connection, messages: Sequence[Message], shard: int, directory: Directory
) -> Ledger:
    """The ledger with everything that these messages may touch, locked."""
    needs = needs_of(messages)
    head = await connection.fetchrow(SQL.open_batch, shard)
    assert head is not None
    ledger = Ledger(shard=shard, batch_no=(head["no"] or 0) + 1, previous=head["hash"] or GENESIS)
    await _load_papers(connection, ledger, needs)
    ids = set((await directory.find(connection, needs.keys, shard)).values())
    ids |= await _named(connection, ledger, needs)
    pages = [(order, await _page(connection, order)) for order in needs.reserves]
    await lay_out(connection, ledger, ids.union(*(page for _, page in pages)))
    await _lay_out_suspense(connection, ledger, needs, directory)
    await _find_bookings(connection, ledger, needs)
    await _load_rates(connection, ledger, needs)
    for order, page in pages:
        ledger.pages[order] = await _reserves(connection, order, page)
    for closing in needs.closings:
        ledger.pages[closing] = await _closing(connection, closing)
    return ledger


async def _find_bookings(connection: Connection, ledger: Ledger, needs: Needs) -> None:
    """Asked when the accounts are locked: whoever had them before us may have booked the same, and
    a repeat must not be refused for the money that it has moved itself."""
    if needs.bookings:
        rows = await connection.fetch(SQL.find_bookings, list(needs.bookings))
        ledger.booked = {row["booking_key"]: Booking(**dict(row)) for row in rows}


async def lay_out(connection: Connection, ledger: Ledger, ids: Collection[int]) -> None:
    """Locks accounts and lays them out; those that are booked later, as their entries have them."""
    if not ids:
        return
    wanted = sorted(ids)
    rows = await connection.fetch(SQL.lock_accounts, wanted)
    accounts = [Account(**dict(row)) for row in rows]
    serials = {account.account_id: account.serial for account in accounts}
    if len(accounts) < len(wanted):
        rows = await connection.fetch(SQL.find_booked_later, wanted)
        later = [Account(**dict(row)) for row in rows]
        serials |= {account.account_id: account.serial for account in later}
        accounts += await caught_up(connection, later)
    if len(accounts) < len(wanted):
        raise Clash("an account is booked in another way now")
    ledger.lay_out(accounts, serials)


async def caught_up(connection: Connection, accounts: Sequence[Account]) -> list[Account]:
    """Accounts that are booked later as they stand after their newest entries.

    What parties may withdraw depends on each entry; of all others only the newest one counts.
    """
    parties = {a.account_id: a for a in accounts if a.kind == "payable"}
    others = {a.account_id: a for a in accounts if a.kind != "payable"}
    for row in await connection.fetch(SQL.find_newest, list(others)):
        account_id, serial, balance, booked_at = row
        others[account_id] = replace(
            others[account_id], serial=serial, balance_fen=balance, moved_at=booked_at
        )
    serials = [account.serial for account in parties.values()]
    for row in await connection.fetch(SQL.find_pending, list(parties), serials):
        account_id, amount, kind, booked_at = row
        parties[account_id] = moved(parties[account_id], amount, kind, booked_at)
    return [*parties.values(), *others.values()]


async def _load_papers(connection: Connection, ledger: Ledger, needs: Needs) -> None:
    """Holds, payouts and whatever else has a number of its own."""
    fetch = connection.fetch
    if needs.holds:
        ledger.holds.lay_out(_structs(await fetch(SQL.lock_holds, list(needs.holds)), Hold))
    if needs.payouts:
        rows = await fetch(SQL.lock_payouts, list(needs.payouts))
        ledger.payouts.lay_out(_structs(rows, Payout))
    if needs.refunds:
        rows = await fetch(SQL.lock_refunds, list(needs.refunds))
        ledger.refunds.lay_out(_structs(rows, Refunding))
    if needs.payments:
        rows = await fetch(SQL.lock_trade_uses, list(needs.payments))
        ledger.trades.lay_out(_structs(rows, TradeUse))
    if needs.adjustments:
        rows = await fetch(SQL.lock_adjustments, list(needs.adjustments))
        ledger.adjustments.lay_out(_structs(rows, Adjustment))
    if needs.alarms or needs.alarms_of:
        rows = await fetch(SQL.find_alarms, list(needs.alarms), list(needs.alarms_of))
        ledger.alarms.lay_out(_structs(rows, Alarm))
    if needs.changes:
        rows = await fetch(SQL.find_changes, list(needs.changes))
        ledger.changes.lay_out(_structs(rows, AccountChange))


async def _named(connection: Connection, ledger: Ledger, needs: Needs) -> set[int]:
    """The accounts that are named by number, or by what has a number."""
    ids = {a for row in ledger.adjustments for a in (row.debit_account_id, row.credit_account_id)}
    if needs.account_nos:
        rows = await connection.fetch(SQL.find_numbered, list(needs.account_nos))
        ids |= {row["account_id"] for row in rows}
    if needs.siblings_of:
        rows = await connection.fetch(SQL.find_siblings, list(needs.siblings_of))
        ids |= {row["account_id"] for row in rows}
    if needs.applies_pending:
        ids |= {row["account_id"] for row in await connection.fetch(SQL.find_lagging)}
    return ids


async def _lay_out_suspense(
    connection: Connection, ledger: Ledger, needs: Needs, directory: Directory
) -> None:
    """Where money goes that has come in although its account is closed to it."""
    closed = (ledger.account(key) for key in needs.facts)
    keys = {suspense_of(account.key) for account in closed if takes_nothing_in(account)}
    wanted: set[AccountKey] = {key for key in keys if key is not None}
    if wanted:
        found = await directory.find(connection, wanted, ledger.shard)
        await lay_out(connection, ledger, set(found.values()) - ledger.serials.keys())


async def _load_rates(connection: Connection, ledger: Ledger, needs: Needs) -> None:
    if not needs.rates and not needs.rates_of:
        return
    accounts = [ledger.account(key).account_id for key in needs.rates_of]
    rows = await connection.fetch(SQL.find_rates, list(needs.rates), accounts)
    ledger.rates.lay_out([from_row(row, Rate, _plan) for row in rows])
    tiered = {rate.account_id for rate in ledger.rates if rate.plan.tiers}
    tiered |= {a.account_id for no in needs.volumes_of if (a := ledger.numbered(no)) is not None}
    if tiered:
        await _load_volumes(connection, ledger, list(tiered), day_of(now_utc()))


async def _load_volumes(
    connection: Connection, ledger: Ledger, accounts: list[int], today: date
) -> None:
    """This month's volume so far: of closed days as it was collected, of open ones by entry."""
    month = today.replace(day=1)
    open_from: date = await connection.fetchval(SQL.first_open_day, month)
    rows = await connection.fetch(SQL.find_volumes, accounts, month, open_from, start_of(open_from))
    ledger.volumes.update({(r["account_id"], r["kind"]): r["volume_fen"] for r in rows})


async def _page(connection: Connection, order: ReckonReserve) -> set[int]:
    rows = await connection.fetch(SQL.page_in_reserve, order.after_account_id, PAGE_ACCOUNTS)
    return {row["account_id"] for row in rows}


async def _reserves(connection: Connection, order: ReckonReserve, page: set[int]) -> Page:
    """What is in reserve of each account of a page, asked after its rows are locked."""
    rows = await connection.fetch(SQL.sum_in_reserve, list(page), start_of(order.day))
    return Page(
        in_reserve_fen={row["account_id"]: row["in_reserve_fen"] for row in rows},
        next_account_id=_next(page),
    )


async def _closing(connection: Connection, order: CloseDay) -> Page:
    """How a page of accounts stood at the end of a day, and what had moved them."""
    first, last = start_of(order.day), end_of(order.day)
    rows = await connection.fetch(SQL.page_moved, order.after_account_id, first, PAGE_ACCOUNTS)
    page = {row["account_id"] for row in rows}
    balances = await connection.fetch(SQL.day_balances, list(page), first, last)
    collects = await connection.fetch(SQL.day_collects, list(page), first, last)
    return Page(
        balances=tuple(DayBalance(day=order.day, **dict(row)) for row in balances),
        collects=tuple(DayCollect(day=order.day, **dict(row)) for row in collects),
        next_account_id=_next(page),
    )


def _next(page: Collection[int]) -> int | None:
    return max(page) if len(page) == PAGE_ACCOUNTS else None


def _structs(rows: Iterable[asyncpg.Record], kind: type[S]) -> list[S]:
    return [kind(**dict(row)) for row in rows]
