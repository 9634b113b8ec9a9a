"""One HTTP handler for every call of every platform: who asks, what goes wrong, the answer.

A front says how a call is heard, done and refused; what faults do to it is the same for all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import Generic, TypeVar

from aiohttp import web
from msgspec import Struct

from handlers.simulator.world import WORLD, Api, Fault, Merchant, Trade, World, true_now
from handlers.simulator.world.faults import Happening
from schema.channels import HttpAnswer

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

NOTICE_WITHIN_S = 5
"""So long an answer is held, at most, for a notice that has to arrive before it."""


class Call(Struct, kw_only=True):
    """A request that is proven to be a merchant's. Fronts add what they understood of it."""

    merchant: Merchant
    api: Api
    number: str = ""
    """The merchant's number of what it is about: faults may be ordered for some numbers only."""
    amount_fen: int | None = None
    """Where the call names it; otherwise the trade of that number is looked at."""
    now: datetime
    """The true time, by which signatures are fresh."""


C = TypeVar("C", bound=Call)


class Speech(Struct, Generic[C], frozen=True, kw_only=True):
    """How a platform's calls are heard and answered. Nothing in it waits."""

    hear: Callable[[World, web.Request, bytes, datetime], C | HttpAnswer]
    """The call, or the refusal of whoever is not proven to be a merchant."""
    act: Callable[[World, C], HttpAnswer]
    """Does what is asked and answers, signed."""
    refuse: Callable[[C, str], HttpAnswer]
    """The answer with this error code, nothing being done."""
    break_down: Callable[[C], HttpAnswer]
    """The answer of a platform that is broken: 5xx, or its own word for it."""
    refusal_code: str
    """A refusal that fits most calls: RULE_LIMIT."""
    busy_code: str
    """Too many calls: FREQUENCY_LIMITED."""


def endpoint(speech: Speech[C]) -> Handler:
    """The HTTP handler around a platform's speech."""

    async def handle(request: web.Request) -> web.StreamResponse:
        world, body = request.app[WORLD], await request.read()
        call = speech.hear(world, request, body, true_now())
        if isinstance(call, HttpAnswer):
            return _response(call)
        fault = _fault(world, call) if world.faults.has(call.merchant) else None
        if fault is None:
            answer = speech.act(world, call)
        else:
            answer = await _troubled(world, speech, call, fault)
        if world.manners.answer_delay_ms:
            await asyncio.sleep(world.manners.answer_delay_ms / 1000)
        if answer is None:
            return _cut_off(request)
        return _response(answer)

    return handle


def trade_of(call: Call) -> Trade | None:
    """The trade with the call's number, if there is one."""
    return call.merchant.trades.get(call.number)


def _fault(world: World, call: Call) -> Fault | None:
    amount_fen, trade = call.amount_fen, trade_of(call)
    if amount_fen is None and trade:
        amount_fen = trade.amount_fen
    return world.faults.at_call(call.merchant, Happening(call.api, call.number, amount_fen))


async def _troubled(world: World, speech: Speech[C], call: C, fault: Fault) -> HttpAnswer | None:
    """What a call gets that suffers a fault; None is an answer that never arrives."""
    match fault.kind:
        case "lost_request":
            return None
        case "http_500":
            return speech.break_down(call)
        case "refuse":
            return speech.refuse(call, fault.code or speech.refusal_code)
        case "rate_limit":
            return speech.refuse(call, speech.busy_code)
        case "hang":
            await _rest(world, fault.wait_s)
            return HttpAnswer(status=504, headers={}, body=b"")
        case "brown_out":
            return _browned_out(world, speech, call, fault)
        case _:
            return await _done_all_the_same(world, speech, call, fault)


async def _done_all_the_same(
    world: World, speech: Speech[C], call: C, fault: Fault
) -> HttpAnswer | None:
    answer, trade = speech.act(world, call), trade_of(call)
    match fault.kind:
        case "lost_answer":
            return None
        case "slow":
            await _rest(world, fault.wait_s)
        case "notify_before_answer" if trade:
            await _told_first(world, trade)
        case "late_success" if trade:
            asyncio.get_running_loop().call_later(fault.wait_s, world.pay_late, trade)
        case _:
            pass
    return answer


def _browned_out(world: World, speech: Speech[C], call: C, fault: Fault) -> HttpAnswer | None:
    """The share of calls that fail do so in three ways, as often as each other."""
    if fault.lots.randrange(100) >= fault.number:
        return speech.act(world, call)
    ending = fault.lots.randrange(3)
    if ending == 0:
        return speech.break_down(call)
    if ending == 1:
        speech.act(world, call)
    return None


async def _told_first(world: World, trade: Trade) -> None:
    """The payer pays at once, and the merchant hears of it before the call is answered."""
    world.pay(trade)
    with suppress(TimeoutError):
        async with asyncio.timeout(NOTICE_WITHIN_S):
            await world.notifier.sent()


async def _rest(world: World, for_s: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(for_s):
            await world.ending.wait()


def _cut_off(request: web.Request) -> web.Response:
    if request.transport:
        request.transport.abort()
    return web.Response()


def _response(answer: HttpAnswer) -> web.Response:
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
