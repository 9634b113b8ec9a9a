"""Who serves which lane: every living worker works it out for itself, and all come to the same.

A worker that appears or dies moves only its own share of the lanes, because every lane belongs to
the worker with the highest hash of (worker, lane): for all others nothing changes.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from hashlib import blake2b

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bus.lanes.pace import Pace
from bus.logs import log

# Redis's own clock decides who is alive, so that no two machines need the same time.
BEAT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local is_new = redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {is_new, redis.call('ZRANGE', KEYS[1], 0, -1)}
"""


def new_worker() -> str:
    """A name that no other process has or will have."""
    return f"{socket.gethostname()}:{os.getpid()}:{os.urandom(4).hex()}"


def owner_of(lane: str, workers: Sequence[str]) -> str:
    """The worker that serves a lane (rendezvous hashing)."""
    return max(workers, key=lambda worker: blake2b(f"{worker}/{lane}".encode()).digest())


def members_key(actor: str) -> str:
    """Where the workers that serve an actor's lanes beat."""
    return f"tomato:lanes:{actor}"


class Shares:
    """Beats in Redis and knows which lanes are ours.

    Without Redis everybody keeps what he has. A Redis that has forgotten all is no sign that the
    others are dead: for the length of a lease they are believed to live.
    """

    def __init__(self, actor: str, redis: Redis, pace: Pace) -> None:
        self.worker = new_worker()
        self.has_redis = False
        self._redis = redis
        self._key = members_key(actor)
        self._lease_ms = int(pace.lease_s * 1000)
        self._patience_beats = round(pace.lease_s / pace.beat_s)
        self._script = redis.register_script(BEAT)
        self._alive: frozenset[str] = frozenset({self.worker})
        self._owners: dict[str, str] = {}
        self._beats = 0
        self._trust_beats = 0

    async def beat_once(self) -> bool:
        """Says that we are alive, and learns who else is; whether that has changed."""
        try:
            is_new, names = await self._script([self._key], [self.worker, self._lease_ms])
        except (RedisError, OSError, TimeoutError) as error:
            if self.has_redis:
                log.warning("lanes_without_redis", error=repr(error))
            self.has_redis = False
            return False
        is_back, self.has_redis = not self.has_redis, True
        if is_back:
            self._owners.clear()  # what was adopted meanwhile goes back
        return self._learn(frozenset(name.decode() for name in names), bool(is_new)) or is_back

    async def leave(self) -> None:
        """Says that we serve nothing any more; without Redis the lease says it."""
        try:
            await self._redis.zrem(self._key, self.worker)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("lanes_without_redis", error=repr(error))

    def owner(self, lane: str) -> str:
        """The worker that a lane belongs to, as far as we know."""
        owner = self._owners.get(lane)
        if owner is None:
            owner = self._owners[lane] = owner_of(lane, sorted(self._alive))
        return owner

    def is_mine(self, lane: str) -> bool:
        """Whether we are to serve a lane."""
        return self.owner(lane) == self.worker

    def adopt(self, lane: str) -> None:
        """Makes a lane ours although it is another one's, who can't be asked whether he lives."""
        self._owners[lane] = self.worker

    def _learn(self, names: frozenset[str], is_new: bool) -> bool:
        self._beats += 1
        if is_new and self._beats > 1:  # we were there already: Redis has forgotten us, and others
            self._trust_beats = self._patience_beats
        alive = names | self._alive if self._trust_beats else names
        self._trust_beats = max(self._trust_beats - 1, 0)
        if alive == self._alive:
            return False
        self._alive = alive
        self._owners.clear()
        log.info("lanes_shared_anew", workers=len(alive))
        return True
