"""From a wish to a booking: who is touched, what it comes to, and what else it changes. Pure.

Everything that a wish touches can be told from the wish alone, so that it is locked beforehand;
whether it may be is decided on what was locked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from actors.accounting.chart import AccountKey
from actors.accounting.ledger import Hold, Ledger, Payout, TradeUse
from actors.accounting.postings import Amounts, Line, Parties, keys_of, lines_of
from actors.accounting.rates import Fee, fee_of, rate_at, returned_fee_fen
from actors.accounting.rules import POSTINGS, Draft, digest_of
from schema.accounts import PLATFORM, RateKind
from schema.bookings import (
    Booked,
    PartyWish,
    PayoutCompleted,
    PayoutReturned,
    ProfitShare,
    Receipt,
    Refund,
    Settlement,
    Trade,
    Transfer,
    Withdrawal,
)
from schema.messages.ordering import PaymentSucceeded
from schema.payments import Refusal

Changes = tuple[Struct, ...]
Worked = tuple[Draft, Changes] | Refusal
"""A booking to be posted with the rows that change with it, or why there is none."""

US = {"platform": (PLATFORM, PLATFORM)}


def trade_of(paid: PaymentSucceeded) -> Trade:
    """What a payment's success asks to have booked; its fee was agreed when it was ordered."""
    assert paid.funds_flow in ("platform", "direct")
    flow: Literal["platform", "direct"] = "platform" if paid.funds_flow == "platform" else "direct"
    return Trade(
        no=paid.payment.id,
        currency=paid.payment.currency,
        merchant_no=paid.payment.merchant_no,
        channel_no=paid.channel_no,
        funds_flow=flow,
        amount_fen=paid.amount_fen,
        fee_fen=paid.fee_fen,
        rate_ppm=paid.fee_rate_ppm,
        cost_fen=paid.cost_fen,
        pay_type=paid.payment.pay_type,
    )


def parties_of(wish: Booked) -> Parties:
    """Everybody whom the wish speaks of, by what they are in it."""
    match wish:
        case Trade() | Refund():
            merchant, channel = ("merchant", wish.merchant_no), ("channel", wish.channel_no)
            return US | {"merchant": merchant, "channel": channel}
        case Transfer():
            party, other = (wish.role, wish.owner), (wish.to_role, wish.to_owner)
            return {"party": party, "other": other}
        case Receipt():
            return US | {"channel": ("channel", wish.channel_no)}
        case ProfitShare():
            return US
        case _:
            return US | {"party": (wish.role, wish.owner)}


def rows_of(wish: Booked) -> tuple[str, ...]:
    """The rows of the table that this wish may need, before it is known which."""
    match wish:
        case Trade() | Refund():
            return (f"{wish.kind}.{wish.funds_flow}",)
        case Withdrawal(hold_no=str()):
            return ("withdrawal.held",)
        case PayoutReturned():
            return ("payout_returned", "payout_returned.late")
        case _:
            return (wish.kind,)


def touched(wish: Booked) -> Iterable[AccountKey]:
    """The accounts that have to be locked for it."""
    if isinstance(wish, ProfitShare):
        yield AccountKey(PLATFORM, "fee_income", PLATFORM, wish.currency)
        for share in wish.shares:
            yield AccountKey("agent", "payable", share.agent_no, wish.currency)
        return
    rows = (POSTINGS[name] for name in rows_of(wish))
    yield from keys_of(rows, parties_of(wish), wish.currency)
    if isinstance(wish, Refund):  # its policy stands there, whoever settles
        yield payable_of(wish)


def payable_of(wish: Booked) -> AccountKey:
    """The account whose rates and policies hold for a wish."""
    match wish:
        case Trade() | Refund():
            return AccountKey("merchant", "payable", wish.merchant_no, wish.currency)
        case PartyWish():
            return AccountKey(wish.role, "payable", wish.owner, wish.currency)
        case _:
            raise AssertionError(f"{wish.key} has no party")


