"""Rounds: which duty's turn has come, and that one worker among all takes it.

A round is named by its time, such as a day, and is begun once. Where it was begun and did not come
to its end, because its worker died, it begins again after a while: what it does can be repeated.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from bus.broker import Broker
from bus.database import Pool, queries
from bus.effects import Outgoing, deliveries
from bus.origin import new_event
from schema.messages.contract import Message

SQL = queries(__file__)


async def claim(pool: Pool, name: str, turn: str, now: datetime, again_after: timedelta) -> bool:
    """Whether this worker is to run this round now."""
    row = await pool.fetchval(SQL.claim_round, name, turn, now, now - again_after)
    return row is not None


async def end(pool: Pool, name: str, turn: str, now: datetime, *, is_good: bool = True) -> None:
    """The round is done, and every one before it; whether nothing was found wrong."""
    await pool.execute(SQL.end_round, name, turn, now, is_good)


async def say(broker: Broker, *messages: Message) -> None:
    """Publishes what no other message has caused."""
    await broker.publish(deliveries(Outgoing.of(each, new_event(each)) for each in messages))
