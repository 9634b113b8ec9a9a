"""`rate …`: the fees 费率 that merchants pay us."""

from __future__ import annotations

from typing import Annotated

import typer

from actors.merchants import store
from actors.merchants.terminal.session import run
from bus.terminal import OPERATOR_DEFAULT, Operator

rate_cli = typer.Typer(no_args_is_help=True, help="Fees that merchants pay.")


@rate_cli.callback()
def rates() -> None:
    """Fees that merchants pay."""


@rate_cli.command("set")
def set_rate(
    context: typer.Context,
    number: Annotated[str, typer.Argument(metavar="MERCHANT_NO")],
    pay_type: Annotated[str, typer.Argument(help="Such as wechat_native.")],
    rate_ppm: Annotated[int, typer.Argument(metavar="PPM", help="Millionths: 6000 is 0.6 %.")],
    operator: Operator = OPERATOR_DEFAULT,
) -> None:
    """Set a merchant's rate for a pay type, which enables it. Orders placed before keep theirs."""
    merchant = run(
        context,
        lambda pool, _: store.set_rate(pool, number, pay_type, rate_ppm, operator=operator),
    )
    typer.echo(f"{number} is at version {merchant.version}: {pay_type} at {rate_ppm} ppm")
