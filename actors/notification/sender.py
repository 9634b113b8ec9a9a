"""Posts webhooks. Whatever the merchant's server does is a recorded try, never an exception."""

from __future__ import annotations

from datetime import datetime

import aiohttp
from msgspec import Struct

from actors.notification.rules import Notification, Try
from actors.notification.signing import signed_headers
from bus.jobs import now_utc

DEADLINE_S = 10.0
"""For the whole exchange, the answer's body included, so that a slow drip can't hold a lane."""

RESPONSE_HEAD_BYTES = 512


class Ticket(Struct, frozen=True, kw_only=True):
    """One try that is about to be made."""

    notification: Notification
    number: int
    secret: str | None


class WebhookSender:
    """One HTTP client for all merchants."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=400, keepalive_timeout=15),
            timeout=aiohttp.ClientTimeout(total=DEADLINE_S),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def post(self, ticket: Ticket) -> Try:
        """Makes one try and tells how it went."""
        started_at = now_utc()
        try:
            status, head = await self._exchange(ticket, started_at)
        except TimeoutError:
            return _tried(ticket, started_at, error=f"no answer within {DEADLINE_S:.0f} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return _tried(ticket, started_at, error=type(error).__name__)
        return _tried(ticket, started_at, status=status, head=head)

    async def _exchange(self, ticket: Ticket, now: datetime) -> tuple[int, str]:
        assert self._session is not None, "start first"
        row = ticket.notification
        headers = signed_headers(ticket.secret, row.notification_id, int(now.timestamp()), row.body)
        async with self._session.post(
            row.url, data=row.body.encode(), headers=headers, allow_redirects=False
        ) as answer:
            head = await answer.content.read(RESPONSE_HEAD_BYTES)
            return answer.status, _printable(head)


def _tried(
    ticket: Ticket,
    started_at: datetime,
    *,
    status: int | None = None,
    head: str | None = None,
    error: str | None = None,
) -> Try:
    return Try(
        notification_id=ticket.notification.notification_id,
        number=ticket.number,
        started_at=started_at,
        cost_ms=int((now_utc() - started_at).total_seconds() * 1000),
        status=status,
        response_head=head,
        error=error,
    )


def _printable(head: bytes) -> str:
    """Their words, safe to store: PostgreSQL refuses NUL, and logs are lines."""
    return "".join(c if c.isprintable() else " " for c in head.decode(errors="replace"))
