"""The counters in Redis: one hash per second, and the streaks of failures.

They may be lost at any moment: then monitoring knows less for a quarter of an hour, and nothing
else happens. A batch is one script. What is delivered again after a crash counts twice; a share is
hardly moved by that, and remembering every message would cost more than all of the counting.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from redis.asyncio import Redis

from actors.monitoring.measures import KEPT_S, Counted, Slice, Subject, read_slice

SECOND = "tomato:monitoring:second:"
STREAKS = "tomato:monitoring:streaks"
TURN = "tomato:monitoring:turn"

TTL_S = KEPT_S + 120
STREAKS_TTL_S = 3_600

TURN_MS = 6_000
"""Who watches dies: another one watches after three rounds."""

ADD = """
local at = 2
local function take() at = at + 1; return ARGV[at] end
for i = 2, #KEYS do
  for _ = 1, tonumber(take()) do redis.call('HINCRBY', KEYS[i], take(), take()) end
  redis.call('EXPIRE', KEYS[i], ARGV[1])
end
for _ = 1, tonumber(take()) do
  local field, was_broken, failures = take(), take(), take()
  if was_broken == '1' then redis.call('HSET', KEYS[1], field, failures)
  else redis.call('HINCRBY', KEYS[1], field, failures) end
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
"""
"""Adds a batch to the seconds and to the streaks; those begin anew where one was broken."""


class Counters:
    """Reads and writes them."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._add = redis.register_script(ADD)

    async def add(self, counted: Counted) -> None:
        """Adds a batch, all of it or nothing."""
        keys, words = [STREAKS], [str(TTL_S), str(STREAKS_TTL_S)]
        for second, fields in counted.seconds.items():
            keys.append(f"{SECOND}{second}")
            words.append(str(len(fields)))
            for field, amount in fields.items():
                words += (field, str(amount))
        words.append(str(len(counted.streaks)))
        for subject, (was_broken, failures) in counted.streaks.items():
            words += ("|".join(subject), "1" if was_broken else "0", str(failures))
        await self._add(keys=keys, args=words)

    async def read(self, seconds: Iterable[int]) -> dict[int, Slice]:
        """What was counted in these seconds."""
        wanted = list(seconds)
        async with self._redis.pipeline(transaction=False) as pipe:
            for second in wanted:
                pipe.hgetall(f"{SECOND}{second}")
            found = await pipe.execute()
        return {second: read_slice(fields) for second, fields in zip(wanted, found, strict=True)}

    async def streaks(self) -> dict[Subject, int]:
        """Failures in a row, by the channel's doing."""
        found: dict[bytes, bytes] = await _awaited(self._redis.hgetall(STREAKS))
        return {
            Subject(*field.decode().partition("|")[::2]): int(failures)
            for field, failures in found.items()
        }

    async def is_my_turn(self, me: str) -> bool:
        """Whether this worker is the one that watches. Two at once do no harm: what they decide is
        decided again under a lock."""
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.set(TURN, me, nx=True, px=TURN_MS)
            pipe.get(TURN)
            _, holder = await pipe.execute()
        if holder != me.encode():
            return False
        await self._redis.pexpire(TURN, TURN_MS)
        return True


async def _awaited(answer: Any) -> Any:
    """redis-py types its commands for both of its clients."""
    return await answer
