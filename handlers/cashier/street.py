"""What all doors of the cashier have in common: it is open to the street.

A form of another site is not heard, who knocks too often waits, and pages run nothing but our own.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from handlers.cashier.choices import Device, device_of
from handlers.cashier.limiter import Limiter
from handlers.cashier.pages import SCRIPT, STYLE, Page
from handlers.cashier.words import preferred
from handlers.merchant_api.addresses import client_address
from schema.cashier import PATH

LOOKS_PER_10_S = 60
FORMS_PER_10_S = 10
OF_AN_ADDRESS_PER_10_S = 600
"""Many payers share the address of a mobile network."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:;"
    " form-action {forms}; base-uri 'none'; frame-ancestors 'none'"
)
"""One script and one style sheet, both ours; nothing from anywhere else."""

SAFE = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Street:
    """Lets requests in, or tells why not."""

    def __init__(self, *, trust_proxy: bool) -> None:
        self._limiter = Limiter()
        self._trust_proxy = trust_proxy

    def before(self, handler: Handler, *, is_for_all: bool = False) -> Handler:
        """The handler, for those who may come in. At a page that is for all payers of a merchant
        each address is counted apart, so that nobody can keep the others out."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            if request.method == "POST" and is_of_another_site(request):
                return html(page_for(request).message("again"), status=403)
            if not self._may_knock(request, is_for_all=is_for_all):
                return html(page_for(request).message("slowly"), status=429)
            return await handler(request)

        return guarded

    def address(self, request: web.Request) -> str:
        """Who asks, as far as can be told."""
        return client_address(request, trust_proxy=self._trust_proxy)

    def _may_knock(self, request: web.Request, *, is_for_all: bool) -> bool:
        now_s, most = time.monotonic(), LOOKS_PER_10_S
        if request.method == "POST":
            most = FORMS_PER_10_S
        page, address = f"{request.method} {request.path}", self.address(request)
        if is_for_all:
            page = f"{address} {page}"
        return self._limiter.allows(
            "address", address, OF_AN_ADDRESS_PER_10_S, now_s
        ) and self._limiter.allows("page", page, most, now_s)


def is_of_another_site(request: web.Request) -> bool:
    """Whether a form comes from a page that is not ours, by the browser's own word."""
    headers = request.headers
    if (site := headers.get("Sec-Fetch-Site")) is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("Origin")
    return origin is not None and urlsplit(origin).netloc != request.host


def page_for(request: web.Request) -> Page:
    """Pages in the payer's language, for what is in their hands."""
    wished, accepted = request.query.get("lang"), request.headers.get("Accept-Language", "")
    return Page(preferred(accepted, wished), device_for(request))


def device_for(request: web.Request) -> Device:
    return device_of(request.headers.get("User-Agent", ""))


def html(page: str, *, status: int = 200, forms: str = "'self'") -> web.Response:
    """A page; `forms` is where its forms may go."""
    headers = SAFE | {"Content-Security-Policy": POLICY.format(forms=forms)}
    return web.Response(status=status, text=page, content_type="text/html", headers=headers)


def see(address: str) -> web.Response:
    """Leads to another page, by GET."""
    return web.Response(status=303, headers=SAFE | {"Location": address})


async def show_style(_: web.Request) -> web.Response:
    return _file(STYLE, "text/css")


async def show_script(_: web.Request) -> web.Response:
    return _file(SCRIPT, "text/javascript")


def _file(text: str, kind: str) -> web.Response:
    headers = {"Cache-Control": "max-age=300", "X-Content-Type-Options": "nosniff"}
    return web.Response(text=text, content_type=kind, headers=headers)


FILES = [web.get(f"{PATH}/page.css", show_style), web.get(f"{PATH}/page.js", show_script)]