def worked_out(ledger: Ledger, wish: Booked, now: datetime) -> Worked:
    """The booking that a wish asks for."""
    match wish:
        case Trade():
            return trade(ledger, wish, now)
        case Refund():
            return refund(ledger, wish, now)
        case Withdrawal():
            return withdrawal(ledger, wish, now)
        case Settlement():
            return settlement(ledger, wish, now)
        case PayoutCompleted() | PayoutReturned():
            return payout_ended(ledger, wish, now)
        case ProfitShare():
            return profit_share(ledger, wish)
        case Transfer() if (wish.role, wish.owner) == (wish.to_role, wish.to_owner):
            return Refusal(code="same_account", reason="both sides are one", param="to_owner")
        case _:
            return draft_of(wish, wish.kind, Amounts(wish.amount_fen)), ()


def draft_of(
    wish: Booked,
    row: str,
    amounts: Amounts,
    *,
    fee: Fee | None = None,
    subject: str = "",
    lines: Sequence[Line] | None = None,
) -> Draft:
    """The booking of a wish by one row of the table."""
    if lines is None:
        lines = lines_of(POSTINGS[row], parties_of(wish), amounts, wish.currency)
    return Draft(
        kind=wish.kind,
        key=wish.key,
        subject=subject or wish.no,
        party=getattr(wish, "owner", None) or getattr(wish, "merchant_no", None),
        channel_no=getattr(wish, "channel_no", None),
        funds_flow=getattr(wish, "funds_flow", None),
        amount_fen=amounts.gross,
        fee=Fee(amounts.fee) if fee is None else fee,
        digest=digest_of(wish),
        guard=POSTINGS[row].guard,
        lines=lines,
    )


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


def refund(ledger: Ledger, wish: Refund, now: datetime) -> Worked:
    """A part of a trade goes back. Never more than the trade, however many ask at once."""
    use = trade_use(ledger, wish.payment_id, wish)
    if isinstance(use, Refusal):
        return use
    left = use.amount_fen - use.refunded_fen
    if wish.amount_fen > left:
        reason = f"{left} fen of {use.amount_fen} can still be refunded"
        return Refusal(code="refund_above_payment", reason=reason, param="amount_fen")
    returned = 0
    if ledger.account(payable_of(wish)).refund_fee_policy == "proportional":
        returned = returned_fee_fen(use.fee_fen, use.amount_fen, use.refunded_fen, wish.amount_fen)
    own = own_fee(ledger, wish, "refund", wish.amount_fen, now)
    fee = replace(own, fee_fen=own.fee_fen - returned)
    amounts = Amounts(wish.amount_fen, fee.fee_fen)
    draft = draft_of(wish, f"refund.{wish.funds_flow}", amounts, fee=fee, subject=wish.payment_id)
    use = replace(
        use,
        refunded_fen=use.refunded_fen + wish.amount_fen,
        fee_returned_fen=use.fee_returned_fen + returned,
    )
    return draft, (use,)


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


def trade_use(ledger: Ledger, payment_id: str, wish: Refund | None) -> TradeUse | Refusal:
    """What has come after a trade so far; a refund must name the trade's own parties."""
    booked = ledger.booked.get(f"trade:{payment_id}")
    if booked is None:
        reason = f"{payment_id} is not in the books"
        return Refusal(code="trade_not_booked", reason=reason, param="payment_id")
    if wish is not None:
        named = (wish.merchant_no, wish.channel_no, wish.funds_flow)
        if named != (booked.party, booked.channel_no, booked.funds_flow):
            reason = "merchant, channel or flow of funds are not those of the payment"
            return Refusal(code="not_of_this_payment", reason=reason, param="payment_id")
    return ledger.trades.get(payment_id) or TradeUse(
        payment_id=payment_id, amount_fen=booked.amount_fen, fee_fen=booked.fee_fen
    )


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


def agreed_fee(
    ledger: Ledger, wish: Withdrawal | Settlement, kind: RateKind, amount_fen: int, now: datetime
) -> Fee:
    """The fee that was asked for, or the one by the account's rate."""
    if wish.fee_fen is not None:
        return Fee(wish.fee_fen)
    return own_fee(ledger, wish, kind, amount_fen, now)


def own_fee(
    ledger: Ledger, wish: Any, kind: RateKind, amount_fen: int, now: datetime, pay_type: str = ""
) -> Fee:
    """The fee by the account's own rate."""
    account = ledger.account(payable_of(wish))
    rate = rate_at(ledger.rates, account.account_id, kind, pay_type, now)
    return fee_of(rate, amount_fen, ledger.volumes[account.account_id, kind])


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
