"""Our side of callbacks: is it theirs, is it fresh, and what does it say.

A notice passes two locks. The signature proves who sent these bytes and when; the seal, opened with
the key that only the merchant and the platform know, proves for whom. What fails is a value, with a
reason for our own log; the platform is told no more than FAIL, for it may not be the platform.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec
from msgspec import Struct

from schema.channels import HttpAnswer, ProtocolError
from schema.channels.reading import read
from schema.channels.wechat import documents
from schema.channels.wechat.documents import Notice, Transaction
from schema.channels.wechat.keys import WechatKeys
from schema.channels.wechat.signing import AEAD, signature_fault, unseal

PAYMENT_EVENT = "TRANSACTION.SUCCESS"
SEALED = "encrypt-resource"

NOTICE_TAKEN = HttpAnswer(status=204, headers={}, body=b"")
"""Ends the platform's retries; it has to leave within five seconds, so before any work is done."""


class NoticeRefused(Struct, frozen=True, kw_only=True):
    """This notice is not to be believed, and why."""

    reason: str


def verify_notice(
    keys: WechatKeys, headers: Mapping[str, str], body: bytes, now: datetime
) -> Notice | NoticeRefused:
    """The notice, if the platform signed it for us just now. `now` is when it arrived."""
    fault = signature_fault(keys.peers, headers, body, now)
    return NoticeRefused(reason=fault) if fault else read_notice(body)


def read_notice(body: bytes) -> Notice | NoticeRefused:
    """The notice in bytes whose signature was good when they arrived (a stored one, read again)."""
    try:
        return read(documents.NOTICE, body)
    except ProtocolError as error:
        return NoticeRefused(reason=str(error))


def decrypt_notice(keys: WechatKeys, notice: Notice) -> Transaction | NoticeRefused:
    """The transaction that a payment notice carries, if it is our merchant's.

    `verdict_of` says what it means for the money; comparing the amount is the caller's duty.
    """
    if notice.event_type != PAYMENT_EVENT:
        return NoticeRefused(reason="not about a payment")
    try:
        transaction = read(documents.TRANSACTION, _opened(keys, notice))
    except ProtocolError as error:
        return NoticeRefused(reason=str(error))
    if (transaction.mchid, transaction.appid) != (keys.account.mchid, keys.account.appid):
        return NoticeRefused(reason="about another merchant or app")
    return transaction


def notice_not_taken(message: str) -> HttpAnswer:
    """Makes the platform try again later: by its schedule, up to 15 times within about 24 hours."""
    body = msgspec.json.encode({"code": "FAIL", "message": message})
    return HttpAnswer(status=500, headers={"Content-Type": "application/json"}, body=body)


def _opened(keys: WechatKeys, notice: Notice) -> bytes:
    resource = notice.resource
    if notice.resource_type != SEALED or resource.algorithm != AEAD:
        raise ProtocolError(f"not sealed with {AEAD}")
    return unseal(
        keys.aead,
        resource.ciphertext,
        nonce=resource.nonce,
        associated=resource.associated_data,
    )
