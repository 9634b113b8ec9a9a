"""Our side of payments: what is asked, and what the answers prove.

A trade that the payer opens (QR, page, WAP, app) is not stored at Alipay until they do. Asking
about it earlier gives ACQ.TRADE_NOT_EXIST, which means "not paid yet". Page, WAP and app need no
call at all: the payer's side gets our signed words and takes them there.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec.structs import replace

from schema.channels.alipay.asking import (
    GATEWAY_PATH,
    NOT_OFFERED,
    done,
    other,
    question,
    signed_parameters,
    unlisted,
)
from schema.channels.alipay.documents import (
    CLOSED,
    CREATED,
    PRECREATED,
    TRADE,
    ExtendParams,
    OrderDocument,
    TradeAnswer,
    TradeNumbers,
)
from schema.channels.alipay.keys import AlipayAccount, AlipayKeys
from schema.channels.alipay.signing import form
from schema.channels.alipay.tables import DONE, TRADE_STATES, WAITING, Operation
from schema.channels.alipay.texts import china_text, moment, paid_fen, yuan
from schema.channels.http import HttpAnswer, Question, Stamp
from schema.channels.offers import AppString, AtTheTill, ClientCall, Form, Offer, QrCode
from schema.channels.reading import plain, read
from schema.channels.verdicts import (
    NotKnownThere,
    Paid,
    Pending,
    SurelyNotPaid,
    Unknown,
    Verdict,
)
from schema.channels.wishes import Order
from schema.products import PayType

CURRENCY = "CNY"
OPENED_BY_PAYER: tuple[PayType, ...] = ("alipay_qr", "alipay_page", "alipay_wap", "alipay_app")
EXPIRY_GRACE = timedelta(minutes=5)
"""How far their clock may be behind ours: until then a payer could still have opened the order."""

METHODS: dict[PayType, tuple[str, str]] = {
    "alipay_qr":      ("alipay.trade.precreate", ""),
    "alipay_page":    ("alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
    "alipay_wap":     ("alipay.trade.wap.pay", "QUICK_WAP_PAY"),
    "alipay_app":     ("alipay.trade.app.pay", "QUICK_MSECURITY_PAY"),
    "alipay_jsapi":   ("alipay.trade.create", ""),
    "alipay_barcode": ("alipay.trade.pay", "FACE_TO_FACE_PAYMENT"),
}  # fmt: skip
"""Method and product code of each product."""

QUERY, CLOSE, CANCEL = "alipay.trade.query", "alipay.trade.close", "alipay.trade.cancel"

_SUBJECT_FORBIDS = str.maketrans("/=&", "   ")
"""Alipay refuses an order whose subject has one of these."""


def create(keys: AlipayKeys, order: Order, stamp: Stamp) -> Question[Verdict] | Verdict:
    """Asks the payer for money; page, WAP and app are ready without asking anybody."""
    if order.pay_type not in METHODS or order.currency != CURRENCY:
        return SurelyNotPaid(code=NOT_OFFERED, cause="platform")
    method, product = METHODS[order.pay_type]
    parameters = signed_parameters(
        keys,
        method,
        _order_document(keys.account, order, product),
        stamp,
        is_told=True,
        return_url=order.return_url if order.pay_type in ("alipay_page", "alipay_wap") else "",
    )
    match order.pay_type:
        case "alipay_page" | "alipay_wap":
            return Pending(offer=Form(url=keys.account.base_url + GATEWAY_PATH, fields=parameters))
        case "alipay_app":
            return Pending(offer=AppString(text=form(parameters).decode()))
        case "alipay_barcode":
            understood = {DONE: _paid_at_the_till(order), WAITING: _waits_at_the_till(order)}
            return question(keys, "pay", method, parameters, SurelyNotPaid, understood)
        case "alipay_jsapi":
            understood = done(_created(order))
            return question(keys, "create", method, parameters, SurelyNotPaid, understood)
        case _:
            understood = done(_precreated(order))
            return question(keys, "create", method, parameters, SurelyNotPaid, understood)


def query(keys: AlipayKeys, order: Order, stamp: Stamp) -> Question[Verdict]:
    """Asks how the trade stands."""
    asked = _about(keys, "query", QUERY, order, stamp, lambda node, now: stands(order, node, now))
    return Question(request=asked.request, read=_unopened(order, asked, waits=True))


def close(keys: AlipayKeys, order: Order, stamp: Stamp) -> Question[Verdict]:
    """Asks that the trade can't be paid any more. Of a trade that the payer has not opened nothing
    is known there to be closed: its own time limit ends it."""
    asked = _about(keys, "close", CLOSE, order, stamp, lambda node, _: _closed(order, node))
    return Question(request=asked.request, read=_unopened(order, asked, waits=False))


def cancel(keys: AlipayKeys, order: Order, stamp: Stamp) -> Question[Verdict]:
    """Takes the trade back, paid or not 撤销."""
    return _about(keys, "cancel", CANCEL, order, stamp, lambda node, _: _canceled(order, node))


def stands(order: Order, node: bytes, now: datetime) -> Verdict:
    """What a query's answer says about our money."""
    trade = read(TRADE, node)
    if trade.out_trade_no != order.number:
        return other("the answer is about another order")
    return verdict_of(trade, trade.trade_status, now)


def verdict_of(trade: TradeAnswer, state: str, now: datetime) -> Verdict:
    """What a trade says about our money. A closed one that has a time of payment was paid, and all
    of it went back."""
    paid_at = trade.gmt_payment or trade.send_pay_date
    match TRADE_STATES.get(state):
        case "paid":
            return _paid(trade, paid_at, now)
        case "pending":
            return Pending(code=state)
        case "ended" if paid_at:
            paid = _paid(trade, paid_at, now)
            back = {"is_refunded": True, "is_all_back": True}
            return replace(paid, **back) if isinstance(paid, Paid) else paid
        case "ended":
            return SurelyNotPaid(code=state, cause="payer")
        case _:
            return unlisted(state)


