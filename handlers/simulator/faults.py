"""Faults on order: what the next calls of one merchant suffer.

    kind                 at       value (default)            what happens
    lost_answer          all      –                          done, but the answer is cut off
    slow                 all      milliseconds (1000)        done, but late
    http_500             calls    –                          nothing is done, SYSTEM_ERROR
    refuse               calls    error code (RULE_LIMIT)    nothing is done, that error
    duplicate_notify     notify   extra copies (1)           the same notice several times
    forged_notify        notify   –                          signed by somebody else
    wrong_amount_notify  notify   fen to add (1)             signed, but the amount is off

Calls are create, query and close. At notify, `lost_answer` loses the merchant's acknowledgement, so
the notice comes again. `lost_answer` and `http_500` are the two halves of not knowing.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Api = Literal["create", "query", "close", "notify"]
Kind = Literal[
    "lost_answer",
    "slow",
    "http_500",
    "refuse",
    "duplicate_notify",
    "forged_notify",
    "wrong_amount_notify",
]

_CALLS: frozenset[Api] = frozenset({"create", "query", "close"})
_NOTIFY: frozenset[Api] = frozenset({"notify"})
APIS: dict[Kind, frozenset[Api]] = {
    "lost_answer": _CALLS | _NOTIFY,
    "slow": _CALLS | _NOTIFY,
    "http_500": _CALLS,
    "refuse": _CALLS,
    "duplicate_notify": _NOTIFY,
    "forged_notify": _NOTIFY,
    "wrong_amount_notify": _NOTIFY,
}
VALUE_DEFAULT: dict[Kind, int | str] = {
    "slow": 1000,
    "refuse": "RULE_LIMIT",
    "duplicate_notify": 1,
    "wrong_amount_notify": 1,
}


class FaultOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A wish for trouble. `times` counts the calls that suffer: null is for good, 0 ends it."""

    mchid: str
    api: Api
    kind: Kind
    value: int | str | None = None
    times: Annotated[int, Meta(ge=0)] | None = None


class Fault(Struct, kw_only=True):
    """One fault in force; `number` or `code` is its value."""

    kind: Kind
    number: int = 0
    code: str = ""
    times_left: int | None = None


class Faults:
    """At most one fault per merchant and API; a new one takes the place of the old."""

    def __init__(self) -> None:
        self._table: dict[tuple[str, Api], Fault] = {}

    def order(self, wish: FaultOrder) -> str | None:
        """Puts a fault in force or ends it; returns what is wrong with the wish, if anything."""
        if wish.api not in APIS[wish.kind]:
            return f"{wish.kind} does not happen at {wish.api}"
        value = VALUE_DEFAULT.get(wish.kind) if wish.value is None else wish.value
        if type(value) is not type(VALUE_DEFAULT.get(wish.kind)):
            return f"this value does not fit {wish.kind}"
        self._table[wish.mchid, wish.api] = Fault(
            kind=wish.kind,
            number=value if isinstance(value, int) else 0,
            code=value if isinstance(value, str) else "",
            times_left=wish.times,
        )
        return None

    def take(self, mchid: str, api: Api) -> Fault | None:
        """The fault that this call suffers, counted down; None for a smooth call."""
        fault = self._table.get((mchid, api))
        if fault is None or fault.times_left is None:
            return fault
        if fault.times_left == 0:
            return None
        fault.times_left -= 1
        return fault
