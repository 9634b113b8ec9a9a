"""What accounting makes of each message it hears. Pure: ledger, message and time in."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from msgspec import Struct

from actors.accounting import management, periods
from actors.accounting.ledger import Booking, Ledger
from actors.accounting.mispaid import alarm_of, cleared_by_channel
from actors.accounting.refunds import ENDED, has_ended
from actors.accounting.rules import Draft, post
from actors.accounting.views import account_view, booking_view, payout_view
from actors.accounting.wishes import Mispaid, trade_of, wishes_of
from actors.accounting.workings import worked_out
from bus.decider import Decision
from bus.effects import Later, Publish, Reply
from schema.bookings import Booked, PayoutCompleted, PayoutReturned
from schema.messages.accounting import (
    AccountingAnswered,
    ApplyPending,
    ChangeAccount,
    ClearAlarm,
    CloseDay,
    ConfigureAccount,
    DecideAdjustment,
    LedgerBroken,
    OpenAccount,
    PayoutHasArrived,
    PayoutHasReturned,
    PlaceHold,
    PostBooking,
    ProposeAdjustment,
    ReckonReserve,
    RefundFunded,
    RefundUnfunded,
    ReleaseHold,
    SetRate,
)
from schema.messages.channels import AttemptMispaid, AttemptMispaidRetracted
from schema.messages.contract import Message
from schema.messages.ordering import (
    PaymentDuplicated,
    PaymentLatePaid,
    PaymentSucceeded,
    RefundFailed,
    RefundPlaced,
    RefundSucceeded,
)
from schema.payments import Refusal
from schema.refunds import RefundTerms

HEARS = (
    PaymentSucceeded,
    PaymentLatePaid,
    PaymentDuplicated,
    AttemptMispaid,
    AttemptMispaidRetracted,
    RefundPlaced,
    RefundSucceeded,
    RefundFailed,
    PostBooking,
    OpenAccount,
    ChangeAccount,
    ConfigureAccount,
    PlaceHold,
    ReleaseHold,
    SetRate,
    ProposeAdjustment,
    DecideAdjustment,
    ClearAlarm,
    LedgerBroken,
    ApplyPending,
    ReckonReserve,
    CloseDay,
)


def decide(ledger: Ledger, message: Message, now: datetime) -> Decision:
    """What a message makes of the books, and what whoever sent it is answered."""
    match message:
        case PaymentSucceeded():
            return paid(ledger, message, now)
        case RefundPlaced():
            return funded(ledger, message, now)
        case AttemptMispaid() | AttemptMispaidRetracted():
            return mispaid(ledger, message, now)
        case PaymentDuplicated() | RefundSucceeded() | RefundFailed():
            return caused(ledger, message, now)
        case PostBooking(wish=PayoutCompleted() | PayoutReturned() as wish):
            return _payout_ended(booked(ledger, wish, now), wish)
        case PostBooking(wish=wish):
            return answered(booked(ledger, wish, now))
        case PlaceHold():
            return answered(_held(ledger, message, now), *expiry(message))
        case ReleaseHold():
            return answered(_released(ledger, message, now))
        case DecideAdjustment():
            return _adjusted(ledger, message, now)
        case ApplyPending():
            return periods.applied(ledger)
        case ReckonReserve():
            return periods.reckoned(ledger, message)
        case CloseDay():
            return periods.closed(ledger, message, now)
        case _:
            return _managed(ledger, message, now)


Outcome = tuple[Struct, ...] | Refusal | Booking
"""Rows to change, beginning with the booking; or why there are none; or what was booked before."""


def paid(ledger: Ledger, message: PaymentSucceeded, now: datetime) -> Decision:
    """Books a payment once. It has happened, so there is nothing to refuse and nobody to answer."""
    outcome = booked(ledger, trade_of(message), now)
    assert not isinstance(outcome, Refusal), f"{message.payment.id}: {outcome.reason}"
    return Decision() if isinstance(outcome, Booking) else Decision(changes=outcome)


def funded(ledger: Ledger, message: RefundPlaced, now: datetime) -> Decision:
    """Sets the money for a refund aside, or says why that can't be done. Money that was paid twice
    lies in suspense and waits for nobody."""
    terms, changes = message.terms, list[Struct]()
    for wish in wishes_of(message):
        outcome = booked(ledger, wish, now)
        if isinstance(outcome, Refusal):
            return _unfunded(terms, outcome)
        if isinstance(outcome, Booking) and has_ended(ledger, terms.refund_id):
            return _unfunded(terms, ENDED)
        changes += () if isinstance(outcome, Booking) else outcome
    said = RefundFunded(refund_id=terms.refund_id, payment_id=terms.payment_id)
    return Decision(changes=tuple(changes), effects=(Publish(said, subject=terms.payment_id),))


def _unfunded(terms: RefundTerms, refusal: Refusal) -> Decision:
    said = RefundUnfunded(refund_id=terms.refund_id, payment_id=terms.payment_id, refusal=refusal)
    return Decision(effects=(Publish(said, subject=terms.payment_id),))


def caused(
    ledger: Ledger,
    fact: PaymentDuplicated | Mispaid | RefundSucceeded | RefundFailed,
    now: datetime,
) -> Decision:
    """Books what has happened elsewhere, once. A refund that was returned already stays so."""
    changes: list[Struct] = []
    for wish in wishes_of(fact):
        outcome = booked(ledger, wish, now)
        if isinstance(outcome, Refusal):
            assert outcome.code == "refund_ended" and isinstance(fact, RefundFailed), outcome.reason
        elif not isinstance(outcome, Booking):
            changes += outcome
    return Decision(changes=tuple(changes))


def mispaid(ledger: Ledger, fact: Mispaid, now: datetime) -> Decision:
    """Books other money than was asked for, or that there never was any; with it goes its alarm."""
    decision = caused(ledger, fact, now)
    if isinstance(fact, AttemptMispaid):
        return replace(decision, effects=(Publish(alarm_of(fact)),))
    return replace(decision, changes=(*decision.changes, *cleared_by_channel(ledger, fact, now)))


def booked(ledger: Ledger, wish: Booked, now: datetime) -> Outcome:
    """The booking of a wish, or of the same wish before."""
    known = ledger.booked.get(wish.key)
    if known is not None:
        return _repeated(known, wish)
    worked = worked_out(ledger, wish, now)
    if isinstance(worked, Refusal):
        return worked
    draft, changes = worked
    return _posted(ledger, draft, changes, now)


def _posted(
    ledger: Ledger, draft: Draft, changes: tuple[Struct, ...], now: datetime
) -> tuple[Struct, ...] | Refusal:
    posted = post(ledger, draft, now)
    return posted if isinstance(posted, Refusal) else (*posted, *changes)


def _repeated(known: Booking, asked: Struct) -> Booking | Refusal:
    """The first answer again, unless the number stands for something else. A booking from before
    there were digests has none."""
    if known.digest in (b"", management.digest_of(asked)):
        return known
    reason = f"{known.booking_key} is booked with other content"
    return Refusal(code="number_conflict", reason=reason, param="no")


def answered(outcome: Outcome, *effects: Later) -> Decision:
    """A booking's decision with its answer; `effects` follow only where something is booked now."""
    if isinstance(outcome, Refusal):
        return Decision(effects=(Reply(AccountingAnswered(refusal=outcome)),))
    if isinstance(outcome, Booking):
        return Decision(effects=(Reply(AccountingAnswered(booking=booking_view(outcome))),))
    booking = outcome[0]
    assert isinstance(booking, Booking)
    reply = Reply(AccountingAnswered(booking=booking_view(booking)))
    return Decision(changes=outcome, effects=(reply, *effects))


