"""What can go wrong at the merchants' door: one table of stable codes, and RFC 9457 documents.

A problem is a value: whoever finds one returns it. Programs read `code`, which never changes its
meaning; `title` belongs to the code, `detail` to this one request.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec
from aiohttp import web
from msgspec import Struct
from multidict import CIMultiDict

from handlers.merchant_api.signing import HMAC_SCHEME, RSA_SCHEME
from schema.payments import Refusal

DETAIL_LENGTH_MAX = 300
"""A decoder quotes what it refuses, and that may be as long as the body."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What all problems of one code have in common."""

    status: int
    title: str


PROBLEMS: dict[str, Kind] = {
    "invalid_json":            Kind(400, "The body is not a JSON document"),
    "missing_field":           Kind(400, "A required field is missing"),
    "unknown_field":           Kind(400, "A field is not known here"),
    "invalid_field":           Kind(400, "A field's value is not allowed"),
    "invalid_parameter":       Kind(400, "A parameter is not allowed"),
    "bad_request":             Kind(400, "The request can't be understood"),
    "malformed_authorization": Kind(401, "The Authorization header can't be read"),
    "stale_timestamp":         Kind(401, "The timestamp is too far from our clock"),
    "unauthorized":            Kind(401, "The request is not signed by a key that we know"),
    "nonce_used":              Kind(401, "The nonce has been used before"),
    "ip_not_allowed":          Kind(403, "The merchant does not allow this address"),
    "merchant_suspended":      Kind(403, "The merchant is suspended"),
    "not_found":               Kind(404, "Nothing is at this address"),
    "payment_not_found":       Kind(404, "The merchant has no such payment"),
    "refund_not_found":        Kind(404, "The merchant has no such refund"),
    "account_not_found":       Kind(404, "The merchant has no such account"),
    "endpoint_not_found":      Kind(404, "The merchant has no such webhook endpoint"),
    "notification_not_found":  Kind(404, "The merchant has no such notification"),
    "method_not_allowed":      Kind(405, "The address does not know this method"),
    "body_too_slow":           Kind(408, "The body did not arrive in time"),
    "order_no_conflict":       Kind(409, "The order number stands for another order"),
    "refund_no_conflict":      Kind(409, "The refund number stands for another refund"),
    "payment_not_refundable":  Kind(409, "The payment can't be refunded as it stands"),
    "payment_already_paid":    Kind(409, "The payment was paid; it can only be refunded"),
    "payment_ended":           Kind(409, "The payment has ended otherwise"),
    "endpoint_changed":        Kind(409, "The webhook endpoint was changed meanwhile"),
    "endpoint_disabled":       Kind(409, "The webhook endpoint is disabled"),
    "body_too_large":          Kind(413, "The body is too large"),
    "pay_type_not_enabled":    Kind(422, "The merchant can't use this pay type"),
    "refund_above_payment":    Kind(422, "So much of the payment can't be refunded any more"),
    "refund_too_late":         Kind(422, "The payment is too old to be refunded"),
    "url_not_allowed":         Kind(422, "Webhooks can't be sent to this address"),
    "invalid_header":          Kind(422, "This header can't be added to webhooks"),
    "too_many_endpoints":      Kind(422, "The merchant has as many webhook endpoints as he can"),
    "replay_too_long":         Kind(422, "So much can't be sent again at once"),
    "too_many_requests":       Kind(429, "The merchant sends too many requests"),
    "internal_error":          Kind(500, "Something is wrong on our side"),
    "try_again":               Kind(503, "Not possible at the moment; a repeat is safe"),
}  # fmt: skip
"""Every code that the door itself can answer with."""

REFUSED = Kind(422, "The request was refused")
"""For the codes of refusals that the rooms behind the door give and this table does not list."""

EXTRA_HEADERS = {
    401: {"WWW-Authenticate": f"{HMAC_SCHEME}, {RSA_SCHEME}"},
    429: {"Retry-After": "1"},
    503: {"Retry-After": "1"},
}
"""RFC 9110 asks for them. The rate limit counts whole seconds, so the next one starts afresh."""

MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""All that a msgspec decoder may raise at somebody's bytes."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request is not fulfilled; `param` names the field or parameter at fault."""

    code: str
    detail: str
    param: str | None = None


class ProblemDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of every answer from 400 up (application/problem+json, RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    param: str | None = None
    """The field or parameter at fault, such as `amount_fen` or `metadata.colour`."""
    request_id: str


def kind_of(code: str) -> Kind:
    """Status and title of a code."""
    return PROBLEMS.get(code, REFUSED)


def document_of(problem: Problem, request_id: str) -> ProblemDocument:
    """The problem as the client reads it."""
    kind = kind_of(problem.code)
    return ProblemDocument(
        type=f"/docs#{problem.code}",
        title=kind.title,
        status=kind.status,
        code=problem.code,
        detail=_clean(problem.detail),
        param=problem.param and _clean(problem.param),
        request_id=request_id,
    )


def response_of(problem: Problem, request_id: str) -> web.Response:
    """The problem as an answer."""
    document = document_of(problem, request_id)
    headers = CIMultiDict({"Content-Type": "application/problem+json"})
    headers.update(EXTRA_HEADERS.get(document.status, {}))
    return web.Response(body=msgspec.json.encode(document), status=document.status, headers=headers)


def refused(refusal: Refusal) -> Problem:
    """The refusal of a room behind the door, as a problem."""
    return Problem(refusal.code, refusal.reason, refusal.param)


_PLACE = re.compile(r" - at (?P<key>`key` in )?`\$\.?(?P<path>[^`]*)`$")
_FIELD = re.compile(r"(?P<what>missing required|contains unknown) field `(?P<name>[^`]*)`")
_CODES = {"missing required": "missing_field", "contains unknown": "unknown_field"}


def problem_of(error: Exception) -> Problem:
    """What a msgspec decoder found wrong, and in which field; `error` is one of MALFORMED."""
    if isinstance(error, msgspec.ValidationError):
        return _invalid(str(error))
    if isinstance(error, RecursionError):
        return Problem("invalid_json", "nested too deeply")
    if isinstance(error, UnicodeDecodeError):
        return Problem("invalid_json", f"not UTF-8: {error.reason}")
    return Problem("invalid_json", _short(str(error)))


def _invalid(text: str) -> Problem:
    place, field = _PLACE.search(text), _FIELD.search(text)
    detail = _short(text[: place.start()] if place else text)
    steps = [place["path"].replace("[...]", "")] if place and place["path"] else []
    if field is None:
        return Problem("invalid_field", detail, ".".join(steps) or None)
    return Problem(_CODES[field["what"]], detail, _short(".".join([*steps, field["name"]])))


def _clean(text: str) -> str:
    """Text that JSON can hold: bytes of a URL that are not UTF-8 come to us as lone surrogates."""
    return text.encode("utf-8", "replace").decode()


def _short(text: str) -> str:
    return text if len(text) <= DETAIL_LENGTH_MAX else f"{text[:DETAIL_LENGTH_MAX]} …"
