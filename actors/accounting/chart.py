"""The chart of accounts 会计科目: every kind of account there is, whose it is, and its limits.

Signs everywhere: a balance above zero is what we owe the owner; below zero, what is owed to us.

Pure: no I/O, no clock.
"""

from __future__ import annotations

from msgspec import Struct

from schema.accounts import Role


class Kind(Struct, frozen=True):
    """One line of the chart."""

    role: Role
    kind: str
    code: str
    """The first two digits of account numbers of this kind."""
    floor_fen: int | None
    """The least that the balance may be, unless an account has a floor of its own; None: none."""
    meaning: str


class AccountKey(Struct, frozen=True):
    """What an account is found by. Within a shard it names one account."""

    role: str
    kind: str
    owner: str
    currency: str


# fmt: off
CHART: tuple[Kind, ...] = (
    Kind("merchant", "payable",    "10", 0,    "what we owe the merchant 应付商户款"),
    Kind("merchant", "frozen",     "11", 0,    "set aside by holds 冻结款"),
    Kind("merchant", "in_transit", "12", 0,    "on its way to the merchant's bank 在途"),
    Kind("merchant", "deposit",    "13", 0,    "the merchant's guarantee 保证金"),
    Kind("merchant", "receivable", "14", None, "fees the merchant owes us where the channel pays him 应收手续费"),  # noqa: E501
    Kind("merchant", "suspense",   "15", 0,    "came in while his account could not take it 挂账"),
    Kind("merchant", "refunding",  "16", 0,    "on its way back to payers 退款在途"),
    Kind("agent",    "payable",    "20", 0,    "what we owe the agent 应付代理商分润"),
    Kind("agent",    "frozen",     "21", 0,    "set aside by holds"),
    Kind("agent",    "in_transit", "22", 0,    "on its way to the agent's bank"),
    Kind("agent",    "deposit",    "23", 0,    "the agent's guarantee"),
    Kind("agent",    "suspense",   "25", 0,    "came in while his account could not take it"),
    Kind("channel",  "clearing",   "30", None, "what the channel owes us 通道待清算"),
    Kind("channel",  "cost",       "31", None, "what the channel keeps 通道成本"),
    Kind("platform", "fee_income", "40", None, "what we earned 手续费收入"),
    Kind("platform", "bank",       "41", None, "what lies at our bank, below zero 银行存款"),
    Kind("platform", "suspense",   "42", None, "not yet explained 待查"),
    Kind("platform", "loss",       "43", None, "given up 资损"),
)
# fmt: on

KINDS: dict[tuple[str, str], Kind] = {(line.role, line.kind): line for line in CHART}

SHARED_ROLES = frozenset({"channel", "platform"})
"""Owners whose accounts every payment touches: they have one in each shard, so that shards never
wait for each other's rows. What they own is the sum."""


def bucket_of(key: AccountKey, shard: int) -> int:
    """Which of an owner's like accounts a shard uses."""
    return shard if key.role in SHARED_ROLES else 0
