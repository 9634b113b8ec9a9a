"""What every command shares: connections while it runs, times as they are typed, and refusals."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, TypeVar

import typer
from redis.asyncio import Redis

from bus.database import Pool, connect
from bus.terminal import refuse
from schema.days import CHINA
from schema.payments import Refusal
from schema.settings import Settings

T = TypeVar("T")

ChannelNo = Annotated[str, typer.Argument(metavar="CHANNEL_NO", show_default=False)]
PayTypeOption = Annotated[str, typer.Option(help="Only this one; all if left out.")]
Reason = Annotated[str, typer.Option(help="For whoever asks later.")]
Moment = Annotated[datetime | None, typer.Option(help="China's time.", show_default=False)]


def look(context: typer.Context, work: Callable[[Pool, Redis], Awaitable[T | Refusal]]) -> T:
    """What the work gives. A refusal is said on standard error and ends the program with 1."""
    settings: Settings = context.obj()
    result = asyncio.run(_connected(settings, work))
    if isinstance(result, Refusal):
        refuse(result.reason)
    return result


async def _connected(settings: Settings, work: Callable[[Pool, Redis], Awaitable[T]]) -> T:
    pool = await connect(settings.postgres_url, size_max=1, name="tomato-terminal")
    redis = Redis.from_url(settings.redis_url, socket_timeout=5.0, socket_connect_timeout=5.0)
    try:
        return await work(pool, redis)
    finally:
        await redis.aclose()
        await pool.close()


def moment(typed: datetime | None) -> datetime | None:
    """A time as it was typed: China's, unless it names a zone."""
    return typed.replace(tzinfo=CHINA) if typed and typed.tzinfo is None else typed
