"""How the bank hears a call: who asks, whether it is known already, and how it is answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec
from aiohttp import web
from msgspec import Struct

from handlers.simulator.bank.words import refusal
from handlers.simulator.endpoint import Call, Handler, Speech, endpoint
from handlers.simulator.world import Api, No, World
from schema.channels.bank import BankSimulatorAccount
from schema.channels.bank.platform import (
    CallRefused,
    answer,
    call_fault,
    error_answer,
    signed_answer,
)
from schema.channels.bank.signing import read_headers
from schema.channels.bank.tables import ERROR_MEANS
from schema.channels.http import HttpAnswer, ProtocolError
from schema.channels.reading import read


class Numbered(Struct, frozen=True):
    """The least that a new order, refund or transfer has to say."""

    number: str


class BankCall(Call, kw_only=True):
    """A request with a good signature."""

    account: BankSimulatorAccount
    nonce: str
    names: Mapping[str, str]
    query: Mapping[str, str]
    origin: str
    body: bytes
    document: Struct | None = None


Done = Struct | bytes | CallRefused
"""A document or a file to answer with, or a refusal."""
Hear = Callable[[BankCall], CallRefused | None]
Act = Callable[[World, BankCall], Done]


_NUMBERED = msgspec.json.Decoder(Numbered)


def bank(api: Api, act: Act, hear_body: Hear | None = None) -> Handler:
    """The HTTP handler of one endpoint; `hear_body` understands the body beforehand."""

    def hear(
        world: World, request: web.Request, body: bytes, now: datetime
    ) -> BankCall | HttpAnswer:
        call = _proven(world, request, body, now, api)
        if isinstance(call, HttpAnswer):
            return call
        refused = hear_body(call) if hear_body else None
        if refused and _is_known(call, _number_in(body)):
            refused = refusal(No.NUMBER_USED)
        return error_answer(call.account, call.nonce, refused) if refused else call

    def perform(world: World, call: BankCall) -> HttpAnswer:
        done = act(world, call)
        if isinstance(done, CallRefused):
            return error_answer(call.account, call.nonce, done)
        if isinstance(done, bytes):
            return signed_answer(call.account, call.nonce, 200, done)
        return answer(call.account, call.nonce, done)

    return endpoint(
        Speech(
            hear=hear,
            act=perform,
            refuse=_refused,
            break_down=lambda call: _refused(call, "BUSY"),
            refusal_code="LIMIT",
            busy_code="TOO_MANY",
        )
    )


def _proven(
    world: World, request: web.Request, body: bytes, now: datetime, api: Api
) -> BankCall | HttpAnswer:
    try:
        words = read_headers(request.headers)
    except ProtocolError as error:
        return error_answer(None, "", CallRefused(code="UNSIGNED", message=str(error)))
    merchant = world.merchant("bank", words.merchant)
    if merchant is None:
        return error_answer(None, "", CallRefused(code="UNSIGNED", message="nobody we know"))
    account, path = merchant.keys, request.raw_path
    fault = call_fault(account, words, method=request.method, path=path, body=body, now=now)
    if fault:
        return error_answer(None, "", fault)
    return BankCall(
        merchant=merchant,
        api=api,
        number=request.match_info.get("number", ""),
        now=now,
        account=account,
        nonce=words.nonce,
        names=request.match_info,
        query=request.query,
        origin=str(request.url.origin()),
        body=body,
    )


def _refused(call: BankCall, code: str) -> HttpAnswer:
    """Refused on order. But a bank that knows the number never says that nothing was done."""
    known = ERROR_MEANS.get(code)
    if known and known.refuses and call.document and _is_known(call, call.number):
        code = "BUSY"
    return error_answer(
        call.account, call.nonce, CallRefused(code=code, message="refused on order")
    )


def _is_known(call: BankCall, number: str) -> bool:
    merchant = call.merchant
    books = {"create": merchant.trades, "refund": merchant.refunds, "transfer": merchant.transfers}
    return number in books.get(call.api, ())


def _number_in(body: bytes) -> str:
    """The number in a body that is wrong elsewhere."""
    try:
        return read(_NUMBERED, body).number
    except ProtocolError:
        return ""
