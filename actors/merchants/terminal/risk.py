"""`risk …`: the blacklist 黑名单."""

from __future__ import annotations

from typing import Annotated

import typer

from actors.merchants import blacklist
from actors.merchants.terminal.session import run
from bus.terminal import OPERATOR_DEFAULT, Json, Limit, Operator, show_all

risk_cli = typer.Typer(no_args_is_help=True, help="Who may not pay or be paid.")

Kind = Annotated[str, typer.Argument(metavar="merchant|payer|ip")]
Value = Annotated[str, typer.Argument(metavar="VALUE")]


@risk_cli.command()
def block(
    context: typer.Context,
    kind: Kind,
    value: Value,
    reason: Annotated[str, typer.Option(help="For whoever asks later.")],
    operator: Operator = OPERATOR_DEFAULT,
) -> None:
    """Refuse payments of a merchant, payer or address from now on."""
    line = run(
        context,
        lambda pool, _: blacklist.block(pool, kind, value, reason=reason, operator=operator),
    )
    typer.echo(f"{line.kind} {line.value} is blocked")


@risk_cli.command()
def unblock(context: typer.Context, kind: Kind, value: Value) -> None:
    """Take something off the blacklist."""
    run(context, lambda pool, _: blacklist.unblock(pool, kind, value))
    typer.echo(f"{kind} {value} is not blocked")


@risk_cli.command("list")
def list_blocked(context: typer.Context, limit: Limit = 100, json: Json = False) -> None:
    """List the newest lines of the blacklist."""
    lines = run(context, lambda pool, _: blacklist.blocked(pool, limit=limit))
    fields = ("kind", "value", "blocked_at", "operator", "reason")
    show_all(lines, *fields, as_json=json)
