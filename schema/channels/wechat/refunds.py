"""Our side of refunds."""

from __future__ import annotations

from functools import partial
from typing import Literal

from msgspec import Struct, convert

from schema.channels import (
    Question,
    Refund,
    RefundAbnormal,
    Refunded,
    RefundPending,
    RefundVerdict,
    Stamp,
    SurelyNotRefunded,
    Unknown,
)
from schema.channels.reading import plain, read
from schema.channels.wechat.asking import (
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
    REFUND_STANDING,
    AbnormalDocument,
    RefundAmount,
    RefundDocument,
    RefundStanding,
)
from schema.channels.wechat.signing import encrypt
from schema.channels.wechat.tables import REFUND_STATES

REFUNDS = "/v3/refund/domestic/refunds"
REASON_CHARACTERS_MAX = 80
"""The payer reads it; one that is too long must not cost them their money."""


def refund(keys: WechatKeys, wish: Refund, stamp: Stamp) -> Question[RefundVerdict]:
    """Gives money back; the same number twice is one refund there."""
    account, by_theirs = keys.account, bool(wish.channel_payment_id)
    document = RefundDocument(
        sub_mchid=account.sub_mchid,
        transaction_id=wish.channel_payment_id,
        out_trade_no="" if by_theirs else wish.order_number,
        out_refund_no=wish.number,
        reason=wish.reason[:REASON_CHARACTERS_MAX],
        notify_url=account.notify_url,
        amount=RefundAmount(refund=wish.refund_fen, total=wish.paid_fen),
    )
    request = signed_request(keys, "POST", REFUNDS, written(document), stamp)
    return question(keys, "refund", request, SurelyNotRefunded, {200: partial(_standing, wish)})


def query_refund(keys: WechatKeys, wish: Refund, stamp: Stamp) -> Question[RefundVerdict]:
    """Asks how our refund stands."""
    whose = parameters(sub_mchid=keys.account.sub_mchid)
    request = signed_request(keys, "GET", f"{REFUNDS}/{in_path(wish.number)}{whose}", b"", stamp)
    stands = {200: partial(_standing, wish)}
    return question(keys, "query_refund", request, SurelyNotRefunded, stands)


class Card(Struct, frozen=True, kw_only=True):
    """A payer's bank card. All three travel with the refund, two of them encrypted."""

    bank: str
    """In the platform's word, such as ICBC_DEBIT."""
    account: str
    name: str

    def __repr__(self) -> str:
        return f"Card(bank={self.bank!r})"


def apply_abnormal_refund(
    keys: WechatKeys,
    wish: Refund,
    channel_refund_id: str,
    stamp: Stamp,
    *,
    to: Literal["payer", "merchant"],
    card: Card | None = None,
) -> Question[RefundVerdict] | RefundVerdict:
    """Sends money that could not reach the payer to their bank card, or to the merchant's.

    A refusal says nothing of the refund itself, hence the codes of its query.
    """
    secret = _encrypted(keys, card, stamp) if to == "payer" else {"type": "MERCHANT_BANK_CARD"}
    if secret is None:
        message = "it takes the payer's card, and a key of the platform to encrypt it for"
        return Unknown(why="ambiguous", code="incomplete", message=message, cause="platform")
    whose = {"sub_mchid": keys.account.sub_mchid, "out_refund_no": wish.number}
    document = convert(whose | secret, AbnormalDocument)
    path = f"{REFUNDS}/{in_path(channel_refund_id)}/apply-abnormal-refund"
    request = signed_request(keys, "POST", path, written(document), stamp)
    stands = {200: partial(_standing, wish)}
    return question(keys, "query_refund", request, SurelyNotRefunded, stands)


def verdict_of(standing: RefundStanding) -> RefundVerdict:
    """What a refund that is proven to be the platform's word says about the money."""
    state, number, amount = standing.state, standing.refund_id, standing.amount
    match REFUND_STATES.get(state):
        case "pending":
            return RefundPending(channel_refund_id=number, code=state)
        case "abnormal":
            return RefundAbnormal(channel_refund_id=number, code=state)
        case "refused":
            return SurelyNotRefunded(code=state, cause="merchant", number_is_spent=True)
        case "refunded":
            pass
        case None:
            return unlisted(state)
    if amount is None or standing.success_time is None or amount.refund < 1:
        return Unknown(why="unparsable", code=state, message="a refund without its amount or time")
    return Refunded(
        channel_refund_id=number,
        refund_fen=amount.refund,
        currency=amount.currency,
        refunded_at=standing.success_time,
        received_by=plain(standing.user_received_account),
    )


def is_ours(account: WechatAccount, standing: RefundStanding) -> bool:
    """Whether a notice of a refund is about this merchant."""
    if account.sub_mchid:
        return (standing.sp_mchid, standing.sub_mchid) == (account.mchid, account.sub_mchid)
    return standing.mchid == account.mchid


def _encrypted(keys: WechatKeys, card: Card | None, stamp: Stamp) -> dict[str, str] | None:
    peer = keys.newest_peer(stamp.now)
    if card is None or peer is None:
        return None
    return {
        "type": "USER_BANK_CARD",
        "bank_type": card.bank,
        "bank_account": encrypt(peer.key, card.account),
        "real_name": encrypt(peer.key, card.name),
    }


def _standing(wish: Refund, body: bytes) -> RefundVerdict:
    standing = read(REFUND_STANDING, body)
    if standing.out_refund_no != wish.number or standing.out_trade_no != wish.order_number:
        return other("the answer is about another refund")
    if standing.amount is not None and standing.amount.refund != wish.refund_fen:
        return other("the answer is about another amount")
    return verdict_of(standing)