def _paid(trade: TradeAnswer, paid_at: str, now: datetime) -> Paid | Unknown:
    """Where no time is told, which the documents allow, it is when we heard of it."""
    if not trade.trade_no:
        return Unknown(why="unparsable", message="a payment without its number")
    return Paid(
        channel_payment_id=plain(trade.trade_no),
        amount_fen=paid_fen(trade.total_amount),
        currency=CURRENCY,
        paid_at=moment(paid_at) if paid_at else now,
        payer_id=plain(trade.buyer_user_id or trade.buyer_open_id),
    )


def _order_document(account: AlipayAccount, order: Order, product: str) -> OrderDocument:
    is_jsapi, is_barcode = order.pay_type == "alipay_jsapi", order.pay_type == "alipay_barcode"
    payer = order.payer_id if is_jsapi else ""
    return OrderDocument(
        out_trade_no=order.number,
        total_amount=yuan(order.amount_fen),
        subject=order.subject.translate(_SUBJECT_FORBIDS)[:256],
        product_code="JSAPI_PAY" if is_jsapi and account.op_app_id else product,
        seller_id=account.seller_id,
        time_expire=china_text(order.expires_at),
        store_id=account.store_id,
        buyer_id=payer if is_user_id(payer) else "",
        buyer_open_id="" if is_user_id(payer) else payer,
        op_app_id=account.op_app_id if is_jsapi else "",
        scene="bar_code" if is_barcode else "",
        auth_code=order.auth_code if is_barcode else "",
        quit_url=order.return_url if order.pay_type == "alipay_wap" else "",
        extend_params=_extended(account, order),
    )


def _extended(account: AlipayAccount, order: Order) -> ExtendParams | None:
    extended = ExtendParams(
        sys_service_provider_id=account.sys_service_provider_id,
        royalty_freeze="true" if order.shares_profit else "",
    )
    return None if extended == ExtendParams() else extended


def is_user_id(payer: str) -> bool:
    """Whether this is a user's number, as they were all known by before open ids came."""
    return len(payer) == 16 and payer.isdecimal() and payer.startswith("2088")


def _about(
    keys: AlipayKeys,
    operation: Operation,
    method: str,
    order: Order,
    stamp: Stamp,
    understand: Callable[[bytes, datetime], Verdict],
) -> Question[Verdict]:
    parameters = signed_parameters(keys, method, TradeNumbers(out_trade_no=order.number), stamp)
    return question(keys, operation, method, parameters, SurelyNotPaid, done(understand))


def _unopened(
    order: Order, asked: Question[Verdict], *, waits: bool
) -> Callable[[HttpAnswer, datetime], Verdict]:
    """Reads that a trade is not known, where only its payer can make it known. Once its time is
    over nobody can: their side refuses what has expired."""

    def heard(answer: HttpAnswer, now: datetime) -> Verdict:
        verdict = asked.read(answer, now)
        if not isinstance(verdict, NotKnownThere) or order.pay_type not in OPENED_BY_PAYER:
            return verdict
        if now > order.expires_at + EXPIRY_GRACE:
            return SurelyNotPaid(code=verdict.code, message="never opened", cause="payer")
        return Pending(code=verdict.code, message="not opened yet") if waits else verdict

    return heard


Understood = Callable[[bytes, datetime], Verdict]


def _offered(order: Order, number: str, offer: Offer) -> Verdict:
    return Pending(offer=offer) if number == order.number else other("about another order")


def _precreated(order: Order) -> Understood:
    def understand(node: bytes, _: datetime) -> Verdict:
        answer = read(PRECREATED, node)
        return _offered(order, answer.out_trade_no, QrCode(url=answer.qr_code))

    return understand


def _created(order: Order) -> Understood:
    """`tradeNO` is how the wallet's own library spells it."""

    def understand(node: bytes, _: datetime) -> Verdict:
        answer = read(CREATED, node)
        call = ClientCall(parameters={"tradeNO": answer.trade_no})
        return _offered(order, answer.out_trade_no, call)

    return understand


def _paid_at_the_till(order: Order) -> Understood:
    def understand(node: bytes, now: datetime) -> Verdict:
        trade = read(TRADE, node)
        if trade.out_trade_no != order.number:
            return other("the answer is about another order")
        return _paid(trade, trade.gmt_payment, now)

    return understand


def _waits_at_the_till(order: Order) -> Understood:
    def understand(node: bytes, _: datetime) -> Verdict:
        return _offered(order, read(TRADE, node).out_trade_no, AtTheTill())

    return understand


def _closed(order: Order, node: bytes) -> Verdict:
    answer = read(CLOSED, node)
    if answer.out_trade_no not in ("", order.number):
        return other("the answer is about another order")
    return SurelyNotPaid(code="TRADE_CLOSED", message="closed at our request", cause="payer")


def _canceled(order: Order, node: bytes) -> Verdict:
    """What was paid went back: either way nobody's money stays with us, if it is done."""
    answer = read(CLOSED, node)
    if answer.out_trade_no not in ("", order.number):
        return other("the answer is about another order")
    if answer.retry_flag != "N":
        return Unknown(why="ambiguous", code=f"retry_flag={plain(answer.retry_flag)}")
    code = plain(answer.action) or "close"
    return SurelyNotPaid(code=code, message="taken back at our request", cause="payer")
