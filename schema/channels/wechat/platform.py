"""The platform's side of WeChat Pay API v3, which the simulator speaks.

It does to us what the documents say the platform does: it believes a request by its signature,
signs every success, leaves errors unsigned, and signs and seals callbacks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

import msgspec
from msgspec import Struct

from schema.channels import HttpAnswer, ProtocolError
from schema.channels.reading import read
from schema.channels.wechat.documents import (
    CertificateEntry,
    CertificateList,
    EncryptedCertificate,
    ErrorDetail,
    ErrorDocument,
    Notice,
    OrderDocument,
    Resource,
    WhoseDocument,
    china_time,
    written,
)
from schema.channels.wechat.keys import SimulatorAccount, SimulatorKeys, plain_serial
from schema.channels.wechat.payments import Kind
from schema.channels.wechat.signing import (
    AEAD,
    Authorization,
    decrypt,
    is_signed_by,
    moment_fault,
    request_message,
    seal,
    signature_headers,
)

SEALED = "encrypt-resource"

# Statuses: pay.weixin.qq.com, documents v3, error tables.
ERROR_STATUS: dict[str, int] = {
    "USERPAYING": 202,
    "PARAM_ERROR": 400,
    "INVALID_REQUEST": 400,
    "APPID_MCHID_NOT_MATCH": 400,
    "ORDER_CLOSED": 400,
    "ORDERPAID": 400,
    "STATEMENT_CREATING": 400,
    "NO_STATEMENT_EXIST": 400,
    "SIGN_ERROR": 401,
    "NO_AUTH": 403,
    "OUT_TRADE_NO_USED": 403,
    "RULE_LIMIT": 403,
    "TRADE_ERROR": 403,
    "NOT_ENOUGH": 403,
    "USER_ACCOUNT_ABNORMAL": 403,
    "ORDER_NOT_EXIST": 404,
    "RESOURCE_NOT_EXISTS": 404,
    "NOT_FOUND": 404,
    "MCH_NOT_EXISTS": 404,
    "FREQUENCY_LIMITED": 429,
    "SYSTEM_ERROR": 500,
    "BANK_ERROR": 500,
    "SERVICE_UNAVAILABLE": 503,
}
ERROR_STATUS_UNLISTED = 400

JSON = {"Content-Type": "application/json; charset=utf-8"}

# What the sealed part of each callback is called, and its summary.
EVENTS: dict[str, tuple[str, str]] = {
    "TRANSACTION.SUCCESS": ("transaction", "支付成功"),
    "REFUND.SUCCESS": ("refund", "退款成功"),
    "REFUND.ABNORMAL": ("refund", "退款异常"),
    "REFUND.CLOSED": ("refund", "退款关闭"),
    "MCHTRANSFER.BILL.FINISHED": ("mch_payment", "商家转账单据终态通知"),
}

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


def whose_fault(
    account: SimulatorAccount, said: OrderDocument | WhoseDocument, *, is_partner: bool
) -> CallRefused | None:
    """Why the order is not this merchant's to give or to end; None if it is.

    A service provider may speak for its own sub-merchants only.
    """
    prefix = "sp_" if is_partner else ""
    mchid, appid = (said.sp_mchid, said.sp_appid) if is_partner else (said.mchid, said.appid)
    if not appid and isinstance(said, OrderDocument):
        return param_error(f"/{prefix}appid", "missing")
    if mchid != account.mchid:
        return param_error(f"/{prefix}mchid", "not the merchant who signed" if mchid else "missing")
    if is_partner and said.sub_mchid not in account.sub_mchids:
        return CallRefused(code="NO_AUTH", message="特约商户号未授权")
    if appid and appid != account.appid:
        return CallRefused(code="APPID_MCHID_NOT_MATCH", message="AppID和mch_id不匹配")
    return None


def order_fault(kind: Kind, order: OrderDocument) -> CallRefused | None:
    """What this kind of payment can't do without; None if it is all there."""
    payer, scene = order.payer, order.scene_info
    if kind != "codepay" and order.notify_url is None:
        return param_error("/notify_url", "missing")
    if kind == "jsapi" and not (payer and (payer.openid or payer.sp_openid or payer.sub_openid)):
        return param_error("/payer/openid", "missing")
    if kind == "codepay" and not (payer and payer.auth_code):
        return param_error("/payer/auth_code", "missing")
    if kind == "codepay" and not (scene and scene.store_info):
        return param_error("/scene_info/store_info", "missing")
    if kind == "h5" and not (scene and scene.payer_client_ip and scene.h5_info):
        return param_error("/scene_info/h5_info", "missing")
    return None


