"""Parameters of a request's address, read strictly: whatever is wrong is named."""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from handlers.merchant_api.problems import Problem, problem_of
from schema.ids import is_account_no

LIMIT_DEFAULT = "20"
Limit = Annotated[str, Meta(pattern=r"^([1-9][0-9]?|100)$(?!\n)")]
"""How many of a list, as text: a number there is digits and nothing else."""

Q = TypeVar("Q", bound=Struct)


def read_query(request: web.Request, kind: type[Q]) -> Q | Problem:
    """The query, each parameter at most once and none unknown."""
    try:
        query = msgspec.convert(dict(request.query), kind)
    except msgspec.ValidationError as error:
        problem = problem_of(error)
        return wrong(problem.param, problem.detail)
    if len(set(request.query)) != len(request.query):
        return wrong(None, "a parameter stands there more than once")
    return query


def read_account_no(request: web.Request) -> str | Problem:
    """The account number in the path, proven by its check digit."""
    number = request.match_info["account_no"]
    if not is_account_no(number):
        return wrong("account_no", "not an account number: 21 digits, of which the last must fit")
    return number


def wrong(name: str | None, detail: str) -> Problem:
    """A parameter that is not as it must be."""
    return Problem("invalid_parameter", detail, name)


def wrong_cursor() -> Problem:
    """A cursor that somebody made up."""
    return wrong("cursor", "not a cursor that we have given")
