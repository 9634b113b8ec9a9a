"""What every request meets at the step of the house: a request id, a stop-watch, and plain words
for whatever goes wrong further inside.
"""

from __future__ import annotations

import asyncio
import time
from functools import lru_cache

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.typedefs import Handler
from prometheus_client import Histogram

from bus.errors import world_is_down
from bus.jobs import now_utc
from bus.logs import log
from bus.origin import new_message_id
from handlers.merchant_api.problems import Problem, response_of

BODY_WAIT_S = 10.0
"""64 kB in ten seconds is a modem of the nineties; slower is somebody who wants to hold us up."""

REQUEST_SECONDS = Histogram(
    "tomato_http_request_seconds",
    "Time from the request's head to its answer",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3, 10),
)

_REQUEST_ID = web.RequestKey("request_id", str)
_CODES = {404: "not_found", 405: "method_not_allowed", 408: "body_too_slow", 413: "body_too_large"}


@web.middleware
async def doorstep(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every answer has an X-Request-Id; whatever is raised inside becomes a problem document."""
    started = time.perf_counter()
    request_id = request[_REQUEST_ID] = f"req_{new_message_id(now_utc())}"
    response = await _answered(request, handler, request_id)
    response.headers["X-Request-Id"] = request_id
    _seconds_at(*_place(request), response.status).observe(time.perf_counter() - started)
    return response


def request_id_of(request: web.Request) -> str:
    """The id of this request, in its answer, in logs, and as the correlation id of its messages."""
    return request[_REQUEST_ID]


async def read_body(request: web.Request) -> bytes:
    """The body as it was sent. Raises 413 before a large one is read, 408 when one trickles in."""
    if (request.content_length or 0) > request.client_max_size:
        raise web.HTTPRequestEntityTooLarge(request.client_max_size, request.content_length or 0)
    if request.content.is_eof():
        return await request.read()
    try:
        async with asyncio.timeout(BODY_WAIT_S):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None


async def _answered(request: web.Request, handler: Handler, request_id: str) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as exception:
        return _in_our_words(exception, request_id)
    except (web.RequestPayloadError, BadHttpMessage) as error:
        return response_of(Problem("bad_request", f"the body is broken: {error}"), request_id)
    except Exception as error:  # the street's broad handler: nothing inside is shown outside
        if world_is_down(error):
            log.warning("away", request_id=request_id, path=request.path, error=repr(error))
            return response_of(Problem("try_again", "a service that we need is away"), request_id)
        log.error("request_failed", request_id=request_id, path=request.path, exc_info=error)
        return response_of(Problem("internal_error", "please tell us the request id"), request_id)


def _in_our_words(exception: web.HTTPException, request_id: str) -> web.StreamResponse:
    if exception.status < 400:
        return exception
    code = _CODES.get(exception.status, "bad_request")
    response = response_of(Problem(code, exception.text or exception.reason), request_id)
    if isinstance(exception, web.HTTPMethodNotAllowed):
        response.headers["Allow"] = exception.headers["Allow"]
    return response


@lru_cache(maxsize=1024)
def _seconds_at(method: str, route: str, status: int) -> Histogram:
    return REQUEST_SECONDS.labels(method, route, str(status))


def _place(request: web.Request) -> tuple[str, str]:
    """Method and pattern of the path; one name for all that are not ours, since strangers invent
    methods and paths without end."""
    resource = request.match_info.route.resource
    return (request.method, resource.canonical) if resource else ("other", "none")
