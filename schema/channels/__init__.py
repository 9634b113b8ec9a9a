"""Each channel's language as pure functions, and the few values all channels share.

A channel module turns wishes into `HttpRequest` values and `HttpAnswer` values into a `Verdict`. It
never connects, reads a clock or draws a random number: time and nonces are arguments.

A verdict is one of five, and only two of them allow acting on the money:

    Paid            the channel says so under its signature
    SurelyNotPaid   a proof: nobody has paid this attempt and nobody can any more
    Pending         the channel waits for the payer
    NotKnownThere   the channel has no such order; no proof while a create may be on its way
    Unknown         anything else: ask again later, never treat as a failure
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from msgspec import Struct

UnknownWhy = Literal[
    "no_answer",  # time-out, connection refused or cut: the caller builds this one
    "server_error",  # 5xx
    "rate_limited",  # 429
    "unparsable",  # the body is not what the status promises
    "bad_signature",  # a success that is not proven to be the channel's
    "other_order",  # a true answer, but about another order or merchant
    "unlisted",  # a code or state that our tables do not contain
    "ambiguous",  # a listed code that does not settle whether money moved
]


class ProtocolError(ValueError):
    """The peer did not keep to its protocol."""


class HttpRequest(Struct, frozen=True, kw_only=True):
    """A request ready to send: `path` has the query and is sent exactly as it stands, for it is
    part of what was signed."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class HttpAnswer(Struct, frozen=True, kw_only=True):
    """What came back. Header names are compared without regard to case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Paid(Struct, frozen=True, kw_only=True, tag="paid"):
    """The channel received `amount_fen`; `is_refunded` when some or all of it went back since."""

    channel_payment_id: str
    amount_fen: int
    currency: str
    paid_at: datetime
    payer_id: str = ""
    is_refunded: bool = False


class Pending(Struct, frozen=True, kw_only=True, tag="pending"):
    """The order exists and waits for the payer; `code_url` only in the answer that made it."""

    code_url: str = ""
    code: str = ""
    message: str = ""


class SurelyNotPaid(Struct, frozen=True, kw_only=True, tag="surely_not_paid"):
    """No money moved and none can: the one verdict that allows trying the next channel."""

    code: str
    message: str = ""


class NotKnownThere(Struct, frozen=True, kw_only=True, tag="not_known_there"):
    """The channel does not know this order."""

    code: str
    message: str = ""


class Unknown(Struct, frozen=True, kw_only=True, tag="unknown"):
    """Whether money moved is not settled. `code` and `message` are the channel's, when it spoke."""

    why: UnknownWhy
    code: str = ""
    message: str = ""


Verdict = Paid | Pending | SurelyNotPaid | NotKnownThere | Unknown
