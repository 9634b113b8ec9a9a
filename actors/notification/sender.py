"""Posts webhooks. Whatever the merchant's server does is a recorded try, never an exception.

What merchants are shown of an error never names an address that they have not given themselves.
"""

from __future__ import annotations

from datetime import datetime

import aiohttp
from msgspec import Struct

from actors.notification.endpoint import Endpoint
from actors.notification.notification import Answer, Notification, Try
from actors.notification.signing import signed_headers
from actors.notification.tries import is_acknowledged
from bus.jobs import now_utc
from bus.outbound import (
    GuardedResolver,
    NoSuchName,
    NotAllowed,
    allow_handles,
    guarded_connector,
)
from schema.reach import Reach, objection

RESPONSE_BYTES_MAX = 16 * 1024
"""More is not read: the connection is closed instead. Nothing is unpacked, so 16 kB stay 16 kB."""

RESPONSE_KEPT = 1_024

HANDLES = 8_192
"""Far above the sockets that `pacing.py` hands out, the connections kept alive between tries, and
everything else that a process has open."""


class Post(Struct, frozen=True, kw_only=True):
    """One try that is about to be made, with all that was read for it just now."""

    row: Notification
    number: int
    url: str
    deadline_ms: int
    endpoint: Endpoint | None = None
    secrets: tuple[str, ...] = ()
    headers: dict[str, str] = {}


class WebhookSender:
    """One HTTP client for all merchants."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._resolver = GuardedResolver(reach)
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        allow_handles(HANDLES)
        self._session = aiohttp.ClientSession(
            connector=guarded_connector(self._reach, self._resolver),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()
        await self._resolver.close()

    async def post(self, post: Post) -> Answer:
        """Makes one try and tells how it went."""
        started_at = now_utc()
        refused = objection(post.url, self._reach)
        if refused is not None:
            return _failed(post, started_at, f"the address can't be called: {refused}")
        try:
            return await self._exchange(post, started_at)
        except TimeoutError:
            return _failed(post, started_at, f"no answer within {post.deadline_ms / 1000:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return _failed(post, started_at, in_plain_words(error))

    async def _exchange(self, post: Post, started_at: datetime) -> Answer:
        assert self._session is not None, "start first"
        row = post.row
        signed = signed_headers(post.secrets, row.event_id, int(started_at.timestamp()), row.body)
        async with self._session.post(
            post.url,
            data=row.body.encode(),
            headers={**post.headers, **signed},
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=post.deadline_ms / 1000),
        ) as answer:
            body = await _read(answer)
            return _answered(post, started_at, answer, body)


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    """The body up to a limit. What is longer is cut off together with its connection."""
    body = bytearray()
    while len(body) < RESPONSE_BYTES_MAX:
        chunk = await answer.content.read(RESPONSE_BYTES_MAX - len(body))
        if not chunk:
            return bytes(body)
        body += chunk
    answer.close()
    return bytes(body)


def _answered(
    post: Post, started_at: datetime, answer: aiohttp.ClientResponse, body: bytes
) -> Answer:
    terms = post.endpoint.terms if post.endpoint else None
    mode = terms.acknowledgement if terms else "http_2xx"
    expected, text = terms.expected_body if terms else "", body.decode(errors="replace")
    is_taken = is_acknowledged(mode, expected, answer.status, text)
    is_2xx = 200 <= answer.status < 300
    error = None if is_taken or not is_2xx else f"the answer is not {expected!r}"
    return Answer(
        tried=_try(post, started_at, status=answer.status, head=_printable(text), error=error),
        is_acknowledged=is_taken,
        retry_after=answer.headers.get("Retry-After"),
    )


def _failed(post: Post, started_at: datetime, error: str) -> Answer:
    return Answer(tried=_try(post, started_at, error=error))


def _try(
    post: Post,
    started_at: datetime,
    *,
    status: int | None = None,
    head: str | None = None,
    error: str | None = None,
) -> Try:
    return Try(
        notification_id=post.row.notification_id,
        number=post.number,
        started_at=started_at,
        cost_ms=int((now_utc() - started_at).total_seconds() * 1000),
        status=status,
        response_head=head,
        error=error,
    )


def in_plain_words(error: BaseException) -> str:
    """What went wrong, for the merchant's eyes."""
    for cause in _causes(error):
        match cause:
            case NotAllowed() | NoSuchName():
                return str(cause)
            case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
                return "the TLS certificate or handshake is not acceptable"
            case ConnectionRefusedError():
                return "the connection was refused"
            case aiohttp.ServerDisconnectedError() | ConnectionResetError():
                return "the connection was closed before the answer"
            case _:
                continue
    return f"no exchange was possible ({type(error).__name__})"


def _causes(error: BaseException) -> list[BaseException]:
    """An error with all that led to it, also where aiohttp keeps that in an attribute."""
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting and len(found) < 20:
        each = waiting.pop(0)
        if each is None or each in found:
            continue
        found.append(each)
        waiting += [getattr(each, "os_error", None), each.__cause__, each.__context__]
        waiting += getattr(each, "exceptions", ())
    return found


def _printable(text: str) -> str:
    """Their words, safe to store: PostgreSQL refuses NUL, and logs are lines."""
    return "".join(c if c.isprintable() else " " for c in text[:RESPONSE_KEPT])
