"""What a wish comes to, and what else its booking changes. Pure: decided on what was locked."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from actors.accounting import refunds
from actors.accounting.ledger import Hold, Ledger, Payout
from actors.accounting.postings import Amounts, Line, lines_of
from actors.accounting.rates import Fee
from actors.accounting.rules import POSTINGS
from actors.accounting.wishes import (
    US,
    Worked,
    agreed_fee,
    draft_of,
    own_fee,
    payable_of,
    trade_use,
)
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
    Transfer,
    Unexplained,
    Withdrawal,
)
from schema.payments import Refusal


def worked_out(ledger: Ledger, wish: Booked, now: datetime) -> Worked:
    """The booking that a wish asks for."""
    match wish:
        case Trade():
            return trade(ledger, wish, now)
        case Refund():
            return refunds.refund(ledger, wish, now)
        case RefundCompleted():
            return refunds.completed(ledger, wish, now)
        case RefundReturned():
            return refunds.returned(ledger, wish, now)
        case Withdrawal():
            return withdrawal(ledger, wish, now)
        case Settlement():
            return settlement(ledger, wish, now)
        case PayoutCompleted() | PayoutReturned():
            return payout_ended(ledger, wish, now)
        case ProfitShare():
            return profit_share(ledger, wish)
        case Unexplained():
            return draft_of(wish, wish.kind, Amounts(wish.amount_fen, cost=wish.cost_fen)), ()
        case Transfer() if (wish.role, wish.owner) == (wish.to_role, wish.to_owner):
            return Refusal(code="same_account", reason="both sides are one", param="to_owner")
        case _:
            return draft_of(wish, wish.kind, Amounts(wish.amount_fen)), ()


def trade(ledger: Ledger, wish: Trade, now: datetime) -> Worked:
    """A payer's money."""
    fee = Fee(wish.fee_fen, wish.rate_ppm) if wish.fee_fen is not None else None
    if fee is None:
        fee = own_fee(ledger, wish, "trade", wish.amount_fen, now, wish.pay_type)
    amounts = Amounts(wish.amount_fen, fee.fee_fen, wish.cost_fen)
    if max(amounts.fee, amounts.cost) > amounts.gross:
        reason = f"fee {amounts.fee} or cost {amounts.cost} is above the amount"
        return Refusal(code="fee_above_amount", reason=reason, param="fee_fen")
    return draft_of(wish, f"trade.{wish.funds_flow}", amounts, fee=fee), ()


def withdrawal(ledger: Ledger, wish: Withdrawal, now: datetime) -> Worked:
    """Money out, the fee on top."""
    refusal = paying_out_is_stopped(ledger, wish)
    if refusal is not None:
        return refusal
    fee = agreed_fee(ledger, wish, "withdrawal", wish.amount_fen, now)
    amounts = Amounts(wish.amount_fen, fee.fee_fen)
    payout = payout_of(wish, amounts.gross, amounts.fee, now)
    if wish.hold_no is None:
        return draft_of(wish, "withdrawal", amounts, fee=fee), (payout,)
    hold = spent(ledger, wish.hold_no, (wish.role, wish.owner, wish.currency), amounts.total, now)
    if isinstance(hold, Refusal):
        return hold
    return draft_of(wish, "withdrawal.held", amounts, fee=fee), (payout, hold)


def settlement(ledger: Ledger, wish: Settlement, now: datetime) -> Worked:
    """What is outside the reserve goes to the owner, less the fee."""
    refusal = paying_out_is_stopped(ledger, wish)
    if refusal is not None:
        return refusal
    outside = max(0, ledger.account(payable_of(wish)).out_of_reserve_fen)
    gross = outside if wish.amount_fen is None else wish.amount_fen
    fee = agreed_fee(ledger, wish, "settlement", gross, now)
    if gross <= fee.fee_fen:
        reason = f"{gross} fen do not cover the fee of {fee.fee_fen}"
        return Refusal(code="nothing_to_settle", reason=reason, param="amount_fen")
    amounts = Amounts(gross, fee.fee_fen)
    payout = payout_of(wish, amounts.net, amounts.fee, now)
    return draft_of(wish, "settlement", amounts, fee=fee), (payout,)


