"""The platform's API v3 endpoints: who asks, what is done, the answer."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime

from aiohttp import web
from msgspec import Struct

from handlers.simulator.endpoint import Call, Handler, Speech, endpoint
from handlers.simulator.wechat.words import CODE_URL, REFUSALS, transaction_of
from handlers.simulator.world import Api, No, Trade, TradeTerms, World
from schema.channels import HttpAnswer, ProtocolError
from schema.channels.wechat.documents import (
    ANYTHING,
    CLOSE,
    NATIVE_ORDER,
    NativeAnswer,
    NativeOrderDocument,
    Transaction,
)
from schema.channels.wechat.keys import SimulatorKeys
from schema.channels.wechat.platform import (
    CallRefused,
    authorization_fault,
    error_answer,
    param_error,
    read_parameters,
    sign_error,
    signed_answer,
)
from schema.channels.wechat.signing import read_authorization

NO_ORDER = CallRefused(code="ORDER_NOT_EXIST", message="订单不存在")
NO_MERCHANT = CallRefused(code="MCH_NOT_EXISTS", message="商户号不存在")
BROKEN = CallRefused(code="SYSTEM_ERROR", message="系统异常，请稍后重试")


class WechatCall(Call, kw_only=True):
    """A request with a good signature; `document` is its body, read."""

    keys: SimulatorKeys
    names: Mapping[str, str]
    """The variable parts of the path."""
    query: Mapping[str, str]
    body: bytes
    document: Struct | None = None


Done = Struct | None | CallRefused
"""A document to answer with 200, None for 204, or a refusal."""
Read = Callable[[WechatCall], CallRefused | None]
Act = Callable[[World, WechatCall], Done]


def read_order(call: WechatCall) -> CallRefused | None:
    """What is ordered, and that it is the merchant's to order."""
    order = read_parameters(NATIVE_ORDER, call.body)
    if isinstance(order, CallRefused):
        return order
    if order.mchid != call.keys.account.mchid:
        return param_error("/mchid", "not the merchant who signed")
    if order.appid != call.keys.account.appid:
        return CallRefused(code="APPID_MCHID_NOT_MATCH", message="AppID和mch_id不匹配")
    call.document, call.number, call.amount_fen = order, order.out_trade_no, order.amount.total
    return None


def create_native(world: World, call: WechatCall) -> Done:
    """Opens an order, or finds the one that an identical call opened."""
    order, everything = call.document, read_parameters(ANYTHING, call.body)
    if isinstance(everything, CallRefused):  # malformed in a part that the order does not read
        return everything
    assert isinstance(order, NativeOrderDocument)
    terms = TradeTerms(
        number=order.out_trade_no,
        amount_fen=order.amount.total,
        subject=order.description,
        product="NATIVE",
        notify_url=order.notify_url,
        expires_at=order.time_expire,
        document=order,
    )
    trade = world.open_trade(call.merchant, terms, everything)
    return (
        REFUSALS[trade] if isinstance(trade, No) else NativeAnswer(code_url=CODE_URL + trade.code)
    )


def query_by_number(world: World, call: WechatCall) -> Done:
    """How the merchant's order stands."""
    return _queried(call, call.merchant.trades.get(call.number))


def query_by_transaction(world: World, call: WechatCall) -> Done:
    """How the order with the platform's number stands."""
    return _queried(call, call.merchant.payments.get(call.names["transaction_id"]))


def read_close(call: WechatCall) -> CallRefused | None:
    """That it is the merchant's to close."""
    wish = read_parameters(CLOSE, call.body)
    if isinstance(wish, CallRefused):
        return wish
    if wish.mchid != call.keys.account.mchid:
        return param_error("/mchid", "not the merchant who signed")
    return None


def close(world: World, call: WechatCall) -> Done:
    """Ends an order that nobody has paid."""
    trade = call.merchant.trades.get(call.number)
    closed = world.close(trade) if trade else None
    if closed is None:
        return NO_ORDER
    return REFUSALS[closed] if isinstance(closed, No) else None


def wechat(api: Api, act: Act, read: Read | None = None) -> Handler:
    """The HTTP handler of one endpoint; `read` understands the body before anything is done."""

    def hear(
        world: World, request: web.Request, body: bytes, now: datetime
    ) -> WechatCall | HttpAnswer:
        call = _proven(world, request, body, now, api)
        if isinstance(call, CallRefused):
            return error_answer(call)
        refused = read(call) if read else None
        return error_answer(refused) if refused else call

    def perform(world: World, call: WechatCall) -> HttpAnswer:
        done = act(world, call)
        if isinstance(done, CallRefused):
            return error_answer(done)
        return signed_answer(call.keys, done, now=call.now, nonce=secrets.token_hex(16))

    return endpoint(
        Speech(
            hear=hear,
            act=perform,
            refuse=lambda _, code: error_answer(CallRefused(code=code, message="refused on order")),
            break_down=lambda _: error_answer(BROKEN),
            refusal_code="RULE_LIMIT",
            busy_code="FREQUENCY_LIMITED",
        )
    )


_BY_NUMBER = "/v3/pay/transactions/out-trade-no/{out_trade_no}"

ROUTES = [
    web.post("/v3/pay/transactions/native", wechat("create", create_native, read_order)),
    web.get(_BY_NUMBER, wechat("query", query_by_number)),
    web.get("/v3/pay/transactions/id/{transaction_id}", wechat("query", query_by_transaction)),
    web.post(f"{_BY_NUMBER}/close", wechat("close", close, read_close)),
]


def _proven(
    world: World, request: web.Request, body: bytes, now: datetime, api: Api
) -> WechatCall | CallRefused:
    try:
        words = read_authorization(request.headers.get("Authorization", ""))
    except ProtocolError as error:
        return sign_error(str(error))
    merchant = world.merchant("wechat", words.mchid)
    if merchant is None:
        return NO_MERCHANT
    keys, names = merchant.keys, request.match_info
    fault = authorization_fault(
        keys, words, method=request.method, path=request.raw_path, body=body, now=now
    )
    return fault or WechatCall(
        merchant=merchant,
        api=api,
        number=names.get("out_trade_no", ""),
        now=now,
        keys=keys,
        names=names,
        query=request.query,
        body=body,
    )


def _queried(call: WechatCall, trade: Trade | None) -> Transaction | CallRefused:
    mchid = call.query.get("mchid")
    if mchid is None:
        return param_error("/mchid", "missing", location="query")
    if mchid != call.keys.account.mchid:
        return CallRefused(code="NO_AUTH", message="not the merchant who signed")
    return transaction_of(trade) if trade else NO_ORDER
