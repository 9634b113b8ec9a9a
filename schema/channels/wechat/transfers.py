"""Our side of transfers to people 商家转账: the payee confirms each within a day.

The package that they confirm with comes only in the answer of the call that made the transfer.
Source: pay.weixin.qq.com, merchant documents v3, transfer bills.
"""

from __future__ import annotations

from functools import partial

from schema.channels import (
    Question,
    Stamp,
    SurelyNotTransferred,
    Transfer,
    TransferPending,
    Transferred,
    TransferVerdict,
    Unknown,
)
from schema.channels.reading import plain, read
from schema.channels.wechat.asking import (
    NOT_OFFERED,
    in_path,
    other,
    question,
    signed_request,
    unlisted,
)
from schema.channels.wechat.documents import written
from schema.channels.wechat.keys import PeerKey, SceneReport, WechatAccount, WechatKeys
from schema.channels.wechat.money_documents import (
    TRANSFER_ACCEPTED,
    TRANSFER_CANCELLED,
    TRANSFER_STANDING,
    TransferDocument,
    TransferStanding,
)
from schema.channels.wechat.signing import encrypt
from schema.channels.wechat.tables import TRANSFER_REFUSALS, TRANSFER_STATES

TRANSFERS = "/v3/fund-app/mch-transfer/transfer-bills"

NAME_FROM_FEN = 30
"""Below 0.3 yuan the platform takes no name."""
NAME_NEEDED_FROM_FEN = 200_000
"""From 2,000 yuan on it wants one."""
REMARK_CHARACTERS_MAX = 32


def transfer(
    keys: WechatKeys, wish: Transfer, stamp: Stamp
) -> Question[TransferVerdict] | TransferVerdict:
    """Sends money to a payee; the same number twice is one transfer there."""
    name, peer = wish.payee.name, keys.newest_peer(stamp.now)
    if wish.payee.kind != "wechat_openid":
        return _not_asked(NOT_OFFERED, f"no transfer to {wish.payee.kind} here")
    if not name and wish.amount_fen >= NAME_NEEDED_FROM_FEN:
        return _not_asked("incomplete", "from 2,000 yuan on a transfer needs the payee's name")
    if name and peer is None:
        message = "no key of the platform to encrypt the name for: renew first"
        return Unknown(why="ambiguous", code="incomplete", message=message)
    body = written(_document(keys.account, wish, peer))
    request = signed_request(keys, "POST", TRANSFERS, body, stamp)
    accepted = {200: partial(_accepted, wish)}
    return question(keys, "transfer", request, SurelyNotTransferred, accepted)


def query_transfer(keys: WechatKeys, wish: Transfer, stamp: Stamp) -> Question[TransferVerdict]:
    """Asks how our transfer stands."""
    request = signed_request(keys, "GET", transfer_path(wish), b"", stamp)
    stands = {200: partial(_standing, keys, wish)}
    return question(keys, "query_transfer", request, SurelyNotTransferred, stands)


def cancel_transfer(keys: WechatKeys, wish: Transfer, stamp: Stamp) -> Question[TransferVerdict]:
    """Asks that a transfer which the payee has not confirmed is given up; it ends some time
    later."""
    request = signed_request(keys, "POST", f"{transfer_path(wish)}/cancel", b"", stamp)
    cancelled = {200: partial(_cancelled, wish)}
    return question(keys, "query_transfer", request, SurelyNotTransferred, cancelled)


def transfer_path(wish: Transfer) -> str:
    """Where this transfer lives."""
    return f"{TRANSFERS}/out-bill-no/{in_path(wish.number)}"


def verdict_of(standing: TransferStanding) -> TransferVerdict:
    """What a transfer that is proven to be the platform's word says about the money."""
    if TRANSFER_STATES.get(standing.state) == "transferred":
        if standing.transfer_amount < 1:
            return Unknown(why="unparsable", code=standing.state, message="no amount")
        return Transferred(
            channel_transfer_id=standing.transfer_bill_no,
            amount_fen=standing.transfer_amount,
            currency="CNY",
            transferred_at=standing.update_time,
        )
    return _unfinished(standing.state, standing.transfer_bill_no, standing.fail_reason)


def is_ours(account: WechatAccount, standing: TransferStanding) -> bool:
    """Whether it is a transfer of this merchant."""
    return standing.mch_id == account.mchid


def _not_asked(code: str, message: str) -> SurelyNotTransferred:
    return SurelyNotTransferred(code=code, message=message, cause="platform")


def _document(account: WechatAccount, wish: Transfer, peer: PeerKey | None) -> TransferDocument:
    has_name = peer is not None and wish.payee.name and wish.amount_fen >= NAME_FROM_FEN
    remark = (wish.remark or wish.title)[:REMARK_CHARACTERS_MAX]
    return TransferDocument(
        appid=account.appid,
        out_bill_no=wish.number,
        transfer_scene_id=account.transfer_scene_id,
        openid=wish.payee.account,
        user_name=encrypt(peer.key, wish.payee.name) if peer is not None and has_name else "",
        transfer_amount=wish.amount_fen,
        transfer_remark=remark,
        notify_url=account.notify_url,
        transfer_scene_report_infos=list(account.transfer_scene_reports) or _reports(wish, remark),
    )


def _reports(wish: Transfer, remark: str) -> list[SceneReport]:
    """What the platform wants to know of scene 1000, a campaign's reward."""
    return [
        SceneReport(info_type="活动名称", info_content=wish.title[:REMARK_CHARACTERS_MAX]),
        SceneReport(info_type="奖励说明", info_content=remark),
    ]


def _accepted(wish: Transfer, body: bytes) -> TransferVerdict:
    accepted = read(TRANSFER_ACCEPTED, body)
    if accepted.out_bill_no != wish.number:
        return other("the answer is about another transfer")
    package = plain(accepted.package_info) if accepted.state == "WAIT_USER_CONFIRM" else ""
    return _unfinished(accepted.state, accepted.transfer_bill_no, accepted.fail_reason, package)


def _standing(keys: WechatKeys, wish: Transfer, body: bytes) -> TransferVerdict:
    standing = read(TRANSFER_STANDING, body)
    if standing.out_bill_no != wish.number or not is_ours(keys.account, standing):
        return other("the answer is about another transfer or merchant")
    if standing.transfer_amount != wish.amount_fen:
        return other("the answer is about another amount")
    return verdict_of(standing)


def _cancelled(wish: Transfer, body: bytes) -> TransferVerdict:
    cancelled = read(TRANSFER_CANCELLED, body)
    if cancelled.out_bill_no != wish.number:
        return other("the answer is about another transfer")
    return _unfinished(cancelled.state, cancelled.transfer_bill_no, "")


def _unfinished(state: str, number: str, reason: str, package: str = "") -> TransferVerdict:
    """A state without amount and time; a success of that kind is left to the query."""
    match TRANSFER_STATES.get(state):
        case "pending" | "transferred":
            return TransferPending(channel_transfer_id=number, package=package, code=state)
        case "refused":
            code = plain(reason) or state
            return SurelyNotTransferred(code=code, cause=TRANSFER_REFUSALS.get(code, "channel"))
        case None:
            return unlisted(state)
