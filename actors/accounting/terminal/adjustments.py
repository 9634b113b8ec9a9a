"""`ledger adjust …`: adjustments 调账, which one person proposes and another decides on."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from actors.accounting.terminal import reading
from actors.accounting.terminal.session import (
    AccountNo,
    Fen,
    Number,
    Reason,
    look,
    new_no,
    wish,
)
from bus.terminal import OPERATOR_DEFAULT, Json, Limit, Operator, print_all
from schema.messages.accounting import DecideAdjustment, ProposeAdjustment

adjust_cli = typer.Typer(no_args_is_help=True, help="Money moved by hand, by two people.")

AdjustmentNo = Annotated[str, typer.Argument(metavar="ADJUSTMENT_NO")]


@adjust_cli.command()
def propose(
    context: typer.Context,
    debit: AccountNo,
    credit: AccountNo,
    amount: Fen,
    reason: Reason,
    no: Number = "",
    operator: Operator = OPERATOR_DEFAULT,
) -> None:
    """Ask for an amount to be taken from the first account and given to the second."""
    number = new_no(no)
    order = ProposeAdjustment(
        adjustment_no=number, debit_account_no=debit, credit_account_no=credit,
        amount_fen=amount, operator=operator, reason=reason,
    )  # fmt: skip
    wish(context, order)
    typer.echo(f"adjustment {number} waits for somebody else's word")


@adjust_cli.command()
def approve(
    context: typer.Context, number: AdjustmentNo, operator: Operator = OPERATOR_DEFAULT
) -> None:
    """Have a proposed adjustment booked. Never by whoever proposed it."""
    _decide(context, number, "approve", operator)


@adjust_cli.command()
def reject(
    context: typer.Context, number: AdjustmentNo, operator: Operator = OPERATOR_DEFAULT
) -> None:
    """Have a proposed adjustment never be booked."""
    _decide(context, number, "reject", operator)


@adjust_cli.command("list")
def list_adjustments(
    context: typer.Context,
    decided: Annotated[bool, typer.Option("--all", help="Also those that are decided.")] = False,
    limit: Limit = 100,
    json: Json = False,
) -> None:
    """List adjustments, newest first."""
    found = look(context, lambda pool: reading.adjustments(pool, decided, limit))
    fields = (
        "adjustment_no", "state", "debit_account_no", "credit_account_no", "amount_fen", "maker",
        "checker", "reason",
    )  # fmt: skip
    print_all(found, *fields, as_json=json)


def _decide(
    context: typer.Context, number: str, verdict: Literal["approve", "reject"], operator: str
) -> None:
    order = DecideAdjustment(adjustment_no=number, verdict=verdict, operator=operator)
    wish(context, order)
