"""Nonces that are good once and the rate limit, at one Redis trip for all who ask at the same time.

What arrives while one trip is under way shares the next one. When Redis is away, the guard answers
from its own process: a nonce that another process has seen, or that was used while Redis was away
and comes again after it is back, then passes, and each process counts its own share of the rate. No
money hangs on it, since the merchant's order number is unique: a repeated request gets the answer
of the first.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bus.gather import Gather
from bus.logs import log
from handlers.merchant_api.signing import WINDOW_S

Objection = Literal["nonce_used", "too_many_requests"]

NONCE_KEPT_S = 2 * WINDOW_S + 2
"""A timestamp may lie a window ahead and is good for a window after that; and whole seconds."""

COUNTER_KEPT_S = 3
"""A counter is for one second; longer only for clocks that differ."""

LINGER_MS = 8
"""From some 400 requests a second on, three and more share a trip: one alone costs 120 µs of CPU,
one of four 25 µs, one of sixteen 9 µs. Below that nobody waits."""

TRIP_S_MAX = 0.25
"""A hundred times the usual: a Redis that hangs must not hold up payments."""

AWAY_S = 1.0
"""How long Redis is left alone once it did not answer."""

NONCES_REMEMBERED_MAX = 100_000
"""About 15 MB, and more than ten minutes at 150 requests a second."""

SCRIPT = Path(__file__).with_name("guard.lua").read_text()


@dataclass(frozen=True, slots=True, eq=False)
class Knock:
    """One request that wants in."""

    merchant_no: str
    nonce: str
    answer: asyncio.Future[Verdict]


class Verdict(NamedTuple):
    """What is known of one request: is its nonce fresh, and the how manieth this second is it."""

    is_fresh: bool
    number: int


class Guard:
    """Says whether a signed request may come in now."""

    def __init__(self, redis: Redis, *, linger_ms: int = LINGER_MS) -> None:
        self._script = redis.register_script(SCRIPT)
        self._memory = Memory()
        self._gather = Gather(self._judge, linger_ms=linger_ms, name="guard")
        self._away_until = 0.0

    async def start(self) -> None:
        await self._gather.start()

    async def stop(self) -> None:
        """Those who still wait would wait for ever: stop the site first."""
        await self._gather.stop()

    async def objection(
        self, merchant_no: str, nonce: str, requests_per_s_max: int
    ) -> Objection | None:
        """Why the request may not come in; None lets it in and remembers its nonce."""
        answer: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._gather.put(Knock(merchant_no, nonce, answer))
        verdict = await answer
        if verdict.number > requests_per_s_max:
            return "too_many_requests"
        return None if verdict.is_fresh else "nonce_used"

    async def _judge(self, knocks: list[Knock]) -> None:
        verdicts = await self._ask(knocks, int(time.time()))
        for knock, verdict in zip(knocks, verdicts, strict=True):
            if not knock.answer.done():
                knock.answer.set_result(verdict)

    async def _ask(self, knocks: Sequence[Knock], now_s: int) -> list[Verdict]:
        if time.monotonic() >= self._away_until:
            try:
                async with asyncio.timeout(TRIP_S_MAX):
                    return await self._ask_redis(knocks, now_s)
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("redis_away", asker="guard", error=repr(error))
                self._away_until = time.monotonic() + AWAY_S
        return self._memory.verdicts(knocks, now_s)

    async def _ask_redis(self, knocks: Sequence[Knock], now_s: int) -> list[Verdict]:
        counts = Counter(knock.merchant_no for knock in knocks)
        keys = [f"tomato:nonce:{knock.merchant_no}:{knock.nonce}" for knock in knocks]
        keys += [f"tomato:rate:{merchant_no}:{now_s}" for merchant_no in counts]
        arguments = [len(knocks), NONCE_KEPT_S, COUNTER_KEPT_S, *counts.values()]
        answers = await self._script(keys, arguments)
        after = dict(zip(counts, answers[len(knocks) :], strict=True))
        before = {merchant_no: after[merchant_no] - n for merchant_no, n in counts.items()}
        return _numbered(knocks, [fresh == 1 for fresh in answers[: len(knocks)]], before)


class Memory:
    """The same answers from this process alone, in bounded memory."""

    def __init__(self) -> None:
        self._nonces: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._second = 0
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._nonces)

    def verdicts(self, knocks: Sequence[Knock], now_s: int) -> list[Verdict]:
        """One verdict per request, in their order."""
        self._forget(now_s)
        fresh = [self._is_fresh(knock, now_s) for knock in knocks]
        before = dict(self._counts)
        self._counts.update(knock.merchant_no for knock in knocks)
        return _numbered(knocks, fresh, before)

    def _is_fresh(self, knock: Knock, now_s: int) -> bool:
        key = (knock.merchant_no, knock.nonce)
        if key in self._nonces:
            return False
        self._nonces[key] = now_s
        return True

    def _forget(self, now_s: int) -> None:
        if now_s != self._second:
            self._second = now_s
            self._counts.clear()
        while self._nonces:
            key, used_s = self._nonces.popitem(last=False)
            if used_s + NONCE_KEPT_S > now_s and len(self._nonces) < NONCES_REMEMBERED_MAX:
                self._nonces[key] = used_s
                self._nonces.move_to_end(key, last=False)
                return


def _numbered(
    knocks: Sequence[Knock], fresh: Sequence[bool], before: dict[str, int]
) -> list[Verdict]:
    """Verdicts with the place of each request among its merchant's in this second."""
    counts = Counter(before)
    verdicts: list[Verdict] = []
    for knock, is_fresh in zip(knocks, fresh, strict=True):
        counts[knock.merchant_no] += 1
        verdicts.append(Verdict(is_fresh, counts[knock.merchant_no]))
    return verdicts
