"""`/v1/payments`: have a payment made, look one up, list them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import quote

import msgspec
from aiohttp import web
from msgspec import Struct

from bus.errors import TryLater
from bus.origin import new_event
from bus.replies import Replies
from handlers.asking import Asking
from handlers.forms import has_form
from handlers.merchant_api.answers import document
from handlers.merchant_api.authentication import Call
from handlers.merchant_api.parameters import LIMIT_DEFAULT, Limit, read_query, wrong_cursor
from handlers.merchant_api.problems import MALFORMED, Problem, problem_of, refused
from handlers.merchant_api.views import NEWEST, OPEN, Payments, read_cursor
from handlers.outlet import Outlet
from handlers.trace import accepted_trace
from schema.messages.contract import Message
from schema.messages.doors import ClosePayment, PlacePayment
from schema.messages.ordering import PaymentAnswered
from schema.payments import PaymentRequest, PaymentState, PaymentView
from schema.reach import Reach, objection
from schema.text import MerchantOrderNo, Metadata, PaymentId

PATH = "/v1/payments"


class Processing(Struct, frozen=True, kw_only=True):
    """The order is taken; its first answer takes longer than a request should wait."""

    merchant_order_no: MerchantOrderNo
    state: Literal["processing"] = "processing"


class Search(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query of `GET /v1/payments`."""

    merchant_order_no: MerchantOrderNo | None = None
    limit: Limit = LIMIT_DEFAULT
    cursor: str | None = None


class _WithMetadata(Struct):
    metadata: dict[str, Any]


_request = msgspec.json.Decoder(PaymentRequest)
_with_metadata = msgspec.json.Decoder(_WithMetadata)
_NOT_STORED = Problem("try_again", "the order is not known to be stored; a repeat is safe")


class PaymentDoor:
    """The endpoints of payments, for those whom the gate has let in."""

    def __init__(
        self,
        payments: Payments,
        outlet: Outlet,
        replies: Replies,
        reach: Reach,
        asking: Asking,
        *,
        answer_wait_ms: int,
    ) -> None:
        self._asking = asking
        self._payments = payments
        self._reach = reach
        self._outlet = outlet
        self._replies = replies
        self._wait_s = answer_wait_ms / 1000

    async def place(self, call: Call) -> web.Response | Problem:
        """Takes an order and answers with its payment as soon as the payer can act on it."""
        wish = read_request(call.body)
        if isinstance(wish, Problem):
            return wish
        if wish.notify_url and (reason := objection(wish.notify_url, self._reach)):
            return Problem("url_not_allowed", reason, "notify_url")
        message = PlacePayment(merchant_no=call.merchant.merchant_no, request=wish)
        event = new_event(
            message,
            correlationid=call.request_id,
            replyto=self._replies.queue,
            traceparent=accepted_trace(call.request.headers.get("traceparent")),
        )
        confirmed = self._outlet.say(message, event)
        try:
            async with asyncio.timeout(self._wait_s):
                return _answered(await self._replies.answer(call.request_id))
        except TimeoutError:
            # Cancelling works only where nothing is confirmed, and takes back what is not sent yet.
            return _NOT_STORED if confirmed.cancel() else _processing(message)

    async def close(self, call: Call) -> web.Response | Problem:
        """Has nobody pay the order any more; answers how it stands then."""
        payment_id, merchant_no = call.request.match_info["payment_id"], call.merchant.merchant_no
        if not has_form(payment_id, PaymentId):
            return no_payment(payment_id)
        view = await self._payments.find(merchant_no, payment_id)
        if view is None:
            return no_payment(payment_id)
        if view.state not in (PaymentState.CLOSING, *OPEN):  # it may just not have been heard yet
            return _closed(view)
        wish = ClosePayment(merchant_no=merchant_no, payment_id=payment_id)
        try:
            await self._asking.ask(wish, call.request_id)
        except TryLater:
            return Problem("try_again", "the wish is not known to be stored; a repeat is safe")
        view = await self._payments.find(merchant_no, payment_id)
        assert view is not None, "payments are never deleted"
        return _closed(view)

    async def find(self, call: Call) -> web.Response | Problem:
        """One payment by our number."""
        payment_id = call.request.match_info["payment_id"]
        if not has_form(payment_id, PaymentId):
            return no_payment(payment_id)
        view = await self._payments.find(call.merchant.merchant_no, payment_id)
        return no_payment(payment_id) if view is None else document(view)

    async def search(self, call: Call) -> web.Response | Problem:
        """One payment by the merchant's order number, or a page of them."""
        search = read_query(call.request, Search)
        if isinstance(search, Problem):
            return search
        if search.merchant_order_no is None:
            return await self._page(call.merchant.merchant_no, search)
        number = search.merchant_order_no
        view = await self._payments.find_order(call.merchant.merchant_no, number)
        return no_payment(number) if view is None else document(view)

    async def _page(self, merchant_no: str, search: Search) -> web.Response | Problem:
        before = NEWEST if search.cursor is None else read_cursor(search.cursor)
        if before is None:
            return wrong_cursor()
        return document(await self._payments.page(merchant_no, before, int(search.limit)))


def read_request(body: bytes) -> PaymentRequest | Problem:
    """The order in a body, or the field that is at fault."""
    try:
        return _request.decode(body)
    except MALFORMED as error:
        problem = problem_of(error)
    if problem.param == "metadata":
        return replace(problem, param=_metadata_at_fault(body))
    return problem


def _metadata_at_fault(body: bytes) -> str:
    """Decoders do not tell which value of a map is wrong, so they are looked at one by one."""
    try:
        values = _with_metadata.decode(body).metadata
    except MALFORMED:
        return "metadata"
    return next((f"metadata.{key}" for key in values if _is_value_wrong(key, values)), "metadata")


def _is_value_wrong(key: str, values: dict[str, Any]) -> bool:
    return has_form({key: ""}, Metadata) and not has_form({key: values[key]}, Metadata)


def _answered(answer: Message) -> web.Response | Problem:
    """The first answer to an order; a payment that failed is an order taken all the same."""
    assert isinstance(answer, PaymentAnswered)
    if answer.payment is None:
        assert answer.refusal is not None
        return refused(answer.refusal)
    is_open = answer.payment.state in (PaymentState.SCREENING, PaymentState.ROUTING)
    return document(
        answer.payment, status=202 if is_open else 201, location=f"{PATH}/{answer.payment.id}"
    )


def _closed(view: PaymentView) -> web.Response | Problem:
    """What came of a wish to close: done, under way, or too late."""
    if view.state is PaymentState.CLOSED:
        return document(view)
    if view.state in (PaymentState.CLOSING, *OPEN):
        return document(view, status=202)
    code = "payment_ended" if view.state is PaymentState.FAILED else "payment_already_paid"
    return Problem(code, f"the payment is {view.state}", "payment_id")


def _processing(wish: PlacePayment) -> web.Response:
    number = wish.request.merchant_order_no
    location = f"{PATH}?merchant_order_no={quote(number)}"
    return document(Processing(merchant_order_no=number), status=202, location=location)


def no_payment(number: str) -> Problem:
    """A payment that the merchant does not have, whoever else may."""
    return Problem("payment_not_found", f"the merchant has no payment {number!a:.80}")
