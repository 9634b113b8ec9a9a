"""Merchants' servers in one process: they note what comes, and hang where they shall.

POST /m/<merchant_no>      a webhook: 204, at once or after the time that was asked for
POST /bare                 anything: 204, and no note of it
POST /control              {"merchants": [...], "hang_s": 30}: these hang from now on
GET  /arrivals             every webhook: merchant, webhook-id, time, hung or not; then forgets
"""

from __future__ import annotations

import asyncio
import sys
import time

import msgspec
from aiohttp import web
from msgspec import Struct
from standardwebhooks import Webhook, WebhookVerificationError


class Plan(Struct, frozen=True, kw_only=True):
    """What the receiver is told on its standard input."""

    port: int
    secret: str
    verify_every: int = 50
    answer_s: float = 0.0
    """How long everybody takes to answer who does not hang."""


class Arrival(Struct, frozen=True, array_like=True):
    """One webhook as it came in; `at_s` is the machine's monotonic clock."""

    merchant_no: str
    webhook_id: str
    at_s: float
    hung: bool


class Arrivals(Struct, frozen=True, kw_only=True):
    """All that came since the last look."""

    arrivals: list[Arrival]
    verified: int
    forged: int


class Hanging(Struct, frozen=True, kw_only=True):
    """Who hangs from now on, and for how long each time."""

    merchants: list[str]
    hang_s: float


class Receiver:
    """Every merchant's server."""

    def __init__(self, plan: Plan) -> None:
        self._secret = Webhook(plan.secret)
        self._verify_every = plan.verify_every
        self._answer_s = plan.answer_s
        self._hanging: frozenset[str] = frozenset()
        self._hang_s = 0.0
        self._count = 0
        self._verified = self._forged = 0
        self._arrivals: list[Arrival] = []

    async def take(self, request: web.Request) -> web.Response:
        """One webhook."""
        body, now = await request.read(), time.monotonic()
        number = request.match_info["merchant_no"]
        hangs = number in self._hanging
        self._arrivals.append(Arrival(number, request.headers.get("webhook-id", ""), now, hangs))
        self._count += 1
        if self._count % self._verify_every == 0:
            self._verify(body, request)
        if (wait_s := self._hang_s if hangs else self._answer_s) > 0:
            await asyncio.sleep(wait_s)
        return web.Response(status=204)

    async def control(self, request: web.Request) -> web.Response:
        """Some merchants begin to hang, and all others are well."""
        hanging = msgspec.json.decode(await request.read(), type=Hanging)
        self._hanging, self._hang_s = frozenset(hanging.merchants), hanging.hang_s
        return web.Response(status=204)

    async def show(self, _: web.Request) -> web.Response:
        """All that came since the last look."""
        seen = Arrivals(arrivals=self._arrivals, verified=self._verified, forged=self._forged)
        self._arrivals = []
        return web.Response(body=msgspec.json.encode(seen))

    def _verify(self, body: bytes, request: web.Request) -> None:
        try:
            self._secret.verify(body, dict(request.headers))
        except WebhookVerificationError:
            self._forged += 1
        else:
            self._verified += 1


async def bare(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(status=204)


async def ready(_: web.Request) -> web.Response:
    return web.Response(text="ready\n")


def main() -> None:
    """Listens until it is asked to end; requests that hang then are broken off."""
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    receiver, app = Receiver(plan), web.Application()
    app.add_routes([
        web.post("/m/{merchant_no}", receiver.take), web.post("/bare", bare),
        web.post("/control", receiver.control), web.get("/arrivals", receiver.show),
        web.get("/readyz", ready),
    ])  # fmt: skip
    options = {"handler_cancellation": True, "shutdown_timeout": 0.5}
    web.run_app(app, host="127.0.0.1", port=plan.port, access_log=None, print=None, **options)


if __name__ == "__main__":
    main()
