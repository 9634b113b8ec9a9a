"""Telling merchants what happened, and telling them again until they say they know.

A task exists only while a notice is on its way; the waits between tries lie in the world's clock,
so that a hundred thousand unacknowledged trades cost little.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress

import aiohttp
from yarl import URL

from handlers.simulator.world.clock import Clock, true_now
from handlers.simulator.world.faults import Fault, Faults, Happening
from handlers.simulator.world.front import Front
from handlers.simulator.world.merchants import Merchant, MerchantKey
from handlers.simulator.world.notices import About, Letter, Notice, twisted
from schema.channels.language import Protocols

CONNECTIONS_MAX = 1024
"""A platform's size: a merchant that answers slowly must not hold up the others."""
ACK_BYTES_MAX = 1024


def open_session() -> aiohttp.ClientSession:
    """One session for all merchants, with connections kept open between notices."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX, keepalive_timeout=60),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "Mozilla/4.0", "Accept": "*/*"},
    )


class Notifier:
    """Delivers notices by each platform's schedule."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        merchants: Mapping[MerchantKey, Merchant],
        fronts: Mapping[Protocols, Front],
        faults: Faults,
        clock: Clock,
    ) -> None:
        self._session = session
        self._merchants = merchants
        self._fronts = fronts
        self._faults = faults
        self._clock = clock
        self._within = {
            each.protocol: aiohttp.ClientTimeout(total=each.answer_within_s)
            for each in fronts.values()
        }
        self._loop = asyncio.get_running_loop()
        self._sending: set[asyncio.Task[None]] = set()
        self._sent: defaultdict[MerchantKey, asyncio.Event] = defaultdict(asyncio.Event)
        self._is_closed = False

    def announce(self, notice: Notice[About], retry: int = 0) -> asyncio.Task[None] | None:
        """Sends a notice now, and again later until it is acknowledged."""
        if self._is_closed:
            return None
        task = self._loop.create_task(self._deliver(notice, retry))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        return task

    async def sent(self) -> None:
        """Returns when every notice has arrived, or not, that is on its way now."""
        if self._sending:
            await asyncio.wait(set(self._sending))

    async def close(self) -> None:
        """Stops sending; what was not acknowledged stays so, as the books are forgotten anyway."""
        self._is_closed = True
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        await self._session.close()

    async def _deliver(self, notice: Notice[About], retry: int) -> None:
        merchant = self._merchants[notice.about.merchant]
        front = self._fronts[merchant.protocol]
        fault = self._fault(merchant, notice.about)
        if await self._is_taken(front, merchant, notice, fault):
            about = notice.about
            about.acknowledged_at = about.acknowledged_at or self._clock.now()
        elif retry < len(front.retry_after_s):
            wait_s = front.retry_after_s[retry]
            self._clock.later(wait_s, lambda: self.announce(notice, retry + 1))

    def _fault(self, merchant: Merchant, about: About) -> Fault | None:
        if not self._faults.has(merchant):
            return None
        happening = Happening("notify", about.number, about.amount_fen)
        return self._faults.at_call(merchant, happening) or self._faults.at(
            merchant, happening, "duplicate_notify", "lost_notify", "reordered_notify",
            "forged_notify", "wrong_amount_notify", "wrong_currency_notify",
        )  # fmt: skip

    async def _is_taken(
        self, front: Front, merchant: Merchant, notice: Notice[About], fault: Fault | None
    ) -> bool:
        if fault is None:
            return await self._post(front, merchant, notice, None)
        await self._hold(merchant, fault)
        copies = 1
        if fault.kind == "duplicate_notify":
            copies += fault.number
        taken = [await self._post(front, merchant, notice, fault) for _ in range(copies)]
        return any(taken) and fault.kind != "lost_answer"

    async def _hold(self, merchant: Merchant, fault: Fault) -> None:
        """Waits as long as the fault says, or until another notice has overtaken this one."""
        if fault.kind == "slow":
            await asyncio.sleep(fault.wait_s)
        if fault.kind == "reordered_notify":
            with suppress(TimeoutError):
                async with asyncio.timeout(fault.wait_s):
                    await self._sent[merchant.key].wait()

    async def _post(
        self, front: Front, merchant: Merchant, notice: Notice[About], fault: Fault | None
    ) -> bool:
        notice.about.notified_count += 1
        if fault and fault.kind == "lost_notify":
            return False
        letter = self._letter(front, merchant, notice, fault)
        try:
            url = URL(notice.url, encoded=True)
            async with self._session.post(
                url, data=letter.body, headers=letter.headers, allow_redirects=False,
                timeout=self._within[front.protocol],
            ) as answer:  # fmt: skip
                return await _acknowledges(front, answer)
        except (aiohttp.ClientError, TimeoutError, ValueError):  # ValueError: not a usable URL
            return False
        finally:
            if merchant.key in self._sent:
                self._sent.pop(merchant.key).set()

    def _letter(
        self, front: Front, merchant: Merchant, notice: Notice[About], fault: Fault | None
    ) -> Letter:
        if fault is None:
            return front.write_notice(merchant, notice, true_now())
        letter = front.write_notice(merchant, twisted(notice, fault), true_now())
        return front.forge(letter) if fault.kind == "forged_notify" else letter


async def _acknowledges(front: Front, answer: aiohttp.ClientResponse) -> bool:
    if answer.status not in front.ack_statuses:
        return False
    if front.ack_body is None:
        return True
    return (await answer.content.read(ACK_BYTES_MAX)).strip() == front.ack_body
