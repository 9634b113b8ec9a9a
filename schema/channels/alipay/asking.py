"""How we ask Alipay anything, and how far an answer is believed.

Only a signed answer can say that money moved or waits, or that the business refused. The gateway's
own refusals come before the business saw anything, and sometimes before it knew who asked: they
are read unsigned as well. The rest is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol, TypeVar

from msgspec import Struct

from schema.channels.alipay.documents import SIGNATURE, WORDS, Words, written
from schema.channels.alipay.keys import AlipayKeys
from schema.channels.alipay.scanning import members
from schema.channels.alipay.signing import SIGN_TYPE, form, is_signed_by, request_message, sign
from schema.channels.alipay.tables import (
    BUSINESS,
    DONE,
    GATEWAY_CODES,
    SUB_CODES,
    UNWELL,
    Means,
    Operation,
)
from schema.channels.alipay.texts import china_text
from schema.channels.http import HttpAnswer, HttpRequest, ProtocolError, Question, Stamp
from schema.channels.reading import plain, read
from schema.channels.verdicts import Cause, NotKnownThere, Unknown, UnknownWhy

GATEWAY = "/gateway.do"
CHARSET = "utf-8"
GATEWAY_PATH = f"{GATEWAY}?charset={CHARSET}"
"""The charset stands in the address too: the body can't be read before it is known."""
FORM = {
    "Content-Type": f"application/x-www-form-urlencoded; charset={CHARSET}",
    "Accept": "application/json",
    "User-Agent": "tomato",
}
ERROR_NODE = "error_response"
NOT_OFFERED = "not_offered"
"""Our own code where the channel does not do what is wished."""

V = TypeVar("V")
V_co = TypeVar("V_co", covariant=True)


class Refusal(Protocol[V_co]):
    """The verdict of a family of calls that says: surely not."""

    def __call__(self, *, code: str, message: str, cause: Cause) -> V_co: ...


Understand = Callable[[bytes, datetime], V]
"""Reads the node of an answer that is proven to be the platform's; raises ProtocolError."""


class Opened(Struct, frozen=True, kw_only=True):
    """An answer, taken apart."""

    node: bytes
    words: Words
    fault: str | None
    """Why the node is not proven to be the platform's word."""
    is_signed: bool


def signed_parameters(
    keys: AlipayKeys,
    method: str,
    document: Struct,
    stamp: Stamp,
    *,
    is_told: bool = False,
    return_url: str = "",
) -> dict[str, str]:
    """Any call in our name; `is_told` where the platform is to send notices about it."""
    account = keys.account
    given = {
        "app_id": account.app_id,
        "method": method,
        "format": "JSON",
        "charset": CHARSET,
        "sign_type": SIGN_TYPE,
        "timestamp": china_text(stamp.now),
        "version": "1.0",
        "notify_url": account.notify_url if is_told else "",
        "return_url": return_url,
        "app_auth_token": account.app_auth_token,
        "app_cert_sn": keys.app_cert_sn,
        "alipay_root_cert_sn": keys.root_cert_sn,
        "biz_content": written(document).decode(),
    }
    parameters = {name: value for name, value in given.items() if value}
    return parameters | {"sign": sign(keys.private_key, request_message(parameters))}


def question(
    keys: AlipayKeys,
    operation: Operation,
    method: str,
    parameters: Mapping[str, str],
    refusal: Refusal[V],
    understood: Mapping[str, Understand[V]],
) -> Question[V | NotKnownThere | Unknown]:
    """A call whose answer is read by the tables; `understood` by the gateway's code."""

    def heard(answer: HttpAnswer, now: datetime) -> V | NotKnownThere | Unknown:
        opened = open_answer(keys, method, answer)
        if isinstance(opened, Unknown):
            return opened
        understand = understood.get(opened.words.code)
        if understand is None:
            return refused(operation, refusal, opened)
        return believed(opened, understand, now)

    return Question(request=posted(parameters), read=heard)


