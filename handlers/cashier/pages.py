"""The cashier's pages. Everything that came from outside is escaped here, and only here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from string import Template

import msgspec
import segno
from yarl import URL

from handlers.cashier.choices import Device
from handlers.cashier.orders import Order
from handlers.cashier.words import Language, name, say
from schema.channels.offers import ClientCall, Form, Offer, QrCode, Redirect
from schema.payments import PaymentState
from schema.products import PayType

_HERE = Path(__file__).parent
_LAYOUT = Template((_HERE / "page.html").read_text(encoding="utf-8"))
STYLE = (_HERE / "page.css").read_text(encoding="utf-8")
SCRIPT = (_HERE / "page.js").read_text(encoding="utf-8")

REFRESH = '<noscript><meta http-equiv="refresh" content="4"></noscript>\n'

PAID = (PaymentState.SUCCEEDED, PaymentState.PARTIALLY_REFUNDED)
UNDER_WAY = (PaymentState.SCREENING, PaymentState.ROUTING)
ENDS = {
    PaymentState.FAILED: "failed",
    PaymentState.LATE_PAID: "late",
    PaymentState.REFUNDED: "refunded",
}


class Page:
    """Writes pages in one language, for one kind of device."""

    def __init__(self, language: Language, device: Device) -> None:
        self._language: Language = language
        self._device: Device = device

    def order(
        self, order: Order, merchant: str, choices: Sequence[PayType], url: str, now: datetime
    ) -> str:
        """The order with what its payer can do about it."""
        parts = [
            f"<h1>{escape(merchant)}</h1>",
            f'<p class="amount">{money(order.amount_fen, order.currency)}</p>',
            f'<p class="quiet">{escape(order.subject)}</p>',
        ]
        if order.state in PAID or order.state in ENDS or order.state is PaymentState.CLOSED:
            return self._page([*parts, *self._end(order, url)], merchant)
        if order.state is PaymentState.CLOSING or now >= order.expires_at:
            parts.append(self._line("checking"))
        else:
            parts += self._open(order, choices, url, now)
        return self._page(
            parts, merchant, watch=f"{URL(url).raw_path}/status", version=order.version
        )

    def shop(self, merchant: str, form_no: str, trouble: str | None = None) -> str:
        """Where a payer types what is to be paid."""
        label = say("amount", self._language)
        parts = [
            f"<h1>{escape(merchant)}</h1>",
            self._line(trouble, "trouble") if trouble else "",
            '<form method="post">',
            f'<input type="hidden" name="form_no" value="{escape(form_no)}">',
            f'<label>{label}<input name="amount" inputmode="decimal" required maxlength="9"'
            ' autocomplete="off" autofocus></label>',
            f"<button>{say('next', self._language)}</button></form>",
        ]
        return self._page(parts, merchant)

    def message(self, word: str, choices: str | None = None) -> str:
        """A page that says one thing; `choices` is where the payer can choose again."""
        parts = [self._line(word, "end bad")]
        if choices is not None:
            label = say("to_choices", self._language)
            parts.append(f'<a class="button first" href="{escape(choices)}">{label}</a>')
        return self._page(parts, say(word, self._language))

    def _open(self, order: Order, choices: Sequence[PayType], url: str, now: datetime) -> list[str]:
        left_s = max(0, int((order.expires_at - now).total_seconds()))
        left = say("left", self._language)
        clock = f"{left_s // 60}:{left_s % 60:02d}"
        parts = [f'<p class="quiet">{left} <b data-left-s="{left_s}">{clock}</b></p>']
        if order.state in UNDER_WAY:
            return [*parts, self._line("asking")]
        if order.state is PaymentState.UNKNOWN:
            parts.append(self._line("checking"))
        if order.failure is not None:
            parts.append(self._line("try_other", "trouble"))
        if order.offer is not None:
            parts += self._offer(order.offer, order.version)
        elif order.state is PaymentState.PLACED and self._device == "desktop":
            parts += [self._line("aggregate"), qr(url)]
        return [*parts, *self._choices(order, choices)]

    def _choices(self, order: Order, choices: Sequence[PayType]) -> list[str]:
        is_first = order.state is PaymentState.PLACED
        left: list[PayType] = [c for c in choices if is_first or c != order.pay_type]
        if not left:
            return [self._line("nothing")] if is_first else []
        in_wallet = self._device in ("wechat", "alipay", "unionpay")
        auto = (
            f' data-auto="{order.payment_id}"'
            if is_first and in_wallet and not order.failure
            else ""
        )
        buttons = [
            f'<button name="pay_type" value="{each}">{name(each, self._language)}</button>'
            for each in left
        ]
        title = say("choose" if is_first else "other", self._language)
        return [f"<h2>{title}</h2>", f'<form method="post"{auto}>', *buttons, "</form>"]

    def _offer(self, offer: Offer, version: str) -> list[str]:
        go = say("go", self._language)
        match offer:
            case QrCode(url=url):
                return [self._line("scan"), qr(url)]
            case Redirect(url=url) if URL(url).scheme in ("http", "https"):
                return [
                    f'<a class="button first" data-auto="{version}" href="{escape(url)}">{go}</a>'
                ]
            case Form(url=url, fields=fields):
                hidden = [
                    f'<input type="hidden" name="{escape(key)}" value="{escape(value)}">'
                    for key, value in fields.items()
                ]
                head = f'<form method="post" action="{escape(url)}" data-auto="{version}">'
                return [head, *hidden, f"<button>{go}</button></form>"]
            case ClientCall(parameters=parameters):
                call = escape(msgspec.json.encode(parameters).decode())
                button = f'<button class="first" data-wechat="{call}" data-auto="{version}">'
                return [f"{button}{go}</button>"]
            case _:
                return []

    def _end(self, order: Order, url: str) -> list[str]:
        if order.state in PAID:
            line = self._line("paid", "end")
        elif order.state is PaymentState.CLOSED:
            word = "expired" if order.close_reason == "expired" else "closed"
            line = self._line(word, "end bad")
        else:
            line = self._line(ENDS[order.state], "end bad")
        if order.return_url is None:
            return [line]
        back = say("back", self._language)
        return [line, f'<a class="button first" href="{URL(url).raw_path}/back">{back}</a>']

    def _line(self, word: str, kind: str = "quiet") -> str:
        return f'<p class="{kind}" role="status">{say(word, self._language)}</p>'

    def _page(
        self, parts: Sequence[str], title: str, *, watch: str | None = None, version: str = ""
    ) -> str:
        other, other_name = ("en", "English") if self._language == "zh" else ("zh", "中文")
        watched = f' data-watch="{escape(watch)}" data-version="{version}"' if watch else ""
        return _LAYOUT.substitute(
            lang="zh-CN" if self._language == "zh" else "en",
            title=escape(title),
            refresh=REFRESH if watch else "",
            watch=watched,
            content="\n".join(part for part in parts if part),
            other=other,
            other_name=other_name,
        )


def qr(text: str) -> str:
    """The text as a QR code, drawn into the page."""
    code = segno.make(text, error="m", micro=False)
    return code.svg_inline(svgclass="qr", lineclass=None, omitsize=True, light="#fff", border=3)


def money(amount_fen: int, currency: str) -> str:
    """The amount as people read it, with its currency."""
    sign = "¥" if currency == "CNY" else f"{escape(currency)} "
    return f"{sign}{amount_fen // 100:,}.{amount_fen % 100:02d}"
