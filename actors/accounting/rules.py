"""Posting rules: which accounts a fact touches, and by how much. Every booking sums to zero.

Signs: an entry above zero means that we owe the account's owner more (a credit); below zero, that
more is owed to us (a debit). Amounts are fen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from bus.books import Book
from bus.decider import Decision
from schema.messages.contract import Message
from schema.messages.ordering import PaymentSucceeded

PLATFORM = "platform"


class Account(Struct, frozen=True, kw_only=True):
    """One account; field names are columns of `accounting.account`."""

    account_id: str
    kind: str
    owner: str
    currency: str
    balance_fen: int = 0
    serial: int = 0


class Line(Struct, frozen=True, kw_only=True):
    """One side of a booking before it is posted."""

    kind: str
    owner: str
    amount_fen: int


class Entry(Struct, frozen=True, kw_only=True):
    """One posted side; field names are the columns of `accounting.entry`."""

    account_id: str
    serial: int
    booking_key: str
    amount_fen: int
    balance_after_fen: int
    currency: str


class Booking(Struct, frozen=True, kw_only=True):
    """What happened, once; field names are the columns of `accounting.booking`."""

    booking_key: str
    kind: str
    payment_id: str
    booked_at: datetime


# What a payment posts, by where its channel settles to. `paid` is the fact, `net` the merchant's.
# fmt: off
POSTINGS: dict[str, tuple[tuple[str, Callable[[PaymentSucceeded], str],
                                Callable[[PaymentSucceeded], int]], ...]] = {
    # The channel settles to us: it owes us the gross, we owe the merchant the net. 二清
    "platform": (
        ("channel_clearing",  lambda paid: paid.channel_no,          lambda paid: -paid.amount_fen),
        ("merchant_payable",  lambda paid: paid.payment.merchant_no, lambda paid: paid.amount_fen
                                                                                  - paid.fee_fen),
        ("fee_income",        lambda _: PLATFORM,                    lambda paid: paid.fee_fen),
    ),
    # The channel settles to the merchant: we never hold the money, the merchant owes us the fee.
    "direct": (
        ("merchant_fee_receivable", lambda paid: paid.payment.merchant_no,
                                                                     lambda paid: -paid.fee_fen),
        ("fee_income",        lambda _: PLATFORM,                    lambda paid: paid.fee_fen),
    ),
}
# fmt: on


def booking_key(paid: PaymentSucceeded) -> str:
    """The business key that makes a second booking of the same payment impossible."""
    return f"pay:{paid.payment.id}"


def account_id(kind: str, owner: str, currency: str) -> str:
    """An account is named by what it is for, whose it is, and its currency."""
    return f"{kind}:{owner}:{currency}"


def lines(paid: PaymentSucceeded) -> tuple[Line, ...]:
    """The sides of a payment's booking, zero amounts left out. They sum to zero."""
    posted = tuple(
        Line(kind=kind, owner=owner(paid), amount_fen=amount(paid))
        for kind, owner, amount in POSTINGS[paid.funds_flow]
        if amount(paid) != 0
    )
    assert sum(line.amount_fen for line in posted) == 0, f"{booking_key(paid)} is unbalanced"
    return posted


def accounts_of(paid: PaymentSucceeded) -> Iterable[Account]:
    """The accounts that a payment touches, as they would be opened."""
    currency = paid.payment.currency
    for line in lines(paid):
        id = account_id(line.kind, line.owner, currency)
        yield Account(account_id=id, kind=line.kind, owner=line.owner, currency=currency)


class Ledger(Book[str, Account]):
    """The locked accounts of a batch, the bookings that exist, and what the batch posts."""

    def __init__(self, accounts: Iterable[Account] = (), booked: Iterable[str] = ()) -> None:
        super().__init__(accounts, key=lambda account: account.account_id)
        self.booked = set(booked)
        self.bookings: list[Booking] = []
        self.entries: list[Entry] = []

    def put(self, row: Account | Booking | Entry) -> None:
        match row:
            case Account():
                super().put(row)
            case Booking():
                self.booked.add(row.booking_key)
                self.bookings.append(row)
            case Entry():
                self.entries.append(row)


def decide(ledger: Ledger, message: Message, now: datetime) -> Decision:
    """Books a payment once; a repeat finds its key and changes nothing."""
    assert isinstance(message, PaymentSucceeded)
    key = booking_key(message)
    if key in ledger.booked:
        return Decision()
    booking = Booking(booking_key=key, kind="payment", payment_id=message.payment.id, booked_at=now)
    return Decision(changes=(booking, *post(ledger, key, message)))


def post(ledger: Ledger, key: str, paid: PaymentSucceeded) -> Sequence[Account | Entry]:
    """Each side as an entry with its serial and the balance after it, and the account moved on."""
    currency, posted = paid.payment.currency, []
    for line in lines(paid):
        account = ledger.get(account_id(line.kind, line.owner, currency))
        assert account is not None, "accounts are opened before they are posted to"
        moved = replace(
            account, balance_fen=account.balance_fen + line.amount_fen, serial=account.serial + 1
        )
        entry = Entry(
            account_id=moved.account_id,
            serial=moved.serial,
            booking_key=key,
            amount_fen=line.amount_fen,
            balance_after_fen=moved.balance_fen,
            currency=currency,
        )
        posted += [moved, entry]
    return posted
