"""Our side of the bank protocol: what the answers prove.

An answer is the bank's when its signature fits the question's nonce; only then it can say anything,
and only about the number that was asked about. What it proves, the tables say.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from schema.channels.bank import documents
from schema.channels.bank.account import BankAccount
from schema.channels.bank.documents import (
    ErrorDocument,
    OrderDocument,
    RefundDocument,
    TransferDocument,
)
from schema.channels.bank.signing import fits
from schema.channels.bank.tables import (
    BILL_STATES,
    ERROR_MEANS,
    ORDER_STATES,
    REFUND_STATES,
    TRANSFER_STATES,
    Call,
    Meaning,
    reason_cause,
)
from schema.channels.bills import BillAt, BillNotReady, BillPlace, NoBill
from schema.channels.http import HttpAnswer, ProtocolError
from schema.channels.offers import AtTheTill, Offer, Redirect
from schema.channels.reading import plain, read
from schema.channels.verdicts import (
    Cause,
    NotKnownThere,
    Paid,
    Pending,
    RefundAbnormal,
    Refunded,
    RefundPending,
    RefundVerdict,
    SurelyNotPaid,
    SurelyNotRefunded,
    SurelyNotTransferred,
    TransferPending,
    Transferred,
    TransferVerdict,
    Unknown,
    Verdict,
)
from schema.channels.wishes import BillWish


class Asked(Struct, frozen=True, kw_only=True):
    """What was asked: by whom, how, under which nonce, and about which number of ours."""

    account: BankAccount
    call: Call
    nonce: str
    number: str


class Refused(Struct, frozen=True, kw_only=True):
    """An error that is proven to be the bank's, and what it proves."""

    code: str
    message: str
    meaning: Meaning


def read_order(asked: Asked, answer: HttpAnswer, now: datetime) -> Verdict:
    """How the order stands, or what a refusal proves about it."""
    body = proven(asked, answer)
    if isinstance(body, Unknown):
        return body
    if isinstance(body, Refused):
        return _order_refused(body)
    try:
        order = read(documents.ORDER, body)
    except ProtocolError as error:
        return Unknown(why="unparsable", message=plain(str(error)))
    return order_verdict(order) if order.number == asked.number else OTHER


def read_refund(asked: Asked, answer: HttpAnswer, now: datetime) -> RefundVerdict:
    """How the refund stands, or what a refusal proves about it."""
    body = proven(asked, answer)
    if isinstance(body, Unknown):
        return body
    if isinstance(body, Refused):
        return _refund_refused(body)
    try:
        refund = read(documents.REFUND, body)
    except ProtocolError as error:
        return Unknown(why="unparsable", message=plain(str(error)))
    return refund_verdict(refund) if refund.number == asked.number else OTHER


def read_transfer(asked: Asked, answer: HttpAnswer, now: datetime) -> TransferVerdict:
    """How the transfer stands, or what a refusal proves about it."""
    body = proven(asked, answer)
    if isinstance(body, Unknown):
        return body
    if isinstance(body, Refused):
        return _transfer_refused(body)
    try:
        transfer = read(documents.TRANSFER, body)
    except ProtocolError as error:
        return Unknown(why="unparsable", message=plain(str(error)))
    return transfer_verdict(transfer) if transfer.number == asked.number else OTHER


def read_bill_place(asked: Asked, wish: BillWish, answer: HttpAnswer, now: datetime) -> BillPlace:
    """Where that day's bill is."""
    body = proven(asked, answer)
    if isinstance(body, Unknown):
        return body
    if isinstance(body, Refused):
        return _unknown(body)
    try:
        bill = read(documents.BILL, body)
    except ProtocolError as error:
        return Unknown(why="unparsable", message=plain(str(error)))
    if (bill.day, bill.kind) != (wish.day, wish.kind):
        return Unknown(why="other_order", message="the answer is about another bill")
    state = BILL_STATES.get(bill.state)
    if state == "ready" and bill.url and bill.sha256:
        return BillAt(url=bill.url, digest=bill.sha256, digest_kind="sha256")
    if state == "ready":
        return Unknown(why="unparsable", code=bill.state, message="a bill without its address")
    if state == "later":
        return BillNotReady(code=bill.state)
    return NoBill(code=bill.state) if state == "none" else unlisted(bill.state)


def proven(asked: Asked, answer: HttpAnswer) -> bytes | Refused | Unknown:
    """The body of a success or a refusal, if the bank gave it to just this question."""
    if answer.status == 429 or answer.status >= 500:
        error = _error(answer)
        why = "rate_limited" if answer.status == 429 else "server_error"
        return Unknown(why=why, code=plain(error.code), message=plain(error.message))
    signature = {name.lower(): value for name, value in answer.headers.items()}
    lines = (asked.nonce, str(answer.status))
    account, given = asked.account, signature.get("bank-signature", "")
    if not fits(account.secret, "answer", lines, answer.body, given):
        error = _error(answer)
        return Unknown(why="bad_signature", code=plain(error.code), message=plain(error.message))
    if answer.status == 200:
        return answer.body
    error = _error(answer)
    if not error.code:
        return Unknown(why="unparsable", message=f"status {answer.status} without an error")
    known = ERROR_MEANS.get(error.code)
    meaning = known.means(asked.call) if known and answer.status == known.status else "unknown"
    return Refused(code=error.code, message=error.message, meaning=meaning)


