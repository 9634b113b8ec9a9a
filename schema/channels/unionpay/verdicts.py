"""Our side of the UnionPay cloud pass: what the answers prove.

Only a signed answer can say anything, and only about the order or refund that it names. What it
then proves, the tables say; whatever is not in them is unknown.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from schema.channels.http import HttpAnswer, ProtocolError
from schema.channels.offers import AtTheTill, ClientCall, Offer, QrCode
from schema.channels.reading import plain, read
from schema.channels.unionpay.account import UnionpayKeys
from schema.channels.unionpay.documents import CURRENCY, Said, fen, number_of, said, time_of
from schema.channels.unionpay.signing import is_signed_by, read_fields
from schema.channels.unionpay.tables import (
    ORDER_STATES,
    REFUND_STATES,
    Call,
    cause,
    meaning,
)
from schema.channels.verdicts import (
    NotKnownThere,
    Paid,
    Pending,
    Refunded,
    RefundPending,
    RefundVerdict,
    SurelyNotPaid,
    SurelyNotRefunded,
    Unknown,
    Verdict,
)
from schema.channels.wishes import Order, Refund
from schema.products import PayType

_parameters = msgspec.json.Decoder(dict[str, str])


def proven(keys: UnionpayKeys, number: str, answer: HttpAnswer) -> Said | Unknown:
    """What the answer says about our order or refund with this number, if UnionPay says it."""
    if answer.status != 200:
        why = "server_error" if answer.status >= 500 else "unparsable"
        why = "rate_limited" if answer.status == 429 else why
        return Unknown(why=why, message=f"status {answer.status}")
    try:
        fields = read_fields(answer.body)
    except ProtocolError as error:
        return Unknown(why="unparsable", message=plain(str(error)))
    words = said(fields)
    if not is_signed_by(keys.peer_key, fields):
        code, message = plain(words.resp_code), plain(words.resp_msg)
        return Unknown(why="bad_signature", code=code, message=message)
    if fault := other_order(keys, words, number):
        return Unknown(why="other_order", message=fault)
    return words


def other_order(keys: UnionpayKeys, words: Said, number: str) -> str | None:
    """Why true words are not about ours. A number or merchant that they do not name is ours: it was
    our question."""
    if words.mer_id not in ("", keys.account.mer_id):
        return "about another merchant"
    if words.ser_prov_id not in ("", keys.account.ser_prov_id):
        return "about another service provider"
    return "about another order" if words.order_no not in ("", number) else None


def read_create(keys: UnionpayKeys, order: Order, answer: HttpAnswer, now: datetime) -> Verdict:
    """The offer, a payment at the till, a proof that there is no order, or unknown."""
    call: Call = "micropay" if order.pay_type == "unionpay_barcode" else "unifiedorder"
    words = proven(keys, order.number, answer)
    if isinstance(words, Unknown):
        return words
    code, message = plain(words.resp_code), plain(words.resp_msg)
    match meaning(call, words.resp_code):
        case "done" if call == "micropay":
            return paid(words, now)
        case "done":
            return _offered(words, order.pay_type)
        case "paying":
            offer = AtTheTill() if call == "micropay" else None
            return Pending(offer=offer, code=code, message=message)
        case "refused":
            return SurelyNotPaid(code=code, message=message, cause=cause(words.resp_code))
        case _:
            return unknown(words)


def read_query(keys: UnionpayKeys, order: Order, answer: HttpAnswer, now: datetime) -> Verdict:
    """How the order stands."""
    words = proven(keys, order.number, answer)
    if isinstance(words, Unknown):
        return words
    match meaning("queryOrder", words.resp_code):
        case "done":
            return stands(words, now)
        case "not_known":
            return NotKnownThere(code=plain(words.resp_code), message=plain(words.resp_msg))
        case _:
            return unknown(words)


def read_close(keys: UnionpayKeys, order: Order, answer: HttpAnswer, now: datetime) -> Verdict:
    """Surely not paid once the close is confirmed under signature."""
    words = proven(keys, order.number, answer)
    if isinstance(words, Unknown):
        return words
    match meaning("closeOrder", words.resp_code):
        case "done":
            return SurelyNotPaid(code="03", message="closed at our request", cause="payer")
        case "not_known":
            return NotKnownThere(code=plain(words.resp_code), message=plain(words.resp_msg))
        case _:
            return unknown(words)


def stands(words: Said, now: datetime | None) -> Verdict:
    """What an `origRespCode` says about the money; `now` stands in for a missing `payTime`."""
    code, message = plain(words.orig_resp_code), plain(words.orig_resp_msg)
    known = ORDER_STATES.get(words.orig_resp_code)
    if known is None:
        return Unknown(why="unlisted", code=code, message=message)
    state, whose = known
    match state:
        case "paid":
            return paid(words, now)
        case "refunded":
            verdict = paid(words, now)
            is_paid = isinstance(verdict, Paid)
            return msgspec.structs.replace(verdict, is_refunded=True) if is_paid else verdict
        case "pending":
            return Pending(code=code, message=message)
        case "not_paid":
            return SurelyNotPaid(code=code, message=message, cause=whose)


def paid(words: Said, now: datetime | None) -> Paid | Unknown:
    """A payment with its number, amount and time, or unknown where one of them is missing."""
    code = plain(words.orig_resp_code or words.resp_code)
    if words.currency_code not in ("", CURRENCY):
        return Unknown(why="unlisted", code=code, message="paid in a currency that is not yuan")
    try:
        amount_fen, number = fen(words.txn_amt), number_of(words.trans_index)
        paid_at = time_of(words.pay_time) if words.pay_time else now
    except ProtocolError as error:
        return Unknown(why="unparsable", code=code, message=str(error))
    if paid_at is None:
        return Unknown(why="unparsable", code=code, message="a payment without its time")
    return Paid(
        channel_payment_id=number,
        amount_fen=amount_fen,
        currency="CNY",
        paid_at=paid_at,
        payer_id=plain(words.payer_info),
    )


def read_refund(
    keys: UnionpayKeys, refund: Refund, answer: HttpAnswer, now: datetime
) -> RefundVerdict:
    """Taken, or unknown: only the query tells how a refund ended."""
    words = proven(keys, refund.number, answer)
    if isinstance(words, Unknown):
        return words
    if meaning("refund", words.resp_code) == "done":
        return RefundPending(channel_refund_id=plain(words.trans_index), code="00")
    return unknown(words)


def read_refund_query(
    keys: UnionpayKeys, refund: Refund, answer: HttpAnswer, now: datetime
) -> RefundVerdict:
    """How the refund stands."""
    words = proven(keys, refund.number, answer)
    if isinstance(words, Unknown):
        return words
    match meaning("refundQuery", words.resp_code):
        case "done":
            return _refund_stands(words, refund, now)
        case "not_known":
            return NotKnownThere(code=plain(words.resp_code), message=plain(words.resp_msg))
        case _:
            return unknown(words)


def unknown(words: Said) -> Unknown:
    """A code that proves nothing here, or that we do not know, with whose doing it is."""
    code = words.resp_code
    return Unknown(
        why="unlisted" if meaning("queryOrder", code) is None else "ambiguous",
        code=plain(code),
        message=plain(words.resp_msg),
        cause=cause(code),
    )


def _refund_stands(words: Said, refund: Refund, now: datetime) -> RefundVerdict:
    code, message = plain(words.orig_resp_code), plain(words.orig_resp_msg)
    match REFUND_STATES.get(words.orig_resp_code):
        case "refunded":
            return _refunded(words, refund, now)
        case "pending":
            return RefundPending(channel_refund_id=plain(words.trans_index), code=code)
        case "not_refunded":
            return SurelyNotRefunded(code=code, message=message, number_is_spent=True)
        case None:
            return Unknown(why="unlisted", code=code, message=message)


def _refunded(words: Said, refund: Refund, now: datetime) -> Refunded | Unknown:
    try:
        refund_fen = fen(words.txn_amt) if words.txn_amt else refund.refund_fen
        refunded_at = time_of(words.pay_time) if words.pay_time else now
    except ProtocolError as error:
        return Unknown(why="unparsable", code=plain(words.orig_resp_code), message=str(error))
    return Refunded(
        channel_refund_id=plain(words.trans_index),
        refund_fen=refund_fen,
        currency=refund.currency,
        refunded_at=refunded_at,
    )


def _offered(words: Said, pay_type: PayType) -> Pending | Unknown:
    try:
        offer = _code(words) if pay_type == "unionpay_qr" else _script(words)
    except ProtocolError as error:
        return Unknown(why="unparsable", code="00", message=plain(str(error)))
    return Pending(offer=offer, code="00")


def _code(words: Said) -> Offer:
    """The QR code, as a field of its own or inside the payment data."""
    url = words.qr_code or read(_parameters, words.pay_data.encode()).get("qrCode", "")
    if not url:
        raise ProtocolError("an order without a code to scan")
    return QrCode(url=url)


def _script(words: Said) -> Offer:
    """What the page inside the wallet needs."""
    parameters = read(_parameters, words.pay_data.encode())
    if not parameters:
        raise ProtocolError("an order without payment data")
    return ClientCall(parameters=parameters)
