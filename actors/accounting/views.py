"""Bookings and accounts as they are shown outside the room.

Pure: no I/O, no clock.
"""

from __future__ import annotations

from actors.accounting.account import Account
from actors.accounting.ledger import Booking
from schema.bookings import PayoutCompleted, PayoutReturned
from schema.messages.accounting import AccountView, BookingView, PayoutView


def booking_view(booking: Booking) -> BookingView:
    """A booking as its asker sees it."""
    return BookingView(
        booking_id=booking.booking_id,
        booking_key=booking.booking_key,
        kind=booking.kind,
        amount_fen=booking.amount_fen,
        fee_fen=booking.fee_fen,
        booked_at=booking.booked_at,
    )


def payout_view(wish: PayoutCompleted | PayoutReturned, booking: Booking) -> PayoutView:
    """A payout as its end is told. All of it follows from the wish and its booking, so that a
    repeat tells the same."""
    is_withdrawal = wish.no.startswith("withdrawal:")
    return PayoutView(
        payout_no=wish.no,
        kind="withdrawal" if is_withdrawal else "settlement",
        role=wish.role,
        owner=wish.owner,
        currency=wish.currency,
        amount_fen=booking.amount_fen,
        returned_fee_fen=booking.fee_fen,
        ended_at=booking.booked_at,
    )


def account_view(account: Account) -> AccountView:
    """An account as an operator sees it."""
    return AccountView(
        account_no=account.account_no,
        role=account.role,
        kind=account.kind,
        owner=account.owner,
        currency=account.currency,
        state=account.state,
        balance_fen=account.balance_fen,
        out_of_reserve_fen=max(0, account.out_of_reserve_fen),
    )
