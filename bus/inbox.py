"""The inbox that is also the outbox: a settled message's row holds the effects drawn from it.

The row is written in the transaction of the change itself. A crash after the commit leaves the
message unacknowledged; its redelivery finds the row and says the same effects again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from bus.database import Connection, queries
from bus.effects import Outgoing, Timer, decode_outgoing, encode_outgoing
from bus.errors import Clash

SQL = queries(__file__)


async def find_settled(
    connection: Connection, actor: str, message_ids: Sequence[str]
) -> dict[str, list[Outgoing]]:
    """The effects of those messages that `actor` has settled before."""
    rows = await connection.fetch(SQL.find_settled, actor, [UUID(id) for id in message_ids])
    return {str(row["message_id"]): decode_outgoing(row["effects"]) for row in rows}


async def settle(
    connection: Connection, actor: str, effects: Mapping[str, Sequence[Outgoing]]
) -> None:
    """Remembers these messages as settled. Raises Clash if one of them already was."""
    ids = [UUID(id) for id in effects]
    stored = [encode_outgoing(outgoing) for outgoing in effects.values()]
    rows = await connection.fetch(SQL.settle, actor, ids, stored)
    if len(rows) != len(ids):
        raise Clash(f"{actor}: {len(ids) - len(rows)} messages were settled before")


async def set_timers(connection: Connection, timers: Sequence[Timer]) -> None:
    """Stores timers; the clock publishes their events when they are due."""
    if timers:
        await connection.execute(
            SQL.set_timers,
            [timer.id for timer in timers],
            [timer.due_at for timer in timers],
            [timer.outgoing.exchange for timer in timers],
            [timer.outgoing.key for timer in timers],
            [timer.outgoing.mandatory for timer in timers],
            [bytes(timer.outgoing.event) for timer in timers],
        )


async def trim(connection: Connection, before: datetime, rows_max: int = 10_000) -> int:
    """Forgets messages settled before a moment; returns how many."""
    status = await connection.execute(SQL.trim_inbox, before, rows_max)
    return int(status.split()[-1])
