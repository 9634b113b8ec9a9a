"""`routing simulate` and `routing health`: what would have been, and how channels do now."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from redis.asyncio import Redis
from rich.console import Console
from rich.table import Table

from bus.database import connect, queries
from bus.directory import Directory
from bus.jobs import now_utc
from bus.terminal import print_json, refuse
from schema.payments import PaymentTerms, RoutingDecision
from schema.profiles import ChannelProfile
from schema.routing import RoutingRule, channels_of
from schema.settings import Settings

SQL = queries(__file__)

UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
PAYMENTS_MAX = 200_000

Compare = Callable[
    [list[dict[str, Any]], RoutingRule | None, Mapping[str, ChannelProfile]], dict[str, Any]
]
"""Recorded payments, a rule and the channels: where the payments would have gone."""

Health = Callable[[Redis], Awaitable[list[dict[str, Any]]]]
"""What is known of each channel and pay type."""

Since = Annotated[str, typer.Option(help="How far back, such as 90m, 24h or 7d.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def routing_cli(rules_cli: typer.Typer, compare: Compare, health: Health) -> typer.Typer:
    """The commands; the registry's are mounted under `rules`."""
    cli = typer.Typer(no_args_is_help=True, help="Which channels payments go to, and why.")
    cli.add_typer(rules_cli, name="rules")

    @cli.command()
    def simulate(
        context: typer.Context,
        since: Since = "24h",
        rule: Annotated[
            Path | None, typer.Option(exists=True, dir_okay=False, help="Another rule, JSON.")
        ] = None,
        json: Json = False,
    ) -> None:
        """Route recorded payments once more: by their own records, or by another rule."""
        made = asyncio.run(_simulate(context.obj(), ago(since), rule_in(rule), compare))
        print_json(made) if json else show_comparison(made)
        if made["not_the_same"]:
            raise typer.Exit(1)

    @cli.command("health")
    def show_health(context: typer.Context, json: Json = False) -> None:
        """Show what success-rate and response-time rules know of each channel."""
        found = asyncio.run(_health(context.obj(), health))
        print_json(found) if json else Console().print(_health_table(found))

    return cli


def ago(text: str) -> timedelta:
    """A span of time as people write it."""
    match = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    if match is None:
        raise typer.BadParameter(f"{text!r}: 90m, 24h or 7d is needed")
    return timedelta(seconds=int(match[1]) * UNITS_S[match[2]])


def rule_in(file: Path | None) -> RoutingRule | None:
    """The rule in a file. A file that is none ends the program."""
    if file is None:
        return None
    try:
        return msgspec.json.decode(file.read_bytes(), type=RoutingRule)
    except msgspec.DecodeError as error:
        refuse(f"{file}: {error}")


async def _simulate(
    settings: Settings, span: timedelta, rule: RoutingRule | None, compare: Compare
) -> dict[str, Any]:
    pool = await connect(settings.postgres_url, size_max=1, name="tomato-terminal")
    redis = Redis.from_url(settings.redis_url, socket_timeout=1.0, socket_connect_timeout=1.0)
    try:
        rows = await pool.fetch(SQL.find_routed, now_utc() - span, PAYMENTS_MAX)
        if len(rows) == PAYMENTS_MAX:
            typer.echo(f"there are more: only the first {PAYMENTS_MAX} are looked at", err=True)
        payments = [_recorded(row) for row in rows]
        numbers = {number for payment in payments for number in payment["record"].ranked}
        numbers |= channels_of(rule) if rule is not None else set()
        channels = await Directory(pool, redis).channels.find(numbers)
        return compare(payments, rule, channels)
    finally:
        await redis.aclose()
        await pool.close()


def _recorded(row: Any) -> dict[str, Any]:
    decisions = msgspec.json.decode(row["decisions"], type=dict[str, msgspec.Raw])
    return {
        "terms": msgspec.json.decode(row["terms"], type=PaymentTerms),
        "record": msgspec.json.decode(decisions["routing"], type=RoutingDecision),
        "decided_at": row["opened_at"],
        "is_paid": row["is_paid"],
    }


async def _health(settings: Settings, health: Health) -> list[dict[str, Any]]:
    redis = Redis.from_url(settings.redis_url, socket_timeout=1.0, socket_connect_timeout=1.0)
    try:
        return await health(redis)
    finally:
        await redis.aclose()


def show_comparison(made: Mapping[str, Any]) -> None:
    """Prints the differences by channel."""
    table = Table(
        "channel", "payments", "would be", "fen", "would be", "cost fen", "would be", "paid %"
    )
    for share in made["shares"]:
        paid = share["paid"] * 1_000 // share["before"] if share["before"] else None
        table.add_row(
            share["channel_no"] or "(nobody)", str(share["before"]), str(share["after"]),
            str(share["before_fen"]), str(share["after_fen"]), str(share["cost_before_fen"]),
            str(share["cost_after_fen"]), "-" if paid is None else f"{paid // 10}.{paid % 10}",
        )  # fmt: skip
    Console().print(table)
    before, after = made["success_before_ppm"] // 100, made["success_after_ppm"] // 100
    typer.echo(
        f"{made['differing']} payments would have gone elsewhere; paid: {before // 100}."
        f"{before % 100:02d} %, estimated {after // 100}.{after % 100:02d} %; "
        f"{made['not_the_same']} records do not lead to their own ranking"
    )


def _health_table(found: list[dict[str, Any]]) -> Table:
    columns = ("channel", "pay type", "good", "bad", "in a row", "breaker", "latency ms", "paid")
    table = Table(*columns)
    for row in found:
        table.add_row(*(str(row[name]) for name in columns))
    return table
