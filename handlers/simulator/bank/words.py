"""What happened in the world, in the bank's documents and codes."""

from __future__ import annotations

import secrets
from datetime import datetime

from handlers.simulator.world import (
    Movement,
    No,
    Refund,
    RefundState,
    Trade,
    TradeEntry,
    TradeState,
    Transfer,
    TransferState,
)
from schema.channels.bank.documents import OrderAsk, OrderDocument, RefundDocument, TransferDocument
from schema.channels.bank.platform import CallRefused
from schema.channels.bills import FundLine, TradeLine

ORDER_STATES: dict[TradeState, str] = {
    TradeState.WAITING: "WAITING",
    TradeState.CONFIRMING: "WAITING",
    TradeState.PAID: "PAID",
    TradeState.FAILED: "FAILED",
    TradeState.CLOSED: "CLOSED",
    TradeState.REVERSED: "REVERSED",
}
REFUND_STATES: dict[RefundState, str] = {
    RefundState.PROCESSING: "WORKING",
    RefundState.REFUNDED: "DONE",
    RefundState.ABNORMAL: "STUCK",
    RefundState.CLOSED: "FAILED",
}
REFUND_REASONS: dict[RefundState, str] = {
    RefundState.ABNORMAL: "ACCOUNT_CLOSED",
    RefundState.CLOSED: "LIMIT",
}
TRANSFER_STATES: dict[TransferState, str] = {
    TransferState.CONFIRMING: "ACCEPTED",
    TransferState.PROCESSING: "WORKING",
    TransferState.TRANSFERRED: "DONE",
    TransferState.FAILED: "REFUSED",
    TransferState.CANCELLED: "REFUSED",
    TransferState.RETURNED: "RETURNED",
}
FAILURES: dict[No, str] = {
    No.NOT_ENOUGH_MONEY: "BALANCE_SHORT",
    No.PAYER_REFUSED: "PAYER_REFUSED",
}

BUSY = CallRefused(code="BUSY", message="the bank can't do this now")

# What the bank says to a wish that the world does not grant.
REFUSALS: dict[No, CallRefused] = {
    No.NUMBER_USED: CallRefused(code="NUMBER_USED", message="this number has other content"),
    No.ALREADY_PAID: CallRefused(code="ORDER_PAID", message="the order is paid"),
    No.PAYER_IS_PAYING: CallRefused(code="ORDER_PAYING", message="the payer is confirming"),
    No.NOT_PAID: CallRefused(code="ORDER_NOT_PAID", message="the order is not paid"),
    No.ALREADY_CLOSED: CallRefused(code="ORDER_NOT_PAID", message="the order is closed"),
    No.ALREADY_FAILED: CallRefused(code="ORDER_NOT_PAID", message="the payment failed"),
    No.EXPIRED: CallRefused(code="ORDER_NOT_PAID", message="the time to pay is over"),
    No.ALREADY_REVERSED: CallRefused(code="ORDER_NOT_PAID", message="the order was taken back"),
    No.NOT_ENOUGH_MONEY: CallRefused(code="BALANCE_SHORT", message="the payer has too little"),
    No.PAYER_REFUSED: CallRefused(code="PAYER_REFUSED", message="the payer refused"),
    No.TOO_MUCH: CallRefused(code="REFUND_EXCEEDS", message="more than what is left"),
    No.OUTAGE: BUSY,
    No.NOT_SHARED_PROFIT: BUSY,
    No.NOT_CONFIRMABLE: BUSY,
    No.NO_ROOM: CallRefused(code="TOO_MANY", message="the simulator has no room for more"),
}


def refusal(no: No) -> CallRefused:
    """The bank's word for it; a `No` that a bank never meets is its trouble, not the merchant's."""
    return REFUSALS[no]


def order_of(trade: Trade, origin: str = "") -> OrderDocument:
    """The trade as answers and notices show it; only answers have the address to pay at."""
    ask = trade.terms.document
    product = ask.product if isinstance(ask, OrderAsk) else trade.terms.product
    is_payable = product == "page" and trade.state is TradeState.WAITING and origin
    is_over = trade.state in (TradeState.CLOSED, TradeState.REVERSED)
    return OrderDocument(
        number=trade.number,
        bank_number=trade.channel_number,
        product=product,
        state=ORDER_STATES[trade.state],
        amount_fen=trade.amount_fen,
        currency=trade.terms.currency,
        refunded_fen=trade.refunded_fen,
        pay_url=f"{origin}/pay?code={trade.code}" if is_payable else None,
        paid_at=trade.paid_at,
        payer_account=trade.payer_id,
        reason="CLOSED" if is_over else FAILURES.get(trade.failure, "") if trade.failure else "",
        message=trade.failure.value if trade.failure else "",
    )


def refund_of(refund: Refund) -> RefundDocument:
    """The refund as answers and notices show it."""
    is_done = refund.state is RefundState.REFUNDED
    return RefundDocument(
        number=refund.number,
        order_number=refund.trade.number,
        bank_number=refund.channel_number,
        state=REFUND_STATES[refund.state],
        refund_fen=refund.amount_fen,
        currency=refund.trade.terms.currency,
        finished_at=refund.refunded_at,
        received_by=refund.trade.payer_id if is_done else "",
        reason=REFUND_REASONS.get(refund.state, ""),
    )


def transfer_of(transfer: Transfer) -> TransferDocument:
    """The transfer as answers and notices show it."""
    state, reason = TRANSFER_STATES[transfer.state], ""
    if state == "REFUSED":
        reason = transfer.failure_code or "ACCOUNT_UNKNOWN"
    if state == "RETURNED":
        reason = "ACCOUNT_CLOSED"
    return TransferDocument(
        number=transfer.number,
        bank_number=transfer.channel_number,
        state=state,
        amount_fen=transfer.amount_fen,
        currency="CNY",
        finished_at=None if state in ("ACCEPTED", "WORKING") else transfer.changed_at,
        reason=reason,
    )


def trade_line_of(entry: TradeEntry) -> TradeLine:
    """A line of the trade bill."""
    trade, refund = entry.trade, entry.refund
    return TradeLine(
        kind=entry.kind,
        number=refund.number if refund else trade.number,
        order_number=trade.number,
        channel_number=refund.channel_number if refund else trade.channel_number,
        channel_payment_id=trade.channel_number,
        amount_fen=entry.amount_fen,
        fee_fen=entry.fee_fen,
        state=REFUND_STATES[refund.state] if refund else "PAID",
        happened_at=entry.happened_at,
        payer_id=trade.payer_id,
    )


def fund_line_of(movement: Movement) -> FundLine:
    """A line of the bill of movements."""
    about = movement.about
    number = about.number if isinstance(about, Trade | Refund | Transfer) else about.transfer.number
    return FundLine(
        channel_number=movement.number,
        business_number=about.channel_number,
        number=number,
        business=movement.kind,
        amount_fen=movement.amount_fen,
        balance_fen=movement.balance_fen,
        happened_at=movement.happened_at,
    )


def new_number(prefix: str, now: datetime) -> str:
    """A number of the bank's own: 2 letters, the day, 12 digits."""
    return f"{prefix}{now:%Y%m%d}{secrets.randbelow(10**12):012d}"
