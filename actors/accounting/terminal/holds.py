"""`ledger hold …`: amounts set aside 部分冻结."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from actors.accounting.terminal import reading
from actors.accounting.terminal.session import (
    Fen,
    Number,
    Owner,
    Reason,
    Role,
    look,
    moment,
    new_no,
    wish,
)
from bus.terminal import OPERATOR_DEFAULT, Json, Limit, Operator, print_all
from schema.messages.accounting import PlaceHold, ReleaseHold

hold_cli = typer.Typer(no_args_is_help=True, help="Amounts that are set aside.")


@hold_cli.command()
def place(
    context: typer.Context,
    owner: Owner,
    amount: Fen,
    reason: Reason,
    role: Role = "merchant",
    until: Annotated[
        datetime | None, typer.Option(help="Then it ends by itself; China's time.")
    ] = None,
    no: Number = "",
    operator: Operator = OPERATOR_DEFAULT,
) -> None:
    """Set an amount of an owner's money aside."""
    order = PlaceHold(
        hold_no=new_no(no), role=role, owner=owner, amount_fen=amount,
        expires_at=moment(until), operator=operator, reason=reason,
    )  # fmt: skip
    wish(context, order)


@hold_cli.command()
def release(
    context: typer.Context,
    hold_no: Annotated[str, typer.Argument(metavar="HOLD_NO")],
    owner: Owner,
    reason: Reason,
    amount: Annotated[int | None, typer.Option(metavar="FEN", help="Default: all of it.")] = None,
    role: Role = "merchant",
    no: Number = "",
    operator: Operator = OPERATOR_DEFAULT,
) -> None:
    """Give back what is left of a hold, or a part of it."""
    order = ReleaseHold(
        release_no=new_no(no), hold_no=hold_no, role=role, owner=owner, amount_fen=amount,
        operator=operator, reason=reason,
    )  # fmt: skip
    wish(context, order)


@hold_cli.command("list")
def list_holds(
    context: typer.Context,
    owner: str | None = None,
    ended: Annotated[bool, typer.Option("--all", help="Also those that have ended.")] = False,
    limit: Limit = 100,
    json: Json = False,
) -> None:
    """List holds, newest first."""
    found = look(context, lambda pool: reading.holds(pool, owner, ended, limit))
    fields = ("hold_no", "owner", "remaining_fen", "amount_fen", "expires_at", "reason")
    print_all(found, *fields, as_json=json)
