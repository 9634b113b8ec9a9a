"""What monitoring keeps in PostgreSQL: rules, alarms, take-downs and the history of all of them.

Every decision about a channel is made in one transaction, one at a time in the whole installation:
who looks whether another channel is left must not be overtaken. What it says is a timer that is
due at once, so that whoever runs the clock says it, even if this process dies after the commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from actors.monitoring.board import Alarm, Board, Change, Standing
from actors.monitoring.measures import Subject
from actors.monitoring.rules import AlarmRule, sound
from actors.monitoring.standing import changed, published
from bus.database import Connection, Pool, queries
from bus.effects import Outgoing, Timer
from bus.inbox import set_timers
from bus.logs import log
from bus.origin import new_event
from bus.rows import from_row, to_rows
from schema.messages.contract import Message
from schema.messages.monitoring import Figures
from schema.payments import Refusal
from schema.profiles import ChannelProfile

SQL = queries(__file__)

ONE_AT_A_TIME = 0x6D6F6E69746F72
"""The key of the advisory lock ("monitor") under which channels are taken down and restored."""

T = TypeVar("T")

_figures = msgspec.json.Decoder(Figures)


async def load_board(connection: Connection | Pool) -> Board:
    """All that decisions rest on, as it is now."""
    channels = await channels_now(connection)
    alarms = [_alarm(row) for row in await connection.fetch(SQL.newest_alarms)]
    standings = [Standing(**dict(row)) for row in await connection.fetch(SQL.all_standings)]
    return Board(
        channels={channel.channel_no: channel for channel in channels},
        alarms={alarm.key: alarm for alarm in alarms},
        standings={standing.subject: standing for standing in standings},
    )


async def decide(pool: Pool, decision: Callable[[Board], T]) -> tuple[T, Board]:
    """Has something decided on what is so now, and stores and says what came of it."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(SQL.one_at_a_time, ONE_AT_A_TIME)
        board = await load_board(connection)
        result = decision(board)
        await _save(connection, board)
    return result, board


async def _save(connection: Connection, board: Board) -> None:
    facts = list(board.facts)
    if board.new_alarms:
        rows = [_with_text(alarm) for alarm in board.new_alarms.values()]
        await connection.execute(SQL.save_alarms, msgspec.json.encode(rows).decode())
    if board.new_standings:
        await connection.execute(SQL.save_standings, to_rows(list(board.new_standings.values())))
        for channel_no in sorted({subject.channel_no for subject in board.new_standings}):
            facts.append(await _publish(connection, board, channel_no))
    await remember(connection, board.changes)
    await set_timers(connection, list(map(_due_now, facts)))


async def _publish(connection: Connection, board: Board, channel_no: str) -> Message:
    version = await connection.fetchval(SQL.standing_version, channel_no)
    standing = published(board, channel_no, version)
    document = msgspec.json.encode(standing).decode()
    await connection.execute(SQL.publish_standing, channel_no, version, document)
    return changed(standing)


def _due_now(message: Message) -> Timer:
    event = new_event(message)
    return Timer(id=UUID(event.id), due_at=event.time, outgoing=Outgoing.of(message, event))


async def remember(connection: Connection, changes: Iterable[Change]) -> None:
    """Adds lines to history."""
    rows = [_with_text(change) for change in changes]
    if rows:
        await connection.execute(SQL.remember, msgspec.json.encode(rows).decode())


def _with_text(thing: Alarm | Change) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(thing)
    if thing.figures is not None:
        document["figures"] = msgspec.json.encode(thing.figures).decode()
    return document


def _alarm(row: Any) -> Alarm:
    return from_row(row, Alarm, {"figures": _figures})


# Rules.


async def rules_now(connection: Connection | Pool) -> list[AlarmRule]:
    """All rules, in order of their numbers; one that a newer version has written is left out."""
    rows = await connection.fetch(SQL.all_rules)
    return [rule for row in rows if (rule := _rule(row["document"])) is not None]


def _rule(document: str) -> AlarmRule | None:
    try:
        return msgspec.json.decode(document, type=AlarmRule)
    except msgspec.ValidationError as error:
        log.error("alarm_rule_unreadable", document=document, error=str(error))
        return None


async def channels_now(connection: Connection | Pool) -> list[ChannelProfile]:
    """All channels of the registry."""
    rows = await connection.fetch(SQL.all_channels)
    return [msgspec.json.decode(row["document"], type=ChannelProfile) for row in rows]


async def save_rule(
    pool: Pool, rule_no: str, fields: Mapping[str, Any], *, operator: str, now: datetime
) -> AlarmRule | Refusal:
    """A new rule of these fields, or the rule of this number with these fields changed."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(SQL.one_at_a_time, ONE_AT_A_TIME)
        stored = await connection.fetchval(SQL.find_rule, rule_no)
        before: dict[str, Any] = {} if stored is None else msgspec.json.decode(stored)
        wanted = {**before, **fields, "rule_no": rule_no}
        rule = sound(wanted, await channels_now(connection))
        if isinstance(rule, Refusal):
            return rule
        document = msgspec.json.encode(rule).decode()
        await connection.execute(SQL.save_rule, rule_no, document, operator, now)
        what = "rule changed" if before else "rule added"
        await remember(connection, [_about_rule(rule_no, what, operator, document, now)])
    return rule


async def drop_rule(pool: Pool, rule_no: str, *, operator: str, now: datetime) -> Refusal | None:
    """Forgets a rule; its open alarms end with the next look."""
    async with pool.acquire() as connection, connection.transaction():
        document = await connection.fetchval(SQL.drop_rule, rule_no)
        if document is None:
            reason = f"rule_no: there is no {rule_no!r}"
            return Refusal(code="not_found", reason=reason, param="rule_no")
        change = _about_rule(rule_no, "rule dropped", operator, document, now)
        await remember(connection, [change])
    return None


def _about_rule(rule_no: str, what: str, by: str, document: str, now: datetime) -> Change:
    return Change(subject=f"rule:{rule_no}", what=what, by=by, reason=document, changed_at=now)


# Reading.


async def alarms(pool: Pool, *, with_recovered: bool, channel_no: str, limit: int) -> list[Alarm]:
    """Alarms, newest first."""
    rows = await pool.fetch(SQL.list_alarms, with_recovered, channel_no, limit)
    return [_alarm(row) for row in rows]


async def changes(pool: Pool, *, subject: str, limit: int) -> list[Change]:
    """History, newest first; of everything where no subject is named."""
    rows = await pool.fetch(SQL.list_changes, subject, limit)
    return [from_row(row, Change, {"figures": _figures}) for row in rows]


def probing(board: Board) -> list[tuple[Subject, datetime]]:
    """What is probed at present, and since when."""
    return [(s.subject, s.since) for s in board.standings.values() if s.state == "probing"]
