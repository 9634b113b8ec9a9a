"""`/docs`: the API's document for programs, and a page that shows it to people.

The page carries all that it needs: no font, script or picture comes from another host.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from aiohttp import web

from handlers.merchant_api.openapi import openapi

PAGE = Path(__file__).with_name("docs.html").read_bytes()

PAGE_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": (
        "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline';"
        " script-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
    ),
}


def add_pages(app: web.Application, *, public_url: str) -> None:
    """Adds the page and the document to an application."""
    document = msgspec.json.encode(openapi(public_url))

    async def page(_: web.Request) -> web.Response:
        return web.Response(body=PAGE, headers=PAGE_HEADERS)

    async def openapi_json(_: web.Request) -> web.Response:
        return web.Response(body=document, headers={"Content-Type": "application/json"})

    app.router.add_get("/docs", page)
    app.router.add_get("/docs/openapi.json", openapi_json)
