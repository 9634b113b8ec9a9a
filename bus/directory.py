"""Profiles of merchants and channels, routing rules, and how channels stand, through a two-level
cache: this process, Redis, PostgreSQL.

A change stores the profile and broadcasts `ProfileChanged`; whoever hears it forgets its copy. So
it is with standings and `StandingChanged`.
Whoever misses it is wrong for `LOCAL_TTL_S` plus `REDIS_TTL_S` at the most. Redis may be flushed or
away at any moment: then PostgreSQL answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Generic, Literal, TypeVar

import msgspec
from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bus.database import Pool, queries
from bus.logs import log
from schema.messages.merchants import ProfileChanged
from schema.messages.monitoring import StandingChanged
from schema.profiles import ChannelProfile, MerchantProfile
from schema.routing import RoutingRule
from schema.standings import ChannelStanding

SQL = queries(__file__)

LOCAL_TTL_S = 30.0
REDIS_TTL_S = 60
ABSENT_TTL_S = 2.0
"""A number that nobody has: asked again soon, since it may be about to be created."""

LOCAL_MAX = 50_000
"""More than one process serves; without a bound, strangers could fill it with invented numbers."""

Kind = Literal["merchant", "channel", "rule", "standing"]
P = TypeVar("P", bound=Struct)


class Shelf(Generic[P]):
    """The profiles of one kind."""

    def __init__(
        self,
        kind: Kind,
        profile: type[P],
        pool: Pool,
        redis: Redis,
        *,
        absent_ttl_s: float = ABSENT_TTL_S,
    ) -> None:
        self.kind = kind
        self._absent_ttl_s = absent_ttl_s
        self._decoder = msgspec.json.Decoder(profile)
        self._pool = pool
        self._redis = redis
        self._local: dict[str, tuple[float, P | None]] = {}
        self._fetching: dict[frozenset[str], asyncio.Task[dict[str, P]]] = {}
        self._clock: Callable[[], float] = asyncio.get_running_loop().time

    async def find(self, numbers: Iterable[str]) -> dict[str, P]:
        """The profiles that exist among these numbers."""
        now = self._clock()
        found: dict[str, P] = {}
        missing: set[str] = set()
        for number in numbers:
            kept_until, profile = self._local.get(number, (0.0, None))
            if kept_until < now:
                missing.add(number)
            elif profile is not None:
                found[number] = profile
        if missing:
            found.update(await self._fetch_together(frozenset(missing)))
        return found

    async def get(self, number: str) -> P | None:
        """One profile, or None."""
        return (await self.find((number,))).get(number)

    async def forget(self, number: str) -> None:
        """Drops the copies of one profile, here and in Redis."""
        self._local.pop(number, None)
        try:
            await self._redis.delete(self._key(number))
        except (RedisError, OSError) as error:
            log.warning("redis_away", error=repr(error))

    def forget_all(self) -> None:
        """Drops every copy in this process: it may have missed changes."""
        self._local.clear()

    async def _fetch_together(self, numbers: frozenset[str]) -> dict[str, P]:
        """Those who miss the same profiles at the same moment share one trip."""
        fetch = self._fetching.get(numbers)
        if fetch is None:
            fetch = asyncio.create_task(self._fetch(sorted(numbers)))
            self._fetching[numbers] = fetch
            fetch.add_done_callback(lambda _: self._fetching.pop(numbers))
        return await asyncio.shield(fetch)

    async def _fetch(self, numbers: list[str]) -> dict[str, P]:
        documents = await self._from_redis(numbers)
        absent = [number for number in numbers if number not in documents]
        if absent:
            stored = await self._from_postgres(absent)
            await self._to_redis(stored)
            documents.update(stored)
        if len(self._local) > LOCAL_MAX:
            self._local.clear()
        now = self._clock()
        profiles = {number: self._decoder.decode(doc) for number, doc in documents.items()}
        for number in numbers:
            ttl_s = LOCAL_TTL_S if number in profiles else self._absent_ttl_s
            self._local[number] = (now + ttl_s, profiles.get(number))
        return profiles

    async def _from_redis(self, numbers: list[str]) -> dict[str, bytes]:
        try:
            documents: list[Any] = await self._redis.mget([self._key(n) for n in numbers])
        except (RedisError, OSError) as error:
            log.warning("redis_away", error=repr(error))
            return {}
        return {n: doc for n, doc in zip(numbers, documents, strict=True) if doc is not None}

    async def _from_postgres(self, numbers: list[str]) -> dict[str, bytes]:
        rows = await self._pool.fetch(SQL.find_profiles, self.kind, numbers)
        return {row["number"]: row["document"].encode() for row in rows}

    async def _to_redis(self, documents: dict[str, bytes]) -> None:
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for number, document in documents.items():
                    pipe.set(self._key(number), document, ex=REDIS_TTL_S, nx=True)
                await pipe.execute()
        except (RedisError, OSError) as error:
            log.warning("redis_away", error=repr(error))

    def _key(self, number: str) -> str:
        return f"tomato:profile:{self.kind}:{number}"


class Directory:
    """The shelves, and the broadcasts that keep them fresh."""

    def __init__(self, pool: Pool, redis: Redis) -> None:
        self.merchants = Shelf("merchant", MerchantProfile, pool, redis)
        self.channels = Shelf("channel", ChannelProfile, pool, redis)
        self.rules = Shelf("rule", RoutingRule, pool, redis)
        # Most channels were never taken down: that there is nothing is remembered like a profile.
        self.standings = Shelf("standing", ChannelStanding, pool, redis, absent_ttl_s=LOCAL_TTL_S)

    async def hear(self, message: ProfileChanged) -> None:
        """Forgets what has changed."""
        for shelf in (self.merchants, self.channels, self.rules):
            if shelf.kind == message.kind:
                await shelf.forget(message.number)

    async def hear_standing(self, message: StandingChanged) -> None:
        """Forgets how this channel stood."""
        await self.standings.forget(message.channel_no)

    def forget_all(self) -> None:
        """After a lost connection: broadcasts may have been missed."""
        self.merchants.forget_all()
        self.channels.forget_all()
        self.rules.forget_all()
        self.standings.forget_all()


async def stored_channel(pool: Pool, channel_no: str) -> ChannelProfile | None:
    """A channel as PostgreSQL has it, for those who ask once and keep nothing."""
    rows = await pool.fetch(SQL.find_profiles, "channel", [channel_no])
    return msgspec.json.decode(rows[0]["document"], type=ChannelProfile) if rows else None
