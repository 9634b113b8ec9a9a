"""Our side of profit shares 分账: what is asked, and what the answers prove."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Raw

from schema.channels.alipay.asking import (
    NOT_OFFERED,
    done,
    other,
    question,
    signed_parameters,
    unlisted,
)
from schema.channels.alipay.documents import ExtendParams
from schema.channels.alipay.keys import AlipayKeys
from schema.channels.alipay.money_documents import (
    SETTLE_QUERIED,
    SETTLED,
    RoyaltyDetail,
    RoyaltyDocument,
    SettleDocument,
    SettleQueryDocument,
)
from schema.channels.alipay.tables import RECEIPT_STATES
from schema.channels.alipay.texts import fen, yuan
from schema.channels.alipay.trading import is_user_id
from schema.channels.http import ProtocolError, Question, Stamp
from schema.channels.reading import plain, read
from schema.channels.verdicts import (
    Receipt,
    Shared,
    SharePending,
    ShareVerdict,
    SurelyNotShared,
    Unknown,
)
from schema.channels.wishes import Part, Payee, Share

SETTLE, QUERY = "alipay.trade.order.settle", "alipay.trade.order.settle.query"
GIVEN_BACK = "transfer_refund"
MODE = "async"
"""Receivers are paid after the answer; the other mode is for those who were early customers."""


def share(keys: AlipayKeys, wish: Share, stamp: Stamp) -> Question[ShareVerdict] | ShareVerdict:
    """Shares the money of a paid trade; without parts it gives the merchant all that is left."""
    parts = [_part(part) for part in wish.parts]
    if None in parts:
        return SurelyNotShared(code=NOT_OFFERED, cause="platform")
    document = SettleDocument(
        out_request_no=wish.number,
        trade_no=wish.channel_payment_id,
        royalty_parameters=[part for part in parts if part],
        royalty_mode=MODE,
        extend_params=ExtendParams(royalty_finish="true") if wish.is_last else None,
    )
    parameters = signed_parameters(keys, SETTLE, document, stamp)
    understood = done(lambda node, _: _taken(wish, node))
    return question(keys, "share", SETTLE, parameters, SurelyNotShared, understood)


def query_share(keys: AlipayKeys, wish: Share, stamp: Stamp) -> Question[ShareVerdict]:
    """Asks what became of each receiver's part."""
    document = SettleQueryDocument(out_request_no=wish.number, trade_no=wish.channel_payment_id)
    parameters = signed_parameters(keys, QUERY, document, stamp)
    understood = done(lambda node, _: _stands(wish, node))
    return question(keys, "query_share", QUERY, parameters, SurelyNotShared, understood)


def raw_fen(amount: Raw) -> int:
    """An amount in yuan that is a text or a number there, in fen. Raises ProtocolError."""
    try:
        return fen(bytes(amount).decode("ascii").strip('"'))
    except UnicodeDecodeError as error:
        raise ProtocolError("not an amount in yuan") from error


def raw_yuan(amount_fen: int) -> Raw:
    """An amount as a text in yuan."""
    return Raw(msgspec.json.encode(yuan(amount_fen)))


def _part(part: Part) -> RoyaltyDocument | None:
    kind = _receiver(part.payee)
    if kind is None:
        return None
    return RoyaltyDocument(
        royalty_type="transfer",
        trans_in_type=kind,
        trans_in=part.payee.account,
        amount=raw_yuan(part.amount_fen),
        desc=part.description[:1000],
    )


def _receiver(payee: Payee) -> Literal["userId", "openId", "loginName"] | None:
    match payee.kind:
        case "alipay_user_id":
            return "userId" if is_user_id(payee.account) else "openId"
        case "merchant":
            return "userId"
        case "alipay_login":
            return "loginName"
        case _:
            return None


def _taken(wish: Share, node: bytes) -> ShareVerdict:
    answer = read(SETTLED, node)
    if answer.trade_no != wish.channel_payment_id:
        return other("the answer is about another order")
    return SharePending(channel_share_id=plain(answer.settle_no))


def _stands(wish: Share, node: bytes) -> ShareVerdict:
    answer = read(SETTLE_QUERIED, node)
    if answer.out_request_no not in ("", wish.number):
        return other("the answer is about another share")
    details = [each for each in answer.royalty_detail_list if each.operation_type != GIVEN_BACK]
    strange = [each.state for each in details if each.state not in RECEIPT_STATES]
    if strange:
        return unlisted(strange[0])
    if wish.parts and not details:
        return Unknown(why="ambiguous", code="no royalty_detail_list")
    number, receipts = plain(answer.settle_no), tuple(_receipt(each) for each in details)
    if any(receipt.state == "pending" for receipt in receipts):
        return SharePending(channel_share_id=number, receipts=receipts)
    return Shared(channel_share_id=number, receipts=receipts)


def _receipt(detail: RoyaltyDetail) -> Receipt:
    return Receipt(
        account=plain(detail.trans_in),
        amount_fen=raw_fen(detail.amount),
        state=RECEIPT_STATES[detail.state],
        code=plain(detail.error_code),
    )
