"""What operators and clocks wish of the books, what accounting answers, and what it tells."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta

from schema.accounts import (
    AccountNo,
    AccountOrder,
    AccountState,
    BookingMode,
    BusinessNo,
    Operator,
    Owner,
    PartyRole,
    RateKind,
    RatePlan,
    Reason,
    RefundFeePolicy,
)
from schema.bookings import Booked, PayoutKey
from schema.events import Moment
from schema.messages.contract import Message, Part, answer, command, fact
from schema.money import AMOUNT_FEN_MAX, AmountFen, Currency
from schema.payments import Refusal
from schema.text import PaymentId, RefundId

OWNER = "accounting"

AnyFen = Annotated[
    int,
    Meta(
        ge=-AMOUNT_FEN_MAX,
        le=AMOUNT_FEN_MAX,
        description="An amount in fen, which may be below zero.",
    ),
]


@command("booking.post", owner=OWNER, to="accounting")
class PostBooking(Message, frozen=True, kw_only=True):
    """Book this. A repeat under the same number with the same content gets the first answer."""

    wish: Booked


@command("account.open", owner=OWNER, to="accounting")
class OpenAccount(Message, frozen=True, kw_only=True, omit_defaults=False):
    """Open an owner's account now, with the rates that it begins with."""

    role: PartyRole = "merchant"
    owner: Owner
    currency: Currency = "CNY"


@command("account.change", owner=OWNER, to="accounting")
class ChangeAccount(Message, frozen=True, kw_only=True):
    """Freeze, unfreeze or cancel an account 冻结/解冻/注销."""

    change_no: BusinessNo
    account_no: AccountNo
    order: AccountOrder
    operator: Operator
    reason: Reason


@command("account.configure", owner=OWNER, to="accounting")
class ConfigureAccount(Message, frozen=True, kw_only=True):
    """Set how an account is kept; what is left out stays as it is."""

    change_no: BusinessNo
    account_no: AccountNo
    booking_mode: BookingMode | None = None
    reserve_days: Annotated[int, Meta(ge=0, le=90)] | None = None
    refund_fee_policy: RefundFeePolicy | None = None
    floor_fen: AnyFen | None = None
    """The least the balance may be; below zero it is credit that we give."""
    operator: Operator
    reason: Reason


@command("hold.place", owner=OWNER, to="accounting")
class PlaceHold(Message, frozen=True, kw_only=True, omit_defaults=False):
    """Set an amount of an owner's money aside 部分冻结, until it is released or spent."""

    hold_no: BusinessNo
    role: PartyRole = "merchant"
    owner: Owner
    currency: Currency = "CNY"
    amount_fen: AmountFen
    expires_at: Moment | None = None
    operator: Operator
    reason: Reason


@command("hold.release", owner=OWNER, to="accounting")
class ReleaseHold(Message, frozen=True, kw_only=True, omit_defaults=False):
    """Give back what is left of a hold, or a part of it."""

    release_no: BusinessNo
    hold_no: BusinessNo
    role: PartyRole = "merchant"
    owner: Owner
    currency: Currency = "CNY"
    amount_fen: AmountFen | None = None
    operator: Operator
    reason: Reason


@command("rate.set", owner=OWNER, to="accounting")
class SetRate(Message, frozen=True, kw_only=True):
    """Have a rate hold for an account from a time on; it may lie ahead, never behind."""

    rate_no: BusinessNo
    account_no: AccountNo
    kind: RateKind
    pay_type: Annotated[str, Meta(max_length=32)] = ""
    """Empty: for every pay type that has no rate of its own."""
    plan: RatePlan
    effective_at: Moment | None = None
    """None: from now on."""
    operator: Operator
    reason: Reason


@command("adjustment.propose", owner=OWNER, to="accounting")
class ProposeAdjustment(Message, frozen=True, kw_only=True):
    """Ask for money to be moved between two accounts 调账; somebody else has to agree."""

    adjustment_no: BusinessNo
    debit_account_no: AccountNo
    credit_account_no: AccountNo
    amount_fen: AmountFen
    operator: Operator
    reason: Reason


