"""Telling merchants that they were paid, and telling them again until they say they know.

A task exists only while a notice is on its way; the waits between tries are timers of the event
loop, so that a hundred thousand unacknowledged trades cost little.
"""

from __future__ import annotations

import asyncio
import secrets
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime

import aiohttp
from yarl import URL

from handlers.simulator.faults import Fault, Faults
from handlers.simulator.trades import Trade, transaction_of
from schema.channels.wechat.keys import SimulatorKeys
from schema.channels.wechat.platform import JSON, sealed_notice, signed_headers

RETRY_AFTER_S = (
    15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600,
)  # fmt: skip
"""The waits after an unacknowledged notice: 15 retries in 24 h 4 min (payment notice document)."""

ANSWER_WITHIN_S = 5
CONNECTIONS_MAX = 1024
"""A platform's size: a merchant that answers slowly must not hold up the others."""


def open_session() -> aiohttp.ClientSession:
    """One session for all merchants, with connections kept open between notices."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX, keepalive_timeout=60),
        timeout=aiohttp.ClientTimeout(total=ANSWER_WITHIN_S),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "Mozilla/4.0", "Accept": "*/*"},
    )


class Notifier:
    """Delivers payment notices by the platform's schedule."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        merchants: Mapping[str, SimulatorKeys],
        faults: Faults,
        clock_speed: int,
    ) -> None:
        self._session = session
        self._merchants = merchants
        self._faults = faults
        self._clock_speed = clock_speed
        self._loop = asyncio.get_running_loop()
        self._sending: set[asyncio.Task[None]] = set()
        self._is_closed = False

    def announce(self, trade: Trade, retry: int = 0) -> None:
        """Sends the notice of a paid trade now, and again later until it is acknowledged."""
        if self._is_closed:
            return
        task = self._loop.create_task(self._deliver(trade, retry))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def close(self) -> None:
        """Stops sending; what was not acknowledged stays so, as the books are forgotten anyway."""
        self._is_closed = True
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        await self._session.close()

    async def _deliver(self, trade: Trade, retry: int) -> None:
        fault = self._faults.take(trade.order.mchid, "notify")
        if await self._is_taken(trade, fault):
            trade.acknowledged_at = trade.acknowledged_at or datetime.now(UTC)
        elif retry < len(RETRY_AFTER_S):
            wait_s = RETRY_AFTER_S[retry] / self._clock_speed
            self._loop.call_later(wait_s, self.announce, trade, retry + 1)

    async def _is_taken(self, trade: Trade, fault: Fault | None) -> bool:
        copies = 1
        if fault and fault.kind == "slow":
            await asyncio.sleep(fault.number / 1000)
        if fault and fault.kind == "duplicate_notify":
            copies += fault.number
        taken = [await self._post(trade, fault) for _ in range(copies)]
        return any(taken) and not (fault and fault.kind == "lost_answer")

    async def _post(self, trade: Trade, fault: Fault | None) -> bool:
        headers, body = self._notice(trade, fault)
        trade.notified_count += 1
        try:
            url = URL(trade.order.notify_url, encoded=True)
            async with self._session.post(
                url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                return answer.status in (200, 204)
        except (aiohttp.ClientError, TimeoutError, ValueError):  # ValueError: not a usable URL
            return False

    def _notice(self, trade: Trade, fault: Fault | None) -> tuple[dict[str, str], bytes]:
        keys, now = self._merchants[trade.order.mchid], datetime.now(UTC)
        kind = fault.kind if fault else None
        extra_fen = fault.number if fault and kind == "wrong_amount_notify" else 0
        body = sealed_notice(
            keys,
            transaction_of(trade, extra_fen=extra_fen),
            notice_id=trade.notice_id,
            created_at=trade.paid_at or now,
            seal_nonce=secrets.token_urlsafe(9),
        )
        headers = JSON | signed_headers(keys, body, now=now, nonce=secrets.token_hex(16))
        if kind == "forged_notify":
            # To whoever holds only the public key, any other key's signature is 256 random bytes.
            forged = b64encode(secrets.token_bytes(256)).decode("ascii")
            headers["Wechatpay-Signature"] = forged
        return headers, body
