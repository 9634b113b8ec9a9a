"""The desk's pages. Everything that came from outside is escaped here, and only here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import quote, urlencode, urlsplit

from handlers.simulator.desk.words import (
    PLATFORMS,
    REFUSALS,
    STATES,
    TRANSFER_STATES,
    WORDS,
    Language,
    say,
)
from handlers.simulator.world import No, Trade, TradeState, Transfer, TransferState

_HERE = Path(__file__).parent
_LAYOUT = Template((_HERE / "layout.html").read_text(encoding="utf-8"))
STYLE = (_HERE / "desk.css").read_text(encoding="utf-8")


class Page:
    """Writes pages in one language."""

    def __init__(self, language: Language) -> None:
        self._language: Language = language

    def payer(self, trade: Trade) -> str:
        """The order, with what the payer can do about it."""
        terms = trade.terms
        content = [
            f'<p class="centre brand">{say(PLATFORMS[trade.merchant[0]], self._language)}</p>',
            f'<p class="amount">{money(trade.amount_fen, terms.currency)}</p>',
            f'<p class="centre">{escape(terms.subject)}</p>',
            self._facts(merchant=trade.merchant[1], order=trade.number),
            self._ending(trade),
        ]
        return self._page(content, theme=trade.merchant[0])

    def payee(self, transfer: Transfer) -> str:
        """The transfer, with a button while it waits for its payee."""
        state = say(TRANSFER_STATES[transfer.state], self._language)
        is_waiting = transfer.state is TransferState.CONFIRMING
        button = f"<form method='post'><button>{self._say('take')}</button></form>"
        content = [
            f'<p class="amount">{money(transfer.amount_fen, "CNY")}</p>',
            self._facts(merchant=transfer.merchant[1], transfer=transfer.number),
            button if is_waiting else f'<p class="centre brand">{state}</p>',
        ]
        return self._page(content, theme=transfer.merchant[0])

    def desk(
        self, trades: Sequence[Trade], transfers: Iterable[Transfer], older: int, faults: int
    ) -> str:
        """What happened last, and where to type in what was scanned."""
        rows = "".join(map(self._trade_row, trades))
        link = f'<p><a href="/?before={older}">{self._say("older")}</a></p>'
        content = [
            f"<h1>{self._say('desk')}</h1>",
            f"<form action='/pay'><label>{self._say('scanned')} "
            f"<input name='code' required></label><button>{self._say('go')}</button></form>",
            f"<p>{self._say('faults')}: <a href='/simulator/faults'>{faults}</a></p>",
            self._table(rows) if rows else f"<p>{self._say('nothing')}</p>",
            link if older > 0 else "",
            "".join(map(self._transfer_line, transfers)),
        ]
        return self._page(content)

    def refused(self, no: No) -> str:
        """Why something can't be done."""
        return self._sentence(say(REFUSALS.get(no, (no.value, no.value)), self._language))

    def message(self, word: str) -> str:
        """A sentence instead of an order."""
        return self._sentence(self._say(word))

    def _sentence(self, sentence: str) -> str:
        return self._page([f'<p class="centre">{sentence}</p>'])

    def _ending(self, trade: Trade) -> str:
        if trade.state is TradeState.WAITING:
            return f'<form method="post">{self._button("pay")}</form>'
        if trade.state is TradeState.CONFIRMING:
            buttons = self._button("confirm", "pay") + self._button("refuse") + self._button("poor")
            return f'<form method="post">{buttons}</form>'
        return self._state(trade) + self._way_back(trade)

    def _button(self, word: str, does: str = "") -> str:
        does = does or word
        kind = "" if does == "pay" else ' class="quiet"'
        return f'<button name="does" value="{does}"{kind}>{self._say(word)}</button>'

    def _state(self, trade: Trade) -> str:
        return f'<p class="centre brand">{say(STATES[trade.state], self._language)}</p>'

    def _way_back(self, trade: Trade) -> str:
        url = trade.terms.return_url
        if urlsplit(url).scheme not in ("http", "https"):
            return ""
        return f'<a class="button" href="{escape(url)}">{self._say("back")}</a>'

    def _facts(self, **facts: str) -> str:
        lines = (f"<dt>{self._say(word)}</dt><dd>{escape(is_)}</dd>" for word, is_ in facts.items())
        return f"<dl>{''.join(lines)}</dl>"

    def _table(self, rows: str) -> str:
        words = ("platform", "merchant", "order", "amount", "state", "told")
        heads = "".join(f"<th>{self._say(word)}</th>" for word in words)
        return f'<div class="scroll"><table><tr>{heads}</tr>{rows}</table></div>'

    def _trade_row(self, trade: Trade) -> str:
        protocol, account_no = trade.merchant
        query = urlencode({"account_no": account_no, "protocol": protocol})
        where = f"/pay/{quote(trade.number, safe='')}?{query}"
        told = f"{trade.notified_count}{' ✓' if trade.acknowledged_at else ''}"
        return (
            f"<tr><td>{say(PLATFORMS[protocol], self._language)}</td><td>{escape(account_no)}</td>"
            f'<td><a href="{escape(where)}">{escape(trade.number)}</a></td>'
            f'<td class="number">{money(trade.amount_fen, trade.terms.currency)}</td>'
            f"<td>{say(STATES[trade.state], self._language)}</td><td>{told}</td></tr>"
        )

    def _transfer_line(self, transfer: Transfer) -> str:
        where = f"/transfers/{quote(transfer.package, safe='')}"
        amount = money(transfer.amount_fen, "CNY")
        return (
            f'<p><a href="{where}">{self._say("take")} {amount} {escape(transfer.number)}</a></p>'
        )

    def _page(self, content: Iterable[str], theme: str = "") -> str:
        return _LAYOUT.substitute(
            lang="zh-CN" if self._language == "zh" else "en",
            title=self._say("desk"),
            theme=theme,
            content="\n".join(content),
            footer=self._say("footer"),
        )

    def _say(self, word: str) -> str:
        return say(WORDS[word], self._language)


def money(amount_fen: int, currency: str) -> str:
    """The amount as people read it, with its currency."""
    sign = "¥" if currency in ("CNY", "156") else f"{escape(currency)} "
    return sign + yuan(amount_fen)


def yuan(amount_fen: int) -> str:
    """Fen as people read them: 1234567 is 12,345.67."""
    return f"{amount_fen // 100:,}.{amount_fen % 100:02d}"
