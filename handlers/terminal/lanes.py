"""`lanes`: who is served how, and the operator's hand on it. What changes begins as a message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Annotated

import msgspec
import typer
from msgspec.structs import replace
from redis.asyncio import Redis
from rich.console import Console
from rich.table import Table

from bus.broker import Broker
from bus.database import Pool, connect, queries
from bus.effects import Outgoing, deliveries
from bus.jobs import now_utc
from bus.lanes import INLETS, LaneLook, LanesSeen
from bus.origin import new_event
from schema.messages.doors import DrainLane, PauseLane, ResumeLane
from schema.settings import Settings
from schema.text import LaneName

SQL = queries(__file__)

DONE_WITHIN_S = 5.0
"""A worker that serves lanes takes milliseconds; after this there is none, or it is in trouble."""

lanes_cli = typer.Typer(no_args_is_help=True, help="The lanes of merchants: look, pause, resume.")


def _lane_name(text: str) -> str:
    try:
        return msgspec.convert(text, LaneName)
    except msgspec.ValidationError:
        raise typer.BadParameter(f"{text!r} can't be a lane") from None


Lane = Annotated[
    str, typer.Argument(help="The lane, such as a merchant's number.", callback=_lane_name)
]
Actor = Annotated[str, typer.Option(help="Whose lanes.")]
Reason = Annotated[str, typer.Option(help="For whoever looks later.")]
Wish = PauseLane | DrainLane | ResumeLane
Changed = Callable[[LaneLook], bool]


@lanes_cli.command(name="list")
def list_lanes(
    context: typer.Context,
    actor: Actor = "notification",
    state: Annotated[str | None, typer.Option(help="Only those in this state.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Every lane: state, depth, age of the oldest message, owner, success rate, concurrency."""
    looks = asyncio.run(_look(_settings(context), actor))
    looks = [look for look in looks if state in (None, look.state)]
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(looks), indent=2).decode())
    else:
        Console().print(table(looks))


@lanes_cli.command()
def pause(
    context: typer.Context,
    lane: Lane,
    reason: Reason,
    minutes: Annotated[
        float | None, typer.Option(min=0.1, max=43_200, help="For so long; else until resumed.")
    ] = None,
    actor: Actor = "notification",
) -> None:
    """Serve a lane no more; its messages stay in it."""
    until = None if minutes is None else now_utc() + timedelta(minutes=minutes)
    wish = PauseLane(actor=actor, lane=lane, reason=reason, until=until)
    _ask(context, actor, wish, lambda look: look.state == "paused" and look.reason == reason)


@lanes_cli.command()
def drain(
    context: typer.Context, lane: Lane, reason: Reason, actor: Actor = "notification"
) -> None:
    """Finish what is in hand of a lane and begin nothing more until it is resumed."""
    wish = DrainLane(actor=actor, lane=lane, reason=reason)
    _ask(context, actor, wish, lambda look: look.state in ("draining", "drained"))


@lanes_cli.command()
def resume(context: typer.Context, lane: Lane, actor: Actor = "notification") -> None:
    """Serve a lane again, whatever holds it."""
    wish = ResumeLane(actor=actor, lane=lane)
    _ask(context, actor, wish, lambda look: look.reason is None)


def table(looks: Sequence[LaneLook]) -> Table:
    """The lanes as people read them."""
    shown = Table(
        "lane", "state", "depth", "in hand", "oldest", "owner", "success", "concurrency", "reason"
    )
    for look in looks:
        success = "-" if look.success_rate is None else f"{look.success_rate:.0%}"
        oldest = "-" if look.oldest_s is None else f"{look.oldest_s:.0f} s"
        shown.add_row(
            look.lane, look.state, _depth(look), str(look.in_hand), oldest,
            look.owner or "-", success, str(look.concurrency), _why(look),
        )  # fmt: skip
    return shown


def _depth(look: LaneLook) -> str:
    return f"{look.depth} ({look.kept_back} kept back)" if look.kept_back else str(look.depth)


def _why(look: LaneLook) -> str:
    until = look.held_until
    reason = look.reason or ""
    return reason if until is None else f"until {until.astimezone():%m-%d %H:%M:%S}: {reason}"


def _settings(context: typer.Context) -> Settings:
    read: Callable[[], Settings] = context.obj
    return read()


def _ask(context: typer.Context, actor: str, wish: Wish, is_done: Changed) -> None:
    look = asyncio.run(_ask_and_see(_settings(context), actor, wish, is_done))
    if look is None:
        typer.echo("asked, but no worker has done it yet: does one run?", err=True)
        raise typer.Exit(1)
    Console().print(table([look]))


async def _ask_and_see(
    settings: Settings, actor: str, wish: Wish, is_done: Changed
) -> LaneLook | None:
    """Says the command and waits until the lane is as was wished."""
    lane = wish.lane
    async with _open(settings, actor) as (broker, seen, pool):
        await broker.declare(INLETS)
        await broker.publish(deliveries([Outgoing.of(wish, new_event(wish, subject=lane))]))
        for _ in range(int(DONE_WITHIN_S / 0.1)):
            await asyncio.sleep(0.1)
            look = await seen.look_at(lane)
            if look is not None and is_done(look):
                (whole,) = await with_kept_back(pool, actor, [look])
                return whole
    return None


async def _look(settings: Settings, actor: str) -> list[LaneLook]:
    async with _open(settings, actor) as (_, seen, pool):
        return await with_kept_back(pool, actor, await seen.look())


async def with_kept_back(pool: Pool, actor: str, looks: Sequence[LaneLook]) -> list[LaneLook]:
    """The lanes with what waits for them in PostgreSQL; only notification keeps anything back."""
    names = [look.lane for look in looks] if actor == "notification" else []
    rows = await pool.fetch(SQL.kept_back, names) if names else []
    kept = {row["lane"]: row["kept_back"] for row in rows}
    return [
        replace(look, depth=look.depth + more, kept_back=more)
        for look in looks
        for more in [kept.get(look.lane, 0)]
    ]


@asynccontextmanager
async def _open(settings: Settings, actor: str) -> AsyncGenerator[tuple[Broker, LanesSeen, Pool]]:
    pool: Pool = await connect(settings.postgres_url, size_max=2, name="tomato-terminal")
    redis = Redis.from_url(settings.redis_url, socket_timeout=1.0, socket_connect_timeout=1.0)
    broker = Broker(settings.rabbitmq_url, name="tomato-terminal")
    await broker.connect()
    seen = LanesSeen(actor, broker=broker, pool=pool, redis=redis, kind=settings.lane_queue_type)
    try:
        yield broker, seen, pool
    finally:
        await seen.close()
        await broker.stop()
        await redis.aclose()
        await pool.close()
