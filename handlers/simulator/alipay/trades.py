"""Alipay's calls about trades: how one is made, how it stands, how it ends."""

from __future__ import annotations

import re
from datetime import datetime

from handlers.simulator.alipay.hearing import (
    AlipayCall,
    Done,
    Method,
    everything_of,
    stored,
    trade_of,
)
from handlers.simulator.alipay.words import (
    TRADE_NOT_EXIST,
    Placed,
    refusal,
    trade_answer,
    trade_number,
)
from handlers.simulator.world import No, Trade, TradeState, TradeTerms, World
from schema.channels.alipay.documents import (
    NUMBERS,
    ORDER,
    ClosedAnswer,
    CreateAnswer,
    PrecreateAnswer,
)
from schema.channels.alipay.platform import CallRefused, business_refusal, waiting_answer
from schema.channels.alipay.tables import WAITING
from schema.channels.alipay.texts import fen, moment
from schema.channels.http import HttpAnswer, ProtocolError

QR_URL = "https://qr.alipay.com/"
CLOSES_ALOUD = ("FAST_INSTANT_TRADE_PAY", "QUICK_WAP_PAY")
"""Products whose merchants are told of a close as well."""

NO_BUYER = business_refusal("ACQ.INVALID_PARAMETER", "buyer_id 不能为空")
BAD_TIME = business_refusal("ACQ.INVALID_PARAMETER", "time_expire 格式错误")
BAD_CODE = business_refusal("ACQ.PAYMENT_AUTH_CODE_INVALID", "支付授权码无效")

_AUTH_CODE = re.compile(r"(?:2[5-9]|30)[0-9]{14,22}", re.ASCII)


def precreate(world: World, call: AlipayCall) -> Done:
    """A code to scan. The trade is stored when its payer has scanned it."""
    trade = _opened(world, call)
    if isinstance(trade, CallRefused):
        return trade
    return PrecreateAnswer(out_trade_no=trade.number, qr_code=QR_URL + trade.code)


def bring(world: World, call: AlipayCall) -> Done:
    """A payer's browser or wallet brings a signed order: they are sent on to where they pay."""
    trade = _opened(world, call)
    if isinstance(trade, CallRefused):
        return trade
    store(world, trade)
    return HttpAnswer(status=302, headers={"Location": f"/pay?code={trade.code}"}, body=b"")


def create(world: World, call: AlipayCall) -> Done:
    """A trade that this payer pays in a mini program."""
    if not (call.document.buyer_id or call.document.buyer_open_id):
        return NO_BUYER
    trade = _opened(world, call)
    if isinstance(trade, CallRefused):
        return trade
    store(world, trade)
    return CreateAnswer(out_trade_no=trade.number, trade_no=trade.channel_number)


def pay(world: World, call: AlipayCall) -> Done:
    """A payment by the payer's code: paid at once, or the payer has to type a password."""
    if not _AUTH_CODE.fullmatch(call.document.auth_code):
        return BAD_CODE
    trade = _opened(world, call)
    if isinstance(trade, CallRefused):
        return trade
    store(world, trade)
    scanned = world.scan(trade)
    if isinstance(scanned, No):
        return refusal(scanned)
    if trade.failure:
        return refusal(trade.failure)
    answer = trade_answer(trade, is_pay=True)
    if trade.state is TradeState.CONFIRMING:
        return waiting_answer(call.keys, call.asked.method, answer, WAITING)
    return answer


def query(world: World, call: AlipayCall) -> Done:
    """How a stored trade stands."""
    trade = _named(world, call)
    return trade_answer(trade) if trade else TRADE_NOT_EXIST


def close(world: World, call: AlipayCall) -> Done:
    """Ends a stored trade that nobody has paid."""
    trade = _named(world, call)
    if trade is None:
        return TRADE_NOT_EXIST
    closed = world.close(trade)
    if isinstance(closed, No):
        return refusal(closed)
    if trade.terms.product in CLOSES_ALOUD:
        world.announce(trade, trade.terms.notify_url)
    return ClosedAnswer(trade_no=trade.channel_number, out_trade_no=trade.number)


def cancel(world: World, call: AlipayCall) -> Done:
    """Takes a trade back, paid or not, stored or not; doing it again is done."""
    trade = _named(world, call) or call.merchant.trades.get(call.document.out_trade_no)
    if trade is None:
        return TRADE_NOT_EXIST
    taken_back = world.reverse(trade)
    if isinstance(taken_back, No) and taken_back is not No.ALREADY_CLOSED:
        return refusal(taken_back)
    return ClosedAnswer(
        trade_no=trade.channel_number,
        out_trade_no=trade.number,
        retry_flag="N",
        action="refund" if trade.paid_at else "close",
    )


def store(world: World, trade: Trade) -> None:
    """From now on the platform has the trade, under a number of its own. One whose time is over is
    not opened any more."""
    if not stored(trade) and not _is_over(world, trade):
        trade.channel_number = trade_number(world.clock.now())
        world.of(trade).payments[trade.channel_number] = trade


def _named(world: World, call: AlipayCall) -> Trade | None:
    """The trade that is meant; one whose time is over has been closed."""
    trade = trade_of(call, number=call.document.out_trade_no, theirs=call.document.trade_no)
    if trade and trade.state is TradeState.WAITING and _is_over(world, trade):
        world.close(trade)
    return trade


def _is_over(world: World, trade: Trade) -> bool:
    return trade.pay_until_s < world.clock.elapsed_s()


def _opened(world: World, call: AlipayCall) -> Trade | CallRefused:
    order, parameters = call.document, call.asked.parameters
    expires_at = _expiry(order.time_expire)
    if isinstance(expires_at, CallRefused):
        return expires_at
    if expires_at and expires_at < call.now:
        return refusal(No.EXPIRED)
    terms = TradeTerms(
        number=order.out_trade_no,
        amount_fen=fen(order.total_amount),
        subject=order.subject,
        product=order.product_code or "FACE_TO_FACE_PAYMENT",
        notify_url=parameters.get("notify_url", ""),
        return_url=parameters.get("return_url", ""),
        expires_at=expires_at,
        payer_id=order.buyer_id or order.buyer_open_id,
        shares_profit=bool(order.extend_params and order.extend_params.royalty_freeze == "true"),
        document=Placed(order=order, auth_app_id=call.asked.auth_app_id),
    )
    trade = world.open_trade(call.merchant, terms, everything_of(call))
    return refusal(trade) if isinstance(trade, No) else trade


def _expiry(text: str) -> datetime | CallRefused | None:
    try:
        return moment(text) if text else None
    except ProtocolError:
        return BAD_TIME


METHODS = {
    "alipay.trade.precreate": Method(api="create", decoder=ORDER, act=precreate),
    "alipay.trade.page.pay": Method(api="create", decoder=ORDER, act=bring),
    "alipay.trade.wap.pay": Method(api="create", decoder=ORDER, act=bring),
    "alipay.trade.app.pay": Method(api="create", decoder=ORDER, act=bring),
    "alipay.trade.create": Method(api="create", decoder=ORDER, act=create),
    "alipay.trade.pay": Method(api="create", decoder=ORDER, act=pay),
    "alipay.trade.query": Method(api="query", decoder=NUMBERS, act=query),
    "alipay.trade.close": Method(api="close", decoder=NUMBERS, act=close),
    "alipay.trade.cancel": Method(api="reverse", decoder=NUMBERS, act=cancel),
}
