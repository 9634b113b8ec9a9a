"""`ledger rate …`: what an account costs 账户费率, now and from a day to come."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from actors.accounting.terminal import reading
from actors.accounting.terminal.session import (
    AccountNo,
    Number,
    Reason,
    look,
    moment,
    new_no,
    wish,
)
from bus.terminal import OPERATOR_DEFAULT, Json, Limit, Operator, print_all
from schema.accounts import RateKind, RatePlan, Tier
from schema.messages.accounting import SetRate

rate_cli = typer.Typer(no_args_is_help=True, help="What accounts cost.")


@rate_cli.command("set")
def set_rate(
    context: typer.Context,
    number: AccountNo,
    kind: RateKind,
    reason: Reason,
    pay_type: Annotated[str, typer.Option(help="Default: any that has no rate of its own.")] = "",
    percent_ppm: Annotated[int, typer.Option(help="Millionths: 6000 is 0.6 %.")] = 0,
    fixed: Annotated[int, typer.Option(metavar="FEN", help="Added to the percentage.")] = 0,
    least: Annotated[int, typer.Option(metavar="FEN")] = 0,
    most: Annotated[int | None, typer.Option(metavar="FEN")] = None,
    tier: Annotated[
        list[str] | None, typer.Option(help="FROM_FEN=PPM of the month's volume, repeatable.")
    ] = None,
    effective: Annotated[datetime | None, typer.Option(help="Default: now. China's time.")] = None,
    no: Number = "",
    operator: Operator = OPERATOR_DEFAULT,
) -> None:
    """Have a rate hold for an account from a time on."""
    plan = RatePlan(
        percent_ppm=percent_ppm, fixed_fen=fixed, min_fen=least, max_fen=most,
        tiers=tuple(map(_tier, tier or ())),
    )  # fmt: skip
    order = SetRate(
        rate_no=new_no(no), account_no=number, kind=kind, pay_type=pay_type, plan=plan,
        effective_at=moment(effective), operator=operator, reason=reason,
    )  # fmt: skip
    wish(context, order)


@rate_cli.command("list")
def list_rates(
    context: typer.Context, number: AccountNo, limit: Limit = 100, json: Json = False
) -> None:
    """List an account's rates: those that hold, held, and will hold."""
    found = look(context, lambda pool: reading.rates(pool, number, limit))
    print_all(found, "kind", "pay_type", "effective_at", "plan", "operator", as_json=json)


def _tier(text: str) -> Tier:
    volume_fen, _, percent_ppm = text.partition("=")
    if not (volume_fen.isdecimal() and percent_ppm.isdecimal()):
        raise typer.BadParameter(f"tier: {text!r} is not FROM_FEN=PPM")
    return Tier(from_volume_fen=int(volume_fen), percent_ppm=int(percent_ppm))
