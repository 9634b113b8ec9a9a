"""`top`: a live table of actors, their workers and their queues."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import typer
from aio_pika.exceptions import ChannelNotFoundEntity
from redis.asyncio import Redis
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bus.broker import Broker
from bus.heartbeat import Beat, beats
from bus.jobs import now_utc
from schema.settings import Settings


@dataclass(frozen=True, slots=True)
class Row:
    """One queue over all workers."""

    queue: str
    workers: int
    waiting: int | None
    in_hand: int
    events_in: int
    oldest_s: float


def top(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Print one table and end.")] = False,
) -> None:
    """Show actors, workers, queue depths, rates and the oldest message in hand, live."""
    read: Callable[[], Settings] = context.obj
    asyncio.run(_show(read(), once))


async def _show(settings: Settings, once: bool) -> None:
    redis = Redis.from_url(settings.redis_url)
    broker = Broker(settings.rabbitmq_url, name="tomato-top")
    await broker.connect()
    try:
        before, at = await look(redis, broker), now_utc()
        with Live(auto_refresh=False) as live:
            while True:
                await asyncio.sleep(1.0)
                rows, now = await look(redis, broker), now_utc()
                live.update(await _picture(redis, rows, before, now - at, now), refresh=True)
                before, at = rows, now
                if once:
                    return
    finally:
        await broker.stop()
        await redis.aclose()


async def look(redis: Redis, broker: Broker) -> list[Row]:
    """The queues of all living workers."""
    alive = await beats(redis)
    names = sorted({queue.name for beat in alive for queue in beat.queues})
    return [_row(name, alive, await _depth(broker, name)) for name in names]


def _row(name: str, alive: Iterable[Beat], waiting: int | None) -> Row:
    parts = [queue for beat in alive for queue in beat.queues if queue.name == name]
    return Row(
        queue=name,
        workers=len(parts),
        waiting=waiting,
        in_hand=sum(part.in_hand for part in parts),
        events_in=sum(part.events_in for part in parts),
        oldest_s=max((part.oldest_s for part in parts), default=0.0),
    )


async def _depth(broker: Broker, queue: str) -> int | None:
    channel = await broker.channel()
    try:
        declared = await channel.declare_queue(queue, passive=True, robust=False)
        return declared.declaration_result.message_count
    except ChannelNotFoundEntity:
        return None  # lanes have many queues and no queue of this name
    finally:
        await channel.close()


async def _picture(
    redis: Redis, rows: list[Row], before: list[Row], elapsed: object, now: datetime
) -> Group:
    seconds = max(elapsed.total_seconds(), 0.1)  # type: ignore[attr-defined]
    old = {row.queue: row.events_in for row in before}
    table = Table("queue", "workers", "waiting", "in hand", "events/s", "oldest in hand")
    for row in rows:
        rate = max(row.events_in - old.get(row.queue, row.events_in), 0) / seconds
        waiting = "-" if row.waiting is None else str(row.waiting)
        table.add_row(
            row.queue, str(row.workers), waiting, str(row.in_hand), f"{rate:.0f}",
            f"{row.oldest_s:.1f} s",
        )  # fmt: skip
    alive = await beats(redis)
    people = Table("worker", "up", "CPU s", "operations")
    for beat in alive:
        up = str(now - beat.started_at).split(".")[0]
        people.add_row(beat.worker, up, f"{beat.cpu_s:.1f}", beat.operations_url)
    return Group(Text(f"Tomato  {now:%H:%M:%S} UTC", style="bold"), table, people)
