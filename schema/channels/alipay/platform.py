"""The platform's side of Alipay, which the simulator speaks.

It does to us what the documents say the platform does: it believes a request by its signature,
signs the node of every answer, and signs notices over all their parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

import msgspec
from msgspec import Struct

from schema.channels.alipay.asking import CHARSET, ERROR_NODE, node_name
from schema.channels.alipay.documents import Words, written
from schema.channels.alipay.keys import AlipayPlatformKeys
from schema.channels.alipay.notices import TRANSFER_MESSAGE
from schema.channels.alipay.signing import (
    SIGN_TYPE,
    form,
    is_signed_by,
    notice_message,
    read_form,
    request_message,
    sign,
)
from schema.channels.alipay.tables import BUSINESS, DONE
from schema.channels.alipay.texts import china_text, moment
from schema.channels.http import HttpAnswer, ProtocolError
from schema.channels.reading import read

ANSWERED = {"Content-Type": f"text/html;charset={CHARSET}"}
CERTIFICATE_ONLY = frozenset({"alipay.fund.trans.uni.transfer", "alipay.fund.trans.common.query"})

T = TypeVar("T")


class Asked(Struct, frozen=True, kw_only=True):
    """A request that is proven to be an app's."""

    method: str
    parameters: Mapping[str, str]
    biz_content: bytes
    auth_app_id: str
    """The app that it speaks for: the merchant's, or the one that asks."""


class CallRefused(Struct, frozen=True, kw_only=True):
    """Why the platform does not do what an app asks, in the words of its answers."""

    code: str
    sub_code: str
    message: str = ""
    is_gateways: bool = False
    """Refused by the gateway, which answers in a node of its own."""


def gateway_refusal(code: str, sub_code: str, message: str) -> CallRefused:
    """A refusal before the business saw the call."""
    return CallRefused(code=code, sub_code=sub_code, message=message, is_gateways=True)


def business_refusal(sub_code: str, message: str) -> CallRefused:
    """A refusal of the business."""
    return CallRefused(code=BUSINESS, sub_code=sub_code, message=message)


INVALID_APP = gateway_refusal("40002", "isv.invalid-app-id", "无效的AppID参数")
INVALID_SIGNATURE = gateway_refusal("40002", "isv.invalid-signature", "无效签名")


def request_parameters(query: str, body: bytes) -> dict[str, str]:
    """The parameters of a request, some of which may stand in its address. Raises ProtocolError."""
    found = read_form(query.encode("ascii", "replace")) if query else {}
    return found | (read_form(body) if body else {})


def read_request(keys: AlipayPlatformKeys, parameters: Mapping[str, str]) -> Asked | CallRefused:
    """What is asked, if the app itself asks it."""
    account, method = keys.account, parameters.get("method", "")
    if not method:
        return gateway_refusal("40001", "isv.missing-method", "缺少方法名参数")
    if parameters.get("sign_type") != SIGN_TYPE:
        return gateway_refusal("40002", "isv.invalid-signature-type", "无效签名类型")
    signature = parameters.get("sign", "")
    if not is_signed_by(keys.peer_key, request_message(parameters), signature):
        return INVALID_SIGNATURE
    if refused := _timeless(parameters) or _uncertified(keys, method, parameters):
        return refused
    token = parameters.get("app_auth_token", "")
    apps = {each.app_auth_token: each.auth_app_id for each in account.authorisations}
    if token and token not in apps:
        return gateway_refusal("20001", "aop.invalid-app-auth-token", "无效的应用授权令牌")
    return Asked(
        method=method,
        parameters=parameters,
        biz_content=parameters.get("biz_content", "{}").encode(),
        auth_app_id=apps.get(token, account.app_id),
    )


def read_biz(decoder: msgspec.json.Decoder[T], asked: Asked) -> T | CallRefused:
    """What the business is asked, or what is wrong with it."""
    try:
        return read(decoder, asked.biz_content)
    except ProtocolError as error:
        if asked.method.startswith("alipay.fund."):
            return business_refusal("INVALID_PARAMETER", str(error))
        return business_refusal("ACQ.INVALID_PARAMETER", str(error))


