"""The platform's API v3 endpoints: who asks, what goes wrong on order, what is done, the answer."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

from aiohttp import web
from msgspec import Struct

from handlers.simulator.faults import Api, Fault
from handlers.simulator.simulator import SIMULATOR, Simulator
from handlers.simulator.trades import Trade, transaction_of
from schema.channels import HttpAnswer, ProtocolError
from schema.channels.wechat.documents import ANYTHING, CLOSE, NATIVE_ORDER, NativeAnswer, Transaction
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


class Call(Struct, frozen=True, kw_only=True):
    """A request that is proven to be a merchant's."""

    keys: SimulatorKeys
    names: Mapping[str, str]
    """The variable parts of the path."""
    query: Mapping[str, str]
    body: bytes
    now: datetime


Done = Struct | None | CallRefused
"""A document to answer with 200, None for 204, or a refusal."""
Act = Callable[[Simulator, Call], Done]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def create_native(simulator: Simulator, call: Call) -> Done:
    """Opens an order, or finds the one that an identical call opened."""
    order, everything = read_parameters(NATIVE_ORDER, call.body), read_parameters(ANYTHING, call.body)
    if isinstance(order, CallRefused):
        return order
    if isinstance(everything, CallRefused):  # malformed in a part that the order does not read
        return everything
    if order.mchid != call.keys.account.mchid:
        return param_error("/mchid", "not the merchant who signed")
    if order.appid != call.keys.account.appid:
        return CallRefused(code="APPID_MCHID_NOT_MATCH", message="AppID和mch_id不匹配")
    trade = simulator.open_trade(order, everything, call.now)
    return trade if isinstance(trade, CallRefused) else NativeAnswer(code_url=trade.code_url)


def query_by_number(simulator: Simulator, call: Call) -> Done:
    """How the merchant's order stands."""
    mchid = call.keys.account.mchid
    return _queried(call, simulator.trades.find(mchid, call.names["out_trade_no"]))


def query_by_transaction(simulator: Simulator, call: Call) -> Done:
    """How the order with the platform's number stands."""
    mchid, number = call.keys.account.mchid, call.names["transaction_id"]
    return _queried(call, simulator.trades.find_transaction(mchid, number))


def close(simulator: Simulator, call: Call) -> Done:
    """Ends an order that nobody has paid."""
    wish, mchid = read_parameters(CLOSE, call.body), call.keys.account.mchid
    if isinstance(wish, CallRefused):
        return wish
    if wish.mchid != mchid:
        return param_error("/mchid", "not the merchant who signed")
    trade = simulator.trades.find(mchid, call.names["out_trade_no"])
    closed = simulator.trades.close(trade) if trade else NO_ORDER
    return closed if isinstance(closed, CallRefused) else None


def endpoint(api: Api, act: Act) -> Handler:
    """The HTTP handler around one act."""

    async def handle(request: web.Request) -> web.StreamResponse:
        simulator, body = request.app[SIMULATOR], await request.read()
        call = _proven(simulator, request, body, datetime.now(UTC))
        if isinstance(call, CallRefused):
            return _response(error_answer(call))
        fault = simulator.faults.take(call.keys.account.mchid, api)
        done = _refused_on_order(fault) or act(simulator, call)
        await _think(simulator, fault)
        if fault and fault.kind == "lost_answer" and request.transport:
            request.transport.abort()
        return _response(_answer(call.keys, done))

    return handle


ROUTES = [
    web.post("/v3/pay/transactions/native", endpoint("create", create_native)),
    web.get("/v3/pay/transactions/out-trade-no/{out_trade_no}", endpoint("query", query_by_number)),
    web.get("/v3/pay/transactions/id/{transaction_id}", endpoint("query", query_by_transaction)),
    web.post("/v3/pay/transactions/out-trade-no/{out_trade_no}/close", endpoint("close", close)),
]


def _proven(
    simulator: Simulator, request: web.Request, body: bytes, now: datetime
) -> Call | CallRefused:
    try:
        words = read_authorization(request.headers.get("Authorization", ""))
    except ProtocolError as error:
        return sign_error(str(error))
    keys = simulator.merchants.get(words.mchid)
    if keys is None:
        return NO_MERCHANT
    fault = authorization_fault(
        keys, words, method=request.method, path=request.raw_path, body=body, now=now
    )
    names, query = request.match_info, request.query
    return fault or Call(keys=keys, names=names, query=query, body=body, now=now)


def _queried(call: Call, trade: Trade | None) -> Transaction | CallRefused:
    mchid = call.query.get("mchid")
    if mchid is None:
        return param_error("/mchid", "missing", location="query")
    if mchid != call.keys.account.mchid:
        return CallRefused(code="NO_AUTH", message="not the merchant who signed")
    return transaction_of(trade) if trade else NO_ORDER


def _refused_on_order(fault: Fault | None) -> CallRefused | None:
    if fault and fault.kind == "http_500":
        return BROKEN
    if fault and fault.kind == "refuse":
        return CallRefused(code=fault.code, message="refused on order of a fault")
    return None


async def _think(simulator: Simulator, fault: Fault | None) -> None:
    delay_ms = simulator.config.answer_delay_ms
    if fault and fault.kind == "slow":
        delay_ms += fault.number
    if delay_ms:
        await asyncio.sleep(delay_ms / 1000)


def _answer(keys: SimulatorKeys, done: Done) -> HttpAnswer:
    if isinstance(done, CallRefused):
        return error_answer(done)
    return signed_answer(keys, done, now=datetime.now(UTC), nonce=secrets.token_hex(16))


def _response(answer: HttpAnswer) -> web.Response:
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
