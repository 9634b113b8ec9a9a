"""The ledger as one batch sees it: locked rows, what is booked already, and what the batch adds.

Pure: no I/O, no clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from operator import attrgetter
from typing import Any, Literal

from msgspec import Struct

from actors.accounting.account import Account
from actors.accounting.chart import AccountKey
from actors.accounting.rates import Rate
from bus.books import Book
from schema.messages.contract import Message

SHARDS_MAX = 64
BOOKINGS_PER_BATCH_MAX = 1_024


class Booking(Struct, frozen=True, kw_only=True):
    """What happened, once; field names are the columns of `accounting.booking`."""

    booking_id: int
    booking_key: str
    kind: str
    subject: str
    party: str | None = None
    """Whose money it is about, where it is one party's."""
    channel_no: str | None = None
    funds_flow: str | None = None
    amount_fen: int
    fee_fen: int
    digest: bytes
    booked_at: datetime


class Entry(Struct, frozen=True, kw_only=True):
    """One posted side; field names are the columns of `accounting.entry`, in their order."""

    booking_id: int
    account_id: int
    serial: int
    amount_fen: int
    balance_after_fen: int
    booked_at: datetime
    kind: str
    currency: str
    fee_fen: int | None = None
    rate_ppm: int | None = None
    rate_no: str | None = None


class Hold(Struct, frozen=True, kw_only=True):
    """An amount set aside; field names are the columns of `accounting.hold`."""

    hold_no: str
    role: str
    owner: str
    currency: str
    amount_fen: int
    remaining_fen: int
    reason: str
    operator: str
    placed_at: datetime
    expires_at: datetime | None
    changed_at: datetime


class Payout(Struct, frozen=True, kw_only=True):
    """Money on its way to a bank; field names are the columns of `accounting.payout`."""

    payout_no: str
    kind: str
    role: str
    owner: str
    currency: str
    amount_fen: int
    fee_fen: int
    state: Literal["in_transit", "completed", "returned"] = "in_transit"
    sent_at: datetime
    changed_at: datetime


class Refunding(Struct, frozen=True, kw_only=True):
    """A refund that waits for its channel; field names are the columns of `accounting.refund`."""

    refund_no: str
    payment_id: str
    merchant_no: str
    currency: str
    funds_flow: str
    amount_fen: int
    fee_fen: int
    """What it cost the merchant less what the trade's fee gave back: it may be below zero."""
    fee_returned_fen: int
    state: Literal["waiting", "completed", "returned"] = "waiting"
    begun_at: datetime
    changed_at: datetime


class TradeUse(Struct, frozen=True, kw_only=True):
    """What came after a trade; field names are the columns of `accounting.trade_use`."""

    payment_id: str
    amount_fen: int
    fee_fen: int
    refunded_fen: int = 0
    fee_returned_fen: int = 0
    shared_fen: int = 0


class Adjustment(Struct, frozen=True, kw_only=True):
    """A proposal and its fate; field names are the columns of `accounting.adjustment`."""

    adjustment_no: str
    debit_account_id: int
    credit_account_id: int
    amount_fen: int
    reason: str
    maker: str
    state: Literal["proposed", "approved", "rejected"] = "proposed"
    checker: str | None = None
    proposed_at: datetime
    decided_at: datetime | None = None


class Alarm(Struct, frozen=True, kw_only=True):
    """What was found wrong; field names are the columns of `accounting.alarm`."""

    alarm_no: str
    check_name: str
    role: str
    owner: str
    account_no: str
    detail: str
    raised_at: datetime
    cleared_at: datetime | None = None
    cleared_by: str | None = None
    reason: str | None = None


class AccountChange(Struct, frozen=True, kw_only=True):
    """A line of the management history; field names are columns of `accounting.account_change`."""

    change_no: str
    account_id: int
    what: str
    before: str
    after: str
    operator: str
    reason: str
    changed_at: datetime


class DayBalance(Struct, frozen=True, kw_only=True):
    """How an account stood at the end of a day; the columns of `accounting.balance_day`."""

    account_id: int
    day: date
    serial: int
    balance_fen: int


class DayCollect(Struct, frozen=True, kw_only=True):
    """What moved an account on a day, by kind; the columns of `accounting.collect_day`."""

    account_id: int
    day: date
    kind: str
    amount_fen: int
    volume_fen: int
    count: int


class ClosedDay(Struct, frozen=True, kw_only=True):
    """A day whose balances are all written down."""

    day: date
    closed_at: datetime


class Applied(Struct, frozen=True):
    """This account's row is to be written, also where its balance is booked later."""

    account_id: int


class Page(Struct, frozen=True, kw_only=True):
    """The accounts of one round of a daily duty, and what the entries say of each."""

    in_reserve_fen: Mapping[int, int] = {}
    balances: tuple[DayBalance, ...] = ()
    collects: tuple[DayCollect, ...] = ()
    next_account_id: int | None = None


