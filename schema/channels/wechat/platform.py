"""The platform's side of WeChat Pay API v3, which the simulator speaks.

It does to us what the documents say the platform does: it believes a request by its signature,
signs every success, leaves errors unsigned, and signs and seals callbacks.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TypeVar

import msgspec
from msgspec import Struct

from schema.channels import HttpAnswer, ProtocolError
from schema.channels.reading import read
from schema.channels.wechat.documents import (
    ErrorDetail,
    ErrorDocument,
    Notice,
    Resource,
    Transaction,
    china_time,
    written,
)
from schema.channels.wechat.keys import SimulatorKeys
from schema.channels.wechat.notices import PAYMENT_EVENT, SEALED
from schema.channels.wechat.signing import (
    AEAD,
    Authorization,
    is_signed_by,
    moment_fault,
    request_message,
    seal,
    signature_headers,
)

# Statuses: pay.weixin.qq.com, merchant documents v3, error tables of create, query and close.
ERROR_STATUS: dict[str, int] = {
    "PARAM_ERROR": 400,
    "INVALID_REQUEST": 400,
    "APPID_MCHID_NOT_MATCH": 400,
    "ORDER_CLOSED": 400,
    "ORDERPAID": 400,
    "SIGN_ERROR": 401,
    "NO_AUTH": 403,
    "OUT_TRADE_NO_USED": 403,
    "RULE_LIMIT": 403,
    "TRADE_ERROR": 403,
    "NOT_ENOUGH": 403,
    "USER_ACCOUNT_ABNORMAL": 403,
    "ORDER_NOT_EXIST": 404,
    "RESOURCE_NOT_EXISTS": 404,
    "MCH_NOT_EXISTS": 404,
    "FREQUENCY_LIMITED": 429,
    "SYSTEM_ERROR": 500,
    "BANK_ERROR": 500,
    "SERVICE_UNAVAILABLE": 503,
}
ERROR_STATUS_UNLISTED = 400

JSON = {"Content-Type": "application/json; charset=utf-8"}
SEALED_TYPE = "transaction"

_PLACE = re.compile(r" - at `\$\.?([^`]*)`\Z")
_MISSING = re.compile(r"missing required field `([^`]*)`")

T = TypeVar("T")


class CallRefused(Struct, frozen=True, kw_only=True):
    """Why the platform does not do what a merchant asks, in the words of its error documents."""

    code: str
    message: str
    detail: ErrorDetail | None = None


def authorization_fault(
    keys: SimulatorKeys,
    words: Authorization,
    *,
    method: str,
    path: str,
    body: bytes,
    now: datetime,
) -> CallRefused | None:
    """Why this request is not proven to be the merchant's, made just now; None if it is."""
    if words.serial_no != keys.account.merchant_serial:
        return sign_error("serial_no is not the merchant's certificate")
    if not path.isascii():  # RFC 3986; other bytes have no one reading to sign
        return sign_error("the path has characters that are not percent-encoded")
    if fault := moment_fault(words.timestamp, words.nonce_str, now):
        return sign_error(fault)
    message = request_message(method, path, words.timestamp, words.nonce_str, body)
    if not is_signed_by(keys.peer_key, message, words.signature):
        return sign_error("the signature does not fit the request")
    return None


def sign_error(message: str) -> CallRefused:
    """The answer to whoever is not proven to be the merchant."""
    return CallRefused(code="SIGN_ERROR", message=message)


def param_error(field: str, issue: str, *, location: str = "body") -> CallRefused:
    """Names the field at fault; `field` is a JSON pointer such as `/amount/total`."""
    detail = ErrorDetail(field=field, issue=issue, location=location)
    return CallRefused(code="PARAM_ERROR", message=issue, detail=detail)


def read_parameters(decoder: msgspec.json.Decoder[T], body: bytes) -> T | CallRefused:
    """The parameters in a request body, or the field that is at fault."""
    try:
        return read(decoder, body)
    except ProtocolError as error:
        return param_error(_pointer(str(error)), str(error))


def error_answer(refused: CallRefused) -> HttpAnswer:
    """An error as the platform sends it: a document, not signed."""
    document = ErrorDocument(code=refused.code, message=refused.message, detail=refused.detail)
    status = ERROR_STATUS.get(refused.code, ERROR_STATUS_UNLISTED)
    return HttpAnswer(status=status, headers=JSON, body=written(document))


def signed_answer(
    keys: SimulatorKeys, document: Struct | None, *, now: datetime, nonce: str
) -> HttpAnswer:
    """A success: 200 with a document or 204 without, signed either way."""
    body = written(document) if document else b""
    signed = signed_headers(keys, body, now=now, nonce=nonce)
    if document is None:
        return HttpAnswer(status=204, headers=signed, body=body)
    return HttpAnswer(status=200, headers=JSON | signed, body=body)


def sealed_notice(
    keys: SimulatorKeys,
    transaction: Transaction,
    *,
    notice_id: str,
    created_at: datetime,
    seal_nonce: str,
) -> bytes:
    """The body of a payment callback. `seal_nonce` is 12 characters and never used twice."""
    sealed = seal(keys.aead, written(transaction), nonce=seal_nonce, associated=SEALED_TYPE)
    notice = Notice(
        id=notice_id,
        create_time=china_time(created_at),
        event_type=PAYMENT_EVENT,
        resource_type=SEALED,
        summary="支付成功",
        resource=Resource(
            algorithm=AEAD,
            ciphertext=sealed,
            nonce=seal_nonce,
            associated_data=SEALED_TYPE,
            original_type=SEALED_TYPE,
        ),
    )
    return written(notice)


def signed_headers(
    keys: SimulatorKeys, body: bytes, *, now: datetime, nonce: str, serial: str = ""
) -> dict[str, str]:
    """The headers that make these bytes the platform's word; a retried notice is signed anew.

    `serial` is the key that the merchant named in its request, if it named one.
    """
    signer = keys.signer(serial)
    return signature_headers(signer.key, signer.serial, body, now=now, nonce=nonce)


def _pointer(error: str) -> str:
    """The JSON pointer that the platform would give, from where msgspec says the fault lies."""
    place, missing = _PLACE.search(error), _MISSING.search(error)
    steps = place[1].split(".") if place and place[1] else []
    return "".join(f"/{step}" for step in [*steps, *(missing.groups() if missing else ())])
