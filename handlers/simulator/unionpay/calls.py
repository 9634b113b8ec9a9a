"""UnionPay's endpoints: who asks, what is done, the answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from aiohttp import web

from handlers.simulator.endpoint import Call, Handler, Speech, endpoint
from handlers.simulator.unionpay.words import (
    DUPLICATE,
    NOT_KNOWN,
    NOT_THERE,
    PAYING,
    QR_URL,
    refund_stands,
    refusal,
    stands,
)
from handlers.simulator.world import (
    Api,
    No,
    RefundTerms,
    Trade,
    TradeState,
    TradeTerms,
    World,
)
from schema.channels.http import HttpAnswer, ProtocolError
from schema.channels.unionpay.account import UnionpaySimulatorKeys
from schema.channels.unionpay.platform import (
    JSON,
    CallRefused,
    Named,
    OrderCall,
    RefundCall,
    answer,
    call_fault,
    code_offer,
    done,
    order_words,
    read_named,
    read_order,
    read_refund,
    refund_words,
    refused,
    script_offer,
)
from schema.channels.unionpay.signing import Fields, read_fields, written

REFUND_TAKES_S = 3


class UnionpayCall(Call, kw_only=True):
    """A request with a good signature."""

    keys: UnionpaySimulatorKeys
    fields: Fields
    document: OrderCall | Named | RefundCall


Done = Fields | CallRefused
Read = Callable[[Fields], OrderCall | Named | RefundCall | CallRefused]
Act = Callable[[World, UnionpayCall], Done]


def order(world: World, call: UnionpayCall) -> Done:
    """A new order with its code; one that is known already is a duplicate."""
    trade = _opened(world, call)
    if isinstance(trade, CallRefused):
        return trade
    asked = call.document
    assert isinstance(asked, OrderCall)
    url = QR_URL + trade.code
    offer = code_offer(url) if asked.kind == "code" else script_offer(url)
    return done(call.number) | offer


def till(world: World, call: UnionpayCall) -> Done:
    """A payment by the payer's code: paid at once, or the payer has to confirm it."""
    trade = _opened(world, call)
    if isinstance(trade, CallRefused):
        return trade
    scanned = world.scan(trade)
    if isinstance(scanned, No):
        return NOT_KNOWN if scanned is No.OUTAGE else refusal(scanned)
    if trade.state is TradeState.CONFIRMING:
        return PAYING
    if trade.failure:
        return refusal(trade.failure)
    return order_words(stands(trade)) | done(call.number)


def query(world: World, call: UnionpayCall) -> Done:
    """How the order stands."""
    trade = _trade(call)
    return order_words(stands(trade)) | done(call.number) if trade else NOT_THERE


def close(world: World, call: UnionpayCall) -> Done:
    """Ends an order that nobody has paid; closing it again is done."""
    trade = _trade(call)
    if trade is None:
        return NOT_THERE
    closed = world.close(trade)
    if isinstance(closed, No) and closed is not No.ALREADY_CLOSED:
        return refusal(closed)
    return done(call.number)


def refund(world: World, call: UnionpayCall) -> Done:
    """Takes a refund; how it ends, its query tells."""
    asked = call.document
    assert isinstance(asked, RefundCall)
    if asked.number in call.merchant.refunds:
        return DUPLICATE
    trade = call.merchant.trades.get(asked.order_number)
    if trade is None:
        return NOT_THERE
    if trade.amount_fen != asked.paid_fen:
        return CallRefused(code="36", message="与原交易信息不符")
    terms = RefundTerms(
        number=asked.number,
        amount_fen=asked.refund_fen,
        takes_s=REFUND_TAKES_S,
        document=asked,
    )
    opened = world.refund(trade, terms)
    if isinstance(opened, No):
        return refusal(opened)
    return done(call.number) | {"transIndex": opened.channel_number}


def query_refund(world: World, call: UnionpayCall) -> Done:
    """How the refund stands."""
    known = call.merchant.refunds.get(call.number)
    if known is None or known.terms.document.opened_at != _opened_at(call):
        return NOT_THERE
    return refund_words(refund_stands(known)) | done(call.number)