def _payout_ended(outcome: Outcome, wish: PayoutCompleted | PayoutReturned) -> Decision:
    """The end of a payout is told to whoever listens; a repeat tells it again, in case that whoever
    booked it died before he could."""
    decision = answered(outcome)
    if isinstance(outcome, Refusal):
        return decision
    booking = outcome if isinstance(outcome, Booking) else outcome[0]
    assert isinstance(booking, Booking)
    payout, is_back = payout_view(wish, booking), isinstance(wish, PayoutReturned)
    told = PayoutHasReturned(payout=payout) if is_back else PayoutHasArrived(payout=payout)
    return replace(decision, effects=(*decision.effects, Publish(told, subject=wish.no)))


def expiry(message: PlaceHold) -> tuple[Later, ...]:
    """A hold with an end releases what is left of it by itself."""
    if message.expires_at is None:
        return ()
    release = ReleaseHold(
        release_no=f"{message.hold_no}.expired",
        hold_no=message.hold_no,
        role=message.role,
        owner=message.owner,
        currency=message.currency,
        operator="clock",
        reason="the hold has expired",
    )
    return (Later(release, due_at=message.expires_at),)


def _held(ledger: Ledger, message: PlaceHold, now: datetime) -> Outcome:
    known = ledger.booked.get(f"hold:{message.hold_no}")
    if known is not None:
        return _repeated(known, message)
    draft, hold = management.hold_of(message, now)
    return _posted(ledger, draft, (hold,), now)


def _released(ledger: Ledger, message: ReleaseHold, now: datetime) -> Outcome:
    known = ledger.booked.get(f"release:{message.release_no}")
    if known is not None:
        return _repeated(known, message)
    release = management.release_of(ledger, message, now)
    if isinstance(release, Refusal):
        return release
    return _posted(ledger, release[0], (release[1],), now)


def _adjusted(ledger: Ledger, message: DecideAdjustment, now: datetime) -> Decision:
    known = ledger.booked.get(f"adjustment:{message.adjustment_no}")
    if known is not None and message.verdict == "approve":
        return answered(known)
    if management.is_rejected_again(ledger, message):
        return Decision(effects=(Reply(AccountingAnswered()),))
    verdict = management.verdict_on(ledger, message, now)
    if isinstance(verdict, Refusal):
        return answered(verdict)
    draft, adjustment = verdict
    if draft is None:
        return Decision(changes=(adjustment,), effects=(Reply(AccountingAnswered()),))
    return answered(_posted(ledger, draft, (adjustment,), now))


def _managed(ledger: Ledger, message: Message, now: datetime) -> Decision:
    """What changes no balance."""
    outcome = management.decide(ledger, message, now)
    if isinstance(outcome, Refusal):
        return Decision(effects=(Reply(AccountingAnswered(refusal=outcome)),))
    changes, account = outcome
    shown = None if account is None else account_view(account)
    return Decision(changes=changes, effects=(Reply(AccountingAnswered(account=shown)),))
