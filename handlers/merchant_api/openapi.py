"""The merchant API as an OpenAPI 3.1 document, made from the types that the door decodes with."""

from __future__ import annotations

import msgspec

from handlers.merchant_api.openapi_accounts import ACCOUNT_TYPES, account_paths
from handlers.merchant_api.openapi_ends import END_TYPES, end_paths
from handlers.merchant_api.openapi_parts import LIMIT, Json, answer, content, problems, query
from handlers.merchant_api.openapi_webhooks import WEBHOOK_TYPES, webhook_paths
from handlers.merchant_api.payments import PATH, Processing
from handlers.merchant_api.problems import PROBLEMS, ProblemDocument
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
same content is safe and gets the first answer; other content under the same number is refused. So
it is with a refund number, whose repeat gets the refund as it stands.

**Paying.** `pay_type` chooses the product; what it needs besides is refused by name where it is
missing (`missing_field`). `pay` in the answer says how the payer can pay, by its `kind`: a
`qr_code` to show, a `redirect` for the browser, a `form` for the browser to post in this order, a
`client_call` or an `app_string` for the wallet's own library, or nothing to show, `at_the_till`.

**Cashier.** With `"pay_type": "cashier"` the payer chooses: the answer is `201` with the state
`placed` and a `cashier_url`, a page of ours. Lead the payer's browser there, or show the address as
a QR code. It is in the first answer and in every later look at the order, as long as somebody can
pay it; `pay_type` is then what the payer has chosen last. With a `return_url` the last page leads
back to you, with a signed result.

**Ends.** An order that nobody pays is closed when it expires, or when you close it; `closed` is
said only when nobody can pay it any more. Money that comes all the same goes back by itself
(`late_paid`), or reopens the order, as was agreed with you. `unknown` is not a failure: nobody can
say yet. Refunds are asked for per payment, in parts or whole, and end on their own time.

**Accounts.** A payment is booked within a second of its success. Entries are never changed, and
each carries the balance after it, so that every balance can be checked against the entries. Days
are China's (UTC+8). In an address, the `+` of a time zone is written `%2B`.

**Webhooks** are signed as [Standard Webhooks](https://www.standardwebhooks.com). They go to the
order's `notify_url`, else to the one of the merchant's profile, and to every webhook endpoint that
wants the event's type.
"""

PLACE_CODES = [
    "invalid_json", "missing_field", "unknown_field", "invalid_field", "merchant_suspended",
    "order_no_conflict", "pay_type_not_enabled", "url_not_allowed",
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
    "pay": {"kind": "qr_code", "url": "weixin://wxpay/bizpayurl?pr=p4lpSuKzz"},
    "channel_no": "wechat_1",
}
EXAMPLE_CASHIER = {
    **{key: EXAMPLE_PENDING[key] for key in EXAMPLE_PENDING if key not in ("pay", "channel_no")},
    "state": "placed",
    "pay_type": "cashier",
    "cashier_url": "https://pay.example/cashier/pay_01khbcdefg3h9k2m5p100001.Xk3…",
}
EXAMPLE_PAID = {
    **EXAMPLE_PENDING,
    "state": "succeeded",
    "channel_trade_no": "4200002026021400000001",
    "paid_at": "2026-02-14T08:01:30Z",
    "fee_fen": 12,
}


def openapi(server_url: str) -> Json:
    """The document; `server_url` is where merchants reach the API."""
    types = (
        PaymentRequest, PaymentView, PaymentPage, Processing, *END_TYPES, *ACCOUNT_TYPES,
        *WEBHOOK_TYPES, ProblemDocument,
    )  # fmt: skip
    _, made = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    schemas = msgspec.json.decode(msgspec.json.encode(made))  # defaults that are tuples, as lists
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tomato merchant API", "version": "1", "description": INTRODUCTION},
        "servers": [{"url": server_url}],
        "security": [{"hmac": []}, {"rsa": []}],
        "paths": {
            PATH: {"post": _place(), "get": _search()},
            f"{PATH}/{{payment_id}}": {"get": _find()},
            **end_paths(),
            **account_paths(),
            **webhook_paths(),
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
    taken = answer("Taken.", [PaymentView])
    taken["content"]["application/json"]["examples"] = {
        "pending": {"value": EXAMPLE_PENDING},
        "cashier": {"value": EXAMPLE_CASHIER},
    }
    later = answer("Taken; the first answer is still to come.", [PaymentView, Processing])
    return {
        "operationId": "placePayment",
        "summary": "Have a payment made",
        "description": "Answers when the payer can act on it, or after some seconds with 202.",
        "requestBody": {
            "required": True,
            "content": content([PaymentRequest], EXAMPLE_REQUEST),
        },
        "responses": {
            "201": {**taken, "headers": location},
            "202": {**later, "headers": location},
            **problems(PLACE_CODES),
        },
    }


def _search() -> Json:
    found = "The payment with this order number, or a page of payments, newest first."
    return {
        "operationId": "searchPayments",
        "summary": "Find a payment by order number, or list payments",
        "parameters": [
            query("merchant_order_no", msgspec.json.schema(MerchantOrderNo)),
            query("limit", LIMIT),
            query("cursor", {"type": "string"}),
        ],
        "responses": {
            "200": answer(found, [PaymentView, PaymentPage], EXAMPLE_PAID),
            **problems(["invalid_parameter", "payment_not_found"]),
        },
    }


def _find() -> Json:
    parameter = msgspec.json.schema(PaymentId)
    return {
        "operationId": "findPayment",
        "summary": "Find a payment by our number",
        "parameters": [{"name": "payment_id", "in": "path", "required": True, "schema": parameter}],
        "responses": {
            "200": answer("The payment.", [PaymentView], EXAMPLE_PAID),
            **problems(["payment_not_found"]),
        },
    }
