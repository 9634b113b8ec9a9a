"""`channel check` and `channel bill`: an operator asks a channel himself. No secret is printed."""

from __future__ import annotations

import asyncio
import csv
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated, Any, TypeVar

import typer
from msgspec.structs import asdict

from actors.channels.checkup import Finding, check, fetch_bill
from actors.channels.talk.account import Account
from actors.channels.talk.accounts import opened
from actors.channels.talk.keyring import Keyring
from actors.channels.talk.sender import Sender
from bus.database import connect
from bus.directory import stored_channel
from bus.terminal import refuse
from bus.vault import Vault
from schema.channels import Bill, BillNotReady, BillWish, FundLine, NoBill, TradeLine, Unknown
from schema.days import CHINA
from schema.settings import Settings

T = TypeVar("T")

ChannelNo = Annotated[str, typer.Argument(metavar="CHANNEL_NO", show_default=False)]

MARKS = {True: "right", False: "WRONG", None: "?"}


def add_calls(cli: typer.Typer) -> None:
    """Adds the commands that ask channels to those that keep their accounts."""
    cli.command("check")(check_channel)
    cli.command("bill")(print_bill)


def check_channel(context: typer.Context, number: ChannelNo) -> None:
    """Ask a channel about an order that does not exist: are address, clock and keys right?"""
    findings = run(context, number, check)
    for finding in findings:
        typer.echo(_line(finding))
    if not all(finding.is_right for finding in findings):
        raise typer.Exit(1)


def print_bill(
    context: typer.Context,
    number: ChannelNo,
    day: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="China's day.")],
    kind: Annotated[str, typer.Option(help="trades, or funds.")] = "trades",
    out: Annotated[Path | None, typer.Option(help="Write CSV there, not here.")] = None,
) -> None:
    """Fetch a day's bill 对账单, verify it, and print it as CSV of one form for all channels."""
    if kind not in ("trades", "funds"):
        raise typer.BadParameter(f"kind: {kind!r} is neither trades nor funds")
    wish = BillWish(day=day.date(), kind=kind)
    bill = run(context, number, lambda keyring, account: fetch_bill(keyring, account, wish))
    match bill:
        case Unknown(why=why, code=code, message=words):
            refuse(f"no bill that can be believed: {code or why} {words}".rstrip())
        case BillNotReady(code=code):
            refuse(f"the channel still writes it: {code}")
        case NoBill(code=code):
            refuse(f"there was nothing that day: {code}")
        case _:
            _write(bill, kind, out)


def run(context: typer.Context, number: str, work: Callable[[Keyring, Account], Awaitable[T]]) -> T:
    """What the work gives, with the account of a channel."""
    settings: Settings = context.obj()
    account = asyncio.run(_account(settings, number))
    return asyncio.run(_with_keyring(account, work))


async def _account(settings: Settings, number: str) -> Account:
    pool = await connect(settings.postgres_url, size_max=1, name="tomato-terminal")
    try:
        profile = await stored_channel(pool, number)
    finally:
        await pool.close()
    if profile is None:
        refuse(f"channel_no: there is no {number!r}")
    return opened(profile, Vault(settings.master_key))


async def _with_keyring(account: Account, work: Callable[[Keyring, Account], Awaitable[T]]) -> T:
    keyring = Keyring(None, Sender())
    await keyring.start()
    try:
        return await work(keyring, account)
    finally:
        await keyring.stop()


def _line(finding: Finding) -> str:
    return f"{finding.what:<12} {MARKS[finding.is_right]:<6} {finding.words}"


def _write(bill: Bill, kind: str, out: Path | None) -> None:
    if out is None:
        _write_csv(bill, kind, sys.stdout)
    else:
        with out.open("w", newline="") as file:
            _write_csv(bill, kind, file)
    typer.echo(f"{len(bill.lines)} lines, all as the bill's own footer says", err=True)


def _write_csv(bill: Bill, kind: str, file: IO[str]) -> None:
    fields = (TradeLine if kind == "trades" else FundLine).__struct_fields__
    writer = csv.writer(file)
    writer.writerow(fields)
    writer.writerows([_text(value) for value in asdict(line).values()] for line in bill.lines)


def _text(value: Any) -> str:
    """Times as China reads them; a text never begins as a formula would."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=value.tzinfo or UTC).astimezone(CHINA).isoformat()
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@"):
        return f"'{value}"
    return str(value)
