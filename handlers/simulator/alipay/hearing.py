"""How Alipay's gateway hears a call: by its signature, then by its method; and how it answers.

Everything goes to one address, by GET or POST. What a payer's browser or wallet brings there opens
a trade and sends them on to the page where they pay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from aiohttp import web
from msgspec import Struct

from handlers.simulator.endpoint import Call, Handler, Speech, endpoint
from handlers.simulator.world import Api, Trade, World
from schema.channels.alipay.documents import OrderDocument
from schema.channels.alipay.keys import AlipayPlatformKeys
from schema.channels.alipay.money_documents import RefundDocument, TransferDocument
from schema.channels.alipay.platform import (
    INVALID_APP,
    Asked,
    CallRefused,
    business_refusal,
    error_answer,
    gateway_refusal,
    read_biz,
    read_request,
    request_parameters,
    signed_answer,
)
from schema.channels.alipay.texts import fen
from schema.channels.http import HttpAnswer, ProtocolError

NO_METHOD = gateway_refusal("40002", "isv.invalid-method", "不存在的方法名")
NO_FORM = gateway_refusal("40002", "isv.invalid-encoding", "参数编码错误")


class AlipayCall(Call, kw_only=True):
    """A request with a good signature; `document` is its `biz_content`, read."""

    keys: AlipayPlatformKeys
    asked: Asked
    document: Any
    origin: str
    """Where the merchant reached us."""


Done = Struct | CallRefused | HttpAnswer
"""A document to answer with, a refusal, or an answer as it stands."""
Act = Callable[[World, AlipayCall], Done]


class Method(Struct, frozen=True, kw_only=True):
    """One method of the gateway."""

    api: Api
    decoder: Any
    act: Act


def gateway(methods: Mapping[str, Method]) -> Handler:
    """The HTTP handler of `/gateway.do`."""

    def hear(
        world: World, request: web.Request, body: bytes, now: datetime
    ) -> AlipayCall | HttpAnswer:
        return _heard(world, request, body, now, methods)

    def act(world: World, call: AlipayCall) -> HttpAnswer:
        return _answer(call, methods[call.asked.method].act(world, call))

    return endpoint(
        Speech(
            hear=hear,
            act=act,
            refuse=_refused_on_order,
            break_down=lambda _: HttpAnswer(status=502, headers={}, body=b""),
            refusal_code="ACQ.ACCESS_FORBIDDEN",
            busy_code="40005",
        )
    )


def stored(trade: Trade | None) -> Trade | None:
    """The trade if the platform has it: one that its payer has yet to open is not there."""
    return trade if trade and trade.channel_number else None


def trade_of(call: AlipayCall, *, number: str = "", theirs: str = "") -> Trade | None:
    """The app's trade by either number, if it is stored; theirs goes first."""
    merchant = call.merchant
    return stored(merchant.payments.get(theirs) if theirs else merchant.trades.get(number))


def _heard(
    world: World,
    request: web.Request,
    body: bytes,
    now: datetime,
    methods: Mapping[str, Method],
) -> AlipayCall | HttpAnswer:
    try:
        parameters = request_parameters(request.raw_path.partition("?")[2], body)
    except ProtocolError:
        return error_answer(None, "", NO_FORM)
    merchant = world.merchant("alipay", parameters.get("app_id", ""))
    if merchant is None:
        return error_answer(None, "", INVALID_APP)
    asked = read_request(merchant.keys, parameters)
    if isinstance(asked, CallRefused):
        return error_answer(merchant.keys, "", asked)
    method = methods.get(asked.method)
    document = read_biz(method.decoder, asked) if method else NO_METHOD
    if isinstance(document, CallRefused) or method is None:
        return error_answer(merchant.keys, asked.method, document)
    return AlipayCall(
        merchant=merchant,
        api=method.api,
        number=_number(document),
        amount_fen=_amount_fen(document),
        now=now,
        keys=merchant.keys,
        asked=asked,
        document=document,
        origin=str(request.url.origin()),
    )


def _number(document: object) -> str:
    """The merchant's number of what a call is about, whatever kind of call it is."""
    names = ("out_trade_no", "out_biz_no", "out_request_no")
    return next((number for name in names if (number := getattr(document, name, ""))), "")


def _amount_fen(document: object) -> int | None:
    match document:
        case OrderDocument(total_amount=amount):
            return fen(amount)
        case RefundDocument(refund_amount=amount):
            return fen(amount)
        case TransferDocument(trans_amount=amount):
            return fen(amount)
        case _:
            return None


def _answer(call: AlipayCall, done: Done) -> HttpAnswer:
    if isinstance(done, HttpAnswer):
        return done
    if isinstance(done, CallRefused):
        return error_answer(call.keys, call.asked.method, done)
    return signed_answer(call.keys, call.asked.method, done)


def _refused_on_order(call: AlipayCall, code: str) -> HttpAnswer:
    """Codes that are numbers are the gateway's own."""
    words = "refused on order"
    is_gateways = code.isdecimal()
    refused = gateway_refusal(code, "", words) if is_gateways else business_refusal(code, words)
    return error_answer(call.keys, call.asked.method, refused)


ANYTHING = msgspec.json.Decoder(object)


def everything_of(call: AlipayCall) -> object:
    """The whole call as far as a repeat has to equal it."""
    return [call.asked.method, ANYTHING.decode(call.asked.biz_content)]