def unionpay(api: Api, act: Act, read: Read) -> Handler:
    """The HTTP handler of one call; `read` understands it before anything is done."""

    def hear(
        world: World, request: web.Request, body: bytes, now: datetime
    ) -> UnionpayCall | HttpAnswer:
        return _heard(world, body, now, api, read)

    def perform(world: World, call: UnionpayCall) -> HttpAnswer:
        words = act(world, call)
        if isinstance(words, CallRefused):
            words = refused(words, call.number)
        return answer(call.keys, words)

    return endpoint(
        Speech(
            hear=hear,
            act=perform,
            refuse=lambda call, code: _refused_on_order(call, code),
            break_down=lambda _: HttpAnswer(status=500, headers={}, body=b""),
            refusal_code="33",
            busy_code="99",
        )
    )


_PATH = "/gateway/api/pay/"

ROUTES = [
    web.post(
        f"{_PATH}unifiedorder",
        unionpay("create", order, lambda fields: read_order("unifiedorder", fields)),
    ),
    web.post(
        f"{_PATH}micropay", unionpay("create", till, lambda fields: read_order("micropay", fields))
    ),
    web.post(f"{_PATH}queryOrder", unionpay("query", query, read_named)),
    web.post(f"{_PATH}closeOrder", unionpay("close", close, read_named)),
    web.post(f"{_PATH}refund", unionpay("refund", refund, read_refund)),
    web.post(f"{_PATH}refundQuery", unionpay("query_refund", query_refund, read_named)),
]


def _heard(
    world: World, body: bytes, now: datetime, api: Api, read: Read
) -> UnionpayCall | HttpAnswer:
    try:
        fields = read_fields(body)
    except ProtocolError as error:
        return _unsigned(CallRefused(code="10", message=f"报文格式错误: {error}"))
    merchant = world.merchant("unionpay", fields.get("merId", ""))
    if merchant is None:
        return _unsigned(CallRefused(code="31", message="商户状态不正确"))
    keys, number = merchant.keys, fields.get("orderNo", "")
    wrong = call_fault(keys, fields)
    document = wrong or read(fields)
    if isinstance(document, CallRefused):
        return answer(keys, refused(document, number))
    amount_fen = None if isinstance(document, Named) else _amount_fen(document)
    return UnionpayCall(
        merchant=merchant, api=api, number=number, amount_fen=amount_fen, now=now,
        keys=keys, fields=fields, document=document,
    )  # fmt: skip


def _amount_fen(document: OrderCall | RefundCall) -> int:
    is_refund = isinstance(document, RefundCall)
    return document.refund_fen if is_refund else document.amount_fen


def _unsigned(why: CallRefused) -> HttpAnswer:
    """Whoever is not known has no key to sign for."""
    return HttpAnswer(status=200, headers=JSON, body=written(refused(why)))


def _refused_on_order(call: UnionpayCall, code: str) -> HttpAnswer:
    why = CallRefused(code=code, message="refused on order")
    return answer(call.keys, refused(why, call.number))


def _opened(world: World, call: UnionpayCall) -> Trade | CallRefused:
    asked = call.document
    assert isinstance(asked, OrderCall)
    if asked.number in call.merchant.trades:
        return DUPLICATE
    terms = TradeTerms(
        number=asked.number,
        amount_fen=asked.amount_fen,
        subject=asked.subject,
        product={"code": "unionpay", "script": "upJs", "till": "micropay"}[asked.kind],
        notify_url=asked.notify_url,
        return_url=asked.return_url,
        payer_id=asked.user_id,
        document=asked,
    )
    trade = world.open_trade(call.merchant, terms, call.fields)
    return refusal(trade) if isinstance(trade, No) else trade


def _trade(call: UnionpayCall) -> Trade | None:
    """The order that is meant, by its number and the time that it was opened with."""
    trade = call.merchant.trades.get(call.number)
    return trade if trade and trade.terms.document.opened_at == _opened_at(call) else None


def _opened_at(call: UnionpayCall) -> datetime:
    return call.document.opened_at
