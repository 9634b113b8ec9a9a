"""Holds: a lane that is paused or draining keeps its messages and is not served.

Rooms hold a lane for a while (a merchant's server is down), operators until they say otherwise.
An operator's word is a command on the queue `lanes`; any process that serves lanes fulfils it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from bus.books import Book
from bus.database import Connection, Pool, queries
from bus.decider import Decider, Decision
from bus.effects import Publish
from bus.rows import from_row, to_rows
from bus.topology import Inlet
from schema.messages.bus import LaneHeld
from schema.messages.contract import Message
from schema.messages.doors import DrainLane, PauseLane, ResumeLane

SQL = queries(__file__)

INLET = Inlet("lanes", hears=(PauseLane, DrainLane, ResumeLane))

HoldKind = Literal["paused", "draining"]
LaneState = Literal["opening", "open", "closing", "closed"]
Key = tuple[str, str]


class Hold(Struct, frozen=True, kw_only=True):
    """Why a lane is not served, and until when; None: until somebody resumes it."""

    kind: HoldKind
    reason: str
    until: datetime | None = None


class LaneRow(Struct, frozen=True, kw_only=True):
    """A lane as all workers see it; field names are the columns of `bus.lane`."""

    actor: str
    lane: str
    state: LaneState = "closed"
    closing_by: str | None = None
    hold: HoldKind | None = None
    held_until: datetime | None = None
    reason: str | None = None

    def is_held(self, now: datetime) -> bool:
        """Whether it is not to be served at this moment."""
        return self.hold is not None and (self.held_until is None or self.held_until > now)


def with_hold(row: LaneRow, hold: Hold | None) -> LaneRow:
    """The lane with a hold, or without any.

    What somebody has held until he says otherwise is not released by a pause that ends by itself.
    """
    if hold is None:
        return replace(row, hold=None, held_until=None, reason=None)
    if row.hold is not None and row.held_until is None and hold.until is not None:
        return row
    return replace(row, hold=hold.kind, held_until=hold.until, reason=hold.reason)


class LaneRows(Book[Key, LaneRow]):
    """The lanes that a batch speaks of."""

    def __init__(self, rows: Iterable[LaneRow] = ()) -> None:
        super().__init__(rows, key=lambda row: (row.actor, row.lane))


def decide(rows: LaneRows, message: Message, now: datetime) -> Decision:
    """Does what the operator wants, and has all workers look."""
    key = _key(message)
    row = with_hold(rows.get(key) or LaneRow(actor=key[0], lane=key[1]), _hold(message))
    return Decision((row,), (Publish(LaneHeld(actor=row.actor, lane=row.lane), subject=row.lane),))


def _hold(message: Message) -> Hold | None:
    match message:
        case PauseLane(reason=reason, until=until):
            return Hold(kind="paused", reason=reason, until=until)
        case DrainLane(reason=reason):
            return Hold(kind="draining", reason=reason)
        case _:
            return None


def _key(message: Message) -> Key:
    assert isinstance(message, PauseLane | DrainLane | ResumeLane)
    return message.actor, message.lane


async def load(connection: Connection, messages: Sequence[Message]) -> LaneRows:
    """The rows of these lanes, locked; a lane may have none."""
    return await _lock(connection, {_key(message) for message in messages})


async def save(connection: Connection, rows: LaneRows) -> None:
    """Writes what holds the lanes."""
    if changed := [*rows.added, *rows.changed]:
        changed.sort(key=lambda row: (row.actor, row.lane))
        await connection.execute(SQL.save_holds, to_rows(changed))


def desk() -> Decider[LaneRows]:
    """Fulfils operators' commands about the lanes of any actor."""
    return Decider(inlet=INLET, load=load, decide=decide, save=save)


async def hold_lane(pool: Pool, actor: str, lane: str, hold: Hold | None) -> None:
    """Holds a lane, or lets go of it, at a room's own wish."""
    async with pool.acquire() as connection, connection.transaction():
        rows = await _lock(connection, {(actor, lane)})
        rows.put(with_hold(rows.get((actor, lane)) or LaneRow(actor=actor, lane=lane), hold))
        await save(connection, rows)


async def lanes_of(
    pool: Pool, actor: str, names: Collection[str] | None = None
) -> dict[str, LaneRow]:
    """An actor's lanes by name: all, or some."""
    if names is None:
        rows = await pool.fetch(SQL.all_lanes, actor)
    else:
        rows = await pool.fetch(SQL.some_lanes, actor, sorted(names))
    return {row["lane"]: LaneRow(actor=actor, **row) for row in rows}


async def _lock(connection: Connection, keys: Iterable[Key]) -> LaneRows:
    actors, lanes = zip(*sorted(keys), strict=True)
    rows = await connection.fetch(SQL.lock_lanes, actors, lanes)
    return LaneRows(from_row(row, LaneRow, {}) for row in rows)
