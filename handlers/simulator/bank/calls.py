"""The bank's endpoints: what each does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from hashlib import sha256
from typing import Literal

import msgspec
from aiohttp import web

from handlers.simulator.bank.hearing import BankCall, Done, bank
from handlers.simulator.bank.words import (
    fund_line_of,
    new_number,
    order_of,
    refund_of,
    refusal,
    trade_line_of,
    transfer_of,
)
from handlers.simulator.world import No, RefundTerms, Trade, TradeTerms, TransferTerms, World
from schema.channels.bank import bills
from schema.channels.bank.documents import (
    ORDER_ASK,
    REFUND_ASK,
    TRANSFER_ASK,
    BillDocument,
    OrderAsk,
    RefundAsk,
    TransferAsk,
)
from schema.channels.bank.platform import CallRefused, read_call

TAKES_S = 3
"""How long refunds and transfers are worked on, in the world's time."""
BILL_KEPT_S = 300

NO_ORDER = CallRefused(code="ORDER_UNKNOWN", message="no such order")


def read_order(call: BankCall) -> CallRefused | None:
    """What is ordered."""
    ask = read_call(ORDER_ASK, call.body)
    if isinstance(ask, CallRefused):
        return ask
    call.document, call.number, call.amount_fen = ask, ask.number, ask.amount_fen
    return None


def create(world: World, call: BankCall) -> Done:
    """A new order, or how the one stands that an identical call made."""
    ask = call.document
    assert isinstance(ask, OrderAsk)
    is_new = ask.number not in call.merchant.trades
    if is_new and ask.product == "balance" and not ask.payer_account:
        return CallRefused(code="PAYER_UNKNOWN", message="no account to take the money from")
    terms = TradeTerms(
        number=ask.number,
        amount_fen=ask.amount_fen,
        subject=ask.subject,
        product=ask.product,
        currency=ask.currency,
        notify_url=ask.notify_url,
        return_url=ask.return_url or "",
        expires_at=ask.expires_at,
        payer_id=ask.payer_account,
        document=ask,
    )
    trade = world.open_trade(call.merchant, terms, msgspec.to_builtins(ask))
    if isinstance(trade, No) and trade in (No.NUMBER_USED, No.NO_ROOM):
        return refusal(trade)
    opened = call.merchant.trades[ask.number]
    if is_new:
        opened.channel_number = new_number("BO", world.clock.now())
    if is_new and ask.product == "balance":
        world.scan(opened)
    return order_of(opened, call.origin)


def query(world: World, call: BankCall) -> Done:
    """How the order stands."""
    trade = call.merchant.trades.get(call.number)
    return order_of(trade, call.origin) if trade else NO_ORDER


def close(world: World, call: BankCall) -> Done:
    """Ends an order that nobody has paid; one that has ended stays as it is."""
    return _ended(world.close, call)


def reverse(world: World, call: BankCall) -> Done:
    """Takes an order back, with what was paid."""
    return _ended(world.reverse, call)


def read_refund(call: BankCall) -> CallRefused | None:
    """What is to go back."""
    ask = read_call(REFUND_ASK, call.body)
    if isinstance(ask, CallRefused):
        return ask
    call.document, call.number, call.amount_fen = ask, ask.number, ask.refund_fen
    return None


def refund(world: World, call: BankCall) -> Done:
    """A refund, or how the one stands that an identical call made."""
    ask = call.document
    assert isinstance(ask, RefundAsk)
    known = call.merchant.refunds.get(ask.number)
    if known and (known.trade.number, known.amount_fen) != (ask.order_number, ask.refund_fen):
        return refusal(No.NUMBER_USED)
    trade = call.merchant.trades.get(ask.order_number)
    if trade is None:
        return NO_ORDER
    if ask.currency != trade.terms.currency:
        return CallRefused(code="MALFORMED", message="not the currency of the payment")
    terms = RefundTerms(
        number=ask.number,
        amount_fen=ask.refund_fen,
        reason=ask.reason,
        notify_url=ask.notify_url,
        takes_s=TAKES_S,
        document=ask,
    )
    opened = world.refund(trade, terms)
    return refusal(opened) if isinstance(opened, No) else refund_of(opened)


