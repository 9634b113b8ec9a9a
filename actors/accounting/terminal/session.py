"""What every command shares: how it looks, how it asks, and how it is told no."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, TypeVar

import msgspec
import typer

from bus.asking import ask
from bus.database import Pool, connect
from bus.errors import TryLater
from bus.jobs import now_utc
from bus.origin import new_message_id
from bus.terminal import refuse, show
from schema.accounts import PartyRole
from schema.days import CHINA
from schema.ids import is_account_no
from schema.messages.accounting import AccountingAnswered
from schema.messages.contract import Message, contract_of
from schema.payments import Refusal
from schema.settings import Settings

T = TypeVar("T")


def _checked(number: str) -> str:
    if not is_account_no(number):
        refuse(f"illegal_account_no: a digit of {number!r} is wrong or missing (account_no)")
    return number


AccountNo = Annotated[
    str, typer.Argument(metavar="ACCOUNT_NO", callback=_checked, show_default=False)
]
Owner = Annotated[str, typer.Argument(metavar="OWNER", help="Such as a merchant number.")]
Role = Annotated[PartyRole, typer.Option(help="What the owner is to us.")]
Reason = Annotated[str, typer.Option(help="For whoever asks later.")]
Fen = Annotated[int, typer.Argument(metavar="FEN", min=1)]
Number = Annotated[
    str, typer.Option("--no", help="Its number: a repeat under it changes nothing. Default: new.")
]


def look(context: typer.Context, work: Callable[[Pool], Awaitable[T]]) -> T:
    """What the work reads from PostgreSQL."""
    settings: Settings = context.obj()
    return asyncio.run(_with_pool(settings, work))


async def _with_pool(settings: Settings, work: Callable[[Pool], Awaitable[T]]) -> T:
    pool = await connect(settings.postgres_url, size_max=1, name="tomato-terminal")
    try:
        return await work(pool)
    finally:
        await pool.close()


def wish(context: typer.Context, command: Message, *, as_json: bool = False) -> None:
    """Sends a command and prints the answer. A refusal ends the program with 1."""
    settings: Settings = context.obj()
    try:
        answer = asyncio.run(ask(settings.rabbitmq_url, fitting(command)))
    except TryLater as error:
        refuse(str(error))
    assert isinstance(answer, AccountingAnswered)
    if answer.refusal is not None:
        refuse(told(answer.refusal))
    shown = answer.booking or answer.account
    if shown is None:
        typer.echo("done")
    else:
        show(shown, as_json=as_json)


def fitting(command: Message) -> Message:
    """The command, if it fits its contract. What does not is said, and nothing is sent."""
    try:
        return msgspec.convert(msgspec.to_builtins(command), type(command))
    except msgspec.ValidationError as error:
        refuse(f"illegal_command: {contract_of(command).name}: {error}")


def told(refusal: Refusal) -> str:
    """A refusal with its code and, where there is one, the field that it is about."""
    field = f" ({refusal.param})" if refusal.param else ""
    return f"{refusal.code}: {refusal.reason}{field}"


def moment(typed: datetime | None) -> datetime | None:
    """A time as it was typed: China's."""
    return typed.replace(tzinfo=CHINA) if typed else None


def new_no(number: str) -> str:
    """The number that was given, or a new one."""
    return number or new_message_id(now_utc())
