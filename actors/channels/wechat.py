"""Speaks to WeChat Pay over HTTP. What goes wrong on the way is a verdict, never an exception."""

from __future__ import annotations

import os

import aiohttp
from yarl import URL

from actors.channels.attempt import Account, Attempt
from bus.jobs import now_utc
from schema.channels import HttpAnswer, HttpRequest, Unknown, Verdict
from schema.channels.wechat import NativeOrder, create_native, decode_create, decode_query, query

TIMEOUT_S = 10.0
"""WeChat asks for 5 s at least; past 10 s the payer has looked away, and the ladder takes over."""

ANSWER_BYTES_MAX = 64 * 1024


class WechatSender:
    """One HTTP client for all WeChat accounts."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=1_000, keepalive_timeout=60),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def create(self, account: Account, attempt: Attempt) -> Verdict:
        """Asks for a code that the payer can scan. Repeating it under the same number is safe."""
        order = NativeOrder(
            out_trade_no=attempt.attempt_id,
            description=attempt.terms.subject,
            amount_fen=attempt.terms.amount_fen,
            expires_at=attempt.terms.expires_at,
        )
        request = create_native(account.keys, order, now=now_utc(), nonce=_nonce())
        answer = await self._ask(account, request)
        if isinstance(answer, Unknown):
            return answer
        return decode_create(account.keys, answer, now_utc())

    async def query(self, account: Account, attempt: Attempt) -> Verdict:
        """Asks how the order of this attempt stands."""
        number = attempt.attempt_id
        answer = await self._ask(
            account, query(account.keys, number, now=now_utc(), nonce=_nonce())
        )
        if isinstance(answer, Unknown):
            return answer
        return decode_query(account.keys, number, answer, now_utc())

    async def _ask(self, account: Account, request: HttpRequest) -> HttpAnswer | Unknown:
        try:
            return await self._exchange(account, request)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            return Unknown(why="no_answer", message=type(error).__name__)

    async def _exchange(self, account: Account, request: HttpRequest) -> HttpAnswer:
        assert self._session is not None, "start first"
        url = URL(account.keys.account.base_url + request.path, encoded=True)
        async with self._session.request(
            request.method,
            url,
            data=request.body or None,
            headers=request.headers,
            allow_redirects=False,
        ) as answer:
            body = await answer.content.read(ANSWER_BYTES_MAX)
            return HttpAnswer(status=answer.status, headers=answer.headers, body=body)


def _nonce() -> str:
    return os.urandom(16).hex()
