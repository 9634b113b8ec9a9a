"""How the desk reads what it is asked, and how it answers."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TypeVar

import msgspec
from aiohttp import web

from handlers.simulator.world.faults import Mistake

_PLACE = re.compile(r" - at `\$\.?([^`]*)`\Z")
_NAMED = re.compile(r"field `([^`]*)`")

T = TypeVar("T")


def read(kind: type[T], body: bytes) -> T:
    """The document in a body; raises the answer that names the field at fault."""
    return decoded(msgspec.json.Decoder(kind), body)


def decoded(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """The same where the document is one of several kinds."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise bad_request(str(error), _field(str(error))) from error


def number(request: web.Request, name: str, default: int) -> int:
    """A whole number of the query; raises the answer that says that it is none."""
    text = request.query.get(name, str(default))
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise bad_request(f"{name} is not a number from 0", name)
    return int(text)


def bad_request(message: str, param: str = "") -> web.HTTPBadRequest:
    """The answer to nonsense."""
    document = {"code": "bad_request", "param": param, "message": message}
    text = msgspec.json.encode(document).decode()
    return web.HTTPBadRequest(text=text, content_type="application/json")


def refusal(status: int, code: str, message: str, param: str = "") -> web.Response:
    """The answer to what can't be done."""
    return json({"code": code, "param": param, "message": message}, status=status)


def mistaken(mistake: Mistake, code: str) -> web.Response:
    """The same, for a mistake: 404 where it names what does not exist."""
    status = 404 if mistake.param in ("account_no", "number") else 400
    return refusal(status, code, mistake.message, mistake.param)


def json(document: object, *, status: int = 200) -> web.Response:
    """A document."""
    body = msgspec.json.encode(document)
    return web.Response(status=status, body=body, content_type="application/json")


def is_loopback(remote: str | None) -> bool:
    """Whether a peer's address is this machine's own."""
    try:
        address = ip_address(remote or "")
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)  # ::ffff:127.0.0.1 on a dual-stack socket
    return (mapped or address).is_loopback


def _field(error: str) -> str:
    place, named = _PLACE.search(error), _NAMED.search(error)
    return (place[1] if place else "") or (named[1] if named else "")
