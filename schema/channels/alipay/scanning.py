"""Cuts the members of a JSON object out of the bytes as they were sent.

An answer is signed over the raw bytes of one of its members, so that member must be found without
reading and writing it again. Braces inside texts, escapes and any order of the members are of no
matter here. An object that names a member twice is refused: readers could choose differently.
"""

from __future__ import annotations

import re

import msgspec

from schema.channels.http import ProtocolError
from schema.channels.reading import read

MEMBERS_MAX = 64
"""An answer has three or four."""

_SPACE = re.compile(rb"[ \t\r\n]*")
_TEXT = re.compile(rb'"(?:[^"\\\x00-\x1f]++|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*+"')
_BARE = re.compile(rb"[^\s,\]\}\"\{\[]+")
_INSIDE = re.compile(rb'[^"\[\]{}]*')
_NAME = msgspec.json.Decoder(str)

_OPENS, _CLOSES = b"{[", b"}]"


def members(body: bytes) -> dict[str, bytes]:
    """The members of the object in `body`, each as its raw bytes. Raises ProtocolError."""
    found: dict[str, bytes] = {}
    at = _expected(body, _skip(body, 0), b"{")
    if body[at : at + 1] == b"}":
        return _ended(body, at + 1, found)
    while len(found) < MEMBERS_MAX:
        name_end = _text_end(body, at)
        name = read(_NAME, body[at:name_end])
        at = _expected(body, _skip(body, name_end), b":")
        value_end = _value_end(body, at)
        if name in found:
            raise ProtocolError("a member is named twice")
        found[name] = body[at:value_end]
        at = _skip(body, value_end)
        if body[at : at + 1] == b"}":
            return _ended(body, at + 1, found)
        at = _expected(body, at, b",")
    raise ProtocolError(f"more than {MEMBERS_MAX} members")


def _ended(body: bytes, at: int, found: dict[str, bytes]) -> dict[str, bytes]:
    if _skip(body, at) != len(body):
        raise ProtocolError("there is something after the object")
    return found


def _skip(body: bytes, at: int) -> int:
    space = _SPACE.match(body, at)
    return space.end() if space else at


def _expected(body: bytes, at: int, mark: bytes) -> int:
    if body[at : at + 1] != mark:
        raise ProtocolError(f"no {mark.decode()} where one has to be")
    return _skip(body, at + 1)


def _text_end(body: bytes, at: int) -> int:
    text = _TEXT.match(body, at)
    if text is None:
        raise ProtocolError("a text that does not end, or none where one has to be")
    return text.end()


def _value_end(body: bytes, at: int) -> int:
    """Where the value that begins at `at` ends. Only its nesting is looked at: whoever reads the
    bytes afterwards finds all else that is wrong with them."""
    first = body[at : at + 1]
    if first == b'"':
        return _text_end(body, at)
    if first and first in _OPENS:
        return _nested_end(body, at)
    bare = _BARE.match(body, at)
    if bare is None:
        raise ProtocolError("no value where one has to be")
    return bare.end()


def _nested_end(body: bytes, at: int) -> int:
    awaited = bytearray()
    while at < len(body):
        mark = body[at]
        if mark == ord('"'):
            at = _text_end(body, at)
        else:
            at += 1
            if mark in _OPENS:
                awaited.append(_CLOSES[_OPENS.index(mark)])
            elif awaited.pop() != mark:
                raise ProtocolError("brackets that do not match")
            if not awaited:
                return at
        inside = _INSIDE.match(body, at)
        at = inside.end() if inside else at
    raise ProtocolError("an object or a list that does not end")