class Ledger:
    """Everything that a batch has loaded. `put` makes a change visible to the next message."""

    def __init__(self, *, shard: int = 0, batch_no: int = 1, previous: bytes = b"") -> None:
        self.shard = shard
        self.batch_no = batch_no
        self.previous = previous
        self.accounts: Book[int, Account] = Book((), key=attrgetter("account_id"))
        self.ids: dict[AccountKey, int] = {}
        self.numbers: dict[str, int] = {}
        self.serials: dict[int, int] = {}
        """Of the accounts' rows as they were locked: they move on from there or not at all."""
        self.booked: dict[str, Booking] = {}
        self.holds: Book[str, Hold] = Book((), key=attrgetter("hold_no"))
        self.payouts: Book[str, Payout] = Book((), key=attrgetter("payout_no"))
        self.refunds: Book[str, Refunding] = Book((), key=attrgetter("refund_no"))
        self.trades: Book[str, TradeUse] = Book((), key=attrgetter("payment_id"))
        self.adjustments: Book[str, Adjustment] = Book((), key=attrgetter("adjustment_no"))
        self.alarms: Book[str, Alarm] = Book((), key=attrgetter("alarm_no"))
        self.changes: Book[str, AccountChange] = Book((), key=attrgetter("change_no"))
        self.rates: Book[str, Rate] = Book((), key=attrgetter("rate_no"))
        self.volumes: Counter[tuple[int, str]] = Counter()
        self.pages: dict[Message, Page] = {}
        self.bookings: list[Booking] = []
        self.entries: list[Entry] = []
        self.applied: set[int] = set()
        self.days: list[DayBalance | DayCollect | ClosedDay] = []
        self._put = self._places()

    def put(self, row: Any) -> None:
        """Takes a change in."""
        self._put[type(row)](row)

    def lay_out(self, accounts: Iterable[Account], serials: Mapping[int, int]) -> None:
        """Lays accounts out that were just loaded, with the serials of their rows."""
        rows = list(accounts)
        self.serials.update(serials)
        self.accounts.lay_out(rows)
        self.ids.update({row.key: row.account_id for row in rows})
        self.numbers.update({row.account_no: row.account_id for row in rows})

    def account(self, place: AccountKey | int) -> Account:
        """The account of this key or id, which must have been laid out."""
        found = self.accounts.get(place if isinstance(place, int) else self.ids[place])
        assert found is not None, f"{place} was not loaded"
        return found

    def numbered(self, account_no: str) -> Account | None:
        """The account of this number, if there is one."""
        account_id = self.numbers.get(account_no)
        return None if account_id is None else self.accounts.get(account_id)

    @property
    def written(self) -> list[Account]:
        """The accounts whose rows are to be written: moved with their entries, or applied now."""
        return [
            account
            for account in self.accounts.changed
            if account.booking_mode == "sync" or account.account_id in self.applied
        ]

    def open_alarms(self, role: str, owner: str) -> list[Alarm]:
        """What is wrong with this owner's books and nobody has settled yet."""
        return [a for a in self.alarms if (a.role, a.owner, a.cleared_at) == (role, owner, None)]

    def traded_since(self, account_id: int, moment: datetime) -> int:
        """What trades of this very batch have brought to an account."""
        return sum(
            entry.amount_fen
            for entry in self.entries
            if (entry.account_id, entry.kind) == (account_id, "trade") and entry.booked_at >= moment
        )

    def _places(self) -> dict[type, Callable[[Any], None]]:
        """Where each kind of change is put."""
        return {
            Account: self.accounts.put,
            Entry: self._put_entry,
            Booking: self._put_booking,
            Hold: self.holds.put,
            Payout: self.payouts.put,
            Refunding: self.refunds.put,
            TradeUse: self.trades.put,
            Adjustment: self.adjustments.put,
            Alarm: self.alarms.put,
            AccountChange: self.changes.put,
            Rate: self.rates.put,
            Applied: lambda applied: self.applied.add(applied.account_id),
            DayBalance: self.days.append,
            DayCollect: self.days.append,
            ClosedDay: self.days.append,
        }

    def next_booking_id(self) -> int:
        """Batch, shard and place: unique without asking anybody, and rising with the batches."""
        place = len(self.bookings)
        assert place < BOOKINGS_PER_BATCH_MAX
        return (self.batch_no * SHARDS_MAX + self.shard) * BOOKINGS_PER_BATCH_MAX + place

    def _put_booking(self, booking: Booking) -> None:
        self.booked[booking.booking_key] = booking
        self.bookings.append(booking)

    def _put_entry(self, entry: Entry) -> None:
        """An entry follows its booking, whose amount counts for the tiers of the next one."""
        self.entries.append(entry)
        self.volumes[entry.account_id, entry.kind] += self.bookings[-1].amount_fen
