"""What all routing processes know of how channels do, shared through Redis.

Whoever hears outcomes folds them into the pulses with the pure rules of `health.py` and stores each
only if nobody was quicker; then it reads again. Whoever routes looks at most each `VIEW_S`. A flush
loses no cent: all channels then look like newcomers, and what is under way counts as answered.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError

from actors.routing.health import PROBE_EVERY_MS, Call, Pulse, faded, fold, overdue_after_ms
from actors.routing.rules import Segment
from bus.logs import log

T = TypeVar("T")

SCRIPT = Path(__file__).with_name("pulses.lua").read_text()

KEPT_S = 7 * 86_400
UNDER_WAY_KEPT_S = 600
"""A call that is not answered by then never will be: whoever made it died."""

VIEW_S = 0.25
"""Between two looks: what is seen is at most that old, and looking costs four trips a second."""

TRIP_S_MAX = 0.25
AWAY_S = 1.0
TRIES_MAX = 4

NOTHING = b""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Pulse)


class Seen(Struct, frozen=True):
    """What was seen of one channel and pay type, and when."""

    at: float
    pulse: Pulse
    overdue: int


class Pulses:
    """Learns, looks, and notes what goes on its way."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._script = redis.register_script(SCRIPT)
        self._seen: dict[Segment, Seen] = {}
        self._away_until = 0.0

    async def learn(
        self, calls: Mapping[Segment, Sequence[Call]], answered: Mapping[Segment, Sequence[str]]
    ) -> None:
        """Adds outcomes to what is known. If Redis is away, they are lost: it is statistics."""
        left = dict(calls)
        for _ in range(TRIES_MAX):
            left = await self._safely(self._learn(left, answered), {})
            if not left:
                return
        log.info("pulses_contended", segments=len(left))

    async def look(self, segments: Iterable[Segment]) -> dict[Segment, Seen]:
        """How these channels do, a moment ago; what is not known is not in it."""
        wanted, now = set(segments), time.monotonic()
        stale = [s for s in wanted if s not in self._seen or now >= self._seen[s].at + VIEW_S]
        if stale:
            for segment in stale:
                self._seen.pop(segment, None)
            self._seen |= await self._safely(self._look(sorted(stale)), {})
        return {segment: self._seen[segment] for segment in wanted if segment in self._seen}

    async def claim_probe(self, segment: Segment) -> bool:
        """Whether a probe of this channel is due: true once each ten seconds, for one process."""
        return await self._safely(self._claim(segment), False)

    async def depart(self, payments: Mapping[Segment, Sequence[str]], now_ms: int) -> None:
        """Notes payments that are about to be asked for at a channel."""
        await self._safely(self._depart(payments, now_ms), None)

    async def _learn(
        self, calls: Mapping[Segment, Sequence[Call]], answered: Mapping[Segment, Sequence[str]]
    ) -> dict[Segment, Sequence[Call]]:
        """Those segments that somebody else changed meanwhile."""
        segments = sorted(calls)
        keys = [_pulse_key(segment) for segment in segments]
        before = await self._redis.mget(keys) if keys else []
        now_ms = int(time.time() * 1000)
        arguments: list[bytes | int | str] = [len(segments), KEPT_S]
        for segment, stored in zip(segments, before, strict=True):
            pulse = _read(stored)
            arguments += [stored or NOTHING, _encoder.encode(fold(pulse, calls[segment], now_ms))]
        for payments in answered.values():
            arguments += [len(payments), *payments]
        keys += map(_under_way_key, answered)
        done = await self._script(keys, arguments)
        return {s: calls[s] for s, is_done in zip(segments, done, strict=True) if not is_done}

    async def _look(self, segments: Sequence[Segment]) -> dict[Segment, Seen]:
        stored = await self._redis.mget([_pulse_key(segment) for segment in segments])
        now_ms = int(time.time() * 1000)
        pulses = [faded(_read(each), now_ms) for each in stored]
        async with self._redis.pipeline(transaction=False) as pipe:
            for segment, pulse in zip(segments, pulses, strict=True):
                since = max(pulse.last_good_ms, now_ms - UNDER_WAY_KEPT_S * 1000)
                until = now_ms - overdue_after_ms(pulse)
                pipe.zcount(_under_way_key(segment), f"({since}", until)
            overdue: list[int] = await pipe.execute()
        now = time.monotonic()
        found = zip(segments, pulses, overdue, strict=True)
        return {segment: Seen(now, pulse, count) for segment, pulse, count in found}

    async def _claim(self, segment: Segment) -> bool:
        key = f"tomato:routing:probe:{segment[0]}:{segment[1]}"
        return bool(await self._redis.set(key, 1, nx=True, px=PROBE_EVERY_MS))

    async def _depart(self, payments: Mapping[Segment, Sequence[str]], now_ms: int) -> None:
        async with self._redis.pipeline(transaction=False) as pipe:
            for segment, ids in payments.items():
                key = _under_way_key(segment)
                pipe.zadd(key, dict.fromkeys(ids, now_ms))
                pipe.zremrangebyscore(key, 0, now_ms - UNDER_WAY_KEPT_S * 1000)
                pipe.expire(key, UNDER_WAY_KEPT_S)
            await pipe.execute()

    async def _safely(self, trip: Coroutine[None, None, T], instead: T) -> T:
        """What a trip gives, or the other if Redis does not answer: routing goes on without it."""
        if time.monotonic() < self._away_until:
            trip.close()
            return instead
        try:
            async with asyncio.timeout(TRIP_S_MAX):
                return await trip
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("redis_away", asker="routing.pulses", error=repr(error))
            self._away_until = time.monotonic() + AWAY_S
            return instead


async def all_pulses(redis: Redis) -> dict[Segment, Pulse]:
    """What is known of every channel and pay type, for people who look."""
    keys = sorted([key async for key in redis.scan_iter("tomato:routing:pulse:*")])
    stored = await redis.mget(keys) if keys else []
    segments = [tuple(key.decode().split(":")[3:5]) for key in keys]
    return {(s[0], s[1]): _read(each) for s, each in zip(segments, stored, strict=True)}


def _read(stored: bytes | str | None) -> Pulse:
    return _decoder.decode(stored) if stored else Pulse()


def _pulse_key(segment: Segment) -> str:
    return f"tomato:routing:pulse:{segment[0]}:{segment[1]}"


def _under_way_key(segment: Segment) -> str:
    return f"tomato:routing:under_way:{segment[0]}:{segment[1]}"