def query_refund(world: World, call: BankCall) -> Done:
    """How the refund stands."""
    known = call.merchant.refunds.get(call.number)
    return refund_of(known) if known else CallRefused(code="REFUND_UNKNOWN")


def read_transfer(call: BankCall) -> CallRefused | None:
    """What is to be sent to whom."""
    ask = read_call(TRANSFER_ASK, call.body)
    if isinstance(ask, CallRefused):
        return ask
    if ask.currency != "CNY":
        return CallRefused(code="MALFORMED", message="only yuan can be sent")
    call.document, call.number, call.amount_fen = ask, ask.number, ask.amount_fen
    return None


def transfer(world: World, call: BankCall) -> Done:
    """A transfer, or how the one stands that an identical call made."""
    ask = call.document
    assert isinstance(ask, TransferAsk)
    terms = TransferTerms(
        number=ask.number,
        amount_fen=ask.amount_fen,
        payee=ask.payee.account,
        takes_s=TAKES_S,
        notify_url=ask.notify_url,
        document=ask,
    )
    opened = world.transfer(call.merchant, terms, msgspec.to_builtins(ask))
    return refusal(opened) if isinstance(opened, No) else transfer_of(opened)


def query_transfer(world: World, call: BankCall) -> Done:
    """How the transfer stands."""
    known = call.merchant.transfers.get(call.number)
    return transfer_of(known) if known else CallRefused(code="TRANSFER_UNKNOWN")


def find_bill(world: World, call: BankCall) -> Done:
    """Where the day's file is; it is written now."""
    kind, day = call.query.get("kind", ""), _day(call.query.get("day", ""))
    if day is None or kind not in ("trades", "funds"):
        return CallRefused(code="MALFORMED", message="day=YYYY-MM-DD&kind=trades|funds")
    state = world.bills.state(call.merchant, day)
    if state != "ready":
        word = "CREATING" if state == "not_ready" else "EMPTY"
        return BillDocument(day=day, kind=_KINDS[kind], state=word)
    content = _bill(world, call, day, _KINDS[kind])
    url = f"{call.origin}/bank/v1/bills/{world.bills.keep(content, BILL_KEPT_S)}.csv"
    return BillDocument(
        day=day, kind=_KINDS[kind], state="READY", url=url, sha256=sha256(content).hexdigest()
    )


def fetch_bill(world: World, call: BankCall) -> Done:
    """The file, while it is kept."""
    content = world.bills.kept(call.names["word"])
    return CallRefused(code="BILL_UNKNOWN") if content is None else content


ROUTES = [
    web.post("/bank/v1/orders", bank("create", create, read_order)),
    web.get("/bank/v1/orders/{number}", bank("query", query)),
    web.post("/bank/v1/orders/{number}/close", bank("close", close)),
    web.post("/bank/v1/orders/{number}/reverse", bank("reverse", reverse)),
    web.post("/bank/v1/refunds", bank("refund", refund, read_refund)),
    web.get("/bank/v1/refunds/{number}", bank("query_refund", query_refund)),
    web.post("/bank/v1/transfers", bank("transfer", transfer, read_transfer)),
    web.get("/bank/v1/transfers/{number}", bank("query_transfer", query_transfer)),
    web.get("/bank/v1/bills", bank("find_bill", find_bill)),
    web.get("/bank/v1/bills/{word}.csv", bank("fetch_bill", fetch_bill)),
]

_KINDS: dict[str, Literal["trades", "funds"]] = {"trades": "trades", "funds": "funds"}
_ENDED = (No.ALREADY_CLOSED, No.ALREADY_REVERSED, No.ALREADY_FAILED)


def _ended(end: Callable[[Trade], Trade | No], call: BankCall) -> Done:
    trade = call.merchant.trades.get(call.number)
    if trade is None:
        return NO_ORDER
    ended = end(trade)
    if isinstance(ended, No) and ended not in _ENDED:
        return refusal(ended)
    return order_of(trade)


def _bill(world: World, call: BankCall, day: date, kind: str) -> bytes:
    if kind == "trades":
        entries = world.bills.trades(call.merchant, day)
        return bills.written_trades([trade_line_of(entry) for entry in entries])
    movements = world.bills.funds(call.merchant, day)
    return bills.written_funds([fund_line_of(movement) for movement in movements])


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
