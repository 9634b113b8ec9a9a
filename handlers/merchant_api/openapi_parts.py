"""What the parts of the OpenAPI document have in common: answers, problems, parameters."""

from __future__ import annotations

from typing import Any

import msgspec

from handlers.merchant_api.problems import PROBLEMS, Problem, ProblemDocument, document_of

Json = dict[str, Any]

AUTHORIZATION_CODES = [
    "malformed_authorization", "stale_timestamp", "unauthorized", "nonce_used", "ip_not_allowed",
    "too_many_requests",
]  # fmt: skip
ALWAYS_CODES = [
    *AUTHORIZATION_CODES, "bad_request", "body_too_slow", "body_too_large", "internal_error",
    "try_again",
]  # fmt: skip


def query(name: str, schema: Json) -> Json:
    """A parameter of the query."""
    return {"name": name, "in": "query", "schema": schema}


def answer(description: str, types: list[type], example: Json | None = None) -> Json:
    """A response with one of these documents."""
    return {"description": description, "content": content(types, example)}


def content(types: list[type], example: Json | None = None) -> Json:
    """A body that is one of these documents."""
    references = [{"$ref": f"#/components/schemas/{t.__name__}"} for t in types]
    schema = references[0] if len(types) == 1 else {"anyOf": references}
    return {"application/json": {"schema": schema} | ({"example": example} if example else {})}


def problems(codes: list[str]) -> Json:
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
