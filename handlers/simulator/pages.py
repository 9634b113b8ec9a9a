"""The two pages that a payer sees. Everything that came from outside is escaped here."""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template

from handlers.simulator.trades import Trade, TradeState

_PAGE = Template((Path(__file__).parent / "page.html").read_text(encoding="utf-8"))

_BUTTON = '<form method="post"><button>Pay 付款</button></form>'
_ENDINGS = {
    TradeState.NOTPAY: _BUTTON,
    TradeState.SUCCESS: '<p class="done">Paid 支付成功</p>',
    TradeState.CLOSED: "<p>Closed 订单已关闭</p>",
}


def pay_page(trade: Trade) -> str:
    """The order, and a button while it can be paid."""
    order = trade.order
    return _PAGE.substitute(
        headline=f"¥{yuan(order.amount.total)}",
        text=escape(order.description),
        small=f"{escape(order.mchid)} · {escape(order.out_trade_no)}",
        ending=_ENDINGS[trade.state],
    )


def message_page(message: str) -> str:
    """A sentence instead of an order."""
    return _PAGE.substitute(headline="—", text=escape(message), small="", ending="")


def yuan(amount_fen: int) -> str:
    """Fen as people read them: 1234567 is 12,345.67."""
    return f"{amount_fen // 100:,}.{amount_fen % 100:02d}"