def signed_answer(keys: AlipayPlatformKeys, method: str, document: Struct) -> HttpAnswer:
    """A success: the words first, then what there is to say."""
    node = _joined(Words(code=DONE, msg="Success"), document)
    return _answered(keys, node_name(method), node)


def waiting_answer(
    keys: AlipayPlatformKeys, method: str, document: Struct, code: str
) -> HttpAnswer:
    """The payer has to confirm first."""
    words = Words(code=code, msg="order success pay inprocess")
    return _answered(keys, node_name(method), _joined(words, document))


def error_answer(keys: AlipayPlatformKeys | None, method: str, refused: CallRefused) -> HttpAnswer:
    """A refusal; unsigned only where nobody knows who asks."""
    msg = {"40004": "Business Failed", "20000": "Service Currently Unavailable"}
    words = Words(
        code=refused.code,
        msg=msg.get(refused.code, "Invalid Arguments"),
        sub_code=refused.sub_code,
        sub_msg=refused.message,
    )
    name = ERROR_NODE if refused.is_gateways or not method else node_name(method)
    if keys is None:
        body = b'{"' + name.encode() + b'":' + written(words) + b"}"
        return HttpAnswer(status=200, headers=ANSWERED, body=body)
    return _answered(keys, name, written(words))


def signed_notice(keys: AlipayPlatformKeys, parameters: Mapping[str, str]) -> bytes:
    """A notice as a form; empty parameters are sent, and signed."""
    told = {**parameters, "sign_type": SIGN_TYPE}
    return form({**told, "sign": sign(keys.private_key, notice_message(told))})


def notice_frame(
    keys: AlipayPlatformKeys, notice_id: str, happened_at: datetime, auth_app_id: str
) -> dict[str, str]:
    """The parameters that every notice about a trade has."""
    return {
        "notify_id": notice_id,
        "notify_type": "trade_status_sync",
        "notify_time": china_text(happened_at),
        "app_id": keys.account.app_id,
        "auth_app_id": auth_app_id,
        "seller_id": keys.account.seller_id,
        "charset": CHARSET,
        "version": "1.0",
    }


def transfer_message(
    keys: AlipayPlatformKeys, notice_id: str, happened_at: datetime, document: Struct
) -> dict[str, str]:
    """The parameters of a message about a transfer."""
    return {
        "notify_id": notice_id,
        "msg_method": TRANSFER_MESSAGE,
        "utc_timestamp": str(int(happened_at.timestamp()) * 1000),
        "app_id": keys.account.app_id,
        "charset": CHARSET,
        "version": "1.1",
        "biz_content": written(document).decode(),
    }


def _joined(words: Words, document: Struct) -> bytes:
    said = written(document)
    return written(words)[:-1] + (b"," if said != b"{}" else b"") + said[1:]


def _answered(keys: AlipayPlatformKeys, name: str, node: bytes) -> HttpAnswer:
    signature = sign(keys.private_key, node).encode()
    members = [b'"' + name.encode() + b'":' + node]
    if keys.platform_cert_sn:
        members.append(b'"alipay_cert_sn":"' + keys.platform_cert_sn.encode() + b'"')
    members.append(b'"sign":"' + signature + b'"')
    return HttpAnswer(status=200, headers=ANSWERED, body=b"{" + b",".join(members) + b"}")


def _timeless(parameters: Mapping[str, str]) -> CallRefused | None:
    """Only the form of a timestamp is checked: public clients write the time of wherever they run,
    and are served."""
    try:
        moment(parameters.get("timestamp", ""))
    except ProtocolError:
        return gateway_refusal("40002", "isv.invalid-timestamp", "非法的时间戳参数")
    return None


def _uncertified(
    keys: AlipayPlatformKeys, method: str, parameters: Mapping[str, str]
) -> CallRefused | None:
    given = parameters.get("app_cert_sn", ""), parameters.get("alipay_root_cert_sn", "")
    if given != (keys.app_cert_sn, keys.root_cert_sn):
        return gateway_refusal("40002", "isv.invalid-cert-sn", "证书序列号不匹配")
    if method in CERTIFICATE_ONLY and not keys.has_certificates:
        return gateway_refusal("40006", "isv.insufficient-isv-permissions", "请使用公钥证书模式")
    return None