def order_verdict(order: OrderDocument) -> Verdict:
    """What an order's document says about our money, once it is proven."""
    match ORDER_STATES.get(order.state):
        case "pending":
            return Pending(offer=_offer(order), code=order.state)
        case "paid":
            return _paid(order)
        case "not_paid":
            reason = plain(order.reason) or order.state
            message, cause = plain(order.message), reason_cause(order.reason or order.state)
            return SurelyNotPaid(code=reason, message=message, cause=cause)
        case None:
            return unlisted(order.state)


def refund_verdict(refund: RefundDocument) -> RefundVerdict:
    """What a refund's document says, once it is proven."""
    reason, message = plain(refund.reason), plain(refund.message)
    match REFUND_STATES.get(refund.state):
        case "pending":
            return RefundPending(channel_refund_id=refund.bank_number, code=refund.state)
        case "refunded":
            return _refunded(refund)
        case "abnormal":
            number = refund.bank_number
            return RefundAbnormal(channel_refund_id=number, code=reason, message=message)
        case "not_refunded":
            cause, code = reason_cause(refund.reason), reason or refund.state
            return SurelyNotRefunded(code=code, message=message, cause=cause, number_is_spent=True)
        case None:
            return unlisted(refund.state)


def transfer_verdict(transfer: TransferDocument) -> TransferVerdict:
    """What a transfer's document says, once it is proven. One that was returned keeps that word as
    its code, with the reason in the message: it was transferred before, and is no more."""
    match TRANSFER_STATES.get(transfer.state):
        case "pending":
            return TransferPending(channel_transfer_id=transfer.bank_number, code=transfer.state)
        case "transferred":
            return _transferred(transfer)
        case "not_transferred":
            reason, message = plain(transfer.reason), plain(transfer.message)
            is_returned = transfer.state == "RETURNED"
            return SurelyNotTransferred(
                code=transfer.state if is_returned or not reason else reason,
                message=f"{reason} {message}".strip() if is_returned else message,
                cause=reason_cause(transfer.reason),
            )
        case None:
            return unlisted(transfer.state)


def unlisted(state: str) -> Unknown:
    """A state that our tables do not have."""
    return Unknown(why="unlisted", code=plain(state))


OTHER = Unknown(why="other_order", message="the answer is about another number")


def _offer(order: OrderDocument) -> Offer | None:
    if order.product == "balance":
        return AtTheTill()
    return Redirect(url=order.pay_url) if order.pay_url else None


def _paid(order: OrderDocument) -> Paid | Unknown:
    if order.paid_at is None:
        return Unknown(why="unparsable", code=order.state, message="a payment without its time")
    return Paid(
        channel_payment_id=order.bank_number,
        amount_fen=order.amount_fen,
        currency=order.currency,
        paid_at=order.paid_at,
        payer_id=plain(order.payer_account),
        is_refunded=order.refunded_fen > 0,
        is_all_back=order.refunded_fen >= order.amount_fen,
    )


def _refunded(refund: RefundDocument) -> Refunded | Unknown:
    if refund.finished_at is None:
        return Unknown(why="unparsable", code=refund.state, message="a refund without its time")
    return Refunded(
        channel_refund_id=refund.bank_number,
        refund_fen=refund.refund_fen,
        currency=refund.currency,
        refunded_at=refund.finished_at,
        received_by=plain(refund.received_by),
    )


def _transferred(transfer: TransferDocument) -> Transferred | Unknown:
    if transfer.finished_at is None:
        return Unknown(why="unparsable", code=transfer.state, message="done without a time")
    return Transferred(
        channel_transfer_id=transfer.bank_number,
        amount_fen=transfer.amount_fen,
        currency=transfer.currency,
        transferred_at=transfer.finished_at,
    )


def _order_refused(refused: Refused) -> Verdict:
    code, message = plain(refused.code), plain(refused.message)
    if refused.meaning == "refused":
        return SurelyNotPaid(code=code, message=message, cause=_cause(code))
    if refused.meaning == "not_known":
        return NotKnownThere(code=code, message=message)
    return _unknown(refused)


def _refund_refused(refused: Refused) -> RefundVerdict:
    code, message = plain(refused.code), plain(refused.message)
    if refused.meaning == "refused":
        return SurelyNotRefunded(code=code, message=message, cause=_cause(code))
    if refused.meaning == "not_known":
        return NotKnownThere(code=code, message=message)
    return _unknown(refused)


def _transfer_refused(refused: Refused) -> TransferVerdict:
    code, message = plain(refused.code), plain(refused.message)
    if refused.meaning == "refused":
        return SurelyNotTransferred(code=code, message=message, cause=_cause(code))
    if refused.meaning == "not_known":
        return NotKnownThere(code=code, message=message)
    return _unknown(refused)


def _unknown(refused: Refused) -> Unknown:
    known = ERROR_MEANS.get(refused.code)
    return Unknown(
        why="ambiguous" if known else "unlisted",
        code=plain(refused.code),
        message=plain(refused.message),
        cause=known.cause if known else "channel",
    )


def _cause(code: str) -> Cause:
    return ERROR_MEANS[code].cause


def _error(answer: HttpAnswer) -> ErrorDocument:
    try:
        return read(documents.ERROR, answer.body)
    except ProtocolError:
        return ErrorDocument(code="", message=f"status {answer.status} without an error document")
