"""Our side of a Native payment: what the answers prove.

Two rules decide everything here. Only a signed success can say "paid". Only a documented refusal of
a create, or a confirmed close, can say "surely not paid"; whatever is not in the tables is unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from schema.channels import (
    HttpAnswer,
    NotKnownThere,
    Paid,
    Pending,
    ProtocolError,
    QrCode,
    SurelyNotPaid,
    Unknown,
    UnknownWhy,
    Verdict,
)
from schema.channels.reading import read
from schema.channels.wechat import documents
from schema.channels.wechat.documents import ErrorWords, Transaction
from schema.channels.wechat.keys import WechatKeys
from schema.channels.wechat.signing import signature_fault

MESSAGE_CHARACTERS_MAX = 256

Operation = Literal["create", "query", "close"]
Meaning = type[SurelyNotPaid] | type[NotKnownThere] | type[Unknown]

# What a 4xx code proves, per call. Codes and causes: pay.weixin.qq.com, merchant documents v3,
# error tables of create, query and close. The same code comes with different statuses in different
# tables (MCH_NOT_EXISTS with 400 and 404), so the code decides. A create that was refused made no
# order, and an order whose code was never handed out can't be paid by anybody; hence a refusal is a
# proof even when an earlier try of the same number reached them. A refused query or close proves
# nothing about the order, except where the code names the order's own state.
ERROR_MEANS: dict[str, tuple[Meaning, Meaning, Meaning]] = {
    #                         create         query          close
    "PARAM_ERROR":           (SurelyNotPaid, Unknown,       Unknown),
    "SIGN_ERROR":            (SurelyNotPaid, Unknown,       Unknown),
    "NO_AUTH":               (SurelyNotPaid, Unknown,       Unknown),
    "APPID_MCHID_NOT_MATCH": (SurelyNotPaid, Unknown,       Unknown),
    "MCH_NOT_EXISTS":        (SurelyNotPaid, Unknown,       Unknown),
    "RULE_LIMIT":            (SurelyNotPaid, Unknown,       Unknown),
    "TRADE_ERROR":           (SurelyNotPaid, Unknown,       Unknown),
    "NOT_ENOUGH":            (SurelyNotPaid, Unknown,       Unknown),
    "USER_ACCOUNT_ABNORMAL": (SurelyNotPaid, Unknown,       Unknown),
    "ORDER_CLOSED":          (SurelyNotPaid, Unknown,       SurelyNotPaid),
    "ORDER_NOT_EXIST":       (Unknown,       NotKnownThere, NotKnownThere),
    "RESOURCE_NOT_EXISTS":   (Unknown,       NotKnownThere, NotKnownThere),
    # Another order of ours has this number with other content, so somebody may pay that one.
    "OUT_TRADE_NO_USED":     (Unknown,       Unknown,       Unknown),
    "INVALID_REQUEST":       (Unknown,       Unknown,       Unknown),
    # Errors are not signed, and an unsigned word is never proof of a payment: the query will tell.
    "ORDERPAID":             (Unknown,       Unknown,       Unknown),
    # They themselves do not know: repeat or ask later.
    "FREQUENCY_LIMITED":     (Unknown,       Unknown,       Unknown),
    "SYSTEM_ERROR":          (Unknown,       Unknown,       Unknown),
    "BANK_ERROR":            (Unknown,       Unknown,       Unknown),
    "SERVICE_UNAVAILABLE":   (Unknown,       Unknown,       Unknown),
}  # fmt: skip
_COLUMN: dict[Operation, int] = {"create": 0, "query": 1, "close": 2}

# Every trade_state of the query's documentation. REFUND includes partial refunds: money did come.
# PAYERROR and REVOKED belong to payment codes (codepay), where they end the order.
STATE_MEANS: dict[str, type[Paid] | type[Pending] | type[SurelyNotPaid]] = {
    "SUCCESS":    Paid,
    "REFUND":     Paid,
    "NOTPAY":     Pending,
    "USERPAYING": Pending,
    "CLOSED":     SurelyNotPaid,
    "REVOKED":    SurelyNotPaid,
    "PAYERROR":   SurelyNotPaid,
}  # fmt: skip


def decode_create(keys: WechatKeys, answer: HttpAnswer, now: datetime) -> Verdict:
    """Pending with the code, a proof that there is no order, or unknown."""
    return _verdict(keys, "create", 200, _pending, answer, now)


def decode_query(keys: WechatKeys, out_trade_no: str, answer: HttpAnswer, now: datetime) -> Verdict:
    """How the order stands. A signed answer about any other order proves nothing about ours."""

    def stands(body: bytes) -> Verdict:
        transaction = read(documents.TRANSACTION, body)
        if transaction.out_trade_no != out_trade_no:
            return Unknown(why="other_order", message="the answer is about another order")
        return verdict_of(keys, transaction)

    return _verdict(keys, "query", 200, stands, answer, now)


def decode_close(keys: WechatKeys, answer: HttpAnswer, now: datetime) -> Verdict:
    """Surely not paid once the close is confirmed under signature."""
    return _verdict(keys, "close", 204, _closed, answer, now)


def verdict_of(keys: WechatKeys, transaction: Transaction) -> Verdict:
    """What a transaction that is proven to be the platform's word says about our money."""
    account = keys.account
    if (transaction.mchid, transaction.appid) != (account.mchid, account.appid):
        return Unknown(why="other_order", message="the answer is about another merchant or app")
    state, text = transaction.trade_state, _plain(transaction.trade_state_desc)
    means = STATE_MEANS.get(state)
    if means is Paid:
        return _paid(transaction)
    if means is Pending:
        return Pending(code=state, message=text)
    if means is SurelyNotPaid:
        return SurelyNotPaid(code=state, message=text)
    return Unknown(why="unlisted", code=_plain(state), message=text)