def payout_ended(ledger: Ledger, wish: PayoutCompleted | PayoutReturned, now: datetime) -> Worked:
    """A payout has arrived, or has come back, before or after it was said to have arrived."""
    payout = ledger.payouts.get(wish.no)
    if payout is None or (payout.role, payout.owner) != (wish.role, wish.owner):
        return Refusal(code="unknown_payout", reason=f"no payout {wish.no} of it", param="no")
    is_back = isinstance(wish, PayoutReturned)
    if payout.state == "returned" or (payout.state == "completed" and not is_back):
        return Refusal(code="payout_ended", reason=f"the payout is {payout.state}", param="no")
    row = "payout_returned.late" if payout.state == "completed" else wish.kind
    amounts = Amounts(payout.amount_fen, payout.fee_fen if is_back else 0)
    state = "returned" if is_back else "completed"
    return draft_of(wish, row, amounts), (replace(payout, state=state, changed_at=now),)


def profit_share(ledger: Ledger, wish: ProfitShare) -> Worked:
    """Agents get their parts, together never more than the fee that there is."""
    use = trade_use(ledger, wish.payment_id, None)
    if isinstance(use, Refusal):
        return use
    gross = sum(share.amount_fen for share in wish.shares)
    left = use.fee_fen - use.fee_returned_fen - use.shared_fen
    if gross > left:
        reason = f"{max(left, 0)} fen of the fee are left to share"
        return Refusal(code="share_above_fee", reason=reason, param="shares")
    lines: list[Line] = []
    for share in wish.shares:
        parties = US | {"agent": ("agent", share.agent_no)}
        row, amounts = POSTINGS["profit_share"], Amounts(share.amount_fen)
        lines += lines_of(row, parties, amounts, wish.currency)
    draft = draft_of(wish, "profit_share", Amounts(gross), subject=wish.payment_id, lines=lines)
    return draft, (replace(use, shared_fen=use.shared_fen + gross),)


def spent(
    ledger: Ledger, hold_no: str, whose: tuple[str, str, str], amount_fen: int, now: datetime
) -> Hold | Refusal:
    """The hold after a part of it is gone."""
    hold = ledger.holds.get(hold_no)
    if hold is None or (hold.role, hold.owner, hold.currency) != whose:
        return Refusal(code="unknown_hold", reason=f"no hold {hold_no} of it", param="hold_no")
    if amount_fen > hold.remaining_fen:
        reason = f"{hold.remaining_fen} fen of the hold are left"
        return Refusal(code="hold_too_small", reason=reason, param="amount_fen")
    return replace(hold, remaining_fen=hold.remaining_fen - amount_fen, changed_at=now)


def paying_out_is_stopped(ledger: Ledger, wish: PartyWish) -> Refusal | None:
    """While a proof of an owner's books fails, nothing goes out to him; others are not touched."""
    alarms = ledger.open_alarms(wish.role, wish.owner)
    if not alarms:
        return None
    reason = f"payouts are stopped by alarm {alarms[0].alarm_no}: {alarms[0].check_name}"
    return Refusal(code="payouts_stopped", reason=reason)


def payout_of(
    wish: Withdrawal | Settlement, amount_fen: int, fee_fen: int, now: datetime
) -> Payout:
    """Money on its way, under the key of its booking."""
    return Payout(
        payout_no=wish.key,
        kind=wish.kind,
        role=wish.role,
        owner=wish.owner,
        currency=wish.currency,
        amount_fen=amount_fen,
        fee_fen=fee_fen,
        sent_at=now,
        changed_at=now,
    )
