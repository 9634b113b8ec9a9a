"""Postings: whatever is paid at whatever rate, what one account loses another one gains."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.accounting.rules import (
    Account,
    Booking,
    Entry,
    Ledger,
    Line,
    accounts_of,
    decide,
    lines,
)
from bus.decider import Decision
from schema.messages.ordering import PaymentSucceeded
from schema.money import AMOUNT_FEN_MAX, PPM, fee_fen
from tests.examples import CHANNEL_NO, MERCHANT_NO, NOW, PAYMENT_ID, a_paid_payment

OTHER_ID = f"{PAYMENT_ID[:-1]}x"


@st.composite
def paid_payments(draw: st.DrawFn) -> PaymentSucceeded:
    """Any amount at any rate, settled to us or to the merchant."""
    amount = draw(st.integers(1, AMOUNT_FEN_MAX) | st.integers(1, 300))
    rate = draw(st.integers(0, PPM) | st.sampled_from([0, 1, 6_000, PPM]))
    flow = draw(st.sampled_from(["platform", "direct"]))
    number = draw(st.integers(10, 99))
    return a_paid_payment(
        payment_id=f"{PAYMENT_ID[:-2]}{number}",
        amount_fen=amount,
        fee_fen=fee_fen(amount, rate),
        fee_rate_ppm=rate,
        funds_flow=flow,
    )


def a_ledger(*payments: PaymentSucceeded) -> Ledger:
    """A ledger in which the accounts of these payments are open and empty."""
    return Ledger({a.account_id: a for paid in payments for a in accounts_of(paid)}.values())


def book(ledger: Ledger, *payments: PaymentSucceeded) -> list[Decision]:
    decisions: list[Decision] = []
    for paid in payments:
        decisions.append(decide(ledger, paid, NOW))
        for change in decisions[-1].changes:
            ledger.put(change)
    return decisions


@settings(max_examples=100, deadline=None)
@given(paid_payments())
def test_every_booking_sums_to_zero_and_has_no_empty_side(paid: PaymentSucceeded) -> None:
    amounts = [line.amount_fen for line in lines(paid)]
    assert sum(amounts) == 0
    assert 0 not in amounts


@settings(max_examples=40, deadline=None)
@given(st.lists(paid_payments(), max_size=8))
def test_balances_are_what_their_entries_add_up_to(payments: list[PaymentSucceeded]) -> None:
    ledger = a_ledger(*payments)
    book(ledger, *payments)
    sums, serials = Counter[str](), Counter[str]()
    for entry in ledger.entries:
        sums[entry.account_id] += entry.amount_fen
        serials[entry.account_id] += 1
        assert entry.balance_after_fen == sums[entry.account_id]
        assert entry.serial == serials[entry.account_id]
    for account in ledger:
        balance = (sums[account.account_id], serials[account.account_id])
        assert (account.balance_fen, account.serial) == balance
    assert sum(account.balance_fen for account in ledger) == 0


def test_where_the_channel_pays_us_we_owe_the_merchant_the_rest() -> None:
    assert lines(a_paid_payment(funds_flow="platform")) == (
        Line(kind="channel_clearing", owner=CHANNEL_NO, amount_fen=-1_000),
        Line(kind="merchant_payable", owner=MERCHANT_NO, amount_fen=994),
        Line(kind="fee_income", owner="platform", amount_fen=6),
    )


def test_where_the_channel_pays_the_merchant_he_owes_us_the_fee() -> None:
    assert lines(a_paid_payment(funds_flow="direct")) == (
        Line(kind="merchant_fee_receivable", owner=MERCHANT_NO, amount_fen=-6),
        Line(kind="fee_income", owner="platform", amount_fen=6),
    )


def test_without_a_fee_nothing_is_booked_that_is_not_there() -> None:
    assert lines(a_paid_payment(funds_flow="direct", fee_fen=0)) == ()
    platform = lines(a_paid_payment(funds_flow="platform", fee_fen=0))
    assert [line.kind for line in platform] == ["channel_clearing", "merchant_payable"]


def test_a_fee_that_takes_it_all_leaves_the_merchant_no_entry() -> None:
    platform = lines(a_paid_payment(funds_flow="platform", fee_fen=1_000))
    assert [line.kind for line in platform] == ["channel_clearing", "fee_income"]


def test_a_payment_names_the_accounts_that_it_needs() -> None:
    receivable, income = accounts_of(a_paid_payment(funds_flow="direct"))
    assert receivable == Account(
        account_id=f"merchant_fee_receivable:{MERCHANT_NO}:CNY",
        kind="merchant_fee_receivable",
        owner=MERCHANT_NO,
        currency="CNY",
    )
    assert income == Account(
        account_id="fee_income:platform:CNY", kind="fee_income", owner="platform", currency="CNY"
    )


def test_a_booking_carries_each_account_on_by_one_entry() -> None:
    paid = a_paid_payment(funds_flow="direct")
    receivable, income = f"merchant_fee_receivable:{MERCHANT_NO}:CNY", "fee_income:platform:CNY"
    before = [
        Account(account_id=receivable, kind="merchant_fee_receivable", owner=MERCHANT_NO,
                currency="CNY", balance_fen=-10, serial=3),
        Account(account_id=income, kind="fee_income", owner="platform",
                currency="CNY", balance_fen=500, serial=70),
    ]  # fmt: skip
    ledger, key = Ledger(before), f"pay:{PAYMENT_ID}"
    book(ledger, paid)
    assert ledger.bookings == [
        Booking(booking_key=key, kind="payment", payment_id=PAYMENT_ID, booked_at=NOW)
    ]
    assert ledger.entries == [
        Entry(account_id=receivable, serial=4, booking_key=key,
              amount_fen=-6, balance_after_fen=-16, currency="CNY"),
        Entry(account_id=income, serial=71, booking_key=key,
              amount_fen=6, balance_after_fen=506, currency="CNY"),
    ]  # fmt: skip
    assert [(a.balance_fen, a.serial) for a in ledger.changed] == [(-16, 4), (506, 71)]


def test_a_payment_is_booked_once_however_often_it_is_told() -> None:
    paid = a_paid_payment()
    ledger = a_ledger(paid)
    first, second = book(ledger, paid, paid)
    assert len(first.changes) == 7, "one booking, and three times an account with its entry"
    assert second == Decision()


def test_a_payment_that_is_in_the_books_already_changes_nothing() -> None:
    paid = a_paid_payment()
    ledger = Ledger(a_ledger(paid), [f"pay:{PAYMENT_ID}"])
    assert book(ledger, paid) == [Decision()]


def test_two_payments_are_two_bookings() -> None:
    payments = a_paid_payment(), a_paid_payment(payment_id=OTHER_ID)
    ledger = a_ledger(*payments)
    book(ledger, *payments)
    assert [b.booking_key for b in ledger.bookings] == [f"pay:{PAYMENT_ID}", f"pay:{OTHER_ID}"]