@command("adjustment.decide", owner=OWNER, to="accounting")
class DecideAdjustment(Message, frozen=True, kw_only=True):
    """Approve or reject a proposed adjustment; never by whoever proposed it."""

    adjustment_no: BusinessNo
    verdict: Literal["approve", "reject"]
    operator: Operator


@command("alarm.clear", owner=OWNER, to="accounting")
class ClearAlarm(Message, frozen=True, kw_only=True):
    """What was found wrong is settled: the owner may be paid out again."""

    alarm_no: BusinessNo
    operator: Operator
    reason: Reason


@command("pending.apply", owner=OWNER, to="accounting")
class ApplyPending(Message, frozen=True, kw_only=True):
    """Bring the balances of accounts that are booked later up to their newest entries."""


@command("reserve.reckon", owner=OWNER, to="accounting")
class ReckonReserve(Message, frozen=True, kw_only=True):
    """Work out what is out of reserve on this day 风险预存期外余额, from this account on."""

    day: date
    after_account_id: int = 0


@command("day.close", owner=OWNER, to="accounting")
class CloseDay(Message, frozen=True, kw_only=True):
    """Write down each account's balance at the end of this day 日切, from this account on."""

    day: date
    after_account_id: int = 0


@fact("ledger.broken", owner=OWNER)
class LedgerBroken(Message, frozen=True, kw_only=True):
    """A proof of the books failed. Nothing is paid out to this owner until somebody has looked."""

    alarm_no: str
    check_name: str
    role: str
    owner: str
    account_no: str
    detail: str


@fact("refund.funded", owner=OWNER)
class RefundFunded(Message, frozen=True, kw_only=True):
    """The money for this refund is set aside; or it is none of ours, as with direct settlement."""

    refund_id: RefundId
    payment_id: PaymentId


@fact("refund.unfunded", owner=OWNER)
class RefundUnfunded(Message, frozen=True, kw_only=True):
    """The money for this refund can't be set aside now; nothing was booked."""

    refund_id: RefundId
    payment_id: PaymentId
    refusal: Refusal


class PayoutView(Part, frozen=True, kw_only=True, omit_defaults=False):
    """Money on its way to its owner's bank, as it ended."""

    payout_no: PayoutKey
    kind: Literal["withdrawal", "settlement"]
    role: PartyRole
    owner: Owner
    currency: Currency
    amount_fen: AmountFen
    """What left for the bank."""
    returned_fee_fen: int = 0
    """What is given back with it, where it came back."""
    ended_at: Moment


@fact("payout.completed", owner=OWNER)
class PayoutHasArrived(Message, frozen=True, kw_only=True):
    """The money of a withdrawal or settlement is in its owner's bank, and booked so."""

    payout: PayoutView


@fact("payout.returned", owner=OWNER)
class PayoutHasReturned(Message, frozen=True, kw_only=True):
    """It came back 退汇, even after it had arrived; it is in its owner's balance again."""

    payout: PayoutView


class BookingView(Part, frozen=True, kw_only=True):
    """A booking, as it stands in the books."""

    booking_id: int
    booking_key: str
    kind: str
    amount_fen: int
    fee_fen: int
    booked_at: Moment


class AccountView(Part, frozen=True, kw_only=True):
    """An account as it stands after what was asked."""

    account_no: str
    role: str
    kind: str
    owner: str
    currency: str
    state: AccountState
    balance_fen: int
    out_of_reserve_fen: int


@answer("accounting.answered", owner=OWNER)
class AccountingAnswered(Message, frozen=True, kw_only=True):
    """The answer to a wish: what it led to, or why nothing was done."""

    refusal: Refusal | None = None
    booking: BookingView | None = None
    account: AccountView | None = None
