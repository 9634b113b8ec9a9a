"""What merchants see of their accounts; every amount is in fen.

Balances hold every entry that is in the books, also those of accounts booked later 异步入账, whose
rows follow only after a while.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Annotated

from msgspec import Meta, Struct

from schema.accounts import AccountNo, AccountState, BookingMode, RefundFeePolicy
from schema.events import Moment

AnyFen = Annotated[int, Meta(description="In fen; may be below zero.")]
Pending = Annotated[
    int,
    Meta(
        description="What entries have moved that the account's stored balance does not have yet."
        " It is in all other figures already."
    ),
]
InReserve = Annotated[int, Meta(ge=0, description="Kept back for a time 风险预存.")]
OutOfReserve = Annotated[
    int, Meta(ge=0, description="May be withdrawn or settled 风险预存期外余额.")
]
Yesterday = Annotated[
    int, Meta(description="The balance at the end of yesterday, by China's calendar 昨日余额.")
]
Opening = Annotated[int, Meta(description="The balance before the day's first moment 期初余额.")]
Closing = Annotated[
    int, Meta(description="The balance after the day's last entry; of today, so far 期末余额.")
]


class Account(Struct, frozen=True, kw_only=True):
    """One account of the merchant."""

    account_no: AccountNo
    kind: Annotated[
        str,
        Meta(
            description="`payable` what we owe you, `frozen` set aside by holds, `in_transit` on"
            " its way to your bank, `deposit` your guarantee, `receivable` fees you owe us (below"
            " zero), `suspense` came in while your account could not take it."
        ),
    ]
    currency: str
    state: AccountState
    booking_mode: BookingMode
    balance_fen: AnyFen
    pending_fen: Pending
    in_reserve_fen: InReserve
    out_of_reserve_fen: OutOfReserve
    yesterday_balance_fen: Yesterday
    reserve_days: int
    refund_fee_policy: RefundFeePolicy
    opened_at: Moment
    moved_at: Annotated[Moment | None, Meta(description="Of the newest entry; null: none.")]


class Balance(Struct, frozen=True, kw_only=True):
    """The merchant's money in one currency."""

    currency: str
    balance_fen: Annotated[int, Meta(description="What is yours with us: available and held.")]
    available_fen: Annotated[int, Meta(description="May be refunded from 可用余额.")]
    held_fen: Annotated[int, Meta(description="Set aside by holds 冻结金额.")]
    in_reserve_fen: InReserve
    out_of_reserve_fen: OutOfReserve
    in_transit_fen: Annotated[int, Meta(description="On its way to your bank 在途.")]
    deposit_fen: Annotated[int, Meta(description="Your guarantee 保证金.")]
    fees_owed_fen: Annotated[
        int, Meta(description="Fees that you owe us, as a positive number 应收手续费.")
    ]
    suspense_fen: Annotated[
        int, Meta(description="Came in while your account could not take it 挂账.")
    ]
    yesterday_balance_fen: Yesterday
    pending_fen: Pending


class Balances(Struct, frozen=True, kw_only=True):
    """All of the merchant's money, and the accounts that it lies on."""

    read_at: Moment
    items: Annotated[list[Balance], Meta(description="One per currency; none before an account.")]
    accounts: list[Account]


class PastBalance(Struct, frozen=True, kw_only=True):
    """An account's balance at a moment: of all entries booked before it, and none at it."""

    account_no: AccountNo
    currency: str
    at: Moment
    serial: Annotated[int, Meta(ge=0, description="Of the last entry in the balance; 0: none.")]
    balance_fen: AnyFen


class AccountEntry(Struct, frozen=True, kw_only=True):
    """One movement of an account."""

    serial: Annotated[int, Meta(ge=1, description="Rises by one with each entry of the account.")]
    booked_at: Moment
    kind: Annotated[str, Meta(description="Of business: `trade`, `refund`, `withdrawal` …")]
    booking_key: Annotated[str, Meta(description="Kind and number of the business, unique.")]
    subject: Annotated[str, Meta(description="What it is about, such as a payment's number.")]
    amount_fen: AnyFen
    balance_after_fen: AnyFen
    fee_fen: Annotated[
        int | None, Meta(description="Of the booking; null where it is not yours to pay.")
    ]
    rate_ppm: Annotated[int | None, Meta(description="The rate then, in millionths.")]
    rate_no: Annotated[str | None, Meta(description="Your account's own rate, if it gave the fee.")]


class AccountEntryPage(Struct, frozen=True, kw_only=True):
    """A part of an account's entries, newest first."""

    items: list[AccountEntry]
    next_cursor: str | None = None
    """Ask with this for what comes after; null at the end."""


class DayCollect(Struct, frozen=True, kw_only=True):
    """What one kind of business moved on a day 每日汇总."""

    kind: str
    amount_fen: AnyFen
    volume_fen: Annotated[int, Meta(description="Of the bookings, before any fee.")]
    count: int


class AccountDay(Struct, frozen=True, kw_only=True):
    """One day of an account, by China's calendar."""

    day: date
    is_closed: Annotated[bool, Meta(description="Whether the day's end is done 日切.")]
    opening_balance_fen: Opening
    closing_balance_fen: Closing
    collects: Annotated[
        list[DayCollect] | None, Meta(description="By kind; null until the day is closed.")
    ]


class AccountDays(Struct, frozen=True, kw_only=True):
    """Days of an account, oldest first."""

    account_no: AccountNo
    currency: str
    items: list[AccountDay]


class Statement(Struct, frozen=True, kw_only=True):
    """All that moved an account on a day, oldest first; it ends with how the account stood then."""

    account_no: AccountNo
    currency: str
    day: date
    opening_balance_fen: Opening
    entries: list[AccountEntry]
    closing_balance_fen: Closing


def balances_of(accounts: Iterable[Account]) -> list[Balance]:
    """The money on these accounts, by currency."""
    by_currency: dict[str, dict[str, Account]] = {}
    for account in accounts:
        by_currency.setdefault(account.currency, {})[account.kind] = account
    return [_balance(currency, kinds) for currency, kinds in sorted(by_currency.items())]


def _balance(currency: str, kinds: dict[str, Account]) -> Balance:
    def of(*names: str, what: str = "balance_fen") -> int:
        return sum(getattr(kinds[name], what) for name in names if name in kinds)

    own = ("payable", "frozen")
    return Balance(
        currency=currency,
        balance_fen=of(*own),
        available_fen=of("payable"),
        held_fen=of("frozen"),
        in_reserve_fen=of("payable", what="in_reserve_fen"),
        out_of_reserve_fen=of("payable", what="out_of_reserve_fen"),
        in_transit_fen=of("in_transit"),
        deposit_fen=of("deposit"),
        fees_owed_fen=-of("receivable"),
        suspense_fen=of("suspense"),
        yesterday_balance_fen=of(*own, what="yesterday_balance_fen"),
        pending_fen=of(*own, what="pending_fen"),
    )
