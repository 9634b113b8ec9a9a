"""Our side of notices: is it theirs, is it for us, and what does it say.

Payments and refunds come in one kind of notice, as a form; transfers come as messages to the app's
gateway, with their JSON in `biz_content`. Both are signed over every parameter but `sign` and
`sign_type`, empty ones too. Nothing in them proves when they were sent, and they are repeated for a
day: telling a repeat by `notify_id` is the caller's duty, and so is comparing the amount.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from schema.channels.alipay.documents import TradeAnswer
from schema.channels.alipay.keys import AlipayKeys
from schema.channels.alipay.money_documents import TRANSFERRED
from schema.channels.alipay.signing import SIGN_TYPE, is_signed_by, notice_message, read_form
from schema.channels.alipay.texts import fen, moment
from schema.channels.alipay.trading import verdict_of
from schema.channels.alipay.transferring import verdict_of as transfer_verdict_of
from schema.channels.http import HttpAnswer, ProtocolError
from schema.channels.language import (
    Notice,
    OtherNotice,
    PaymentNotice,
    RefundNotice,
    TransferNotice,
)
from schema.channels.reading import plain, read
from schema.channels.verdicts import RefundPending

TRANSFER_MESSAGE = "alipay.fund.trans.order.changed"
PLAIN = {"Content-Type": "text/plain; charset=utf-8"}

_ID = re.compile(r"[0-9A-Za-z_\-]{1,128}")
_NUMBER = re.compile(r"[0-9A-Za-z_\-|*@.]{1,64}")
_MILLISECONDS = re.compile(r"[0-9]{1,14}", re.ASCII)


def prove(keys: AlipayKeys, body: bytes) -> str:
    """The `notify_id`, where the platform signed this for our app. Raises ProtocolError."""
    parameters = read_form(body)
    if parameters.get("sign_type", SIGN_TYPE) != SIGN_TYPE:
        raise ProtocolError(f"the signature type is not {SIGN_TYPE}")
    message, signature = notice_message(parameters), parameters.get("sign", "")
    if not any(is_signed_by(key, message, signature) for key in keys.peers.values()):
        raise ProtocolError("the signature does not fit the content")
    account = keys.account
    _same("app_id", account.app_id, parameters)
    _same("auth_app_id", account.auth_app_id, parameters)
    if "msg_method" not in parameters:
        _same("seller_id", account.seller_id, parameters)
    notice_id = parameters.get("notify_id", "")
    if not _ID.fullmatch(notice_id):
        raise ProtocolError("no notify_id")
    return notice_id


def read_notice(body: bytes) -> Notice:
    """What a notice says whose signature was good when it arrived. Raises ProtocolError."""
    parameters = read_form(body)
    if "msg_method" in parameters:
        return _message(parameters)
    if not parameters.get("out_trade_no"):
        return OtherNotice(what=plain(parameters.get("notify_type", "")))
    if parameters.get("out_biz_no") and fen(parameters.get("refund_fee") or "0"):
        return _refund(parameters)
    trade = TradeAnswer(
        trade_no=parameters.get("trade_no", ""),
        total_amount=parameters.get("total_amount", ""),
        buyer_user_id=parameters.get("buyer_id", ""),
        buyer_open_id=parameters.get("buyer_open_id", ""),
        gmt_payment=parameters.get("gmt_payment", ""),
    )
    told_at = moment(parameters.get("notify_time", ""))
    state = parameters.get("trade_status", "")
    number = _number(parameters["out_trade_no"])
    return PaymentNotice(number=number, verdict=verdict_of(trade, state, told_at))


def thanks() -> HttpAnswer:
    """Exactly these seven bytes end the repeating."""
    return HttpAnswer(status=200, headers=PLAIN, body=b"success")


def no_thanks(status: int) -> HttpAnswer:
    """Anything else makes the platform send it again: 8 times in all, in about 25 hours."""
    return HttpAnswer(status=status, headers=PLAIN, body=b"fail")


def _refund(parameters: Mapping[str, str]) -> Notice:
    """That a refund moved money. `refund_fee` is the sum of all refunds of the trade, so how much
    this one was is left to the query."""
    verdict = RefundPending(
        channel_refund_id=plain(parameters.get("trade_no", "")), code="refund_fee", message="ask"
    )
    return RefundNotice(
        number=_number(parameters["out_biz_no"]),
        order_number=_number(parameters["out_trade_no"]),
        verdict=verdict,
    )


def _message(parameters: Mapping[str, str]) -> Notice:
    method = parameters["msg_method"]
    if method != TRANSFER_MESSAGE:
        return OtherNotice(what=plain(method))
    answer = read(TRANSFERRED, parameters.get("biz_content", "").encode())
    told_at = _milliseconds(parameters.get("utc_timestamp", ""))
    number = _number(answer.out_biz_no)
    return TransferNotice(number=number, verdict=transfer_verdict_of(answer, None, told_at))


def _same(name: str, ours: str, parameters: Mapping[str, str]) -> None:
    if ours and parameters.get(name) != ours:
        raise ProtocolError(f"the {name} is not ours")


def _number(text: str) -> str:
    if not _NUMBER.fullmatch(text):
        raise ProtocolError("not a number that we gave")
    return text


def _milliseconds(text: str) -> datetime:
    if not _MILLISECONDS.fullmatch(text):
        raise ProtocolError("no utc_timestamp")
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(text))
