"""What operators and their machines ask of any process: is it alive, can it work, what has it done.

`/healthz`  the process answers: a restart would not help it
`/readyz`   200 when what it can't work without is reachable now, else 503; each check by name
`/metrics`  Prometheus text format

They need no authorisation: let only your own network reach them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web
from msgspec import Struct
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from bus.errors import TryLater, world_is_down
from bus.process import Shared
from handlers.site import Site

CHECK_S_MAX = 1.0
"""Kubernetes gives a probe one second by default."""


class Readiness(Struct, frozen=True, kw_only=True):
    """Whether this process can work, and how each service it uses is."""

    ready: bool
    checks: dict[str, str]


class Operations:
    """The operations site of a process that has no edge."""

    def __init__(self, shared: Shared, *, port: int) -> None:
        self._site = Site(operations_app(shared), host=shared.settings.http_host, port=port)

    async def start(self) -> None:
        await self._site.start()

    async def stop(self) -> None:
        await self._site.stop()

    @property
    def url(self) -> str:
        return self._site.url


def operations_app(shared: Shared) -> web.Application:
    """An application with nothing else in it."""
    app = web.Application()
    add_operations(app, shared)
    return app


def add_operations(app: web.Application, shared: Shared) -> None:
    """Adds the three addresses to any application."""

    async def readyz(_: web.Request) -> web.Response:
        readiness = await readiness_of(shared)
        return _json(readiness, status=200 if readiness.ready else 503)

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)


async def healthz(_: web.Request) -> web.Response:
    """The process is alive: it has answered this."""
    return web.json_response({"alive": True})


async def metrics(_: web.Request) -> web.Response:
    """What the process has counted so far."""
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def readiness_of(shared: Shared) -> Readiness:
    """Asks all services at once; Redis is reported, but everything works without it."""
    checks = (_postgres, _rabbitmq, _redis)
    postgres, rabbitmq, redis = await asyncio.gather(*(_checked(c, shared) for c in checks))
    return Readiness(
        ready=postgres == rabbitmq == "ok",
        checks={"postgres": postgres, "rabbitmq": rabbitmq, "redis": redis},
    )


async def _checked(check: Callable[[Shared], Awaitable[None]], shared: Shared) -> str:
    try:
        async with asyncio.timeout(CHECK_S_MAX):
            await check(shared)
    except Exception as error:  # a probe must hear of whatever is wrong
        return f"away: {type(error).__name__}" if world_is_down(error) else repr(error)
    return "ok"


async def _postgres(shared: Shared) -> None:
    await shared.pool.execute("SELECT 1")


async def _rabbitmq(shared: Shared) -> None:
    """Opens a channel: a ping would only say that nobody has noticed a broken connection yet."""
    if not await shared.broker.ping():
        raise TryLater("not connected")
    channel = await shared.broker.channel()
    await channel.close()


async def _redis(shared: Shared) -> None:
    await shared.redis.ping()


def _json(document: Struct, *, status: int) -> web.Response:
    headers = {"Content-Type": "application/json"}
    return web.Response(body=msgspec.json.encode(document), status=status, headers=headers)
