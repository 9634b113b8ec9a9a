"""`payment explain`: the whole story of one payment, from what the rooms have stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
import typer
from msgspec import Struct
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from bus.database import Pool, connect, queries
from bus.effects import decode_outgoing
from bus.jobs import now_utc
from handlers.terminal.refund import refunds_of
from handlers.terminal.unclear import add_unclear
from schema.events import Event
from schema.payments import RoutingDecision
from schema.settings import Settings

SQL = queries(__file__)

MESSAGES_WINDOW = timedelta(hours=25)
"""How far after its placing a payment's messages are looked for: a day of life and an hour."""

Again = Callable[[RoutingDecision], RoutingDecision]

SEEN = ("cost_fen", "latency_ms", "score", "used")
"""What a candidate's record tells beside its place; each only where the decision asked for it."""

OF_ATTEMPTS = ("rank", "channel_no", "state", "channel_trade_no", "channel_code")
OF_REFUNDS = ("refund_id", "merchant_refund_no", "amount_fen", "state", "channel_code", "age_s")
OF_ENTRIES = ("account", "owner", "account_no", "amount_fen", "balance_after_fen")
OF_NOTIFICATIONS = ("type", "state", "number", "status", "cost_ms", "error", "url")

Step = tuple[datetime, str, str]
"""When, which room, and what it did."""

_event = msgspec.json.Decoder(Event)


class Story(Struct, frozen=True, kw_only=True):
    """All that is known of one payment."""

    payment: dict[str, Any]
    steps: list[dict[str, Any]]
    attempts: list[dict[str, Any]]
    refunds: list[dict[str, Any]]
    entries: list[dict[str, Any]]
    notifications: list[dict[str, Any]]


def payment_cli(again: Again) -> typer.Typer:
    """The commands; `again` makes a recorded routing decision once more."""
    cli = typer.Typer(no_args_is_help=True, help="What happened to a payment.")

    @cli.callback()
    def payments() -> None:
        """What happened to a payment."""

    @cli.command()
    def explain(
        context: typer.Context,
        payment_id: Annotated[str, typer.Argument(help="Our payment id, pay_…")],
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    ) -> None:
        """The story of one payment: steps, decisions, refunds, entries, notifications."""
        read: Callable[[], Settings] = context.obj
        story = asyncio.run(_tell(read(), payment_id))
        if story is None:
            typer.echo(f"no payment {payment_id}", err=True)
            raise typer.Exit(1)
        if as_json:
            typer.echo(msgspec.json.format(msgspec.json.encode(story), indent=2).decode())
        else:
            show(story)
        _make_again(story, again)

    add_unclear(cli)
    return cli


def _make_again(story: Story, again: Again) -> None:
    """Routing's records, executed again, must come out the same; else this ends with 1."""
    records = _routings(story)
    for number, record in enumerate(records, 1):
        routing = msgspec.convert(record, RoutingDecision, strict=False)
        made = again(routing)
        if made != routing:
            typer.echo(f"the record of attempt {number} leads to {made} now", err=True)
            raise typer.Exit(1)
    typer.echo(f"{len(records)} routing decisions made again, all agree", err=True)


def _routings(story: Story) -> list[dict[str, Any]]:
    """The record of each attempt, or of the payment, where no channel could take it."""
    if story.attempts:
        return [attempt["decisions"]["routing"] for attempt in story.attempts]
    record = (story.payment["decisions"] or {}).get("routing")
    return [record] if record else []


async def _tell(settings: Settings, payment_id: str) -> Story | None:
    pool = await connect(settings.postgres_url, size_max=1, name="tomato-terminal")
    try:
        return await tell(pool, payment_id)
    finally:
        await pool.close()


async def tell(pool: Pool, payment_id: str) -> Story | None:
    """The story of a payment, or None if there is no such payment."""
    payment = await pool.fetchrow(SQL.find_payment, payment_id)
    if payment is None:
        return None
    attempts = await pool.fetch(SQL.find_attempts, payment_id)
    entries = await pool.fetch(SQL.find_entries, payment_id)
    notifications = await pool.fetch(SQL.find_notifications, payment_id)
    story = Story(
        payment=_readable(payment, "metadata", "failure", "decisions"),
        steps=[],
        attempts=[_readable(row, "terms", "decisions") for row in attempts],
        refunds=await refunds_of(pool, payment_id, now_utc()),
        entries=[dict(row) for row in entries],
        notifications=[dict(row) for row in notifications],
    )
    said = await _said(pool, payment_id, payment["created_at"])
    return replace(story, steps=_time_line(said, story))


