"""The platform's calls about transfers to people, who confirm them."""

from __future__ import annotations

from aiohttp import web
from msgspec import Struct
from msgspec.structs import replace

from handlers.simulator.wechat.hearing import Done, WechatCall, wechat
from handlers.simulator.wechat.words import (
    NO_TRANSFER,
    TRANSFER_REFUSALS,
    TRANSFER_STATES,
    fail_reason,
    transfer_of,
)
from handlers.simulator.world import No, Transfer, TransferState, TransferTerms, World
from schema.channels.wechat.documents import china_time
from schema.channels.wechat.money_documents import (
    TRANSFER,
    TransferAccepted,
    TransferCancelled,
    TransferDocument,
)
from schema.channels.wechat.platform import (
    CallRefused,
    opened_secret,
    param_error,
    read_parameters,
)
from schema.channels.wechat.transfers import NAME_FROM_FEN, NAME_NEEDED_FROM_FEN

TAKES_S = 2
"""How long a confirmed transfer is under way, in the world's waits."""


def read_transfer(call: WechatCall) -> CallRefused | None:
    """How much is to go to whom. The name is kept opened, so that a repeat, encrypted anew, is
    still a repeat."""
    wish = read_parameters(TRANSFER, call.body)
    if isinstance(wish, CallRefused):
        return wish
    if wish.appid != call.keys.account.appid:
        return CallRefused(code="INVALID_REQUEST", message="APPID与商户号不匹配")
    if not wish.transfer_scene_report_infos:
        return param_error("/transfer_scene_report_infos", "missing")
    name = _name(call, wish)
    if isinstance(name, CallRefused):
        return name
    call.document = replace(wish, user_name=name)
    call.number, call.amount_fen = wish.out_bill_no, wish.transfer_amount
    return None


def transfer(world: World, call: WechatCall) -> Done:
    """A transfer that waits for its payee, or the one that an identical call made."""
    wish: TransferDocument = call.document
    terms = TransferTerms(
        number=wish.out_bill_no,
        amount_fen=wish.transfer_amount,
        payee=wish.openid,
        needs_confirmation=True,
        takes_s=TAKES_S,
        notify_url=wish.notify_url or "",
        document=wish,
    )
    opened = world.transfer(call.merchant, terms, wish)
    if isinstance(opened, No):
        return TRANSFER_REFUSALS[opened]
    is_waiting = opened.state is TransferState.CONFIRMING
    return TransferAccepted(
        out_bill_no=opened.number,
        transfer_bill_no=opened.channel_number,
        create_time=china_time(opened.opened_at),
        state=TRANSFER_STATES[opened.state],
        fail_reason=fail_reason(opened),
        package_info=opened.package if is_waiting else "",
    )


def query_by_number(world: World, call: WechatCall) -> Done:
    """How the merchant's transfer stands."""
    return _shown(call.merchant.transfers.get(call.number))


def query_by_bill(world: World, call: WechatCall) -> Done:
    """How the transfer with the platform's number stands."""
    theirs, transfers = call.names["theirs"], call.merchant.transfers.values()
    return _shown(next((each for each in transfers if each.channel_number == theirs), None))


def cancel(world: World, call: WechatCall) -> Done:
    """Gives up a transfer that its payee has not confirmed."""
    found = call.merchant.transfers.get(call.number)
    cancelled = world.cancel_transfer(found) if found else None
    if cancelled is None:
        return NO_TRANSFER
    if isinstance(cancelled, No):
        return TRANSFER_REFUSALS[cancelled]
    return TransferCancelled(
        out_bill_no=cancelled.number,
        transfer_bill_no=cancelled.channel_number,
        state="CANCELING",
        update_time=china_time(cancelled.changed_at),
    )


def _name(call: WechatCall, wish: TransferDocument) -> str | CallRefused:
    if not wish.user_name:
        is_needed = wish.transfer_amount >= NAME_NEEDED_FROM_FEN
        return param_error("/user_name", "needed from 2,000 yuan on") if is_needed else ""
    if wish.transfer_amount < NAME_FROM_FEN:
        return param_error("/user_name", "not taken below 0.3 yuan")
    return opened_secret(call.keys, call.serial, wish.user_name, "/user_name")


def _shown(found: Transfer | None) -> Struct:
    return transfer_of(found) if found else NO_TRANSFER


_BASE = "/v3/fund-app/mch-transfer/transfer-bills"

ROUTES = [
    web.post(_BASE, wechat("transfer", transfer, read_transfer)),
    web.get(f"{_BASE}/out-bill-no/{{number}}", wechat("query_transfer", query_by_number)),
    web.get(f"{_BASE}/transfer-bill-no/{{theirs}}", wechat("query_transfer", query_by_bill)),
    web.post(f"{_BASE}/out-bill-no/{{number}}/cancel", wechat("cancel_transfer", cancel)),
]
