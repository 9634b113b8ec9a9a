"""The bank's side of the bank protocol, which the simulator speaks (docs/bank_protocol.md).

It believes a call by its signature and its nonce, looks numbers up before it checks anything else,
signs every answer to a known merchant, and its notices.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeVar

import msgspec
from msgspec import Raw, Struct

from schema.channels.bank.account import BankSimulatorAccount
from schema.channels.bank.documents import (
    ErrorDocument,
    NoticeDocument,
    OrderDocument,
    RefundDocument,
    TransferDocument,
    written,
)
from schema.channels.bank.signing import Signed, fault, sign, signed_headers
from schema.channels.bank.tables import ERROR_MEANS
from schema.channels.http import HttpAnswer, ProtocolError
from schema.channels.reading import read

JSON = {"Content-Type": "application/json"}
ERROR_STATUS_UNLISTED = 400

Event = Literal["order", "refund", "transfer"]
EVENTS: dict[type[Struct], Event] = {
    OrderDocument: "order",
    RefundDocument: "refund",
    TransferDocument: "transfer",
}

ACK_BODY = b'{"code":"OK"}'
"""What a merchant answers, with status 200, to end a notice's repeating."""

T = TypeVar("T")


class CallRefused(Struct, frozen=True, kw_only=True):
    """Why the bank does not do what is asked."""

    code: str
    message: str = ""


def call_fault(
    account: BankSimulatorAccount,
    words: Signed,
    *,
    method: str,
    path: str,
    body: bytes,
    now: datetime,
) -> CallRefused | None:
    """Why this call is not proven to be the merchant's, made just now."""
    wrong = fault(account.secret, words, speech="request", lines=(method, path), body=body, now=now)
    return CallRefused(code="UNSIGNED", message=wrong) if wrong else None


def read_call(decoder: msgspec.json.Decoder[T], body: bytes) -> T | CallRefused:
    """What is asked for, or where the document is wrong."""
    try:
        return read(decoder, body)
    except ProtocolError as error:
        return CallRefused(code="MALFORMED", message=str(error))


def answer(account: BankSimulatorAccount, nonce: str, document: Struct) -> HttpAnswer:
    """A success, bound to the question's nonce."""
    return signed_answer(account, nonce, 200, written(document))


def error_answer(
    account: BankSimulatorAccount | None, nonce: str, refused: CallRefused
) -> HttpAnswer:
    """A refusal; without an account it can't be signed, for nobody knows with what."""
    known = ERROR_MEANS.get(refused.code)
    status = known.status if known else ERROR_STATUS_UNLISTED
    body = written(ErrorDocument(code=refused.code, message=refused.message))
    if account is None:
        return HttpAnswer(status=status, headers=JSON, body=body)
    return signed_answer(account, nonce, status, body)


def signed_answer(
    account: BankSimulatorAccount, nonce: str, status: int, body: bytes
) -> HttpAnswer:
    """Any bytes as the bank's answer to the question with this nonce."""
    signature = sign(account.secret, "answer", (nonce, str(status)), body)
    return HttpAnswer(status=status, headers=JSON | {"Bank-Signature": signature}, body=body)


def notice(
    document: OrderDocument | RefundDocument | TransferDocument,
    *,
    notice_id: str,
    created_at: datetime,
) -> bytes:
    """The body of a notice; it is the same with every retry."""
    return written(
        NoticeDocument(
            id=notice_id,
            event=EVENTS[type(document)],
            created_at=created_at,
            content=Raw(written(document)),
        )
    )


def notice_headers(
    account: BankSimulatorAccount, body: bytes, *, now: datetime, nonce: str
) -> dict[str, str]:
    """The headers that make these bytes the bank's word; a retry is signed anew."""
    return JSON | signed_headers(
        account.secret,
        account.merchant,
        speech="notice",
        lines=(),
        body=body,
        now=now,
        nonce=nonce,
    )
