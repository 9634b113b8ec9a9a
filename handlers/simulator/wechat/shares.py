"""The platform's calls about profit sharing."""

from __future__ import annotations

from aiohttp import web
from msgspec import Struct
from msgspec.structs import replace

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
    SHARE_REFUSALS,
    order_of,
    return_of,
    share_of,
)
from handlers.simulator.world import No, Part, ShareTerms, World
from schema.channels.wechat.money_documents import (
    KNOWN_RECEIVER,
    RETURN,
    SHARE,
    UNFREEZE,
    KnownReceiver,
    ReceiverDocument,
    ReturnDocument,
    ShareDocument,
    UnfreezeDocument,
)
from schema.channels.wechat.platform import (
    CallRefused,
    opened_secret,
    param_error,
    read_parameters,
)

TAKES_S = 3
"""How long the platform works on a share, in the world's waits."""


class Unsplit(Struct, frozen=True, kw_only=True):
    """What of a payment can still be shared."""

    transaction_id: str
    unsplit_amount: int


def read_share(call: WechatCall) -> CallRefused | None:
    """What goes to whom. Names are kept opened, so that a repeat, encrypted anew, is still one."""
    wish = read_parameters(SHARE, call.body)
    if isinstance(wish, CallRefused):
        return wish
    if not may_speak_for(call, wish.sub_mchid):
        return NOT_YOURS
    receivers: list[ReceiverDocument] = []
    for place, receiver in enumerate(wish.receivers):
        name = receiver.name
        if name:
            field = f"/receivers/{place}/name"
            opened = opened_secret(call.keys, call.serial, name, field)
            if isinstance(opened, CallRefused):
                return opened
            name = opened
        receivers.append(replace(receiver, name=name))
    call.document, call.number = replace(wish, receivers=receivers), wish.out_order_no
    return None


def share(world: World, call: WechatCall) -> Done:
    """Shares a payment, or finds the share that an identical call made."""
    wish: ShareDocument = call.document
    parts = tuple(
        Part(
            kind=each.type,
            account=each.account,
            amount_fen=each.amount,
            description=each.description,
        )
        for each in wish.receivers
    )
    terms = ShareTerms(
        number=wish.out_order_no,
        parts=parts,
        is_last=wish.unfreeze_unsplit,
        takes_s=TAKES_S,
        document=wish,
    )
    return _shared(world, call, wish, terms)


def read_unfreeze(call: WechatCall) -> CallRefused | None:
    """What is not to be shared any more."""
    wish = read_parameters(UNFREEZE, call.body)
    if isinstance(wish, CallRefused):
        return wish
    call.document, call.number = wish, wish.out_order_no
    return None if may_speak_for(call, wish.sub_mchid) else NOT_YOURS


def unfreeze(world: World, call: WechatCall) -> Done:
    """Gives what is left to the merchant."""
    wish: UnfreezeDocument = call.document
    terms = ShareTerms(
        number=wish.out_order_no, parts=(), is_last=True, takes_s=TAKES_S, document=wish
    )
    return _shared(world, call, wish, terms)


def query_share(world: World, call: WechatCall) -> Done:
    """How a profit share stands."""
    sub_mchid = call.query.get("sub_mchid", "")
    if not may_speak_for(call, sub_mchid):
        return NOT_YOURS
    found = call.merchant.shares.get(call.number)
    if found is None or order_of(found.trade).sub_mchid != sub_mchid:
        return NO_SUCH_THING
    is_of = found.trade.channel_number == call.query.get("transaction_id")
    return share_of(found) if is_of else NO_SUCH_THING


def read_return(call: WechatCall) -> CallRefused | None:
    """What is to be given back, of which share."""
    wish = read_parameters(RETURN, call.body)
    if isinstance(wish, CallRefused):
        return wish
    if not wish.order_id and not wish.out_order_no:
        return param_error("/out_order_no", "missing")
    call.document, call.number = wish, wish.out_return_no
    return None if may_speak_for(call, wish.sub_mchid) else NOT_YOURS


def return_part(world: World, call: WechatCall) -> Done:
    """A merchant gives its part back, or some of it."""
    wish: ReturnDocument = call.document
    shares = call.merchant.shares
    by_theirs = (each for each in shares.values() if each.channel_number == wish.order_id)
    share = shares.get(wish.out_order_no) if wish.out_order_no else next(by_theirs, None)
    if share is None or order_of(share.trade).sub_mchid != wish.sub_mchid:
        return NO_SUCH_THING
    returned = world.return_share(
        share, wish.out_return_no, wish.return_mchid, wish.amount, wish.description
    )
    return SHARE_REFUSALS[returned] if isinstance(returned, No) else return_of(share, returned)


def query_return(world: World, call: WechatCall) -> Done:
    """How such a return stands."""
    sub_mchid = call.query.get("sub_mchid", "")
    if not may_speak_for(call, sub_mchid):
        return NOT_YOURS
    share = call.merchant.shares.get(call.query.get("out_order_no", ""))
    if share is None or order_of(share.trade).sub_mchid != sub_mchid:
        return NO_SUCH_THING
    found = next((each for each in share.returns if each.number == call.number), None)
    return return_of(share, found) if found else NO_SUCH_THING


def read_receiver(call: WechatCall) -> CallRefused | None:
    """Who may get parts. Here everybody may, so nothing is kept; a name has to open, though."""
    wish = read_parameters(KNOWN_RECEIVER, call.body)
    if isinstance(wish, CallRefused):
        return wish
    call.document = wish
    if not may_speak_for(call, wish.sub_mchid):
        return NOT_YOURS
    opened = opened_secret(call.keys, call.serial, wish.name, "/name") if wish.name else None
    return opened if isinstance(opened, CallRefused) else None


def know_receiver(world: World, call: WechatCall) -> Done:
    """Says again who it is about."""
    wish: KnownReceiver = call.document
    return wish


def query_amounts(world: World, call: WechatCall) -> Done:
    """What of a payment can still be shared."""
    trade = call.merchant.payments.get(call.names["theirs"])
    if trade is None:
        return NO_SUCH_THING
    left_fen = trade.amount_fen - trade.refunded_fen - trade.shared_fen
    unsplit_fen = left_fen if trade.terms.shares_profit and not trade.is_unfrozen else 0
    return Unsplit(transaction_id=trade.channel_number, unsplit_amount=unsplit_fen)


def _shared(
    world: World, call: WechatCall, wish: ShareDocument | UnfreezeDocument, terms: ShareTerms
) -> Done:
    trade = trade_of(call, wish.sub_mchid, theirs=wish.transaction_id)
    if trade is None:
        return NO_SUCH_THING
    opened = world.share(trade, terms, wish)
    return SHARE_REFUSALS[opened] if isinstance(opened, No) else share_of(opened)


_BASE = "/v3/profitsharing"

ROUTES = [
    web.post(f"{_BASE}/orders", wechat("share", share, read_share)),
    web.post(f"{_BASE}/orders/unfreeze", wechat("share", unfreeze, read_unfreeze)),
    web.get(f"{_BASE}/orders/{{number}}", wechat("query_share", query_share)),
    web.post(f"{_BASE}/return-orders", wechat("share", return_part, read_return)),
    web.get(f"{_BASE}/return-orders/{{number}}", wechat("query_share", query_return)),
    web.post(f"{_BASE}/receivers/add", wechat("share", know_receiver, read_receiver)),
    web.post(f"{_BASE}/receivers/delete", wechat("share", know_receiver, read_receiver)),
    web.get(f"{_BASE}/transactions/{{theirs}}/amounts", wechat("query_share", query_amounts)),
]
