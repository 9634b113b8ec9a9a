"""The two pages that a payer sees. Everything that came from outside is escaped here."""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template

from handlers.simulator.world import Trade, TradeState

_PAGE = Template((Path(__file__).parent / "page.html").read_text(encoding="utf-8"))

_BUTTON = '<form method="post"><button>Pay 付款</button></form>'
_ENDINGS = {
    TradeState.WAITING: _BUTTON,
    TradeState.CONFIRMING: _BUTTON,
    TradeState.PAID: '<p class="done">Paid 支付成功</p>',
    TradeState.FAILED: "<p>Failed 支付失败</p>",
    TradeState.CLOSED: "<p>Closed 订单已关闭</p>",
    TradeState.REVERSED: "<p>Taken back 订单已撤销</p>",
}


def pay_page(trade: Trade) -> str:
    """The order, and a button while it can be paid."""
    return _PAGE.substitute(
        headline=f"¥{yuan(trade.amount_fen)}",
        text=escape(trade.terms.subject),
        small=f"{escape(trade.merchant[1])} · {escape(trade.number)}",
        ending=_ENDINGS[trade.state],
    )


def message_page(message: str) -> str:
    """A sentence instead of an order."""
    return _PAGE.substitute(headline="—", text=escape(message), small="", ending="")


def yuan(amount_fen: int) -> str:
    """Fen as people read them: 1234567 is 12,345.67."""
    return f"{amount_fen // 100:,}.{amount_fen % 100:02d}"
