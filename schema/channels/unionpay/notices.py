"""Our side of UnionPay's notices: is it theirs, and what does it say.

A notice has no time and no number of its own: a replayed one can't be told by its age. It is known
by what it says, so a replay is a repeat, and a repeat changes nothing.
"""

from __future__ import annotations

from schema.channels.http import ProtocolError
from schema.channels.language import Notice, PaymentNotice
from schema.channels.unionpay.account import UnionpayKeys
from schema.channels.unionpay.documents import said
from schema.channels.unionpay.signing import fingerprint, is_signed_by, read_fields
from schema.channels.unionpay.verdicts import other_order, paid, stands


def prove(keys: UnionpayKeys, body: bytes) -> str:
    """The notice's id, the same when it comes again. Raises ProtocolError if it is not theirs."""
    fields = read_fields(body)
    if not is_signed_by(keys.peer_key, fields):
        raise ProtocolError("the signature does not fit the content")
    words = said(fields)
    if not words.order_no:
        raise ProtocolError("a notice without an order's number")
    if fault := other_order(keys, words, words.order_no):
        raise ProtocolError(fault)
    return fingerprint(fields)


def read_notice(body: bytes) -> Notice:
    """How the order stands. Raises ProtocolError.

    A notice is sent when a payer has paid, so one without a state says that. A payment without its
    time is unknown here, and the query tells it.
    """
    words = said(read_fields(body))
    if not words.order_no:
        raise ProtocolError("a notice without an order's number")
    verdict = stands(words, None) if words.orig_resp_code else paid(words, None)
    return PaymentNotice(number=words.order_no, verdict=verdict)
