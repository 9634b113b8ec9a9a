"""One account: what may be done to it, who may, and how an entry moves it. Pure.

Rights by state are those of the founding system: money may come in while AVAILABLE or FREEZE_DEBIT,
and go out while AVAILABLE or FREEZE_CREDIT.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import get_args

from msgspec import Struct
from msgspec.structs import replace

from actors.accounting.chart import AccountKey
from schema.accounts import (
    AccountOrder,
    AccountState,
    BookingMode,
    RefundFeePolicy,
    out_of_reserve_fen,
)
from schema.days import start_of
from schema.payments import Refusal

A = AccountState

MAY_CREDIT = frozenset({A.AVAILABLE, A.FREEZE_DEBIT})
MAY_DEBIT = frozenset({A.AVAILABLE, A.FREEZE_CREDIT})

ORDERS: tuple[AccountOrder, ...] = get_args(AccountOrder)

# A move to where the account stands already is refused, and so says the table.
# fmt: off
MOVES: dict[tuple[AccountState, AccountOrder], AccountState] = {
    (A.AVAILABLE,     "freeze_credit"): A.FREEZE_CREDIT,
    (A.AVAILABLE,     "freeze_debit"):  A.FREEZE_DEBIT,
    (A.AVAILABLE,     "freeze"):        A.FROZEN,
    (A.AVAILABLE,     "unfreeze"):      A.AVAILABLE,      # refused: nothing is frozen
    (A.AVAILABLE,     "cancel"):        A.CANCELLED,
    (A.FREEZE_CREDIT, "freeze_credit"): A.FREEZE_CREDIT,  # refused: it is so already
    (A.FREEZE_CREDIT, "freeze_debit"):  A.FROZEN,
    (A.FREEZE_CREDIT, "freeze"):        A.FROZEN,
    (A.FREEZE_CREDIT, "unfreeze"):      A.AVAILABLE,
    (A.FREEZE_CREDIT, "cancel"):        A.FREEZE_CREDIT,  # refused: somebody froze it for a reason
    (A.FREEZE_DEBIT,  "freeze_credit"): A.FROZEN,
    (A.FREEZE_DEBIT,  "freeze_debit"):  A.FREEZE_DEBIT,   # refused: it is so already
    (A.FREEZE_DEBIT,  "freeze"):        A.FROZEN,
    (A.FREEZE_DEBIT,  "unfreeze"):      A.AVAILABLE,
    (A.FREEZE_DEBIT,  "cancel"):        A.FREEZE_DEBIT,   # refused: somebody froze it for a reason
    (A.FROZEN,        "freeze_credit"): A.FROZEN,         # refused: it is so already
    (A.FROZEN,        "freeze_debit"):  A.FROZEN,         # refused: it is so already
    (A.FROZEN,        "freeze"):        A.FROZEN,         # refused: it is so already
    (A.FROZEN,        "unfreeze"):      A.AVAILABLE,
    (A.FROZEN,        "cancel"):        A.FROZEN,         # refused: somebody froze it for a reason
    (A.CANCELLED,     "freeze_credit"): A.CANCELLED,      # refused: a cancelled account is closed
    (A.CANCELLED,     "freeze_debit"):  A.CANCELLED,      # refused
    (A.CANCELLED,     "freeze"):        A.CANCELLED,      # refused
    (A.CANCELLED,     "unfreeze"):      A.CANCELLED,      # refused
    (A.CANCELLED,     "cancel"):        A.CANCELLED,      # refused
}
# fmt: on


class Account(Struct, frozen=True, kw_only=True):
    """An account as a batch sees it; field names are columns of `accounting.account`."""

    account_id: int
    account_no: str
    role: str
    kind: str
    owner: str
    currency: str
    bucket: int = 0
    state: AccountState = AccountState.AVAILABLE
    booking_mode: BookingMode = "sync"
    floor_fen: int | None = None
    ceiling_fen: int | None = None
    reserve_days: int = 0
    refund_fee_policy: RefundFeePolicy = "keep"
    balance_fen: int = 0
    serial: int = 0
    out_of_reserve_fen: int = 0
    """Of an account payable, what may be paid out; below zero, so much of the reserve is used."""
    reserved_on: date | None = None
    moved_at: datetime

    @property
    def key(self) -> AccountKey:
        """What it is found by."""
        return AccountKey(self.role, self.kind, self.owner, self.currency)


class Keeping(Struct, frozen=True, kw_only=True):
    """All that changes of an account: how it is kept and how it stands."""

    account_id: int
    state: AccountState
    booking_mode: BookingMode
    floor_fen: int | None
    reserve_days: int
    refund_fee_policy: RefundFeePolicy
    balance_fen: int
    serial: int
    out_of_reserve_fen: int
    reserved_on: date | None
    moved_at: datetime


def moved(account: Account, amount_fen: int, kind: str, now: datetime) -> Account:
    """The account after one more entry of this amount and kind of booking."""
    return replace(
        account,
        balance_fen=account.balance_fen + amount_fen,
        serial=account.serial + 1,
        out_of_reserve_fen=_out_of_reserve(account, amount_fen, kind),
        moved_at=max(now, account.moved_at),
    )


def _out_of_reserve(account: Account, amount_fen: int, kind: str) -> int:
    if account.kind != "payable":
        return 0
    outside, days = account.out_of_reserve_fen, account.reserve_days
    return out_of_reserve_fen(outside, amount_fen, kind=kind, reserve_days=days)


def reserve_begins(account: Account, day: date) -> datetime:
    """Since when trades are in reserve on a day: its reserve days, of which this is the last."""
    return start_of(day - timedelta(days=account.reserve_days - 1))


def reckoned(account: Account, in_reserve_fen: int, day: date) -> Account:
    """The account with its reserve worked out anew: `in_reserve_fen` are the trades still in it."""
    outside = account.balance_fen - in_reserve_fen
    return replace(account, out_of_reserve_fen=outside, reserved_on=day)


def objection(account: Account, after: Account, amount_fen: int) -> Refusal | None:
    """Why this entry may not be: the account's state, or a limit that its balance would pass."""
    if amount_fen > 0 and account.state not in MAY_CREDIT:
        return _refused("account_frozen", account, f"takes nothing in: it is {account.state}")
    if amount_fen < 0 and account.state not in MAY_DEBIT:
        return _refused("account_frozen", account, f"gives nothing out: it is {account.state}")
    return beyond_limit(account, after, amount_fen)


