"""Our side of callbacks: is it theirs, is it fresh, and what does it say.

A notice passes two locks. The signature proves who sent these bytes and when; the seal, opened with
the key that only the merchant and the platform know, proves for whom. The platform is told no more
than FAIL when one of them does not open, for it may not be the platform.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from schema.channels import (
    HttpAnswer,
    OtherNotice,
    PaymentNotice,
    ProtocolError,
    RefundNotice,
    TransferNotice,
)
from schema.channels.language import Notice as AnyNotice
from schema.channels.reading import plain, read
from schema.channels.wechat import payments, refunds, transfers
from schema.channels.wechat.documents import NOTICE, TRANSACTION, Notice
from schema.channels.wechat.keys import WechatKeys
from schema.channels.wechat.money_documents import REFUND_STANDING, TRANSFER_STANDING
from schema.channels.wechat.signing import AEAD, signature_fault, unseal

SEALED = "encrypt-resource"

THANKS = HttpAnswer(status=204, headers={}, body=b"")
"""Ends the platform's retries; it has to leave within five seconds, so before any work is done."""


def prove(keys: WechatKeys, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """The id of a notice that the platform signed for us just now. Raises ProtocolError."""
    if fault := signature_fault(keys.peers, headers, body, now):
        raise ProtocolError(fault)
    return read(NOTICE, body).id


def read_notice(keys: WechatKeys, body: bytes) -> AnyNotice:
    """What a notice says. Raises ProtocolError where it is not for us or can't be read."""
    notice = read(NOTICE, body)
    understand = _EVENTS.get(notice.event_type)
    if understand is None:
        return OtherNotice(what=plain(notice.event_type))
    return understand(keys, opened_notice(keys, notice))


def opened_notice(keys: WechatKeys, notice: Notice) -> bytes:
    """The sealed part of a notice, as it was sealed. Raises ProtocolError."""
    resource = notice.resource
    if notice.resource_type != SEALED or resource.algorithm != AEAD:
        raise ProtocolError(f"not sealed with {AEAD}")
    return unseal(
        keys.aead,
        resource.ciphertext,
        nonce=resource.nonce,
        associated=resource.associated_data,
    )


def no_thanks(status: int, message: str) -> HttpAnswer:
    """Makes the platform try again later: by its schedule, up to 15 times within about 24 hours."""
    body = msgspec.json.encode({"code": "FAIL", "message": message})
    return HttpAnswer(status=status, headers={"Content-Type": "application/json"}, body=body)


def _payment(keys: WechatKeys, opened: bytes) -> PaymentNotice:
    transaction = read(TRANSACTION, opened)
    if not payments.is_ours(keys.account, transaction):
        raise ProtocolError("about another merchant or app")
    verdict = payments.verdict_of(keys.account, transaction)
    return PaymentNotice(number=transaction.out_trade_no, verdict=verdict)


def _refund(keys: WechatKeys, opened: bytes) -> RefundNotice:
    standing = read(REFUND_STANDING, opened)
    if not refunds.is_ours(keys.account, standing):
        raise ProtocolError("about another merchant")
    return RefundNotice(
        number=standing.out_refund_no,
        order_number=standing.out_trade_no,
        verdict=refunds.verdict_of(standing),
    )


def _transfer(keys: WechatKeys, opened: bytes) -> TransferNotice:
    standing = read(TRANSFER_STANDING, opened)
    if not transfers.is_ours(keys.account, standing):
        raise ProtocolError("about another merchant")
    return TransferNotice(number=standing.out_bill_no, verdict=transfers.verdict_of(standing))


_EVENTS: dict[str, Callable[[WechatKeys, bytes], AnyNotice]] = {
    "TRANSACTION.SUCCESS": _payment,
    "REFUND.SUCCESS": _refund,
    "REFUND.ABNORMAL": _refund,
    "REFUND.CLOSED": _refund,
    "MCHTRANSFER.BILL.FINISHED": _transfer,
}