def _paid(transaction: Transaction) -> Verdict:
    number, amount = transaction.transaction_id, transaction.amount
    paid_at, payer = transaction.success_time, transaction.payer
    if number is None or amount is None or paid_at is None:
        return Unknown(
            why="unparsable",
            code=transaction.trade_state,
            message="a payment without its number, amount or time",
        )
    return Paid(
        channel_payment_id=number,
        amount_fen=amount.total,
        currency=amount.currency,
        paid_at=paid_at,
        payer_id=_plain(payer.openid) if payer else "",
        is_refunded=transaction.trade_state == "REFUND",
    )


def _verdict(
    keys: WechatKeys,
    operation: Operation,
    success: int,
    meaning: Callable[[bytes], Verdict],
    answer: HttpAnswer,
    now: datetime,
) -> Verdict:
    if answer.status != success:
        return _refused(operation, answer)
    body = answer.body
    fault = signature_fault(keys.peers, answer.headers, body, now)
    if fault:
        return Unknown(why="bad_signature", message=fault)
    try:
        return meaning(body)
    except ProtocolError as error:
        return Unknown(why="unparsable", message=_plain(str(error)))


def _pending(body: bytes) -> Verdict:
    return Pending(offer=QrCode(url=read(documents.NATIVE_ANSWER, body).code_url))


def _closed(body: bytes) -> Verdict:
    if body:
        raise ProtocolError("a confirmed close has no body")
    return SurelyNotPaid(code="CLOSED", message="closed at our request")


def _refused(operation: Operation, answer: HttpAnswer) -> Verdict:
    words = _error_words(answer)
    code, message = _plain(words.code), _plain(words.message)
    means = _means(operation, answer.status, words.code)
    if means is SurelyNotPaid:
        return SurelyNotPaid(code=code, message=message)
    if means is NotKnownThere:
        return NotKnownThere(code=code, message=message)
    return Unknown(why=_why(answer.status, words.code), code=code, message=message)


def _means(operation: Operation, status: int, code: str) -> Meaning:
    if not 400 <= status < 500 or status == 429 or code not in ERROR_MEANS:
        return Unknown
    return ERROR_MEANS[code][_COLUMN[operation]]


def _why(status: int, code: str) -> UnknownWhy:
    if status >= 500:
        return "server_error"
    if status == 429:
        return "rate_limited"
    if not code:
        return "unparsable"
    return "ambiguous" if code in ERROR_MEANS else "unlisted"


def _error_words(answer: HttpAnswer) -> ErrorWords:
    try:
        return read(documents.ERROR, answer.body)
    except ProtocolError:
        return ErrorWords(code="", message=f"status {answer.status} without an error document")


def _plain(text: str) -> str:
    """Their text, safe to log and store: bounded and printable (PostgreSQL refuses NUL)."""
    return "".join(c for c in text[:MESSAGE_CHARACTERS_MAX] if c.isprintable())
