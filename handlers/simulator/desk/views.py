"""What happened, for comparing with what others believe. The same words for all platforms."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from handlers.simulator.world import Refund, Trade, Transfer
from schema.channels.language import Protocols


class TradeView(Struct, frozen=True, kw_only=True):
    """One order."""

    protocol: Protocols
    account_no: str
    number: str
    channel_number: str
    product: str
    state: str
    amount_fen: int
    refunded_fen: int
    notified_count: int
    is_acknowledged: bool
    opened_at: datetime
    paid_at: datetime | None


class TradePage(Struct, frozen=True, kw_only=True):
    """Trades in the order of their opening; `next` is the `after` of the following page."""

    trades: list[TradeView]
    next: int | None


class RefundView(Struct, frozen=True, kw_only=True):
    """One refund."""

    protocol: Protocols
    account_no: str
    number: str
    order_number: str
    channel_number: str
    state: str
    amount_fen: int
    opened_at: datetime
    refunded_at: datetime | None


class TransferView(Struct, frozen=True, kw_only=True):
    """One transfer."""

    protocol: Protocols
    account_no: str
    number: str
    channel_number: str
    state: str
    amount_fen: int
    payee: str
    notified_count: int
    is_acknowledged: bool
    opened_at: datetime
    changed_at: datetime


def trade_view(trade: Trade) -> TradeView:
    """The trade as it stands."""
    return TradeView(
        protocol=trade.merchant[0],
        account_no=trade.merchant[1],
        number=trade.number,
        channel_number=trade.channel_number,
        product=trade.terms.product,
        state=trade.state.value,
        amount_fen=trade.amount_fen,
        refunded_fen=trade.refunded_fen,
        notified_count=trade.notified_count,
        is_acknowledged=trade.acknowledged_at is not None,
        opened_at=trade.opened_at,
        paid_at=trade.paid_at,
    )


def refund_view(refund: Refund) -> RefundView:
    """The refund as it stands."""
    return RefundView(
        protocol=refund.merchant[0],
        account_no=refund.merchant[1],
        number=refund.number,
        order_number=refund.trade.number,
        channel_number=refund.channel_number,
        state=refund.state.value,
        amount_fen=refund.amount_fen,
        opened_at=refund.opened_at,
        refunded_at=refund.refunded_at,
    )


def transfer_view(transfer: Transfer) -> TransferView:
    """The transfer as it stands."""
    return TransferView(
        protocol=transfer.merchant[0],
        account_no=transfer.merchant[1],
        number=transfer.number,
        channel_number=transfer.channel_number,
        state=transfer.state.value,
        amount_fen=transfer.amount_fen,
        payee=transfer.terms.payee,
        notified_count=transfer.notified_count,
        is_acknowledged=transfer.acknowledged_at is not None,
        opened_at=transfer.opened_at,
        changed_at=transfer.changed_at,
    )
