"""Our side of profit sharing 分账: parts of a held payment go to others, the rest to the merchant.

Source: pay.weixin.qq.com, merchant and partner documents v3, profit sharing.
"""

from __future__ import annotations

from functools import partial
from typing import Literal

from schema.channels import (
    Part,
    Payee,
    Question,
    Receipt,
    Share,
    Shared,
    SharePending,
    ShareVerdict,
    Stamp,
    SurelyNotShared,
    Unknown,
)
from schema.channels.reading import plain, read
from schema.channels.wechat.asking import (
    NOT_OFFERED,
    in_path,
    other,
    parameters,
    question,
    signed_request,
    unlisted,
)
from schema.channels.wechat.documents import written
from schema.channels.wechat.keys import WechatAccount, WechatKeys
from schema.channels.wechat.money_documents import (
    RETURN_STANDING,
    SHARE_STANDING,
    ReceiverDocument,
    ReceiverStanding,
    ReturnDocument,
    ReturnStanding,
    ShareDocument,
    ShareStanding,
    UnfreezeDocument,
)
from schema.channels.wechat.signing import encrypt
from schema.channels.wechat.tables import RECEIPT_STATES, RETURN_STATES, SHARE_STATES

SHARES = "/v3/profitsharing/orders"
RETURNS = "/v3/profitsharing/return-orders"
RECEIVERS_MAX = 50
DESCRIPTION_CHARACTERS_MAX = 80
UNFREEZE_REASON = "解冻剩余资金"

ReceiverType = Literal["MERCHANT_ID", "PERSONAL_OPENID", "PERSONAL_SUB_OPENID"]


def share(keys: WechatKeys, wish: Share, stamp: Stamp) -> Question[ShareVerdict] | ShareVerdict:
    """Shares a payment; without parts, what is held goes to the merchant."""
    account = keys.account
    if not wish.parts:
        return _unfreeze(keys, wish, stamp)
    if any(_receiver_type(account, part.payee) is None for part in wish.parts):
        return _not_asked(NOT_OFFERED, "a share goes to a merchant or to a person's openid")
    if len(wish.parts) > RECEIVERS_MAX:
        return _not_asked("too_many", f"a share has at most {RECEIVERS_MAX} receivers")
    if any(part.payee.name for part in wish.parts) and not keys.newest_peer(stamp.now):
        message = "no key of the platform to encrypt the names for: renew first"
        return Unknown(why="ambiguous", code="incomplete", message=message)
    document = ShareDocument(
        sub_mchid=account.sub_mchid,
        appid=account.appid,
        sub_appid=account.sub_appid if account.sub_mchid else "",
        transaction_id=wish.channel_payment_id,
        out_order_no=wish.number,
        receivers=[_receiver(keys, part, stamp) for part in wish.parts],
        unfreeze_unsplit=wish.is_last,
    )
    request = signed_request(keys, "POST", SHARES, written(document), stamp)
    return question(keys, "share", request, SurelyNotShared, {200: partial(_standing, wish)})


def query_share(keys: WechatKeys, wish: Share, stamp: Stamp) -> Question[ShareVerdict]:
    """Asks how our profit share stands."""
    names = parameters(transaction_id=wish.channel_payment_id, sub_mchid=keys.account.sub_mchid)
    request = signed_request(keys, "GET", f"{SHARES}/{in_path(wish.number)}{names}", b"", stamp)
    stands = {200: partial(_standing, wish)}
    return question(keys, "query_share", request, SurelyNotShared, stands)


def return_share(
    keys: WechatKeys, wish: Share, part: Part, return_number: str, stamp: Stamp
) -> Question[ShareVerdict]:
    """Takes a merchant's part back 分账回退, all of it or less; under its own number."""
    document = ReturnDocument(
        sub_mchid=keys.account.sub_mchid,
        out_order_no=wish.number,
        out_return_no=return_number,
        return_mchid=part.payee.account,
        amount=part.amount_fen,
        description=part.description[:DESCRIPTION_CHARACTERS_MAX],
    )
    request = signed_request(keys, "POST", RETURNS, written(document), stamp)
    returned = {200: partial(_returned, return_number)}
    return question(keys, "share", request, SurelyNotShared, returned)


