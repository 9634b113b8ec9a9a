"""`ledger alarm …`: what was found wrong. While one is open, its owner is paid nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from actors.accounting.terminal import reading
from actors.accounting.terminal.session import Reason, look, wish
from bus.terminal import OPERATOR_DEFAULT, Json, Limit, Operator, print_all
from schema.messages.accounting import ClearAlarm

alarm_cli = typer.Typer(no_args_is_help=True, help="What was found wrong in the books.")


@alarm_cli.command("list")
def list_alarms(
    context: typer.Context,
    cleared: Annotated[bool, typer.Option("--all", help="Also those that are cleared.")] = False,
    limit: Limit = 100,
    json: Json = False,
) -> None:
    """List alarms, newest first."""
    found = look(context, lambda pool: reading.alarms(pool, cleared, limit))
    fields = ("alarm_no", "raised_at", "check_name", "owner", "account_no", "detail", "cleared_by")
    print_all(found, *fields, as_json=json)


@alarm_cli.command()
def clear(
    context: typer.Context,
    number: Annotated[str, typer.Argument(metavar="ALARM_NO")],
    reason: Reason,
    operator: Operator = OPERATOR_DEFAULT,
) -> None:
    """Say that what was found wrong is settled: the owner may be paid out again."""
    wish(context, ClearAlarm(alarm_no=number, operator=operator, reason=reason))
