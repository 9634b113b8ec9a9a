"""What commands that act through the bus share: a desk to read and ask at, and plain endings."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import typer

from bus.broker import Broker
from bus.database import Pool, connect
from bus.jobs import now_utc
from bus.origin import new_message_id
from bus.replies import Replies
from bus.terminal import refuse
from handlers.asking import Asking
from handlers.outlet import Outlet
from schema.messages.contract import Message
from schema.payments import Refusal
from schema.settings import Settings

T = TypeVar("T")

WAIT_MS = 15_000
"""A try to tell a merchant may take ten seconds, and an operator has time to see it."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What a command reads and says with."""

    pool: Pool
    outlet: Outlet
    asking: Asking

    async def ask(self, wish: Message) -> Message:
        """The answer to a wish; ends the program where there is none."""
        answer = await self.asking.ask(wish, new_message_id(now_utc()))
        return answer if answer is not None else refuse("accepted; it takes longer, look again")


def at_desk(context: typer.Context, work: Callable[[Desk], Awaitable[T]]) -> T:
    """Does the work of a command that reads and asks."""
    read: Callable[[], Settings] = context.obj
    return asyncio.run(_run(read(), work))


def reading(context: typer.Context, work: Callable[[Pool], Awaitable[T]]) -> T:
    """Does the work of a command that only reads."""
    read: Callable[[], Settings] = context.obj
    return asyncio.run(_read(read(), work))


def unless_refused(refusal: Refusal | None) -> None:
    """Ends the program with the refusal, where there is one."""
    if refusal is not None:
        refuse(f"{refusal.code}: {refusal.reason}")


async def _read(settings: Settings, work: Callable[[Pool], Awaitable[T]]) -> T:
    pool = await connect(settings.postgres_url, size_max=1, name="tomato-terminal")
    try:
        return await work(pool)
    finally:
        await pool.close()


async def _run(settings: Settings, work: Callable[[Desk], Awaitable[T]]) -> T:
    broker = Broker(settings.rabbitmq_url, name="tomato-terminal")
    outlet = Outlet(broker, linger_ms=0, batch_max=100, name="terminal")
    replies = Replies(broker)
    pool = await connect(settings.postgres_url, size_max=1, name="tomato-terminal")
    await broker.connect()
    for part in (replies, outlet):
        await part.start()
    try:
        return await work(Desk(pool, outlet, Asking(outlet, replies, wait_ms=WAIT_MS)))
    finally:
        for part in (outlet, replies, broker):
            await part.stop()
        await pool.close()
