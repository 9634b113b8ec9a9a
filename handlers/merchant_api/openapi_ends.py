"""How payments end otherwise, what of them goes back, and what became of a day, in the document."""

from __future__ import annotations

from typing import Any

import msgspec

from handlers.merchant_api import day_statements, payments, refunds
from handlers.merchant_api.events import PaymentEvents
from handlers.merchant_api.openapi_parts import LIMIT, Json, answer, content, problems, query
from handlers.merchant_api.refund_views import RefundPage
from handlers.merchant_api.refunds import RefundProcessing
from schema.payments import PaymentView
from schema.refunds import RefundRequest, RefundView
from schema.text import MerchantOrderNo, PaymentId, RefundId

END_TYPES = (RefundRequest, RefundView, RefundPage, RefundProcessing, PaymentEvents)

PLACE_CODES = [
    "invalid_json", "missing_field", "unknown_field", "invalid_field", "payment_not_found",
    "refund_no_conflict", "payment_not_refundable", "refund_above_payment", "refund_too_late",
    "url_not_allowed",
]  # fmt: skip

PAYMENT_ID = "pay_01khbcdefg3h9k2m5p100001"
EXAMPLE_REFUND_REQUEST = {
    "merchant_refund_no": "20260214-0001-R1",
    "payment_id": PAYMENT_ID,
    "amount_fen": 500,
    "reason": "One of them was green",
}
EXAMPLE_REFUND = {
    "id": "ref_01khbcrefg3h9k2m5p100001",
    "merchant_no": "1020260100000001",
    "merchant_refund_no": "20260214-0001-R1",
    "payment_id": PAYMENT_ID,
    "merchant_order_no": "20260214-0001",
    "kind": "merchant",
    "state": "asked",
    "amount_fen": 500,
    "currency": "CNY",
    "metadata": {},
    "created_at": "2026-02-14T09:12:00.456Z",
    "reason": "One of them was green",
}
EXAMPLE_REFUNDED = {
    **EXAMPLE_REFUND,
    "state": "succeeded",
    "channel_refund_no": "50300000002026021400001",
    "refunded_at": "2026-02-14T09:12:07Z",
}
EXAMPLE_CLOSED = {
    "id": PAYMENT_ID,
    "merchant_no": "1020260100000001",
    "merchant_order_no": "20260214-0001",
    "state": "closed",
    "amount_fen": 1999,
    "currency": "CNY",
    "pay_type": "wechat_native",
    "subject": "Two kilograms of tomatoes",
    "metadata": {"basket": "b-17"},
    "created_at": "2026-02-14T08:00:00.123Z",
    "expires_at": "2026-02-14T08:05:00.123Z",
    "channel_no": "wechat_1",
    "closed_at": "2026-02-14T08:02:10.500Z",
    "close_reason": "merchant",
}
EXAMPLE_EVENTS = {
    "payment_id": PAYMENT_ID,
    "state": "succeeded",
    "items": [
        {"at": "2026-02-14T08:00:00.123Z", "kind": "placed", "amount_fen": 1999},
        {
            "at": "2026-02-14T08:00:00.140Z",
            "kind": "channel_asked",
            "attempt_id": "01khbcdefg3h9k2m5p10000101",
            "channel_no": "wechat_1",
        },
        {
            "at": "2026-02-14T08:01:30Z",
            "kind": "paid",
            "channel_no": "wechat_1",
            "amount_fen": 1999,
        },
    ],
    "is_whole": True,
}
EXAMPLE_DAY = """\
kind,at,payment_id,merchant_order_no,refund_id,merchant_refund_no,pay_type,channel_no,\
channel_trade_no,channel_refund_no,currency,gross_fen,fee_fen,net_fen,count,text
payment,2026-02-14T16:01:30.000+08:00,pay_01khbcdefg3h9k2m5p100001,20260214-0001,,,\
wechat_native,wechat_1,4200002026021400000001,,CNY,1999,12,1987,,Two kilograms of tomatoes
refund,2026-02-14T17:12:07.000+08:00,pay_01khbcdefg3h9k2m5p100001,20260214-0001,\
ref_01khbcrefg3h9k2m5p100001,20260214-0001-R1,wechat_native,wechat_1,\
4200002026021400000001,50300000002026021400001,CNY,-500,0,-500,,One of them was green
payments_total,,,,,,,,,,,1999,12,1987,1,
refunds_total,,,,,,,,,,,-500,0,-500,1,
total,,,,,,,,,,,1499,12,1487,2,
"""


