"""Refunds in the books: what may go back, what waits for its channel, and how that ends. Pure."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from actors.accounting.ledger import Ledger, Refunding, TradeUse
from actors.accounting.postings import Amounts
from actors.accounting.rates import Fee, returned_fee_fen
from actors.accounting.wishes import Worked, draft_of, own_fee, payable_of, rows_of, trade_use
from schema.bookings import Refund, RefundCompleted, RefundReturned
from schema.payments import Refusal

ENDED = Refusal(code="refund_ended", reason="the refund has ended already", param="no")


def refund(ledger: Ledger, wish: Refund, now: datetime) -> Worked:
    """A part of a trade goes back. Never more than the trade, however many ask at once."""
    use = trade_use(ledger, wish.payment_id, wish)
    if isinstance(use, Refusal):
        return use
    if ledger.refunds.get(wish.no) is not None:
        return ENDED  # it was returned before it was asked for
    left = use.amount_fen - use.refunded_fen
    if wish.amount_fen > left:
        reason = f"{left} fen of {use.amount_fen} can still be refunded"
        return Refusal(code="refund_above_payment", reason=reason, param="amount_fen")
    fee, given_back = fee_of_refund(ledger, wish, use, now)
    amounts, (row,) = Amounts(wish.amount_fen, fee.fee_fen), rows_of(wish)
    draft = draft_of(wish, row, amounts, fee=fee, subject=wish.payment_id)
    use = replace(
        use,
        refunded_fen=use.refunded_fen + wish.amount_fen,
        fee_returned_fen=use.fee_returned_fen + given_back,
    )
    if not wish.is_waiting:
        return draft, (use,)
    return draft, (use, _waiting(wish, wish.amount_fen, fee.fee_fen, given_back, now))


def fee_of_refund(ledger: Ledger, wish: Refund, use: TradeUse, now: datetime) -> tuple[Fee, int]:
    """What the refund costs less what it gives back of the trade's fee, and the latter alone."""
    is_proportional = ledger.account(payable_of(wish)).refund_fee_policy == "proportional"
    given_back = 0
    if wish.is_free or is_proportional:
        given_back = returned_fee_fen(
            use.fee_fen, use.amount_fen, use.refunded_fen, wish.amount_fen
        )
    own = Fee(0) if wish.is_free else own_fee(ledger, wish, "refund", wish.amount_fen, now)
    return replace(own, fee_fen=own.fee_fen - given_back), given_back


def completed(ledger: Ledger, wish: RefundCompleted, now: datetime) -> Worked:
    """The channel has paid it back."""
    waiting = _waited_for(ledger, wish)
    if isinstance(waiting, Refusal):
        return waiting
    gross = waiting.amount_fen if waiting.funds_flow == "platform" else 0
    draft = draft_of(wish, wish.kind, Amounts(gross), subject=wish.payment_id)
    return draft, (replace(waiting, state="completed", changed_at=now),)


def returned(ledger: Ledger, wish: RefundReturned, now: datetime) -> Worked:
    """The channel has paid nothing back, and will not: the merchant has all of it again. A refund
    that never came to the books is remembered, so that a late message of it books nothing."""
    if ledger.refunds.get(wish.no) is None:
        draft = draft_of(wish, rows_of(wish)[0], Amounts(0), subject=wish.payment_id)
        return draft, (replace(_waiting(wish, 0, 0, 0, now), state="returned"),)
    waiting = _waited_for(ledger, wish)
    if isinstance(waiting, Refusal):
        return waiting
    use = ledger.trades.get(wish.payment_id)
    assert use is not None, "a refund waits for a trade"
    amounts = Amounts(waiting.amount_fen, waiting.fee_fen)
    draft = draft_of(wish, rows_of(wish)[0], amounts, subject=wish.payment_id)
    use = replace(
        use,
        refunded_fen=use.refunded_fen - waiting.amount_fen,
        fee_returned_fen=use.fee_returned_fen - waiting.fee_returned_fen,
    )
    return draft, (use, replace(waiting, state="returned", changed_at=now))


def has_ended(ledger: Ledger, refund_no: str) -> bool:
    """Whether the refund no longer waits for its channel."""
    waiting = ledger.refunds.get(refund_no)
    return waiting is not None and waiting.state != "waiting"


def _waited_for(ledger: Ledger, wish: RefundCompleted | RefundReturned) -> Refunding | Refusal:
    waiting = ledger.refunds.get(wish.no)
    if waiting is None or (waiting.merchant_no, waiting.payment_id) != (
        wish.merchant_no,
        wish.payment_id,
    ):
        return Refusal(code="unknown_refund", reason=f"no refund {wish.no} of it", param="no")
    return waiting if waiting.state == "waiting" else ENDED


def _waiting(
    wish: Refund | RefundReturned, amount_fen: int, fee_fen: int, given_back: int, now: datetime
) -> Refunding:
    return Refunding(
        refund_no=wish.no,
        payment_id=wish.payment_id,
        merchant_no=wish.merchant_no,
        currency=wish.currency,
        funds_flow=wish.funds_flow,
        amount_fen=amount_fen,
        fee_fen=fee_fen,
        fee_returned_fen=given_back,
        begun_at=now,
        changed_at=now,
    )
