"""What operators do to accounts: open, freeze, configure, hold, price, adjust, and clear. Pure.

Each order has a number of its own, so that a repeat changes nothing and gets the same answer, and
leaves a line with the operator's name and reason.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from actors.accounting.account import Account, ordered
from actors.accounting.chart import AccountKey
from actors.accounting.ledger import (
    AccountChange,
    Adjustment,
    Alarm,
    Applied,
    Hold,
    Ledger,
)
from actors.accounting.postings import Amounts, Line, lines_of
from actors.accounting.rates import Rate
from actors.accounting.rules import POSTINGS, Draft, digest_of
from actors.accounting.workings import spent
from schema.messages.accounting import (
    ChangeAccount,
    ClearAlarm,
    ConfigureAccount,
    DecideAdjustment,
    LedgerBroken,
    OpenAccount,
    PlaceHold,
    ProposeAdjustment,
    ReleaseHold,
    SetRate,
)
from schema.messages.contract import Message
from schema.payments import Refusal

Managed = tuple[tuple[Struct, ...], Account | None] | Refusal
"""Rows to change, with the account to show; or why there are none."""

SETTABLE = ("booking_mode", "reserve_days", "refund_fee_policy", "floor_fen")


def decide(ledger: Ledger, message: Message, now: datetime) -> Managed:
    """An operator's order that moves no money."""
    match message:
        case OpenAccount():
            # It was opened when it was loaded: accounts appear on first use.
            key = AccountKey(message.role, "payable", message.owner, message.currency)
            return (), ledger.account(key)
        case ChangeAccount():
            return _changed(ledger, message, now)
        case ConfigureAccount():
            return _configured(ledger, message, now)
        case SetRate():
            return _priced(ledger, message, now)
        case ProposeAdjustment():
            return _proposed(ledger, message, now)
        case LedgerBroken():
            return _alarmed(ledger, message, now)
        case ClearAlarm():
            return _cleared(ledger, message, now)
        case _:
            raise AssertionError(f"accounting does not hear {type(message).__name__}")


def _changed(ledger: Ledger, order: ChangeAccount, now: datetime) -> Managed:
    account = ledger.numbered(order.account_no)
    if account is None:
        return no_account(order.account_no, "account_no")
    if (known := ledger.changes.get(order.change_no)) is not None:
        return _same(known, account, order.order)
    after = ordered(account, order.order, _left_with(ledger, account))
    if isinstance(after, Refusal):
        return after
    change = _line(order, account, order.order, account.state, after.state, now)
    return (after, Applied(after.account_id), change), after


def _left_with(ledger: Ledger, account: Account) -> int:
    """All that the owner still has with an account, in the order of nothing but the eye."""
    beside = ("frozen", "in_transit", "deposit", "suspense") if account.kind == "payable" else ()
    keys = (replace(account.key, kind=kind) for kind in beside)
    others = (ledger.account(key) for key in keys if key in ledger.ids)
    return abs(account.balance_fen) + sum(abs(other.balance_fen) for other in others)


def _configured(ledger: Ledger, order: ConfigureAccount, now: datetime) -> Managed:
    account = ledger.numbered(order.account_no)
    if account is None:
        return no_account(order.account_no, "account_no")
    asked = {name: getattr(order, name) for name in SETTABLE if getattr(order, name) is not None}
    if (known := ledger.changes.get(order.change_no)) is not None:
        return _same(known, account, _settings(asked))
    if (refusal := _unfit(account, asked)) is not None:
        return refusal
    before = {name: getattr(account, name) for name in asked}
    after = replace(account, **asked)
    if after.reserve_days == 0:
        outside = after.balance_fen if after.kind == "payable" else 0
        after = replace(after, out_of_reserve_fen=outside)
    change = _line(order, account, _settings(asked), _settings(before), _settings(asked), now)
    return (after, Applied(after.account_id), change), after


def _unfit(account: Account, asked: dict[str, Any]) -> Refusal | None:
    if not asked:
        return Refusal(code="nothing_to_change", reason="no setting is named")
    if "reserve_days" in asked and account.kind != "payable":
        reason = f"an account {account.kind} has no reserve"
        return Refusal(code="illegal_change", reason=reason, param="reserve_days")
    if account.balance_fen < asked.get("floor_fen", account.balance_fen):
        reason = f"the balance of {account.balance_fen} fen lies below it already"
        return Refusal(code="illegal_change", reason=reason, param="floor_fen")
    return None