def end_paths() -> Json:
    """Closing, refunds, time lines and days."""
    of_payment = f"{payments.PATH}/{{payment_id}}"
    return {
        f"{of_payment}/close": {"post": _close()},
        f"{of_payment}/refunds": {"get": _refunds_of()},
        f"{of_payment}/events": {"get": _events()},
        refunds.PATH: {"post": _place(), "get": _search()},
        f"{refunds.PATH}/{{refund_id}}": {"get": _find()},
        day_statements.PATH: {"get": _statement()},
    }


def _close() -> Json:
    under_way = answer("Being closed at the channel; a webhook tells the end.", [PaymentView])
    return {
        "operationId": "closePayment",
        "summary": "Have nobody pay an order any more",
        "description": "Closed once the channel has confirmed it. Who has paid in the meantime has"
        " paid: `payment_already_paid`. A repeat is safe.",
        "parameters": [_path("payment_id", PaymentId)],
        "responses": {
            "200": answer("Closed.", [PaymentView], EXAMPLE_CLOSED),
            "202": under_way,
            **problems(["payment_not_found", "payment_already_paid", "payment_ended"]),
        },
    }


def _place() -> Json:
    location = {"Location": {"schema": {"type": "string"}, "description": "Where to look it up."}}
    later = answer("Taken; the money for it is not set aside yet.", [RefundView, RefundProcessing])
    return {
        "operationId": "placeRefund",
        "summary": "Give money of a payment back",
        "description": "Answers when the money for it is set aside and the channel is asked; or"
        " with a refund that is `failed` already (`insufficient_balance`). Without `amount_fen`,"
        " all that is left is refunded. A refund number stands for one refund for ever: a repeat"
        " with the same content gets that refund as it stands.",
        "requestBody": {
            "required": True,
            "content": content([RefundRequest], EXAMPLE_REFUND_REQUEST),
        },
        "responses": {
            "201": {**answer("Taken.", [RefundView], EXAMPLE_REFUND), "headers": location},
            "202": {**later, "headers": location},
            **problems(PLACE_CODES),
        },
    }


def _search() -> Json:
    found = "The refund with this number, or a page of refunds, newest first."
    return {
        "operationId": "searchRefunds",
        "summary": "Find a refund by its number, or list refunds",
        "parameters": [
            query("merchant_refund_no", msgspec.json.schema(MerchantOrderNo)),
            query("payment_id", msgspec.json.schema(PaymentId)),
            *_PAGE,
        ],
        "responses": {
            "200": answer(found, [RefundView, RefundPage], EXAMPLE_REFUNDED),
            **problems(["invalid_parameter", "refund_not_found"]),
        },
    }


def _find() -> Json:
    return {
        "operationId": "findRefund",
        "summary": "Find a refund by our number",
        "parameters": [_path("refund_id", RefundId)],
        "responses": {
            "200": answer("The refund.", [RefundView], EXAMPLE_REFUNDED),
            **problems(["refund_not_found"]),
        },
    }


def _refunds_of() -> Json:
    page = {"items": [EXAMPLE_REFUNDED], "next_cursor": None}
    return {
        "operationId": "listRefundsOfPayment",
        "summary": "What of a payment went back, or is on its way",
        "parameters": [_path("payment_id", PaymentId), *_PAGE],
        "responses": {
            "200": answer("A page of refunds, newest first.", [RefundPage], page),
            **problems(["invalid_parameter", "payment_not_found"]),
        },
    }


def _events() -> Json:
    return {
        "operationId": "readPaymentEvents",
        "summary": "What happened to a payment, and when",
        "description": "Times are those of whoever did it, so that of the money is the channel's.",
        "parameters": [_path("payment_id", PaymentId)],
        "responses": {
            "200": answer("The time line, oldest first.", [PaymentEvents], EXAMPLE_EVENTS),
            **problems(["invalid_parameter", "payment_not_found"]),
        },
    }


def _statement() -> Json:
    day = {"name": "day", "in": "path", "required": True, "schema": _DAY}
    whole = {"text/csv": {"schema": {"type": "string"}, "example": EXAMPLE_DAY}}
    return {
        "operationId": "readDayStatement",
        "summary": "What was paid and refunded on a day, as a file",
        "description": "A day is China's. A payment stands on the day on which it was paid, by the"
        " channel's word; one that the channel tells of later joins that day then, so read a day"
        " some hours after its end. The file is sent while it is read: one that ends with `total`"
        " is whole. A text that a spreadsheet would take for a formula has a `'` before it.",
        "parameters": [day],
        "responses": {
            "200": {"description": "The statement, of any length.", "content": whole},
            **problems(["invalid_parameter"]),
        },
    }


_DAY: Json = {"type": "string", "format": "date"}
_PAGE: list[Json] = [query("limit", LIMIT), query("cursor", {"type": "string"})]


def _path(name: str, kind: Any) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": msgspec.json.schema(kind)}