def posted(parameters: Mapping[str, str]) -> HttpRequest:
    """The parameters of a call, ready to send."""
    return HttpRequest(method="POST", path=GATEWAY_PATH, headers=FORM, body=form(parameters))


def open_answer(keys: AlipayKeys, method: str, answer: HttpAnswer) -> Opened | Unknown:
    """The node of an answer, with what its signature is worth."""
    if answer.status != 200:
        message = f"status {answer.status} without an answer of the gateway"
        return Unknown(why=_why_status(answer.status), message=message)
    try:
        found = members(answer.body)
        node = found.get(node_name(method), found.get(ERROR_NODE))
        if node is None:
            raise ProtocolError("no answer to this method")
        words = read(WORDS, node)
        fault = _signature_fault(keys, node, _text(found, "sign"), _text(found, "alipay_cert_sn"))
    except ProtocolError as error:
        return Unknown(why="unparsable", message=plain(str(error)))
    return Opened(node=node, words=words, fault=fault, is_signed="sign" in found)


def believed(opened: Opened, understand: Understand[V], now: datetime) -> V | Unknown:
    """What a node says, once it is proven to be the platform's."""
    if opened.fault:
        return Unknown(why="bad_signature", message=opened.fault)
    try:
        return understand(opened.node, now)
    except ProtocolError as error:
        return Unknown(why="unparsable", code=plain(opened.words.code), message=plain(str(error)))


def refused(
    operation: Operation, refusal: Refusal[V], opened: Opened
) -> V | NotKnownThere | Unknown:
    """What an error proves, by its code."""
    words = opened.words
    is_gateways = words.code in GATEWAY_CODES
    if opened.fault and (opened.is_signed or not is_gateways):
        return Unknown(why="bad_signature", message=opened.fault)
    code, message = said(words), plain(words.sub_msg or words.msg)
    means = _means(operation, words)
    if means is None:
        return Unknown(why="unlisted", code=code, message=message)
    if means.proof == "refused":
        return refusal(code=code, message=message, cause=means.cause)
    if means.proof == "not_known":
        return NotKnownThere(code=code, message=message)
    why = UNWELL.get(words.sub_code, UNWELL.get(words.code, "ambiguous"))
    return Unknown(why=why, code=code, message=message, cause=means.cause)


def said(words: Words) -> str:
    """The most telling code of an answer."""
    return plain(words.sub_code or words.code)


def node_name(method: str) -> str:
    """The member under which a method's answer comes."""
    return f"{method.replace('.', '_')}_response"


def other(message: str) -> Unknown:
    """A true answer that is about something else."""
    return Unknown(why="other_order", message=message)


def unlisted(state: str, message: str = "") -> Unknown:
    """A state that the tables do not contain."""
    return Unknown(why="unlisted", code=plain(state), message=plain(message))


def done(understand: Understand[V]) -> dict[str, Understand[V]]:
    """Where only one code is a success."""
    return {DONE: understand}


def _means(operation: Operation, words: Words) -> Means | None:
    if words.code == BUSINESS:
        return SUB_CODES.get(words.sub_code, {}).get(operation)
    return GATEWAY_CODES.get(words.code, {}).get(operation)


def _why_status(status: int) -> UnknownWhy:
    if status >= 500:
        return "server_error"
    return "rate_limited" if status == 429 else "unparsable"


def _text(found: Mapping[str, bytes], name: str) -> str:
    return read(SIGNATURE, found[name]) if name in found else ""


def _signature_fault(keys: AlipayKeys, node: bytes, signature: str, number: str) -> str | None:
    if not signature:
        return "not signed"
    key = keys.peers.get(number if keys.has_certificates else "")
    if key is None:
        return f"signed with a certificate that we do not know: {plain(number)}"
    if not is_signed_by(key, node, signature):
        return "the signature does not fit the content"
    return None
