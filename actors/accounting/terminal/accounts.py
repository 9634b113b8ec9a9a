"""`ledger account …`: what accounts there are, and what an operator may do to them."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from actors.accounting.terminal import reading
from actors.accounting.terminal.session import (
    AccountNo,
    Number,
    Owner,
    Reason,
    Role,
    look,
    new_no,
    wish,
)
from bus.terminal import OPERATOR_DEFAULT, Json, Limit, Operator, print_all, print_one
from schema.accounts import AccountOrder, BookingMode, RefundFeePolicy
from schema.messages.accounting import ChangeAccount, ConfigureAccount, OpenAccount

account_cli = typer.Typer(no_args_is_help=True, help="Accounts: look, open, freeze, configure.")


FREEZES: dict[str | None, AccountOrder] = {
    None: "freeze",
    "credit": "freeze_credit",
    "debit": "freeze_debit",
}


@account_cli.command()
def show(context: typer.Context, number: AccountNo, json: Json = False) -> None:
    """Show an account as it stands."""
    print_one(look(context, lambda pool: reading.account(pool, number)), as_json=json)


@account_cli.command("list")
def list_accounts(
    context: typer.Context,
    owner: str | None = None,
    role: str | None = None,
    kind: str | None = None,
    state: str | None = None,
    after: Annotated[str, typer.Option(help="The last number of the page before.")] = "",
    limit: Limit = 100,
    json: Json = False,
) -> None:
    """List accounts in order of their numbers."""
    only = {"owner": owner, "role": role, "kind": kind, "state": state}
    found = look(context, lambda pool: reading.accounts(pool, after, limit, **only))
    fields = ("account_no", "role", "kind", "owner", "state", "balance_fen", "currency")
    print_all(found, *fields, as_json=json)


@account_cli.command()
def history(
    context: typer.Context, number: AccountNo, limit: Limit = 100, json: Json = False
) -> None:
    """Show what was done to an account, by whom and why 账户管理流水."""
    found = look(context, lambda pool: reading.history(pool, number, limit))
    fields = ("changed_at", "what", "before", "after", "operator", "reason")
    print_all(found, *fields, as_json=json)


@account_cli.command("open")
def open_account(
    context: typer.Context, owner: Owner, role: Role = "merchant", json: Json = False
) -> None:
    """Open an owner's account now; otherwise it is opened on first use."""
    wish(context, OpenAccount(owner=owner, role=role), as_json=json)


@account_cli.command()
def freeze(
    context: typer.Context,
    number: AccountNo,
    reason: Reason,
    only: Annotated[
        Literal["credit", "debit"] | None, typer.Option(help="Stop what comes in, or goes out.")
    ] = None,
    no: Number = "",
    operator: Operator = OPERATOR_DEFAULT,
) -> None:
    """Let nothing in and nothing out 冻结, or stop one of the two 止收/止付."""
    _order(context, number, FREEZES[only], reason, no, operator)


@account_cli.command()
def unfreeze(
    context: typer.Context,
    number: AccountNo,
    reason: Reason,
    no: Number = "",
    operator: Operator = OPERATOR_DEFAULT,
) -> None:
    """Let money in and out again 解冻."""
    _order(context, number, "unfreeze", reason, no, operator)


@account_cli.command()
def cancel(
    context: typer.Context,
    number: AccountNo,
    reason: Reason,
    no: Number = "",
    operator: Operator = OPERATOR_DEFAULT,
) -> None:
    """Close an account for good 注销. Nothing may be left on it."""
    _order(context, number, "cancel", reason, no, operator)


@account_cli.command()
def configure(
    context: typer.Context,
    number: AccountNo,
    reason: Reason,
    booking_mode: BookingMode | None = None,
    reserve_days: Annotated[int | None, typer.Option(help="Risk reserve, 0 to 90.")] = None,
    refund_fee_policy: RefundFeePolicy | None = None,
    floor_fen: Annotated[int | None, typer.Option(help="Least balance; below 0: credit.")] = None,
    no: Number = "",
    operator: Operator = OPERATOR_DEFAULT,
) -> None:
    """Set how an account is kept; what is left out stays."""
    order = ConfigureAccount(
        change_no=new_no(no), account_no=number, booking_mode=booking_mode,
        reserve_days=reserve_days, refund_fee_policy=refund_fee_policy, floor_fen=floor_fen,
        operator=operator, reason=reason,
    )  # fmt: skip
    wish(context, order)


def _order(
    context: typer.Context, number: str, order: AccountOrder, reason: str, no: str, operator: str
) -> None:
    change = ChangeAccount(
        change_no=new_no(no), account_no=number, order=order, operator=operator, reason=reason
    )  # fmt: skip
    wish(context, change)
