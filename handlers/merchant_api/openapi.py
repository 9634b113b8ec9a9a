"""The merchant API as an OpenAPI 3.1 document, made from the types that the door decodes with."""

from __future__ import annotations

from typing import Any

import msgspec

from handlers.merchant_api.payments import LIMIT_DEFAULT, PATH, Processing
from handlers.merchant_api.problems import PROBLEMS, Problem, ProblemDocument, document_of
from handlers.merchant_api.signing import HMAC_SCHEME, RSA_SCHEME, WINDOW_S
from handlers.merchant_api.views import PaymentPage
from schema.payments import PaymentRequest, PaymentView
from schema.text import MerchantOrderNo, PaymentId

INTRODUCTION = f"""\
Amounts are whole fen, times are RFC 3339 with a zone, unknown fields are refused.

**Signing.** Each request carries

    Authorization: {HMAC_SCHEME} merchant="…",key="…",timestamp="…",nonce="…",signature="…"

The signature covers `METHOD`, the path with its query as sent, `timestamp`, `nonce` and the body,
each followed by a line feed. It is base64 of HMAC-SHA256 under the key's secret, or, with the
scheme {RSA_SCHEME}, of RSA PKCS#1 v1.5 with SHA-256. `timestamp` is in seconds and at most
{WINDOW_S} s from our clock; `nonce` is 8 to 64 of `A-Z a-z 0-9 _ -` and good once.

**Repeats.** A merchant's order number stands for one order for ever. Repeating a request with the
same content is safe and gets the first answer; other content under the same number is refused.
"""

AUTHORIZATION_CODES = [
    "malformed_authorization", "stale_timestamp", "unauthorized", "nonce_used", "ip_not_allowed",
    "too_many_requests",
]  # fmt: skip
ALWAYS_CODES = [
    *AUTHORIZATION_CODES, "bad_request", "body_too_slow", "body_too_large", "internal_error",
    "try_again",
]  # fmt: skip
PLACE_CODES = [
    "invalid_json", "missing_field", "unknown_field", "invalid_field", "merchant_suspended",
    "order_no_conflict", "pay_type_not_enabled",
]  # fmt: skip

EXAMPLE_REQUEST = {
    "merchant_order_no": "20260214-0001",
    "amount_fen": 1999,
    "pay_type": "wechat_native",
    "subject": "Two kilograms of tomatoes",
    "metadata": {"basket": "b-17"},
}
EXAMPLE_PENDING = {
    "id": "pay_01khbcdefg3h9k2m5p100001",
    "merchant_no": "1020260100000001",
    "merchant_order_no": "20260214-0001",
    "state": "pending",
    "amount_fen": 1999,
    "currency": "CNY",
    "pay_type": "wechat_native",
    "subject": "Two kilograms of tomatoes",
    "metadata": {"basket": "b-17"},
    "created_at": "2026-02-14T08:00:00.123Z",
    "expires_at": "2026-02-14T08:05:00.123Z",
    "code_url": "weixin://wxpay/bizpayurl?pr=p4lpSuKzz",
    "channel_no": "wechat_1",
}
EXAMPLE_PAID = {
    **EXAMPLE_PENDING,
    "state": "succeeded",
    "channel_trade_no": "4200002026021400000001",
    "paid_at": "2026-02-14T08:01:30Z",
    "fee_fen": 12,
}

Json = dict[str, Any]


def openapi(server_url: str) -> Json:
    """The document; `server_url` is where merchants reach the API."""
    types = (PaymentRequest, PaymentView, PaymentPage, Processing, ProblemDocument)
    _, schemas = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tomato merchant API", "version": "1", "description": INTRODUCTION},
        "servers": [{"url": server_url}],
        "security": [{"hmac": []}, {"rsa": []}],
        "paths": {
            PATH: {"post": _place(), "get": _search()},
            f"{PATH}/{{payment_id}}": {"get": _find()},
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "hmac": {"type": "http", "scheme": HMAC_SCHEME},
                "rsa": {"type": "http", "scheme": RSA_SCHEME},
            },
        },
        "x-problems": {
            code: {"status": kind.status, "title": kind.title} for code, kind in PROBLEMS.items()
        },
    }


def _place() -> Json:
    location = {"Location": {"schema": {"type": "string"}, "description": "Where to look it up."}}
    later = _answer("Taken; the first answer is still to come.", [PaymentView, Processing])
    return {
        "operationId": "placePayment",
        "summary": "Have a payment made",
        "description": "Answers when the payer can act on it, or after some seconds with 202.",
        "requestBody": {
            "required": True,
            "content": _content([PaymentRequest], EXAMPLE_REQUEST),
        },
        "responses": {
            "201": {**_answer("Taken.", [PaymentView], EXAMPLE_PENDING), "headers": location},
            "202": {**later, "headers": location},
            **_problems(PLACE_CODES),
        },
    }


def _search() -> Json:
    found = "The payment with this order number, or a page of payments, newest first."
    return {
        "operationId": "searchPayments",
        "summary": "Find a payment by order number, or list payments",
        "parameters": [
            _query("merchant_order_no", msgspec.json.schema(MerchantOrderNo)),
            _query(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": 100, "default": int(LIMIT_DEFAULT)},
            ),
            _query("cursor", {"type": "string"}),
        ],
        "responses": {
            "200": _answer(found, [PaymentView, PaymentPage], EXAMPLE_PAID),
            **_problems(["invalid_parameter", "payment_not_found"]),
        },
    }


def _find() -> Json:
    parameter = msgspec.json.schema(PaymentId)
    return {
        "operationId": "findPayment",
        "summary": "Find a payment by our number",
        "parameters": [{"name": "payment_id", "in": "path", "required": True, "schema": parameter}],
        "responses": {
            "200": _answer("The payment.", [PaymentView], EXAMPLE_PAID),
            **_problems(["payment_not_found"]),
        },
    }


def _query(name: str, schema: Json) -> Json:
    return {"name": name, "in": "query", "schema": schema}


def _answer(description: str, types: list[type], example: Json | None = None) -> Json:
    return {"description": description, "content": _content(types, example)}


def _content(types: list[type], example: Json | None = None) -> Json:
    references = [{"$ref": f"#/components/schemas/{t.__name__}"} for t in types]
    schema = references[0] if len(types) == 1 else {"anyOf": references}
    return {"application/json": {"schema": schema} | ({"example": example} if example else {})}


def _problems(codes: list[str]) -> Json:
    """One response per status, with an example for each code that it may carry."""
    by_status: dict[int, list[str]] = {}
    for code in [*codes, *ALWAYS_CODES]:
        by_status.setdefault(PROBLEMS[code].status, []).append(code)
    return {str(status): _problem(by_status[status]) for status in sorted(by_status)}


def _problem(codes: list[str]) -> Json:
    examples = {
        code: {"value": msgspec.to_builtins(document_of(Problem(code, "…"), "req_…"))}
        for code in codes
    }
    schema = {"$ref": f"#/components/schemas/{ProblemDocument.__name__}"}
    return {
        "description": "; ".join(f"`{code}`: {PROBLEMS[code].title}" for code in codes),
        "content": {"application/problem+json": {"schema": schema, "examples": examples}},
    }