async def _said(pool: Pool, payment_id: str, placed_at: datetime) -> list[Step]:
    """What rooms with an inbox said about the payment."""
    since, until = placed_at - timedelta(minutes=1), placed_at + MESSAGES_WINDOW
    rows = await pool.fetch(SQL.find_messages, since, until, payment_id.encode())
    events = (
        (row["actor"], _event.decode(outgoing.event))
        for row in rows
        for outgoing in decode_outgoing(row["effects"])
    )
    return [
        (event.time, room, f"says {event.type}")
        for room, event in events
        if event.subject == payment_id
    ]


def _time_line(said: list[Step], story: Story) -> list[dict[str, Any]]:
    """Every room's step in the order of time, with milliseconds since the order was placed."""
    placed_at = story.payment["created_at"]
    steps = sorted([*said, *_recorded(story)])
    return [
        {"after_ms": round((at - placed_at).total_seconds() * 1000), "room": room, "step": step}
        for at, room, step in steps
    ]


def _recorded(story: Story) -> Iterator[Step]:
    """The steps that are seen in what was stored: decisions, calls, bookings and tries."""
    decisions = [story.payment["decisions"], *(a["decisions"] for a in story.attempts)][-1] or {}
    for room in ("risk", "routing"):
        record = decisions.get(room) or {}
        if "decided_at" in record:
            outcome = record.get("verdict") or f"ranks {', '.join(record['ranked']) or 'nobody'}"
            yield datetime.fromisoformat(record["decided_at"]), room, outcome
    for attempt in story.attempts:
        yield attempt["opened_at"], "channels.calls", f"asks {attempt['channel_no']}"
    for key, at in {row["booking_key"]: row["booked_at"] for row in story.entries}.items():
        yield at, "accounting", f"books {key}"
    for row in story.notifications:
        if row["started_at"] is not None:
            answer = row["status"] or row["error"]
            yield row["started_at"], "notification", f"posts try {row['number']}: {answer}"


def _readable(row: Any, *nested: str) -> dict[str, Any]:
    columns = {name: value for name, value in row.items() if not isinstance(value, bytes)}
    for name in nested:
        if columns[name] is not None:
            columns[name] = msgspec.json.decode(columns[name])
    return columns


def show(story: Story, console: Console | None = None) -> None:
    """Prints the story for a person."""
    out = console or Console()
    payment = story.payment
    out.print(
        f"\n[bold]{payment['payment_id']}[/bold]  {payment['state']}  "
        f"{payment['amount_fen']} fen  order {payment['merchant_order_no']}  "
        f"of merchant {payment['merchant_no']}"
    )
    if payment["failure"] is not None:
        out.print(f"  failed: {payment['failure']['code']}: {payment['failure']['reason']}")
    out.print(_table("Time line", story.steps, "after_ms", "room", "step"))
    out.print(_table("Attempts", story.attempts, *OF_ATTEMPTS))
    if records := _routings(story):
        show_routing(records[0], out)
    if story.refunds:
        out.print(_table("Refunds", story.refunds, *OF_REFUNDS))
    out.print(_table("Entries (fen)", story.entries, *OF_ENTRIES))
    out.print(_table("Notifications", story.notifications, *OF_NOTIFICATIONS))


def show_routing(record: dict[str, Any], out: Console) -> None:
    """Prints how the channels were ranked: the choice of each tier, and why who is where."""
    for choice in record.get("choices", ()):
        out.print(f"  {', '.join(f'{name} {value}' for name, value in choice.items())}")
    ranks = {number: rank for rank, number in enumerate(record["ranked"], 1)}
    rows = [
        {
            "rank": ranks.get(candidate["channel_no"]),
            "removed": candidate.get("removed_by") or candidate.get("passed_over"),
            "seen": {name: candidate[name] for name in SEEN if name in candidate},
            **candidate,
        }
        for candidate in record["candidates"]
    ]
    columns = ("rank", "channel_no", "tier", "priority", "weight", "removed", "seen")
    out.print(_table("Candidates", rows, *columns))


def _table(title: str, rows: list[dict[str, Any]], *columns: str) -> Table:
    table = Table(*columns, title=title, title_justify="left", title_style="bold")
    for row in rows:
        table.add_row(*("" if row[name] is None else str(row[name]) for name in columns))
    return table
