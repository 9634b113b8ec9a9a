"""A break: something in the books that can't be, and which breaks are news. Pure.

An owner has one open alarm per check at the most. What somebody has looked at and cleared is not
raised again; the same check with another finding is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from hashlib import blake2b

import msgspec
from msgspec import Struct, structs

from schema.accounts import PLATFORM
from schema.ids import base32
from schema.messages.accounting import LedgerBroken

BREAKS_MAX = 1_000
"""Of one check: a person begins with the first ones, and each owner needs only one alarm."""


class Break(Struct, frozen=True, kw_only=True, order=True):
    """What a check found, and whose money it is about."""

    check_name: str
    role: str = PLATFORM
    owner: str = PLATFORM
    account_no: str = ""
    detail: str


class Finding(Struct, frozen=True, kw_only=True):
    """What one check came to."""

    check_name: str
    says: str
    looked_at: int = 0
    breaks: tuple[Break, ...] = ()
    took_ms: int = 0


class Known(Struct, frozen=True, kw_only=True):
    """An alarm that there is already."""

    alarm_no: str
    check_name: str
    role: str
    owner: str
    is_open: bool


def alarm_no(found: Break) -> str:
    """The number of the alarm about a break: the same for whoever finds it, however often."""
    digest = blake2b(msgspec.json.encode(found), digest_size=10).digest()
    return f"alm_{base32(int.from_bytes(digest, 'big'), 16)}"


def news(breaks: Iterable[Break], known: Collection[Known]) -> Sequence[LedgerBroken]:
    """The alarms to raise: one for each owner and check that has none open, about the first break
    that nobody has cleared."""
    numbers = {alarm.alarm_no for alarm in known}
    stopped = {(alarm.check_name, alarm.role, alarm.owner) for alarm in known if alarm.is_open}
    raised: list[LedgerBroken] = []
    for found in sorted(breaks):
        whose = (found.check_name, found.role, found.owner)
        number = alarm_no(found)
        if whose not in stopped and number not in numbers:
            stopped.add(whose)
            raised.append(LedgerBroken(alarm_no=number, **structs.asdict(found)))
    return raised
