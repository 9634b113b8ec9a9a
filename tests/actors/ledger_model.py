"""The books as the rules of the business say them: plain numbers, one command after the other.

Nothing here knows how the product keeps its books. For each command the model says every code with
which it may be refused; none means that it has to be carried out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, timezone
from fractions import Fraction
from math import floor
from typing import Any

Key = tuple[str, str, str]
"""Role, kind and owner of an account."""

Line = tuple[Key, int]

CLEARED = {"channel": ("clearing", "cost"), "platform": ("fee_income", "bank", "suspense", "loss")}
FEES, BANK = ("platform", "fee_income", "platform"), ("platform", "bank", "platform")
BLOCKS = {"freeze_credit": {"in"}, "freeze_debit": {"out"}, "freeze": {"in", "out"}}
NAMES = {"": "available", "in": "freeze_credit", "out": "freeze_debit", "inout": "frozen"}
CHINA = timezone(timedelta(hours=8))


class Model:
    """What everybody has, and what was promised to whom."""

    def __init__(self) -> None:
        self.balance: dict[Key, int] = defaultdict(int)
        self.blocked: dict[Key, set[str]] = defaultdict(set)
        self.cancelled: set[Key] = set()
        self.floor: dict[Key, int] = {}
        self.reserve_days: dict[Key, int] = defaultdict(int)
        self.in_reserve: dict[Key, int] = defaultdict(int)
        self.reckoned: dict[Key, date] = {}
        self.arrived: dict[Key, list[tuple[datetime, int]]] = defaultdict(list)
        self.proportional: set[Key] = set()
        self.plans: dict[tuple[Key, str], Any] = {}
        self.volume: dict[tuple[Key, str], int] = defaultdict(int)
        self.told: dict[tuple[str, str], Any] = {}
        self.trades: dict[str, dict[str, Any]] = {}
        self.holds: dict[str, list[Any]] = {}
        self.payouts: dict[str, list[Any]] = {}
        self.proposed: dict[str, list[Any]] = {}
        self.alarms: dict[str, tuple[str, str] | None] = {}

    def state(self, key: Key) -> str:
        """How an account stands."""
        return "cancelled" if key in self.cancelled else NAMES["".join(sorted(self.blocked[key]))]

    def out_of_reserve(self, key: Key) -> int:
        """What of a payable may leave: the balance without the trades of the last days. Below zero
        where some of those are gone already."""
        return self.balance[key] - self.in_reserve[key] if key[1] == "payable" else 0

    def lowest(self, key: Key) -> int | None:
        """The least that a balance may be."""
        free = key[0] in CLEARED or key[1] == "receivable"
        return self.floor.get(key, None if free else 0)

    def fee(self, key: Key, kind: str, amount: int) -> int:
        """The fee by an account's own rate, after its volume so far."""
        plan = self.plans.get((key, kind))
        if plan is None:
            return 0
        reached = [t.percent_ppm for t in plan.tiers if self.volume[key, kind] >= t.from_volume_fen]
        percent = (reached or [plan.percent_ppm])[-1]
        fee = max(half_up(Fraction(amount * percent, 1_000_000)) + plan.fixed_fen, plan.min_fen)
        return fee if plan.max_fen is None else min(fee, plan.max_fen)

    def post(self, lines: Sequence[Line], how: str, out: int | None = None) -> set[str]:
        """Moves money, or says why not. `how` is asked (a freeze holds), own (only a limit holds)
        or fact (it has happened). `out` is what leaves its first account from outside the reserve.
        """
        why: set[str] = set()
        if out is not None and out > self.out_of_reserve(lines[0][0]):
            why.add("insufficient_balance")
        after = {}
        for key, amount in ((k, a) for k, a in lines if a):
            ends = "in" if amount > 0 else "out"
            shut = key in self.cancelled or ends in self.blocked[key]
            if how == "fact" and shut and ends == "in" and key[0] != "channel":
                key = (key[0], "suspense", key[2])
            after[key] = after.get(key, self.balance[key]) + amount
            least = self.lowest(key)
            if shut and (how == "asked" or (how == "own" and key in self.cancelled)):
                why.add("account_frozen")
            if how != "fact" and ends == "out" and least is not None and after[key] < least:
                why.add("insufficient_balance")
        if not why:
            self.balance.update(after)
        return why

    def put_in_reserve(self, key: Key, amount: int, now: datetime) -> None:
        """A trade has come in, which has to wait where there is a reserve."""
        self.arrived[key].append((now, amount))
        if self.reserve_days[key] > 0:
            self.in_reserve[key] += amount

    def reckon(self, day: date) -> None:
        """A new day: what has waited long enough leaves the reserve."""
        for key, days in self.reserve_days.items():
            if days > 0 and self.reckoned.get(key, day) <= day:
                first = day - timedelta(days=days - 1)
                since = datetime.combine(first, time(), CHINA)
                self.in_reserve[key] = sum(a for at, a in self.arrived[key] if at >= since)
                self.reckoned[key] = day

    def change(self, key: Key, order: str, left: int) -> set[str]:
        """Freezes, unfreezes or cancels."""
        blocked = set() if order == "unfreeze" else self.blocked[key] | BLOCKS.get(order, set())
        if key in self.cancelled or (order != "cancel" and blocked == self.blocked[key]):
            return {"illegal_change"}
        if order != "cancel":
            self.blocked[key] = blocked
            return set()
        if self.blocked[key] or key[1] != "payable":
            return {"illegal_change"}
        if left:
            return {"balance_not_zero"}
        self.cancelled.add(key)
        return set()


def half_up(number: Fraction) -> int:
    """Rounded to the fen; half a fen counts as one."""
    return floor(number + Fraction(1, 2))
