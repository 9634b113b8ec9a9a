"""An HTTP site: one application on one address, stopped without breaking off an answer."""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage

KEEPALIVE_S = 75.0
"""Longer than the 60 s after which common proxies and clients drop an idle connection, so that it
is they who close it and never a request that meets a closing door."""

LINGERING_S = 2.0
"""How long the rest of a refused body is read and thrown away: who is still sending would else get
a reset connection instead of the answer."""

STOP_WAIT_S = 15.0


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """Whoever sends garbage gets a 400, and not a traceback in our log as well."""
    return not (record.exc_info and isinstance(record.exc_info[1], BadHttpMessage))


_log = logging.getLogger("tomato.site")
_log.addFilter(_is_worth_a_line)


class Site:
    """Serves an application; port 0 takes any free one."""

    def __init__(
        self, app: web.Application, *, host: str, port: int, share_port: bool = False
    ) -> None:
        self._host, self._port = host, port
        self._share_port = share_port
        self.url = ""
        """Where it answers; known once it is started."""
        self._runner = web.AppRunner(
            app,
            access_log=None,
            auto_decompress=False,  # signatures cover the bytes as they were sent
            keepalive_timeout=KEEPALIVE_S,
            lingering_time=LINGERING_S,
            logger=_log,
            shutdown_timeout=STOP_WAIT_S,
        )

    async def start(self) -> None:
        """Begins to listen. With `share_port`, several processes take turns at one port."""
        await self._runner.setup()
        site = web.TCPSite(
            self._runner, self._host, self._port, backlog=1024, reuse_port=self._share_port
        )
        await site.start()
        self.url = self._address()

    async def stop(self) -> None:
        """Takes no new connections and lets the requests in hand finish."""
        await self._runner.cleanup()

    def _address(self) -> str:
        host, port = self._runner.addresses[0][:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
