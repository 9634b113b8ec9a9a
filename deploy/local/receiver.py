"""A demo merchant: takes webhooks, checks their signatures, shows what arrived.

It follows the Standard Webhooks specification ("Verifying signatures"): the signature covers the
message's id, its time and the body as received, and a time more than five minutes off is refused.

    GET  /received   the latest notifications, newest first
    POST /anything   a notification: 204 if genuine, 401 if not
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from aiohttp import web

TOLERANCE_S = 300
KEPT_MAX = 1_000
BODY_BYTES_MAX = 256 * 1024


@dataclass(frozen=True)
class Arrival:
    """One request as it came in."""

    path: str
    webhook_id: str
    received_at: float
    genuine: bool
    body: str


ARRIVALS: web.AppKey[deque[Arrival]] = web.AppKey("arrivals")
SECRET: web.AppKey[bytes] = web.AppKey("secret")


def receiver_app(secret: str) -> web.Application:
    """A merchant who shares `secret` (`whsec_…`) with Tomato."""
    app = web.Application(client_max_size=BODY_BYTES_MAX)
    app[ARRIVALS] = deque(maxlen=KEPT_MAX)
    app[SECRET] = base64.b64decode(secret.removeprefix("whsec_"))
    app.add_routes(
        [
            web.get("/readyz", _say_ready),
            web.get("/received", _show_received),
            web.post("/{path:.*}", _receive),
        ]
    )
    return app


def is_genuine(key: bytes, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Whether one of the signatures in the headers was made with the key, not long ago."""
    message_id, sent_at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not sent_at.isdecimal() or abs(now - int(sent_at)) > TOLERANCE_S:
        return False
    content = f"{message_id}.{sent_at}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    # Several, separated by spaces: while a secret is being replaced, both sign.
    given = headers.get("webhook-signature", "").encode("utf-8", "surrogateescape").split()
    return any(hmac.compare_digest(expected.encode(), signature) for signature in given)


async def _receive(request: web.Request) -> web.Response:
    body, now = await request.read(), time.time()
    genuine = is_genuine(request.app[SECRET], request.headers, body, now)
    webhook_id = request.headers.get("webhook-id", "")
    text = body.decode(errors="replace")
    request.app[ARRIVALS].appendleft(Arrival(request.path, webhook_id, now, genuine, text))
    return web.Response(status=204 if genuine else 401)


async def _show_received(request: web.Request) -> web.Response:
    arrivals = [asdict(arrival) for arrival in request.app[ARRIVALS]]
    return web.json_response({"received": arrivals})


async def _say_ready(request: web.Request) -> web.Response:
    return web.Response(text="ready\n")


if __name__ == "__main__":
    web.run_app(
        receiver_app(os.environ["TOMATO_RECEIVER_SECRET"]),
        host="127.0.0.1",
        port=int(os.environ["TOMATO_RECEIVER_PORT"]),
        access_log=None,
    )