def opened_secret(
    keys: SimulatorKeys, serial: str, ciphertext: str, field: str
) -> str | CallRefused:
    """A name or account that a merchant encrypted for the key that it named in the header."""
    wanted = plain_serial(serial)
    signer = next((each for each in keys.signers if plain_serial(each.serial) == wanted), None)
    if signer is None:
        return param_error("Wechatpay-Serial", "no such key", location="header")
    try:
        return decrypt(signer.key, ciphertext)
    except ProtocolError as error:
        return param_error(field, str(error))


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
    keys: SimulatorKeys,
    document: Struct | None,
    *,
    now: datetime,
    nonce: str,
    serial: str = "",
    status: int = 200,
) -> HttpAnswer:
    """A success: a document, or 204 without one, signed either way. `serial` names the key that
    the merchant wants it signed with."""
    body = written(document) if document else b""
    signed = signed_headers(keys, body, now=now, nonce=nonce, serial=serial)
    if document is None:
        return HttpAnswer(status=204, headers=signed, body=body)
    return HttpAnswer(status=status, headers=JSON | signed, body=body)


def typing_answer(keys: SimulatorKeys, *, now: datetime, nonce: str, serial: str) -> HttpAnswer:
    """What is answered while the payer types a password."""
    words = ErrorDocument(code="USERPAYING", message="用户支付中，需要输入密码")
    return signed_answer(keys, words, now=now, nonce=nonce, serial=serial, status=202)


def certificate_list(keys: SimulatorKeys, seal_nonces: Sequence[str]) -> CertificateList:
    """All certificates, each sealed under a nonce of its own: 12 characters, never used twice."""
    certified = [signer for signer in keys.signers if signer.certificate_pem]
    entries: list[CertificateEntry] = []
    for signer, nonce in zip(certified, seal_nonces, strict=False):
        assert signer.valid_from and signer.valid_until
        plain, associated = signer.certificate_pem.encode(), "certificate"
        sealed = EncryptedCertificate(
            algorithm=AEAD,
            nonce=nonce,
            associated_data=associated,
            ciphertext=seal(keys.aead, plain, nonce=nonce, associated=associated),
        )
        entry = CertificateEntry(
            serial_no=signer.serial,
            effective_time=china_time(signer.valid_from),
            expire_time=china_time(signer.valid_until),
            encrypt_certificate=sealed,
        )
        entries.append(entry)
    return CertificateList(data=entries)


def sealed_notice(
    keys: SimulatorKeys,
    document: Struct,
    *,
    notice_id: str,
    created_at: datetime,
    seal_nonce: str,
    event: str = "TRANSACTION.SUCCESS",
) -> bytes:
    """The body of a callback. `seal_nonce` is 12 characters and never used twice."""
    kind, summary = EVENTS[event]
    sealed = seal(keys.aead, written(document), nonce=seal_nonce, associated=kind)
    notice = Notice(
        id=notice_id,
        create_time=china_time(created_at),
        event_type=event,
        resource_type=SEALED,
        summary=summary,
        resource=Resource(
            algorithm=AEAD,
            ciphertext=sealed,
            nonce=seal_nonce,
            associated_data=kind,
            original_type=kind,
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