def _settings(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


def _same(known: AccountChange, account: Account, what: str) -> Managed:
    if (known.account_id, known.what) == (account.account_id, what):
        return (), account
    reason = f"{known.change_no} was another change: {known.what}"
    return Refusal(code="number_conflict", reason=reason, param="change_no")


def _line(
    order: ChangeAccount | ConfigureAccount,
    account: Account,
    what: str,
    before: str,
    after: str,
    now: datetime,
) -> AccountChange:
    return AccountChange(
        change_no=order.change_no,
        account_id=account.account_id,
        what=what,
        before=before,
        after=after,
        operator=order.operator,
        reason=order.reason,
        changed_at=now,
    )


def _priced(ledger: Ledger, order: SetRate, now: datetime) -> Managed:
    account = ledger.numbered(order.account_no)
    if account is None:
        return no_account(order.account_no, "account_no")
    effective_at = now if order.effective_at is None else order.effective_at
    known = ledger.rates.get(order.rate_no)
    if known is not None:
        what = (known.account_id, known.kind, known.pay_type, known.plan)
        if what == (account.account_id, order.kind, order.pay_type, order.plan):
            return (), account
        reason = f"{order.rate_no} is another rate"
        return Refusal(code="number_conflict", reason=reason, param="rate_no")
    if (refusal := _unfit_plan(order, effective_at, now)) is not None:
        return refusal
    rate = Rate(
        rate_no=order.rate_no,
        account_id=account.account_id,
        kind=order.kind,
        pay_type=order.pay_type,
        plan=order.plan,
        effective_at=effective_at,
        operator=order.operator,
        reason=order.reason,
        set_at=now,
    )
    return (rate,), account


def _unfit_plan(order: SetRate, effective_at: datetime, now: datetime) -> Refusal | None:
    if effective_at < now:
        reason = "a rate holds from now or from later on, never for what is booked already"
        return Refusal(code="effective_in_the_past", reason=reason, param="effective_at")
    volumes = [tier.from_volume_fen for tier in order.plan.tiers]
    if volumes != sorted(set(volumes)):
        reason = "tiers must rise by volume"
        return Refusal(code="illegal_plan", reason=reason, param="plan.tiers")
    if order.plan.max_fen is not None and order.plan.max_fen < order.plan.min_fen:
        reason = "the most lies below the least"
        return Refusal(code="illegal_plan", reason=reason, param="plan.max_fen")
    return None


def hold_of(order: PlaceHold, now: datetime) -> tuple[Draft, Hold]:
    """Money set aside, and its booking."""
    hold = Hold(
        hold_no=order.hold_no,
        role=order.role,
        owner=order.owner,
        currency=order.currency,
        amount_fen=order.amount_fen,
        remaining_fen=order.amount_fen,
        reason=order.reason,
        operator=order.operator,
        placed_at=now,
        expires_at=order.expires_at,
        changed_at=now,
    )
    return _moved(order, "hold", f"hold:{order.hold_no}", order.amount_fen), hold


def release_of(ledger: Ledger, order: ReleaseHold, now: datetime) -> tuple[Draft, Hold] | Refusal:
    """What is given back of a hold, and its booking."""
    hold, amount_fen = ledger.holds.get(order.hold_no), order.amount_fen
    if amount_fen is None:
        amount_fen = hold.remaining_fen if hold is not None else 0
    whose = (order.role, order.owner, order.currency)
    rest = spent(ledger, order.hold_no, whose, amount_fen, now)
    if isinstance(rest, Refusal):
        return rest
    if amount_fen == 0:
        return Refusal(code="hold_ended", reason=f"nothing is left of hold {order.hold_no}")
    return _moved(order, "release", f"release:{order.release_no}", amount_fen), rest


def _moved(order: PlaceHold | ReleaseHold, kind: str, key: str, amount_fen: int) -> Draft:
    parties = {"party": (order.role, order.owner)}
    return Draft(
        kind=kind,
        key=key,
        subject=order.hold_no,
        party=order.owner,
        amount_fen=amount_fen,
        digest=digest_of(order),
        guard=POSTINGS[kind].guard,
        lines=lines_of(POSTINGS[kind], parties, Amounts(amount_fen), order.currency),
    )


def _proposed(ledger: Ledger, order: ProposeAdjustment, now: datetime) -> Managed:
    debit = ledger.numbered(order.debit_account_no)
    credit = ledger.numbered(order.credit_account_no)
    if debit is None:
        return no_account(order.debit_account_no, "debit_account_no")
    if credit is None:
        return no_account(order.credit_account_no, "credit_account_no")
    adjustment = Adjustment(
        adjustment_no=order.adjustment_no,
        debit_account_id=debit.account_id,
        credit_account_id=credit.account_id,
        amount_fen=order.amount_fen,
        reason=order.reason,
        maker=order.operator,
        proposed_at=now,
    )
    if (known := ledger.adjustments.get(order.adjustment_no)) is not None:
        return _proposed_before(known, adjustment)
    if debit.account_id == credit.account_id or debit.currency != credit.currency:
        reason = "two different accounts of one currency are needed"
        return Refusal(code="illegal_adjustment", reason=reason, param="credit_account_no")
    return (adjustment,), None


def _proposed_before(known: Adjustment, asked: Adjustment) -> Managed:
    fields = ("debit_account_id", "credit_account_id", "amount_fen", "maker", "reason")
    if all(getattr(known, name) == getattr(asked, name) for name in fields):
        return (), None
    reason = f"{known.adjustment_no} proposes something else"
    return Refusal(code="number_conflict", reason=reason, param="adjustment_no")


def is_rejected_again(ledger: Ledger, order: DecideAdjustment) -> bool:
    """Whether the same person says once more what is decided already."""
    known = ledger.adjustments.get(order.adjustment_no)
    said = ("rejected", order.operator)
    return order.verdict == "reject" and known is not None and (known.state, known.checker) == said


def verdict_on(
    ledger: Ledger, order: DecideAdjustment, now: datetime
) -> tuple[Draft | None, Adjustment] | Refusal:
    """A second person's word on a proposal; with the booking where it is approved."""
    proposed = ledger.adjustments.get(order.adjustment_no)
    if proposed is None:
        reason = f"no adjustment {order.adjustment_no}"
        return Refusal(code="unknown_adjustment", reason=reason, param="adjustment_no")
    if proposed.maker == order.operator:
        reason = "whoever proposes an adjustment can't decide on it"
        return Refusal(code="maker_is_checker", reason=reason, param="operator")
    if proposed.state != "proposed":
        return Refusal(code="adjustment_decided", reason=f"it is {proposed.state} already")
    state = "approved" if order.verdict == "approve" else "rejected"
    decided = replace(proposed, state=state, checker=order.operator, decided_at=now)
    return (_adjustment(proposed) if state == "approved" else None), decided


def _adjustment(proposed: Adjustment) -> Draft:
    return Draft(
        kind="adjustment",
        key=f"adjustment:{proposed.adjustment_no}",
        subject=proposed.adjustment_no,
        amount_fen=proposed.amount_fen,
        digest=digest_of(proposed),
        guard="asked",
        lines=(
            Line(proposed.debit_account_id, -proposed.amount_fen),
            Line(proposed.credit_account_id, proposed.amount_fen),
        ),
    )


def _alarmed(ledger: Ledger, broken: LedgerBroken, now: datetime) -> Managed:
    if ledger.alarms.get(broken.alarm_no) is not None:
        return (), None
    fields = {name: getattr(broken, name) for name in broken.__struct_fields__}
    return (Alarm(**fields, raised_at=now),), None


def _cleared(ledger: Ledger, order: ClearAlarm, now: datetime) -> Managed:
    alarm = ledger.alarms.get(order.alarm_no)
    if alarm is None:
        reason = f"no alarm {order.alarm_no}"
        return Refusal(code="unknown_alarm", reason=reason, param="alarm_no")
    if alarm.cleared_at is not None:
        return (), None
    return (replace(alarm, cleared_at=now, cleared_by=order.operator, reason=order.reason),), None


def no_account(account_no: str, param: str) -> Refusal:
    """The refusal of an account number that nobody has."""
    return Refusal(code="unknown_account", reason=f"no account {account_no}", param=param)
