"""A merchant's own code 静态码: one address for all its payers, who type what they are to pay.

Each page that is shown has a number of its own, and a form is an order under that number: sent
twice, it is one order.
"""

from __future__ import annotations

import os
import re

from aiohttp import web

from bus.directory import Directory
from bus.errors import TryLater
from handlers.asking import Asking
from handlers.cashier.street import Street, html, page_for, see
from handlers.cashier.words import say
from handlers.doorstep import request_id_of
from schema.cashier import PATH, Links
from schema.messages.doors import PlacePayment
from schema.messages.ordering import PaymentAnswered
from schema.payments import PaymentRequest
from schema.profiles import MerchantProfile

FORM_NO = re.compile(r"[0-9a-f]{24}")
AMOUNT = re.compile(r"([0-9]{1,5})(?:\.([0-9]{1,2}))?")
AMOUNT_FEN_MAX = 5_000_000
"""50,000 yuan: what somebody types at a counter; a larger order is the merchant's to place."""


class ShopDoor:
    """Takes orders that payers place themselves."""

    def __init__(self, directory: Directory, asking: Asking, links: Links, street: Street) -> None:
        self._directory, self._asking = directory, asking
        self._links, self._street = links, street

    def open(self, app: web.Application) -> None:
        """Adds the page to an application."""
        path = f"{PATH}/shop/{{token}}"
        app.router.add_get(path, self._street.before(self.show, is_for_all=True))
        app.router.add_post(path, self._street.before(self.order, is_for_all=True))

    async def show(self, request: web.Request) -> web.StreamResponse:
        """A new form."""
        merchant = await self._merchant(request)
        if merchant is None:
            return html(page_for(request).message("no_order"), status=404)
        return html(page_for(request).shop(merchant.name, _new_no()))

    async def order(self, request: web.Request) -> web.StreamResponse:
        """An order of what was typed; leads to its page."""
        merchant, form = await self._merchant(request), await request.post()
        if merchant is None:
            return html(page_for(request).message("no_order"), status=404)
        form_no, amount_fen = str(form.get("form_no")), fen_of(str(form.get("amount")))
        page = page_for(request)
        if not FORM_NO.fullmatch(form_no) or amount_fen is None:
            return html(page.shop(merchant.name, _new_no(), "wrong_amount"), status=400)
        wish = wish_of(merchant.merchant_no, form_no, amount_fen)
        try:
            answer = await self._asking.ask(wish, request_id_of(request))
        except TryLater:  # it may be placed all the same: the same form once more is the same order
            return html(page.shop(merchant.name, form_no, "again"), status=503)
        if not isinstance(answer, PaymentAnswered) or answer.payment is None:
            return html(page.shop(merchant.name, _new_no(), "again"), status=409)
        return see(self._links.order_path(answer.payment.id))

    async def _merchant(self, request: web.Request) -> MerchantProfile | None:
        number = self._links.number("shop", request.match_info["token"])
        merchant = None if number is None else await self._directory.merchants.get(number)
        return merchant if merchant and merchant.status == "active" else None


def _new_no() -> str:
    return os.urandom(12).hex()


def fen_of(text: str) -> int | None:
    """What a payer has typed, in fen; None for what is no amount of yuan, or too large a one."""
    typed = AMOUNT.fullmatch(text.strip())
    if typed is None:
        return None
    fen = int(typed[1]) * 100 + int((typed[2] or "").ljust(2, "0"))
    return fen if 1 <= fen <= AMOUNT_FEN_MAX else None


def wish_of(merchant_no: str, form_no: str, amount_fen: int) -> PlacePayment:
    """The order of one form."""
    request = PaymentRequest(
        merchant_order_no=f"code-{form_no}",
        amount_fen=amount_fen,
        pay_type="cashier",
        subject=say("order_for_shop", "zh"),
    )
    return PlacePayment(merchant_no=merchant_no, request=request)
