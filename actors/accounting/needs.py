"""What a batch of messages needs to be loaded, told from the messages alone. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from actors.accounting.chart import AccountKey
from actors.accounting.wishes import mispaid_no, payable_of, touched, trade_of, wishes_of
from schema.bookings import (
    Booked,
    PartyWish,
    PayoutCompleted,
    PayoutReturned,
    ProfitShare,
    Refund,
    RefundCompleted,
    RefundReturned,
    Settlement,
    Trade,
    Unexplained,
    UnexplainedRetracted,
    UnexplainedReturned,
    Withdrawal,
)
from schema.messages.accounting import (
    ApplyPending,
    ChangeAccount,
    ClearAlarm,
    CloseDay,
    ConfigureAccount,
    DecideAdjustment,
    LedgerBroken,
    OpenAccount,
    PlaceHold,
    PostBooking,
    ProposeAdjustment,
    ReckonReserve,
    ReleaseHold,
    SetRate,
)
from schema.messages.channels import AttemptMispaid, AttemptMispaidRetracted
from schema.messages.contract import Message
from schema.messages.ordering import (
    PaymentDuplicated,
    PaymentSucceeded,
    RefundFailed,
    RefundPlaced,
    RefundSucceeded,
)


@dataclass(slots=True)
class Needs:
    """Keys and numbers of all that has to be found or locked."""

    keys: set[AccountKey] = field(default_factory=set)
    facts: set[AccountKey] = field(default_factory=set)
    """Of accounts that something has happened on: closed ones need their owners' suspense."""
    account_nos: set[str] = field(default_factory=set)
    siblings_of: set[str] = field(default_factory=set)
    """Account numbers whose owners' other accounts count as well."""
    bookings: set[str] = field(default_factory=set)
    payments: set[str] = field(default_factory=set)
    refunds: set[str] = field(default_factory=set)
    payouts: set[str] = field(default_factory=set)
    holds: set[str] = field(default_factory=set)
    adjustments: set[str] = field(default_factory=set)
    alarms: set[str] = field(default_factory=set)
    alarms_of: set[str] = field(default_factory=set)
    changes: set[str] = field(default_factory=set)
    rates: set[str] = field(default_factory=set)
    rates_of: set[AccountKey] = field(default_factory=set)
    volumes_of: set[str] = field(default_factory=set)
    """Account numbers whose next fees may depend on tiers, beside those whose rates say so now."""
    applies_pending: bool = False
    reserves: list[ReckonReserve] = field(default_factory=list)
    closings: list[CloseDay] = field(default_factory=list)


def needs_of(messages: Iterable[Message]) -> Needs:
    """All that these messages need together."""
    needs = Needs()
    for message in messages:
        match message:
            case PaymentSucceeded():
                _need_trade(needs, trade_of(message))
            case (
                PaymentDuplicated() | AttemptMispaid() | AttemptMispaidRetracted()
                | RefundPlaced() | RefundSucceeded() | RefundFailed()
            ):  # fmt: skip
                for wish in wishes_of(message):
                    _need_wish(needs, wish)
                if isinstance(message, AttemptMispaidRetracted):
                    needs.alarms.add(mispaid_no(message))
            case PostBooking(wish=wish):
                _need_wish(needs, wish)
            case _:
                _need(needs, message)
    return needs


def _need_trade(needs: Needs, trade: Trade) -> None:
    needs.bookings.add(trade.key)
    keys = list(touched(trade))
    needs.keys.update(keys)
    needs.facts.update(keys)


def _need_wish(needs: Needs, wish: Booked) -> None:
    if isinstance(wish, Trade):
        _need_trade(needs, wish)
        if wish.fee_fen is None:
            needs.rates_of.add(payable_of(wish))
            needs.keys.add(payable_of(wish))
        return
    needs.bookings.add(wish.key)
    needs.keys.update(touched(wish))
    match wish:
        case Refund() | ProfitShare() | RefundReturned():
            needs.bookings.add(f"trade:{wish.payment_id}")
            needs.payments.add(wish.payment_id)
        case Unexplained() | UnexplainedReturned() | UnexplainedRetracted() | RefundCompleted():
            needs.facts.update(touched(wish))
        case PayoutCompleted() | PayoutReturned():
            needs.payouts.add(wish.no)
            needs.facts.update(touched(wish))
        case Withdrawal(hold_no=str(hold_no)):
            needs.holds.add(hold_no)
            needs.keys.add(payable_of(wish))
        case _:
            pass
    if isinstance(wish, Refund | RefundCompleted | RefundReturned):
        needs.refunds.add(wish.no)
    if isinstance(wish, RefundReturned):
        needs.facts.update(touched(wish))
    if isinstance(wish, Refund | Withdrawal | Settlement):
        needs.rates_of.add(payable_of(wish))
    if isinstance(wish, PartyWish):
        needs.alarms_of.add(wish.owner)


def _need(needs: Needs, message: Message) -> None:
    match message:
        case OpenAccount():
            needs.keys.add(AccountKey(message.role, "payable", message.owner, message.currency))
        case PlaceHold() | ReleaseHold():
            _need_hold(needs, message)
        case ChangeAccount():
            needs.siblings_of.add(message.account_no)
            needs.account_nos.add(message.account_no)
            needs.changes.add(message.change_no)
        case ConfigureAccount():
            needs.account_nos.add(message.account_no)
            needs.changes.add(message.change_no)
        case SetRate():
            needs.account_nos.add(message.account_no)
            needs.rates.add(message.rate_no)
            if message.plan.tiers:
                needs.volumes_of.add(message.account_no)
        case ProposeAdjustment():
            needs.account_nos.update((message.debit_account_no, message.credit_account_no))
            needs.adjustments.add(message.adjustment_no)
        case DecideAdjustment():
            needs.adjustments.add(message.adjustment_no)
            needs.bookings.add(f"adjustment:{message.adjustment_no}")
        case LedgerBroken() | ClearAlarm():
            needs.alarms.add(message.alarm_no)
        case _:
            _need_period(needs, message)


def _need_hold(needs: Needs, message: PlaceHold | ReleaseHold) -> None:
    owner = (message.owner, message.currency)
    needs.keys.update(AccountKey(message.role, kind, *owner) for kind in ("payable", "frozen"))
    needs.holds.add(message.hold_no)
    if isinstance(message, PlaceHold):
        needs.bookings.add(f"hold:{message.hold_no}")
    else:
        needs.bookings.add(f"release:{message.release_no}")


def _need_period(needs: Needs, message: Message) -> None:
    match message:
        case ApplyPending():
            needs.applies_pending = True
        case ReckonReserve():
            needs.reserves.append(message)
        case CloseDay():
            needs.closings.append(message)
        case _:
            raise AssertionError(f"accounting does not hear {type(message).__name__}")
