"""`/v1/refunds`: have money given back, look a refund up, list them."""

from __future__ import annotations

from typing import Literal
from urllib.parse import quote

from aiohttp import web
from msgspec import Struct

from bus.errors import TryLater
from handlers.asking import Asking
from handlers.forms import has_form
from handlers.merchant_api.answers import document, read_form
from handlers.merchant_api.authentication import Call
from handlers.merchant_api.parameters import LIMIT_DEFAULT, Limit, read_query, wrong_cursor
from handlers.merchant_api.payments import no_payment
from handlers.merchant_api.problems import Problem, refused
from handlers.merchant_api.refund_views import NEWEST, Refunds, read_cursor
from handlers.merchant_api.views import Payments
from handlers.trace import accepted_trace
from schema.messages.contract import Message
from schema.messages.doors import PlaceRefund
from schema.messages.ordering import RefundAnswered
from schema.reach import Reach, objection
from schema.refunds import RefundRequest, RefundState
from schema.text import MerchantOrderNo, PaymentId, RefundId

PATH = "/v1/refunds"
NOT_STORED = Problem("try_again", "the refund is not known to be stored; a repeat is safe")


class RefundProcessing(Struct, frozen=True, kw_only=True):
    """The wish is taken; the books take longer than a request should wait."""

    merchant_refund_no: MerchantOrderNo
    state: Literal["processing"] = "processing"


class Page(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which part of a list is asked for."""

    limit: Limit = LIMIT_DEFAULT
    cursor: str | None = None


class RefundSearch(Page, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query of `GET /v1/refunds`."""

    merchant_refund_no: MerchantOrderNo | None = None
    payment_id: PaymentId | None = None


class RefundDoor:
    """The endpoints of refunds, for those whom the gate has let in."""

    def __init__(self, refunds: Refunds, payments: Payments, asking: Asking, reach: Reach) -> None:
        self._refunds = refunds
        self._payments = payments
        self._asking = asking
        self._reach = reach

    async def place(self, call: Call) -> web.Response | Problem:
        """Takes a refund and answers when the money for it is set aside, or why it can't be."""
        wish = read_form(call.body, RefundRequest)
        if isinstance(wish, Problem):
            return wish
        if wish.notify_url and (reason := objection(wish.notify_url, self._reach)):
            return Problem("url_not_allowed", reason, "notify_url")
        message = PlaceRefund(merchant_no=call.merchant.merchant_no, request=wish)
        trace = accepted_trace(call.request.headers.get("traceparent"))
        try:
            answer = await self._asking.ask(message, call.request_id, traceparent=trace)
        except TryLater:
            return NOT_STORED
        if answer is None:
            location = f"{PATH}?merchant_refund_no={quote(wish.merchant_refund_no)}"
            processing = RefundProcessing(merchant_refund_no=wish.merchant_refund_no)
            return document(processing, status=202, location=location)
        return _answered(answer)

    async def find(self, call: Call) -> web.Response | Problem:
        """One refund by our number."""
        refund_id = call.request.match_info["refund_id"]
        if not has_form(refund_id, RefundId):
            return _no_refund(refund_id)
        view = await self._refunds.find(call.merchant.merchant_no, refund_id)
        return _no_refund(refund_id) if view is None else document(view)

    async def of_payment(self, call: Call) -> web.Response | Problem:
        """A page of the refunds of one payment."""
        payment_id, merchant_no = call.request.match_info["payment_id"], call.merchant.merchant_no
        if not has_form(payment_id, PaymentId):
            return no_payment(payment_id)
        page = read_query(call.request, Page)
        if isinstance(page, Problem):
            return page
        if await self._payments.find(merchant_no, payment_id) is None:
            return no_payment(payment_id)
        return await self._page(merchant_no, payment_id, page)

    async def search(self, call: Call) -> web.Response | Problem:
        """One refund by the merchant's number, those of a payment, or a page of all."""
        search, merchant_no = read_query(call.request, RefundSearch), call.merchant.merchant_no
        if isinstance(search, Problem):
            return search
        if (number := search.merchant_refund_no) is not None:
            view = await self._refunds.find_number(merchant_no, number)
            return _no_refund(number) if view is None else document(view)
        return await self._page(merchant_no, search.payment_id, search)

    async def _page(
        self, merchant_no: str, payment_id: str | None, page: Page
    ) -> web.Response | Problem:
        before = NEWEST if page.cursor is None else read_cursor(page.cursor)
        if before is None:
            return wrong_cursor()
        limit = int(page.limit)
        return document(await self._refunds.page(merchant_no, payment_id, before, limit))


def _answered(answer: Message) -> web.Response | Problem:
    """A refund that failed is a refund all the same, unless the books refused it at once."""
    assert isinstance(answer, RefundAnswered)
    if answer.refund is None:
        assert answer.refusal is not None
        return refused(answer.refusal)
    refund = answer.refund
    is_open = refund.state in (RefundState.RESERVED, RefundState.QUEUED)
    return document(refund, status=202 if is_open else 201, location=f"{PATH}/{refund.id}")


def _no_refund(number: str) -> Problem:
    return Problem("refund_not_found", f"the merchant has no refund {number!a:.80}")
