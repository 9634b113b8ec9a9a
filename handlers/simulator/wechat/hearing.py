"""How WeChat Pay hears a call: by its signature, then by its document; and how it answers."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from aiohttp import web
from msgspec import Struct

from handlers.simulator.endpoint import Call, Handler, Speech, endpoint
from handlers.simulator.wechat.words import order_of
from handlers.simulator.world import Api, Trade, World
from schema.channels import HttpAnswer, ProtocolError
from schema.channels.wechat.keys import SimulatorKeys
from schema.channels.wechat.platform import (
    CallRefused,
    authorization_fault,
    error_answer,
    sign_error,
    signed_answer,
)
from schema.channels.wechat.signing import read_authorization

NO_MERCHANT = CallRefused(code="MCH_NOT_EXISTS", message="商户号不存在")
NOT_YOURS = CallRefused(code="NO_AUTH", message="特约商户号未授权")
BROKEN = CallRefused(code="SYSTEM_ERROR", message="系统异常，请稍后重试")


class WechatCall(Call, kw_only=True):
    """A request with a good signature; `document` is its body, read."""

    keys: SimulatorKeys
    names: Mapping[str, str]
    """The variable parts of the path."""
    query: Mapping[str, str]
    body: bytes
    serial: str
    """The platform's key that the merchant named, if it named one."""
    origin: str
    """Where the merchant reached us."""
    path: str
    document: Any = None

    def nonce(self) -> str:
        """For one signature."""
        return secrets.token_hex(16)


Done = Struct | None | CallRefused | HttpAnswer
"""A document to answer with 200, None for 204, a refusal, or an answer as it stands."""
Read = Callable[[WechatCall], CallRefused | None]
Act = Callable[[World, WechatCall], Done]


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

    return endpoint(
        Speech(
            hear=hear,
            act=lambda world, call: _answer(call, act(world, call)),
            refuse=lambda _, code: error_answer(CallRefused(code=code, message="refused on order")),
            break_down=lambda _: error_answer(BROKEN),
            refusal_code="RULE_LIMIT",
            busy_code="FREQUENCY_LIMITED",
        )
    )


def may_speak_for(call: WechatCall, sub_mchid: str) -> bool:
    """Whether the merchant may speak for this sub-merchant; for itself it always may."""
    return not sub_mchid or sub_mchid in call.keys.account.sub_mchids


def trade_of(
    call: WechatCall, sub_mchid: str, *, number: str = "", theirs: str = ""
) -> Trade | None:
    """The merchant's trade by either number, if it is of this sub-merchant."""
    merchant = call.merchant
    trade = merchant.payments.get(theirs) if theirs else merchant.trades.get(number)
    return trade if trade and order_of(trade).sub_mchid == sub_mchid else None


def _answer(call: WechatCall, done: Done) -> HttpAnswer:
    if isinstance(done, HttpAnswer):
        return done
    if isinstance(done, CallRefused):
        return error_answer(done)
    return signed_answer(call.keys, done, now=call.now, nonce=call.nonce(), serial=call.serial)


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
        number=names.get("number", ""),
        now=now,
        keys=keys,
        names=names,
        query=request.query,
        body=body,
        serial=request.headers.get("Wechatpay-Serial", ""),
        origin=str(request.url.origin()),
        path=request.path,
    )