def query_return(
    keys: WechatKeys, wish: Share, return_number: str, stamp: Stamp
) -> Question[ShareVerdict]:
    """Asks how a return stands."""
    names = parameters(out_order_no=wish.number, sub_mchid=keys.account.sub_mchid)
    path = f"{RETURNS}/{in_path(return_number)}{names}"
    request = signed_request(keys, "GET", path, b"", stamp)
    returned = {200: partial(_returned, return_number)}
    return question(keys, "query_share", request, SurelyNotShared, returned)


def verdict_of(standing: ShareStanding) -> ShareVerdict:
    """What a profit share that is proven to be the platform's word says about the money."""
    receipts = [_receipt(receiver) for receiver in standing.receivers]
    strange = next((each for each in receipts if isinstance(each, Unknown)), None)
    if strange:
        return strange
    known = tuple(each for each in receipts if isinstance(each, Receipt))
    match SHARE_STATES.get(standing.state):
        case "shared":
            return Shared(channel_share_id=standing.order_id, receipts=known)
        case "pending":
            return SharePending(
                channel_share_id=standing.order_id, receipts=known, code=standing.state
            )
        case None:
            return unlisted(standing.state)


def _unfreeze(keys: WechatKeys, wish: Share, stamp: Stamp) -> Question[ShareVerdict]:
    document = UnfreezeDocument(
        sub_mchid=keys.account.sub_mchid,
        transaction_id=wish.channel_payment_id,
        out_order_no=wish.number,
        description=UNFREEZE_REASON,
    )
    request = signed_request(keys, "POST", f"{SHARES}/unfreeze", written(document), stamp)
    return question(keys, "share", request, SurelyNotShared, {200: partial(_standing, wish)})


def _not_asked(code: str, message: str) -> SurelyNotShared:
    return SurelyNotShared(code=code, message=message, cause="platform")


def _receiver_type(account: WechatAccount, payee: Payee) -> ReceiverType | None:
    if payee.kind == "merchant":
        return "MERCHANT_ID"
    if payee.kind != "wechat_openid":
        return None
    is_subs = bool(account.sub_mchid and account.sub_appid)
    return "PERSONAL_SUB_OPENID" if is_subs else "PERSONAL_OPENID"


def _receiver(keys: WechatKeys, part: Part, stamp: Stamp) -> ReceiverDocument:
    kind, peer = _receiver_type(keys.account, part.payee), keys.newest_peer(stamp.now)
    assert kind is not None
    name = encrypt(peer.key, part.payee.name) if peer and part.payee.name else ""
    return ReceiverDocument(
        type=kind,
        account=part.payee.account,
        name=name,
        amount=part.amount_fen,
        description=part.description[:DESCRIPTION_CHARACTERS_MAX],
    )


def _standing(wish: Share, body: bytes) -> ShareVerdict:
    standing = read(SHARE_STANDING, body)
    said = (standing.out_order_no, standing.transaction_id)
    if said != (wish.number, wish.channel_payment_id):
        return other("the answer is about another profit share")
    return verdict_of(standing)


def _returned(number: str, body: bytes) -> ShareVerdict:
    standing = read(RETURN_STANDING, body)
    if standing.out_return_no != number:
        return other("the answer is about another return")
    return _return_verdict(standing)


def _return_verdict(standing: ReturnStanding) -> ShareVerdict:
    state = RETURN_STATES.get(standing.result)
    if state is None:
        return unlisted(standing.result)
    if state == "refused":
        code = plain(standing.fail_reason) or standing.result
        return SurelyNotShared(code=code, cause="merchant")
    receipt = Receipt(account=standing.return_mchid, amount_fen=standing.amount, state=state)
    if state == "pending":
        return SharePending(channel_share_id=standing.return_id, receipts=(receipt,))
    return Shared(channel_share_id=standing.return_id, receipts=(receipt,))


def _receipt(receiver: ReceiverStanding) -> Receipt | Unknown:
    state = RECEIPT_STATES.get(receiver.result)
    if state is None:
        return unlisted(receiver.result)
    return Receipt(
        account=plain(receiver.account),
        amount_fen=receiver.amount,
        state=state,
        code=plain(receiver.fail_reason),
    )
