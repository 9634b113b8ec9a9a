"""Asks channels over HTTP. What goes wrong on the way is a verdict, never an exception."""

from __future__ import annotations

import os
import time
from typing import Generic, TypeVar

import aiohttp
from msgspec import Struct
from yarl import URL

from bus.jobs import now_utc
from schema.channels import HttpAnswer, HttpRequest, Question, Stamp, Unknown

V = TypeVar("V")

TIMEOUT_S = 10.0
"""WeChat asks for 5 s at least; past 10 s the payer has looked away, and the ladder takes over."""

ANSWER_BYTES_MAX = 256 * 1024
"""The longest answers list certificates: some 10 kB."""

BILL_TIMEOUT_S = 300.0
BILL_BYTES_MAX = 256 * 1024 * 1024
"""Two million lines. A bill is read whole, for what its footer says is compared with its lines."""

WENT_WRONG = (TimeoutError, aiohttp.ClientError, OSError, ValueError)
"""All that a request may raise; ValueError where an address is none."""


class Heard(Struct, Generic[V], frozen=True, kw_only=True):
    """A verdict and what it cost; nothing where it was known without asking."""

    verdict: V
    cost_ms: int = 0
    was_asked: bool = True


class TooLong(aiohttp.ClientError):
    """The answer is longer than any answer should be."""


class Sender:
    """One HTTP client for all channels. It follows no redirect: what is signed has one address."""

    def __init__(self, *, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=1_000, keepalive_timeout=60),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("Accept-Encoding", "User-Agent", "Content-Type"),
        )

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def ask(self, base_url: str, wish: Question[V] | V) -> Heard[V | Unknown]:
        """What the channel's answer says; a verdict that was known without asking is passed on."""
        return await self._heard(base_url, wish, self._timeout_s, ANSWER_BYTES_MAX)

    async def fetch(self, base_url: str, wish: Question[V] | V) -> Heard[V | Unknown]:
        """The same for bills, which are long and take their time."""
        return await self._heard(base_url, wish, BILL_TIMEOUT_S, BILL_BYTES_MAX)

    async def _heard(
        self, base_url: str, wish: Question[V] | V, timeout_s: float, bytes_max: int
    ) -> Heard[V | Unknown]:
        if not isinstance(wish, Question):
            return Heard(verdict=wish, was_asked=False)
        started = time.perf_counter()
        try:
            answer = await self._exchange(base_url, wish.request, timeout_s, bytes_max)
        except TooLong as error:
            verdict: V | Unknown = Unknown(why="unparsable", message=str(error))
        except WENT_WRONG as error:
            verdict = Unknown(why="no_answer", code="no_answer", message=type(error).__name__)
        else:
            verdict = wish.read(answer, now_utc())
        return Heard(verdict=verdict, cost_ms=round((time.perf_counter() - started) * 1000))

    async def _exchange(
        self, base_url: str, request: HttpRequest, timeout_s: float, bytes_max: int
    ) -> HttpAnswer:
        assert self._session is not None, "start first"
        async with self._session.request(
            request.method,
            URL((request.origin or base_url) + request.path, encoded=True),
            data=request.body or None,
            headers=request.headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=timeout_s),
        ) as answer:
            body = await _read(answer, bytes_max)
            return HttpAnswer(status=answer.status, headers=answer.headers, body=body)


def new_stamp() -> Stamp:
    """What makes a request of this moment unique."""
    return Stamp(now=now_utc(), nonce=os.urandom(16).hex())


async def _read(answer: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    chunks, length = list[bytes](), 0
    async for chunk in answer.content.iter_any():
        length += len(chunk)
        if length > bytes_max:
            raise TooLong(f"the answer is longer than {bytes_max} bytes")
        chunks.append(chunk)
    return b"".join(chunks)
