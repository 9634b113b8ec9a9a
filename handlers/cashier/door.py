"""The page of an order: shows it to whoever has its address, and hears what the payer chooses."""

from __future__ import annotations

import time
from contextlib import aclosing
from typing import cast

from aiohttp import web

from bus.errors import TryLater
from bus.jobs import now_utc
from bus.process import Shared
from handlers.asking import Asking
from handlers.cashier.choices import offered
from handlers.cashier.links import links_of
from handlers.cashier.orders import Order, find_order
from handlers.cashier.returning import way_back
from handlers.cashier.shop import ShopDoor
from handlers.cashier.street import FILES, Street, device_for, html, page_for, see
from handlers.cashier.watch import Watch
from handlers.doorstep import request_id_of
from handlers.forms import has_form
from schema.cashier import CHOICES, PATH
from schema.channels.offers import Form
from schema.messages.doors import ChoosePayType
from schema.messages.ordering import PaymentAnswered
from schema.products import PayType
from schema.profiles import MerchantProfile
from schema.text import ClientIp, PaymentId

EVENTS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
}


class Cashier:
    """All pages of the cashier."""

    def __init__(self, shared: Shared, asking: Asking) -> None:
        self._pool, self._directory, self._vault = shared.pool, shared.directory, shared.vault
        self._asking = asking
        self._links = links_of(shared.settings, shared.vault)
        self._watch = Watch(shared.pool)
        self._street = Street(trust_proxy=shared.settings.trust_proxy)
        self._shop = ShopDoor(shared.directory, asking, self._links, self._street)

    def open(self, app: web.Application) -> None:
        """Adds the pages to an application."""
        before, one = self._street.before, f"{PATH}/{{token}}"
        app.router.add_routes(FILES)
        self._shop.open(app)
        app.router.add_get(one, before(self.show))
        app.router.add_post(one, before(self.choose))
        app.router.add_get(f"{one}/status", before(self.status))
        app.router.add_get(f"{one}/back", before(self.go_back))
        app.on_shutdown.append(self._let_go)

    async def start(self) -> None:
        await self._watch.start()

    async def stop(self) -> None:
        await self._watch.stop()

    async def show(self, request: web.Request) -> web.StreamResponse:
        """The order as it stands."""
        order = await self._order(request)
        return _unknown(request) if order is None else await self._shown(request, order)

    async def choose(self, request: web.Request) -> web.StreamResponse:
        """The payer wants to pay so; then the page is shown anew."""
        order = await self._order(request)
        if order is None:
            return _unknown(request)
        page, choices = page_for(request), str(request.rel_url)
        pay_type = (await request.post()).get("pay_type")
        if pay_type not in CHOICES:
            return html(page.message("again", choices), status=400)
        address = self._street.address(request)
        wish = ChoosePayType(
            payment_id=order.payment_id,
            pay_type=cast(PayType, pay_type),
            client_ip=address if has_form(address, ClientIp) else None,
            return_url=self._links.order_url(order.payment_id),
        )
        try:
            answer = await self._asking.ask(wish, request_id_of(request))
        except TryLater:
            return html(page.message("again", choices), status=503)
        if isinstance(answer, PaymentAnswered) and answer.refusal is not None:
            return html(page.message("try_other", choices), status=409)
        return see(choices)

    async def status(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: the version of the order whenever it changes."""
        order = await self._order(request)
        if order is None or not self._watch.has_room(order.payment_id):
            return web.Response(status=404 if order is None else 503)
        response = web.StreamResponse(headers=EVENTS)
        await response.prepare(request)
        try:
            async with aclosing(self._watch.versions(order.payment_id)) as versions:
                async for version in versions:
                    await response.write(_event(version))
        except ConnectionError:
            pass  # the payer has closed the page
        return response

    async def go_back(self, request: web.Request) -> web.StreamResponse:
        """Leads to the merchant, with a result that is signed at this moment."""
        order = await self._order(request)
        if order is None:
            return _unknown(request)
        merchant = await self._directory.merchants.get(order.merchant_no)
        sealed = merchant.sealed_webhook_secrets(now_utc()) if merchant else ()
        purpose = f"webhook:{order.merchant_no}"
        secrets = [self._vault.open(each, purpose).decode() for each in sealed]
        url = way_back(order, secrets, int(time.time()))
        return see(url or self._links.order_path(order.payment_id))

    async def _order(self, request: web.Request) -> Order | None:
        payment_id = self._links.number("order", request.match_info["token"])
        if payment_id is None or not has_form(payment_id, PaymentId):
            return None
        return await find_order(self._pool, payment_id)

    async def _shown(self, request: web.Request, order: Order) -> web.Response:
        merchant = await self._directory.merchants.get(order.merchant_no)
        if merchant is None:
            return _unknown(request)
        choices = await self._choices(request, merchant, order)
        url = self._links.order_url(order.payment_id)
        page = page_for(request).order(order, merchant.name, choices, url, now_utc())
        # Wallets' pages lead from one of their own addresses to the next.
        forms = "'self' https: http:" if isinstance(order.offer, Form) else "'self'"
        return html(page, forms=forms)

    async def _choices(
        self, request: web.Request, merchant: MerchantProfile, order: Order
    ) -> list[PayType]:
        channels = await self._directory.channels.find({b.channel_no for b in merchant.bindings})
        return offered(device_for(request), merchant, channels, order.payer_id)

    async def _let_go(self, _: web.Application) -> None:
        self._watch.end()


def _event(version: str) -> bytes:
    """One event; a comment where there is only silence to be broken."""
    return f"data: {version}\n\n".encode() if version else b":\n\n"


def _unknown(request: web.Request) -> web.Response:
    return html(page_for(request).message("no_order"), status=404)
