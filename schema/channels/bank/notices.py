"""Our side of the bank's notices: are they theirs, are they fresh, and what do they say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from schema.channels.bank import documents
from schema.channels.bank.account import BankAccount
from schema.channels.bank.documents import NoticeDocument
from schema.channels.bank.signing import fault, read_headers
from schema.channels.bank.verdicts import order_verdict, refund_verdict, transfer_verdict
from schema.channels.http import ProtocolError
from schema.channels.language import (
    Notice,
    OtherNotice,
    PaymentNotice,
    RefundNotice,
    TransferNotice,
)
from schema.channels.reading import plain, read


def prove(account: BankAccount, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """The notice's id, the same when it comes again. Raises ProtocolError if it is not theirs."""
    words = read_headers(headers)
    if words.merchant != account.merchant:
        raise ProtocolError("a notice for another merchant")
    wrong = fault(account.secret, words, speech="notice", lines=(), body=body, now=now)
    if wrong:
        raise ProtocolError(wrong)
    return read(documents.NOTICE, body).id


def read_notice(body: bytes) -> Notice:
    """How an order, a refund or a transfer stands. Raises ProtocolError."""
    notice = read(documents.NOTICE, body)
    return _read(notice, bytes(notice.content))


def _read(notice: NoticeDocument, content: bytes) -> Notice:
    match notice.event:
        case "order":
            order = read(documents.ORDER, content)
            return PaymentNotice(number=order.number, verdict=order_verdict(order))
        case "refund":
            refund = read(documents.REFUND, content)
            return RefundNotice(
                number=refund.number,
                order_number=refund.order_number,
                verdict=refund_verdict(refund),
            )
        case "transfer":
            transfer = read(documents.TRANSFER, content)
            return TransferNotice(number=transfer.number, verdict=transfer_verdict(transfer))
        case other:
            return OtherNotice(what=plain(other))
