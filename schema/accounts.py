"""The words of the account system 账户系统: who owns accounts, how they stand, what they cost."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta

from schema.messages.contract import Part
from schema.money import AmountFen, RatePpm
from schema.text import PRINTABLE

Role = Literal["merchant", "agent", "channel", "platform"]
"""What the owner of an account is to us."""

PartyRole = Literal["merchant", "agent"]
"""Whom we owe money that is theirs to withdraw."""

PLATFORM = "platform"
"""The owner of the accounts that are our own."""

Owner = Annotated[str, Meta(pattern=r"^[a-z0-9_]{2,32}$(?!\n)", description="Whose account.")]
AccountNo = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{21}$(?!\n)",
        description="Account number 账号: kind, day, sequence, owner's last four, check digit.",
    ),
]
BusinessNo = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_.\-]{1,64}$(?!\n)",
        description="The asker's own number: a repeat under it gets the first answer.",
    ),
]
Operator = Annotated[str, Meta(min_length=1, max_length=64, pattern=PRINTABLE)]
Reason = Annotated[str, Meta(min_length=1, max_length=200, pattern=PRINTABLE)]


class AccountState(StrEnum):
    """Whether money may come in and go out; the table of moves is in `accounting/account.py`."""

    AVAILABLE = "available"
    FREEZE_CREDIT = "freeze_credit"
    """冻结止收: no money in."""
    FREEZE_DEBIT = "freeze_debit"
    """冻结止付: no money out."""
    FROZEN = "frozen"
    """Neither."""
    CANCELLED = "cancelled"


AccountOrder = Literal["freeze_credit", "freeze_debit", "freeze", "unfreeze", "cancel"]
"""What an operator may have done to an account."""

BookingMode = Literal["sync", "async"]
"""When the balance follows the entries: with them, or in aggregate soon after (hot accounts)."""

RefundFeePolicy = Literal["keep", "proportional"]
"""What becomes of a trade's fee when the trade is refunded."""

RateKind = Literal["trade", "settlement", "refund", "withdrawal"]


class Tier(Part, frozen=True, kw_only=True):
    """From this volume on, within a calendar month, another percentage holds."""

    from_volume_fen: Annotated[int, Meta(ge=0)]
    percent_ppm: RatePpm


class RatePlan(Part, frozen=True, kw_only=True):
    """How a fee is found: a percentage (by tiers of volume) and a fixed part, within limits."""

    percent_ppm: RatePpm = 0
    fixed_fen: Annotated[int, Meta(ge=0, le=1_000_000_00)] = 0
    min_fen: Annotated[int, Meta(ge=0, le=1_000_000_00)] = 0
    max_fen: AmountFen | None = None
    tiers: Annotated[tuple[Tier, ...], Meta(max_length=10)] = ()
    """By rising volume; below the first, `percent_ppm` holds."""


def out_of_reserve_fen(outside_fen: int, amount_fen: int, *, kind: str, reserve_days: int) -> int:
    """What may be settled or withdrawn after an entry 风险预存期外余额; `outside_fen` before it.

    A trade waits in the reserve where there is one; whatever else comes in does not. What goes out
    is taken from outside the reserve first. Below zero, so much of the reserve is used, and what
    comes in next only fills it up: money does not leave the reserve by going out and back.
    """
    waits = amount_fen > 0 and kind == "trade" and reserve_days > 0
    return outside_fen if waits else outside_fen + amount_fen
