"""HTTP as values: what is sent and what came back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Generic, TypeVar

from msgspec import Struct

V = TypeVar("V")


class ProtocolError(ValueError):
    """The peer did not keep to its protocol."""


class HttpRequest(Struct, frozen=True, kw_only=True):
    """A request ready to send: `path` has the query and is sent exactly as it stands, for it is
    part of what was signed."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    origin: str = ""
    """`https://host` where that is not the account's own base URL, as for bills."""


class HttpAnswer(Struct, frozen=True, kw_only=True):
    """What came back. Header names are compared without regard to case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Question(Struct, Generic[V], frozen=True, kw_only=True):
    """A request and how its answer is read: the answer and when it came in, a verdict out.

    Reading never raises: what can't be read is a verdict too.
    """

    request: HttpRequest
    read: Callable[[HttpAnswer, datetime], V]


class Stamp(Struct, frozen=True, kw_only=True):
    """What makes a request unique: when it is made, and a word that nobody could foresee."""

    now: datetime
    nonce: str
    """32 characters of 0-9 and a-f."""
