"""`channel …`: contracts with payment providers 通道."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import msgspec
import typer
from msgspec import Struct

from actors.merchants import routing_rules, rules, store
from actors.merchants.store import CHANNELS
from actors.merchants.terminal.session import Fen, run, without_secrets
from bus.terminal import OPERATOR_DEFAULT, Json, Limit, Operator, refuse, show_all
from schema.channels.language import Protocols
from schema.channels.languages import LANGUAGES
from schema.money import AMOUNT_FEN_MAX
from schema.profiles import ChannelProfile

channel_cli = typer.Typer(no_args_is_help=True, help="Contracts with payment providers.")

ChannelNo = Annotated[str, typer.Argument(metavar="CHANNEL_NO", show_default=False)]


@channel_cli.command()
def add(
    context: typer.Context,
    number: ChannelNo,
    account_file: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="The account with its keys, JSON.")
    ],
    pay_type: Annotated[list[str], typer.Option(help="Repeatable.")],
    protocol: Annotated[str, typer.Option(help=", ".join(LANGUAGES))],
    name: Annotated[str, typer.Option(help="For people; the number if left out.")] = "",
    funds_flow: Annotated[str, typer.Option(help="direct, or platform 二清.")] = "direct",
    single_min: Annotated[int, Fen] = 1,
    single_max: Annotated[int, Fen] = AMOUNT_FEN_MAX,
    cost_ppm: Annotated[int, typer.Option(help="What the channel charges, millionths.")] = 0,
    operator: Operator = OPERATOR_DEFAULT,
) -> None:
    """Add a channel. Its keys are sealed; remove the account file afterwards."""
    account = _account(account_file, protocol)
    channel = run(
        context,
        lambda pool, vault: store.add_channel(
            pool, vault, channel_no=number, name=name or number,
            pay_types=pay_type, funds_flow=funds_flow, single_min_fen=single_min,
            single_max_fen=single_max, cost_rate_ppm=cost_ppm,
            account=account, operator=operator,
        ),
    )  # fmt: skip
    _say_done(channel)


@channel_cli.command("list")
def list_channels(
    context: typer.Context, after: str = "", limit: Limit = 100, json: Json = False
) -> None:
    """List channels in order of their numbers."""
    found = run(context, lambda pool, _: store.page(pool, CHANNELS, after=after, limit=limit))
    fields = ("channel_no", "status", "protocol", "name", "pay_types")
    show_all(map(without_secrets, found), *fields, as_json=json)


@channel_cli.command()
def limits(
    context: typer.Context,
    number: ChannelNo,
    daily_fen: Annotated[int | None, typer.Option(help="In all on a day in China.")] = None,
    daily_count: Annotated[int | None, typer.Option(help="Payments on a day.")] = None,
    total_fen: Annotated[int | None, typer.Option(help="Cumulative, since it was added.")] = None,
    opens_at: Annotated[str | None, typer.Option(help="China time, such as 08:00.")] = None,
    closes_at: Annotated[str | None, typer.Option(help="China time, such as 22:30.")] = None,
    operator: Operator = OPERATOR_DEFAULT,
) -> None:
    """Set what a channel takes in all, and when. What is left out is not limited any more."""
    changed = run(
        context,
        lambda pool, _: routing_rules.set_limits(
            pool, number, daily_fen_max=daily_fen, daily_count_max=daily_count,
            total_fen_max=total_fen, opens_at=opens_at, closes_at=closes_at, operator=operator,
        ),
    )  # fmt: skip
    _say_done(changed)


@channel_cli.command()
def enable(
    context: typer.Context, number: ChannelNo, operator: Operator = OPERATOR_DEFAULT
) -> None:
    """Offer payments to a channel again."""
    _set_status(context, number, "active", operator)


@channel_cli.command()
def disable(
    context: typer.Context, number: ChannelNo, operator: Operator = OPERATOR_DEFAULT
) -> None:
    """Offer a channel no new payments; those under way are still asked after."""
    _set_status(context, number, "inactive", operator)


def _set_status(context: typer.Context, number: str, status: str, operator: str) -> None:
    change = rules.with_status(status)
    _say_done(
        run(context, lambda pool, _: store.change_channel(pool, number, change, status, operator))
    )


def _say_done(channel: ChannelProfile) -> None:
    typer.echo(f"{channel.channel_no} is at version {channel.version}, {channel.status}")


def _account(file: Path, protocol: str) -> Struct:
    spoken = LANGUAGES.get(cast(Protocols, protocol))
    if spoken is None:
        refuse(f"protocol: {protocol!r} is none of {', '.join(LANGUAGES)}")
    try:
        return spoken.read(file.read_bytes())
    except (msgspec.DecodeError, UnicodeDecodeError) as error:  # they never quote the value
        refuse(f"{file}: {error}")
