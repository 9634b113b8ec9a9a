"""Which payment counts against which channel's limits: sums in Redis, rows in PostgreSQL.

One Lua call per batch reserves room for all its payments; the rows are written right after it.
Redis decides, since it is quick and does one thing after the other. The rows are the truth: when
Redis has lost its sums, they are made from the rows again. What may differ for a moment:

- A flush between a reservation and its row (milliseconds) forgets that reservation: looser.
- While Redis is away, the rows are asked without reserving: looser by what is being decided then.
- Given back after midnight, a payment stays in the day's cumulative sum until the next: tighter.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from actors.routing.limits import Ask, Room, Taken, full
from bus.database import Connection, queries
from bus.logs import log
from bus.rows import to_rows
from schema.payments import Used

SQL = queries(__file__)
SCRIPT = Path(__file__).with_name("holds.lua").read_text()

KEPT_S = 3 * 86_400
"""A payment lives a day at most; later facts find it in the rows."""

AWAY_S = 1.0
"""How long Redis is left alone once it did not answer."""

SEEDINGS_MAX = 3

Answers = dict[str, dict[str, Used]]
"""By payment and channel: what was taken when it was asked."""


class Holds:
    """Reserves, moves and gives back."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._script = redis.register_script(SCRIPT)
        self._away_until = 0.0

    async def reserve(self, connection: Connection, asks: Sequence[Ask], day: date) -> Answers:
        """Has each payment counted against the first channel of its list that has room.

        Answers what each counted channel had taken before; who has room follows from that alone.
        """
        try:
            operations = [["reserve", str(day), *msgspec.structs.astuple(ask)] for ask in asks]
            answers = await self._run(connection, operations)
        except (RedisError, OSError) as error:
            self._is_away(error)
            return await _without_redis(connection, asks, day)
        return {a.payment_id: _used(a, u) for a, u in zip(asks, answers, strict=True)}

    async def keep(self, connection: Connection, taken: Sequence[Taken]) -> None:
        """Writes reservations into the rows."""
        await connection.execute(SQL.take, to_rows(taken))

    async def follow(self, connection: Connection, asked: Mapping[str, str]) -> set[str]:
        """Has payments count against the channels that were asked for them; says which did."""
        rows = await connection.fetch(SQL.move_taken, list(asked), list(asked.values()))
        await self._tell(connection, [_operation("hold", row, row["before"]) for row in rows])
        return {row["payment_id"] for row in rows}

    async def add(self, connection: Connection, taken: Sequence[Taken]) -> None:
        """Has payments count that did not, whether or not there is room: they were paid. Redis is
        told first: a row that stood alone would tell whoever repeats this that it was told."""
        rows = [msgspec.structs.asdict(each) for each in taken]
        await self._tell(connection, [_operation("hold", row, "") for row in rows])
        await self.keep(connection, taken)

    async def give_back(self, connection: Connection, failed: Mapping[str, str], day: date) -> None:
        """Has payments count no more against the channels where they ended unpaid, or against
        whichever it is where none was asked."""
        rows = await connection.fetch(SQL.give_back, list(failed), list(failed.values()))
        known = {row["payment_id"] for row in rows}
        # A repeat finds no row, and Redis may have missed the first time.
        unknown = [["drop", str(day), p, 0, c] for p, c in failed.items() if p not in known]
        await self._tell(connection, [*(_operation("drop", row) for row in rows), *unknown])

    async def _tell(self, connection: Connection, operations: Sequence[list[Any]]) -> None:
        if operations:
            try:
                await self._run(connection, operations)
            except (RedisError, OSError) as error:
                self._is_away(error)

    async def _run(self, connection: Connection, operations: Sequence[list[Any]]) -> list[Any]:
        if time.monotonic() < self._away_until:
            raise RedisError("away a moment ago")
        arguments = [msgspec.json.encode(operations), KEPT_S]
        for _ in range(SEEDINGS_MAX):
            is_done, answers = await self._script((), arguments)
            if is_done:
                return answers
            await self._seed(connection, [name.decode() for name in answers])
        raise RedisError("the sums are lost as soon as they are made")

    async def _seed(self, connection: Connection, missing: Iterable[str]) -> None:
        """Makes sums from the rows. Whoever comes second changes nothing."""
        pairs = sorted({tuple(name.split()) for name in missing})
        days = [date.fromisoformat(day) for _, day in pairs]
        rows = await connection.fetch(SQL.sum_taken, [channel for channel, _ in pairs], days)
        async with self._redis.pipeline(transaction=True) as pipe:
            for row in rows:
                key = f"tomato:routing:used:{row['day']}:{row['channel_no']}"
                pipe.hsetnx(key, "fen", str(row["day_fen"]))
                pipe.hsetnx(key, "count", str(row["day_count"]))
                pipe.hsetnx(key, "total", str(row["total_fen"]))
                pipe.expire(key, KEPT_S)
            await pipe.execute()

    def _is_away(self, error: Exception) -> None:
        if time.monotonic() >= self._away_until:  # it was really asked
            log.warning("redis_away", asker="routing", error=repr(error))
            self._away_until = time.monotonic() + AWAY_S


async def _without_redis(connection: Connection, asks: Sequence[Ask], day: date) -> Answers:
    """The same answers from the rows, with the batch's own payments added one after the other."""
    channels = sorted({room.channel_no for ask in asks for room in ask.rooms if room.is_counted})
    rows = await connection.fetch(SQL.sum_taken, channels, [day] * len(channels))
    used = {
        row["channel_no"]: Used(
            day_fen=row["day_fen"], day_count=row["day_count"], total_fen=row["total_fen"]
        )
        for row in rows
    }
    answers: Answers = {}
    for ask in asks:
        answers[ask.payment_id] = {r.channel_no: used[r.channel_no] for r in _counted(ask)}
        first = next((r for r in ask.rooms if _has_room(r, used, ask.amount_fen)), None)
        if first is not None and first.is_counted:
            used[first.channel_no] = _plus(used[first.channel_no], ask.amount_fen)
    return answers


def _has_room(room: Room, used: Mapping[str, Used], amount_fen: int) -> bool:
    return not room.is_counted or full(room, used[room.channel_no], amount_fen) is None


def _plus(used: Used, amount_fen: int) -> Used:
    return Used(
        day_fen=used.day_fen + amount_fen,
        day_count=used.day_count + 1,
        total_fen=used.total_fen + amount_fen,
    )


def _counted(ask: Ask) -> Iterable[Room]:
    return (room for room in ask.rooms if room.is_counted)


def _used(ask: Ask, answers: Sequence[Sequence[int]]) -> dict[str, Used]:
    return {
        room.channel_no: Used(day_fen=found[0], day_count=found[1], total_fen=found[2])
        for room, found in zip(ask.rooms, answers, strict=True)
        if room.is_counted
    }


def _operation(name: str, row: Any, *more: str) -> list[Any]:
    return [name, str(row["day"]), row["payment_id"], row["amount_fen"], row["channel_no"], *more]
