"""Answers of the merchants' door that all its parts give."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from aiohttp import web
from msgspec import Struct

from handlers.merchant_api.problems import MALFORMED, Problem, problem_of

S = TypeVar("S", bound=Struct)

_encoder = msgspec.json.Encoder()


def document(answer: Struct, *, status: int = 200, location: str | None = None) -> web.Response:
    """A document as JSON."""
    headers = {"Content-Type": "application/json"}
    if location is not None:
        headers["Location"] = location
    return web.Response(body=_encoder.encode(answer), status=status, headers=headers)


def read_form(body: bytes, kind: type[S]) -> S | Problem:
    """The form in a body, or the field that is at fault."""
    try:
        return msgspec.json.decode(body, type=kind)
    except MALFORMED as error:
        return problem_of(error)
