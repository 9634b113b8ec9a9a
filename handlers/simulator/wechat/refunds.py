"""The platform's calls about refunds."""

from __future__ import annotations

from aiohttp import web

from handlers.simulator.wechat.hearing import (
    NOT_YOURS,
    Done,
    WechatCall,
    may_speak_for,
    trade_of,
    wechat,
)
from handlers.simulator.wechat.words import (
    NO_SUCH_THING,
    REFUND_REFUSALS,
    order_of,
    refund_of,
)
from handlers.simulator.world import No, Refund, RefundState, RefundTerms, World
from schema.channels.wechat.money_documents import (
    ABNORMAL,
    REFUND,
    AbnormalDocument,
    RefundDocument,
)
from schema.channels.wechat.platform import (
    CallRefused,
    opened_secret,
    param_error,
    read_parameters,
)

TAKES_S = 3
"""How long the platform works on a refund, in the world's waits."""

OTHER_TOTAL = CallRefused(code="INVALID_REQUEST", message="订单金额或退款金额与之前请求不一致")
NOT_ABNORMAL = CallRefused(code="INVALID_REQUEST", message="退款单不是退款异常状态")


def read_refund(call: WechatCall) -> CallRefused | None:
    """How much of which order is to go back."""
    wish = read_parameters(REFUND, call.body)
    if isinstance(wish, CallRefused):
        return wish
    if not wish.transaction_id and not wish.out_trade_no:
        return param_error("/out_trade_no", "missing")
    if not may_speak_for(call, wish.sub_mchid):
        return NOT_YOURS
    call.document, call.number, call.amount_fen = wish, wish.out_refund_no, wish.amount.refund
    return None


def refund(world: World, call: WechatCall) -> Done:
    """Gives money back, or finds the refund that a call with this number made."""
    wish: RefundDocument = call.document
    trade = trade_of(call, wish.sub_mchid, number=wish.out_trade_no, theirs=wish.transaction_id)
    if trade is None:
        return NO_SUCH_THING
    if wish.amount.total != trade.amount_fen:
        return OTHER_TOTAL
    terms = RefundTerms(
        number=wish.out_refund_no,
        amount_fen=wish.amount.refund,
        reason=wish.reason,
        notify_url=wish.notify_url or "",
        takes_s=TAKES_S,
        document=wish,
    )
    opened = world.refund(trade, terms)
    return REFUND_REFUSALS[opened] if isinstance(opened, No) else refund_of(opened)


def query_refund(world: World, call: WechatCall) -> Done:
    """How a refund stands."""
    found = _found(call, call.number, call.query.get("sub_mchid", ""))
    return found if isinstance(found, CallRefused) else refund_of(found)


def read_abnormal(call: WechatCall) -> CallRefused | None:
    """Whose card the money is to go to; what is encrypted has to open."""
    wish = read_parameters(ABNORMAL, call.body)
    if isinstance(wish, CallRefused):
        return wish
    secrets = {"/bank_account": wish.bank_account, "/real_name": wish.real_name}
    for field, ciphertext in secrets.items() if wish.type == "USER_BANK_CARD" else ():
        opened = opened_secret(call.keys, call.serial, ciphertext, field)
        if isinstance(opened, CallRefused):
            return opened
    call.document, call.number = wish, wish.out_refund_no
    return None


def apply_abnormal(world: World, call: WechatCall) -> Done:
    """Sends what could not reach the payer another way, and at once."""
    wish: AbnormalDocument = call.document
    found = _found(call, wish.out_refund_no, wish.sub_mchid)
    if isinstance(found, CallRefused):
        return found
    if found.channel_number != call.names["theirs"]:
        return NO_SUCH_THING
    if found.state is not RefundState.ABNORMAL:
        return NOT_ABNORMAL
    found.state, found.refunded_at = RefundState.REFUNDED, world.clock.now()
    world.announce(found, found.terms.notify_url, found.refunded_at)
    return refund_of(found)


def _found(call: WechatCall, number: str, sub_mchid: str) -> Refund | CallRefused:
    if not may_speak_for(call, sub_mchid):
        return NOT_YOURS
    found = call.merchant.refunds.get(number)
    is_theirs = found is not None and order_of(found.trade).sub_mchid == sub_mchid
    return found if found is not None and is_theirs else NO_SUCH_THING


_BASE = "/v3/refund/domestic/refunds"

ROUTES = [
    web.post(_BASE, wechat("refund", refund, read_refund)),
    web.get(f"{_BASE}/{{number}}", wechat("query_refund", query_refund)),
    web.post(
        f"{_BASE}/{{theirs}}/apply-abnormal-refund", wechat("refund", apply_abnormal, read_abnormal)
    ),
]
