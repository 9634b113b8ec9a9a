"""How a posting is read and worked out: whose account, which one, and by how much. Pure.

A side is written as `party.payable -total`: the account `payable` of whoever is the wish's party,
less the amount called `total`. Every posting sums to zero whatever its amounts are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from actors.accounting.chart import KINDS, AccountKey

Guard = Literal["asked", "own", "fact"]
"""`asked`: refused where an account's state or limit objects. `own`: money that moves between one
owner's own accounts; a freeze does not stop it, a limit does. `fact`: it has happened already, so
it is booked whatever anybody thinks; what an account may not take in goes to its owner's suspense
account 挂账 instead."""

Parties = Mapping[str, tuple[str, str]]
"""Role and owner of everybody whom a wish speaks of, by what they are in it."""


class Amounts(Struct, frozen=True):
    """The amounts of one booking in fen, and what follows from them."""

    gross: int
    fee: int = 0
    cost: int = 0

    @property
    def net(self) -> int:
        """What is left after the fee."""
        return self.gross - self.fee

    @property
    def total(self) -> int:
        """What is to be paid with the fee on top."""
        return self.gross + self.fee

    @property
    def received(self) -> int:
        """What a channel owes us after it has kept its own cost."""
        return self.gross - self.cost


class Side(NamedTuple):
    """One side of a posting, read."""

    whose: str
    account: str
    sign: int
    amount: Callable[[Amounts], int]


class Line(Struct, frozen=True):
    """One side worked out: an account and what it moves by."""

    place: AccountKey | int
    """The account's key, or its id where people have named one."""
    amount_fen: int


class Posting(Struct, frozen=True):
    """One row of the table of postings."""

    guard: Guard
    sides: tuple[Side, ...]


def posting(guard: Guard, *sides: str) -> Posting:
    """A row of the table from its text."""
    return Posting(guard, tuple(map(_side, sides)))


def _side(text: str) -> Side:
    place, amount = text.split()
    whose, account = place.split(".")
    assert amount[0] in "+-"
    return Side(whose, account, 1 if amount[0] == "+" else -1, attrgetter(amount[1:]))


def keys_of(rows: Iterable[Posting], parties: Parties, currency: str) -> Iterable[AccountKey]:
    """The accounts that these postings touch."""
    for row in rows:
        for side in row.sides:
            role, owner = parties[side.whose]
            yield AccountKey(role, side.account, owner, currency)


def lines_of(row: Posting, parties: Parties, amounts: Any, currency: str) -> Sequence[Line]:
    """The sides with their amounts; those that come to nothing are left out."""
    lines: list[Line] = []
    for whose, account, sign, amount in row.sides:
        amount_fen = sign * amount(amounts)
        if amount_fen:
            role, owner = parties[whose]
            lines.append(Line(AccountKey(role, account, owner, currency), amount_fen))
    return lines


def suspense_of(key: AccountKey) -> AccountKey | None:
    """Where money goes that this account may not take in; None where there is no such place."""
    has_one = (key.role, "suspense") in KINDS
    return replace(key, kind="suspense") if has_one else None
