"""What can be seen of lanes from anywhere: rows, queues, and what each worker says of its share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bus.broker import Broker
from bus.database import Pool
from bus.jobs import now_utc
from bus.lanes.consumers import Consumers, Lane
from bus.lanes.holds import LaneRow, lanes_of
from bus.lanes.line import Line
from bus.lanes.pace import CONCURRENCY_DEFAULT
from bus.lanes.queues import Depth, Queues
from bus.lanes.shares import Shares, members_key
from schema.events import SINGLE, Moment, UndecodableDelivery, decode_events

SuccessRate = Callable[[str], float | None]
"""How well a lane goes, 0 to 1, as its actor sees it; None where nothing is known."""

KEPT_S = 6
AWAY = (RedisError, OSError, TimeoutError)


class LaneLook(Struct, frozen=True, kw_only=True):
    """One lane at this moment."""

    lane: str
    state: str
    """opening, open, closing, closed; paused; draining until nothing is in hand, then drained."""
    depth: int
    """Of its queue, with what is kept back."""
    in_hand: int
    oldest_s: float | None
    owner: str | None
    concurrency: int
    success_rate: float | None
    held_until: datetime | None
    reason: str | None
    kept_back: int = 0
    """What waits in its actor's rows, because its queue has enough of it."""


class Figure(Struct, frozen=True, kw_only=True):
    """What one worker knows of one lane."""

    lane: str
    worker: str
    is_served: bool
    in_hand: int
    concurrency: int
    oldest_at: Moment | None
    success_rate: float | None


class Figures:
    """Tells Redis how this worker's share goes. For the eye only: nothing is decided by it."""

    def __init__(
        self, actor: str, redis: Redis, shares: Shares, consumers: Consumers,
        success_rate: SuccessRate | None,
    ) -> None:  # fmt: skip
        self._redis = redis
        self._worker = shares.worker
        self._key = f"{members_key(actor)}:{self._worker}"
        self._consumers = consumers
        self._success_rate = success_rate or _unknown

    async def tell_once(self) -> int:
        """Tells of every lane that is served or still in hand."""
        figures = [
            self._figure(lane)
            for lane in self._consumers.lanes.values()
            if lane.is_attached or lane.in_hand
        ]
        with suppress(*AWAY):  # the shares have said so already
            await self._redis.set(self._key, msgspec.json.encode(figures), ex=KEPT_S)
        return len(figures)

    def _figure(self, lane: Lane) -> Figure:
        oldest = next(iter(lane.in_hand.values()), None)
        return Figure(
            lane=lane.name,
            worker=self._worker,
            is_served=lane.is_attached,
            in_hand=len(lane.in_hand),
            concurrency=lane.concurrency,
            oldest_at=oldest and said_at(oldest.body, oldest.content_type),
            success_rate=self._success_rate(lane.name),
        )


class LanesSeen:
    """An actor's lanes as they can be seen from any process, also from one that serves none."""

    def __init__(self, actor: str, *, broker: Broker, pool: Pool, redis: Redis, kind: str) -> None:
        self._actor = actor
        self._pool = pool
        self._redis = redis
        self._line = Line(broker, f"{actor}.look")
        self._queues = Queues(self._line, actor, kind)

    async def look(self) -> list[LaneLook]:
        """Every lane, by name."""
        return await look(self._actor, pool=self._pool, redis=self._redis, queues=self._queues)

    async def look_at(self, lane: str) -> LaneLook | None:
        """One lane."""
        row = (await lanes_of(self._pool, self._actor, [lane])).get(lane)
        figures = await _told(self._actor, self._redis)
        return row and await _look(row, figures.get(lane, []), self._queues)

    async def close(self) -> None:
        await self._line.close()


async def look(actor: str, *, pool: Pool, redis: Redis, queues: Queues) -> list[LaneLook]:
    """Every lane of an actor; without Redis, who serves it and how it goes is not known."""
    rows, figures = await lanes_of(pool, actor), await _told(actor, redis)
    looks = (_look(row, figures.get(row.lane, []), queues) for row in rows.values())
    return list(await asyncio.gather(*looks))


async def _look(row: LaneRow, figures: Sequence[Figure], queues: Queues) -> LaneLook:
    now = now_utc()
    depth = await queues.look(row.lane) or Depth(0, 0)
    served = next((figure for figure in figures if figure.is_served), None)
    in_hand = sum(figure.in_hand for figure in figures)
    is_held = row.is_held(now)
    return LaneLook(
        lane=row.lane,
        state=state_of(row, in_hand, now),
        depth=depth.messages,
        in_hand=in_hand,
        oldest_s=await _oldest_s(row.lane, figures, depth, queues, now),
        owner=served and served.worker,
        concurrency=max((f.concurrency for f in figures), default=CONCURRENCY_DEFAULT),
        success_rate=served and served.success_rate,
        held_until=row.held_until if is_held else None,
        reason=row.reason if is_held else None,
    )


def state_of(row: LaneRow, in_hand: int, now: datetime) -> str:
    """How a lane stands, in a word."""
    if not row.is_held(now):
        return row.state
    if row.hold == "draining":
        return "draining" if in_hand else "drained"
    return "paused"


async def _oldest_s(
    lane: str, figures: Iterable[Figure], depth: Depth, queues: Queues, now: datetime
) -> float | None:
    """Messages are taken in their order, so the oldest is in hand, if any is."""
    moments = [figure.oldest_at for figure in figures if figure.oldest_at is not None]
    if not moments and depth.messages and (body := await queues.peek(lane)) is not None:
        moments = [moment for moment in [said_at(body, SINGLE)] if moment is not None]
    return max((now - min(moments)).total_seconds(), 0.0) if moments else None


def said_at(body: bytes, content_type: str | None) -> datetime | None:
    """When a message was said; None where it can't be read."""
    try:
        return decode_events(body, content_type)[0].time
    except (UndecodableDelivery, IndexError):
        return None


async def _told(actor: str, redis: Redis) -> dict[str, list[Figure]]:
    try:
        names: Any = await redis.zrange(members_key(actor), 0, -1)
        keys = [f"{members_key(actor)}:{name.decode()}" for name in names]
        parts = await redis.mget(keys) if keys else []
    except AWAY:
        return {}
    told: dict[str, list[Figure]] = {}
    for part in parts:
        for figure in msgspec.json.decode(part, type=list[Figure]) if part else ():
            told.setdefault(figure.lane, []).append(figure)
    return told


def _unknown(_: str) -> float | None:
    return None
