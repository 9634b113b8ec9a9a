"""The webhook part of the OpenAPI document."""

from __future__ import annotations

import msgspec

from handlers.merchant_api import endpoints, notifications
from handlers.merchant_api.endpoints import EndpointWithSecret
from handlers.merchant_api.notifications import Search
from handlers.merchant_api.openapi_parts import LIMIT, Json, answer, content, problems, query
from handlers.webhook_forms import (
    EndpointForm,
    NewEndpointForm,
    ReplayAccepted,
    ReplayForm,
    SecretForm,
)
from handlers.webhook_views import (
    EndpointPage,
    EndpointView,
    NotificationDetails,
    NotificationPage,
)
from schema.webhooks import EndpointId, NotificationId

WEBHOOK_TYPES: tuple[type, ...] = (
    EndpointForm, NewEndpointForm, SecretForm, EndpointView, EndpointPage, EndpointWithSecret,
    NotificationDetails, NotificationPage, ReplayForm, ReplayAccepted,
)  # fmt: skip

BODY_CODES = ["invalid_json", "missing_field", "unknown_field", "invalid_field"]
TERMS_CODES = [*BODY_CODES, "url_not_allowed", "invalid_header"]

EXAMPLE_ENDPOINT = {
    "url": "https://shop.example/webhooks",
    "event_types": ["payment.*", "refund.*"],
    "policy": "standard",
}


def webhook_paths() -> Json:
    """Every path of endpoints and notifications."""
    one, told = f"{endpoints.PATH}/{{endpoint_id}}", f"{notifications.PATH}/{{notification_id}}"
    return {
        endpoints.PATH: {"post": _create(), "get": _list()},
        one: {"get": _find(), "patch": _change(), "delete": _remove()},
        f"{one}/secrets": {"post": _rotate()},
        f"{one}/test": {"post": _test()},
        notifications.PATH: {"get": _search()},
        f"{notifications.PATH}/replay": {"post": _replay()},
        told: {"get": _show()},
        f"{told}/resend": {"post": _resend()},
    }


def _create() -> Json:
    location = {"Location": {"schema": {"type": "string"}, "description": "Where to look it up."}}
    made = answer("Made; the secret is shown this once.", [EndpointWithSecret])
    return {
        "operationId": "createWebhookEndpoint",
        "summary": "Have webhooks sent to a further address",
        "requestBody": _body(NewEndpointForm, EXAMPLE_ENDPOINT),
        "responses": {
            "201": {**made, "headers": location},
            **problems([*TERMS_CODES, "too_many_endpoints"]),
        },
    }


def _list() -> Json:
    return {
        "operationId": "listWebhookEndpoints",
        "summary": "List webhook endpoints, oldest first",
        "responses": {
            "200": answer("All of the merchant's.", [EndpointPage]),
            **problems(["invalid_parameter"]),
        },
    }


def _find() -> Json:
    return {
        "operationId": "findWebhookEndpoint",
        "summary": "Show a webhook endpoint",
        "parameters": [_endpoint_id()],
        "responses": {
            "200": answer("The endpoint.", [EndpointView]),
            **problems(["endpoint_not_found"]),
        },
    }


def _change() -> Json:
    codes = [*TERMS_CODES, "endpoint_not_found", "endpoint_changed"]
    return {
        "operationId": "changeWebhookEndpoint",
        "summary": "Change a webhook endpoint; what is left out stays",
        "description": "Applies to what is waiting to be sent, too.",
        "parameters": [_endpoint_id()],
        "requestBody": _body(EndpointForm, {"enabled": True}),
        "responses": {"200": answer("As it is now.", [EndpointView]), **problems(codes)},
    }


def _remove() -> Json:
    return {
        "operationId": "removeWebhookEndpoint",
        "summary": "Send nothing more to a webhook endpoint",
        "parameters": [_endpoint_id()],
        "responses": {"204": {"description": "Removed."}, **problems(["endpoint_not_found"])},
    }


def _rotate() -> Json:
    made = answer("The new secret, shown this once.", [EndpointWithSecret])
    location = {"Location": {"schema": {"type": "string"}, "description": "The endpoint."}}
    return {
        "operationId": "rotateWebhookSecret",
        "summary": "Sign with a new secret, and for some time with the old ones as well",
        "parameters": [_endpoint_id()],
        "requestBody": _body(SecretForm, {"keep_old_s": 86_400}),
        "responses": {
            "201": {**made, "headers": location},
            **problems([*BODY_CODES, "endpoint_not_found"]),
        },
    }


def _test() -> Json:
    return {
        "operationId": "testWebhookEndpoint",
        "summary": "Send a test to a webhook endpoint",
        "parameters": [_endpoint_id()],
        "responses": _tried(["endpoint_not_found"]),
    }


def _search() -> Json:
    plain = {"type": "string"}
    moment = {"type": "string", "format": "date-time"}
    forms = {
        "endpoint_id": msgspec.json.schema(EndpointId),
        "state": {"enum": ["waiting", "delivered", "exhausted", "skipped", "superseded"]},
        "type": plain, "subject": plain, "since": moment, "until": moment,
        "limit": LIMIT,
        "cursor": plain,
    }  # fmt: skip
    assert set(forms) == set(Search.__struct_fields__)
    return {
        "operationId": "searchNotifications",
        "summary": "List notifications that fit, newest first",
        "parameters": [query(name, schema) for name, schema in forms.items()],
        "responses": {
            "200": answer("A page of them.", [NotificationPage]),
            **problems(["invalid_parameter"]),
        },
    }


def _show() -> Json:
    return {
        "operationId": "findNotification",
        "summary": "Show a notification with every try",
        "parameters": [_notification_id()],
        "responses": {
            "200": answer("The notification.", [NotificationDetails]),
            **problems(["notification_not_found"]),
        },
    }


def _resend() -> Json:
    return {
        "operationId": "resendNotification",
        "summary": "Make the next try of a notification now",
        "description": "The try that waits for its time is replaced by this one.",
        "parameters": [_notification_id()],
        "responses": _tried(["notification_not_found", "endpoint_disabled"]),
    }


def _replay() -> Json:
    accepted = answer("On their way; `count` says how many.", [ReplayAccepted])
    example = {"since": "2026-02-14T08:00:00Z", "until": "2026-02-14T09:00:00Z"}
    return {
        "operationId": "replayNotifications",
        "summary": "Send many notifications again: named ones, or those of a time",
        "description": "Numbers that are not the merchant's are passed over.",
        "requestBody": _body(ReplayForm, example),
        "responses": {"202": accepted, **problems([*BODY_CODES, "replay_too_long"])},
    }


def _tried(codes: list[str]) -> Json:
    location = {"Location": {"schema": {"type": "string"}, "description": "The notification."}}
    over = answer("The try is over; `tries` says how it went.", [NotificationDetails])
    later = answer("The try takes longer; look it up.", [NotificationDetails])
    return {
        "200": {**over, "headers": location},
        "202": {**later, "headers": location},
        **problems(codes),
    }


def _body(kind: type, example: Json) -> Json:
    return {"required": True, "content": content([kind], example)}


def _endpoint_id() -> Json:
    schema = msgspec.json.schema(EndpointId)
    return {"name": "endpoint_id", "in": "path", "required": True, "schema": schema}


def _notification_id() -> Json:
    schema = msgspec.json.schema(NotificationId)
    return {"name": "notification_id", "in": "path", "required": True, "schema": schema}
