"""`ledger balance|entries|statement|days`: what an account has, had, and how it came to that."""

from __future__ import annotations

import csv
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from msgspec import structs

from actors.accounting.terminal import reading
from actors.accounting.terminal.reading import Line, Row
from actors.accounting.terminal.session import AccountNo, look, moment
from bus.database import Pool
from bus.terminal import Json, Limit, print_all, print_one, refuse
from schema.days import CHINA

COLUMNS = (
    "serial", "booked_at", "kind", "booking_key", "subject", "amount_fen", "balance_after_fen",
    "fee_fen", "rate_ppm",
)  # fmt: skip


def balance(
    context: typer.Context,
    number: AccountNo,
    at: Annotated[datetime | None, typer.Option(help="A moment in the past; China's time.")] = None,
    json: Json = False,
) -> None:
    """Show a balance, now or at a moment in the past."""
    if (then := moment(at)) is not None:
        print_one(look(context, lambda pool: reading.balance_at(pool, number, then)), as_json=json)
        return
    print_one(look(context, lambda pool: _balance(pool, number)), as_json=json)


async def _balance(pool: Pool, number: str) -> Row:
    """The balance with what follows from it: 可用, 冻结, 预存期内 and 预存期外."""
    account, others = await reading.account(pool, number), await reading.beside(pool, number)
    fen, outside = account["balance_fen"], account["out_of_reserve_fen"]
    reserve = {"out_of_reserve_fen": outside, "in_reserve_fen": max(0, fen - outside)}
    held = {f"{kind}_fen": others[kind] for kind in ("frozen", "in_transit") if kind in others}
    last = {name: account[name] for name in ("last_closed_fen", "last_closed_on")}
    named = {name: account[name] for name in ("account_no", "currency", "balance_fen")}
    return named | (reserve if account["kind"] == "payable" else {}) | held | last


def entries(
    context: typer.Context,
    number: AccountNo,
    after: Annotated[int, typer.Option(help="The last serial of the page before.")] = 0,
    limit: Limit = 100,
    json: Json = False,
) -> None:
    """List an account's entries in order, a page at a time."""
    found = look(context, lambda pool: reading.entries(pool, number, after, limit))
    fields = ("serial", "booked_at", "booking_key", "amount_fen", "balance_after_fen")
    print_all(map(structs.asdict, found), *fields, as_json=json)


def statement(
    context: typer.Context,
    number: AccountNo,
    day: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="A day of China's.")],
    out: Annotated[Path, typer.Option(dir_okay=False, help="The CSV file to write.")],
) -> None:
    """Write all of a day's entries to a file 对账单, however many there are."""
    if out.exists():
        refuse(f"{out} is there already")
    count = look(context, lambda pool: _statement(pool, number, day.date(), out))
    typer.echo(f"{count} entries in {out}")


async def _statement(pool: Pool, number: str, day: date, out: Path) -> int:
    count = 0
    with out.open("w", newline="", encoding="utf-8-sig") as file:  # so that Excel reads it as UTF-8
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        async for page in reading.entries_of_day(pool, number, day):
            writer.writerows(map(_cells, page))
            count += len(page)
    return count


def _cells(line: Line) -> list[object]:
    cells = structs.asdict(line) | {"booked_at": line.booked_at.astimezone(CHINA).isoformat()}
    return [cells[name] for name in COLUMNS]


def days(context: typer.Context, limit: Limit = 31, json: Json = False) -> None:
    """List the newest closed days 日切."""
    found = look(context, lambda pool: reading.days(pool, limit))
    print_all(found, "day", "closed_at", "accounts_moved", as_json=json)