def beyond_limit(account: Account, after: Account, amount_fen: int) -> Refusal | None:
    """Why this entry may not be, frozen or not. Coming closer to a limit that was passed before is
    always allowed."""
    if account.state == AccountState.CANCELLED:
        return _refused("account_frozen", account, f"is {account.state}")
    if amount_fen < 0 and account.floor_fen is not None and after.balance_fen < account.floor_fen:
        short = account.floor_fen - after.balance_fen
        return _refused("insufficient_balance", account, f"is short of {short} fen")
    ceiling = account.ceiling_fen
    if amount_fen > 0 and ceiling is not None and after.balance_fen > ceiling:
        return _refused("above_ceiling", account, f"may hold {ceiling} fen at the most")
    return None


def ordered(account: Account, order: AccountOrder, balances: int) -> Account | Refusal:
    """The account after an operator's order. `balances` is all that the owner still has with it."""
    state = MOVES[account.state, order]
    if state == account.state:
        return _refused("illegal_change", account, f"is {state}, so {order!r} can't be done")
    if state == AccountState.CANCELLED and account.kind != "payable":
        reason = "ends with its owner's account payable, and never by itself"
        return _refused("illegal_change", account, reason)
    if state == AccountState.CANCELLED and balances != 0:
        return _refused("balance_not_zero", account, "is cancelled only when nothing is left")
    return replace(account, state=state)


def _refused(code: str, account: Account, reason: str) -> Refusal:
    return Refusal(code=code, reason=f"account {account.account_no} {reason}")
