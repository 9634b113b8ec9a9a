"""How we ask WeChat Pay anything, and how far an answer is believed.

Only a signed success can say that money moved or waits. Only a documented refusal can say that it
surely did not. The rest is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol, TypeVar
from urllib.parse import quote

from schema.channels import (
    Cause,
    HttpAnswer,
    HttpRequest,
    NotKnownThere,
    ProtocolError,
    Question,
    Stamp,
    Unknown,
    UnknownWhy,
)
from schema.channels.reading import plain, read
from schema.channels.wechat.documents import ERROR, ErrorWords
from schema.channels.wechat.keys import WechatKeys
from schema.channels.wechat.signing import (
    Authorization,
    request_message,
    sign,
    signature_fault,
    written_authorization,
)
from schema.channels.wechat.tables import CODES, Operation

USER_AGENT = "tomato"
NOT_OFFERED = "not_offered"
"""Our own code where the channel does not do what is wished."""

V = TypeVar("V")
V_co = TypeVar("V_co", covariant=True)


class Refusal(Protocol[V_co]):
    """The verdict of a family of calls that says: surely not."""

    def __call__(self, *, code: str, message: str, cause: Cause) -> V_co: ...


Successes = Mapping[int, Callable[[bytes], V]]
"""How the body is read under each status that is a success."""


def signed_request(
    keys: WechatKeys, method: str, path: str, body: bytes, stamp: Stamp, origin: str = ""
) -> HttpRequest:
    """Any call in our name; `path` begins with `/v3` and has its query."""
    timestamp = str(int(stamp.now.timestamp()))
    message = request_message(method, path, timestamp, stamp.nonce, body)
    authorization = Authorization(
        mchid=keys.account.mchid,
        serial_no=keys.account.merchant_serial,
        nonce_str=stamp.nonce,
        timestamp=timestamp,
        signature=sign(keys.private_key, message),
    )
    headers = {
        "Authorization": written_authorization(authorization),
        "Accept": "application/json",
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
    }
    if peer := keys.newest_peer(stamp.now):
        headers["Wechatpay-Serial"] = peer.serial
    return HttpRequest(method=method, path=path, headers=headers, body=body, origin=origin)


def question(
    keys: WechatKeys,
    operation: Operation,
    request: HttpRequest,
    refusal: Refusal[V],
    successes: Successes[V],
) -> Question[V | NotKnownThere | Unknown]:
    """A request whose answer is read by the tables."""

    def heard(answer: HttpAnswer, now: datetime) -> V | NotKnownThere | Unknown:
        understand = successes.get(answer.status)
        if understand is None:
            return refused(operation, refusal, answer)
        return believed(keys, understand, answer, now)

    return Question(request=request, read=heard)


def believed(
    keys: WechatKeys, understand: Callable[[bytes], V], answer: HttpAnswer, now: datetime
) -> V | Unknown:
    """What a success says, once it is proven to be the platform's."""
    if fault := signature_fault(keys.peers, answer.headers, answer.body, now):
        return Unknown(why="bad_signature", message=fault)
    try:
        return understand(answer.body)
    except ProtocolError as error:
        return Unknown(why="unparsable", message=plain(str(error)))


def refused(
    operation: Operation, refusal: Refusal[V], answer: HttpAnswer
) -> V | NotKnownThere | Unknown:
    """What an error proves, by its code."""
    words = error_words(answer)
    code, message = plain(words.code), plain(words.message)
    means = CODES.get(words.code, {}).get(operation)
    if means is None or answer.status >= 500 or answer.status == 429 or answer.status < 400:
        why = why_unknown(answer.status, words.code)
        cause: Cause = means.cause if means and why == "ambiguous" else "channel"
        return Unknown(why=why, code=code, message=message, cause=cause)
    if means.proof == "refused":
        return refusal(code=code, message=message, cause=means.cause)
    if means.proof == "not_known":
        return NotKnownThere(code=code, message=message)
    return Unknown(why="ambiguous", code=code, message=message, cause=means.cause)


def why_unknown(status: int, code: str) -> UnknownWhy:
    """Why an error settles nothing."""
    if status >= 500:
        return "server_error"
    if status == 429:
        return "rate_limited"
    if not code:
        return "unparsable"
    return "ambiguous" if code in CODES else "unlisted"


def error_words(answer: HttpAnswer) -> ErrorWords:
    """The code and message of an error, as far as there are any."""
    nothing = f"status {answer.status} without an error document"
    try:
        words = read(ERROR, answer.body)
    except ProtocolError:
        return ErrorWords(message=nothing)
    return words if words.code else ErrorWords(message=nothing)


def other(message: str) -> Unknown:
    """A true answer that is about something else."""
    return Unknown(why="other_order", message=message)


def unlisted(state: str, message: str = "") -> Unknown:
    """A state that the tables do not contain."""
    return Unknown(why="unlisted", code=plain(state), message=plain(message))


def in_path(number: str) -> str:
    """A number of ours as it stands in a path."""
    return quote(number, safe="")


def parameters(**given: str) -> str:
    """The query of a path, without what is empty."""
    pairs = [f"{name}={quote(value, safe='')}" for name, value in given.items() if value]
    return "?" + "&".join(pairs) if pairs else ""
