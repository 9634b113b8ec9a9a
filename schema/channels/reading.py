"""Reading what others wrote: whatever the bytes are, it is a value or a ProtocolError."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from schema.channels.http import ProtocolError

MESSAGE_CHARACTERS_MAX = 256

T = TypeVar("T")


def read(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """The document in `body`. Whatever is wrong with those bytes, it is a ProtocolError."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(str(error)) from error
    except RecursionError as error:
        # msgspec's answer to `[[[[…`: the sender's doing, so it must not look like a bug of ours.
        raise ProtocolError("nested too deeply") from error


def plain(text: str) -> str:
    """Their text, safe to log and store: bounded and printable (PostgreSQL refuses NUL)."""
    return "".join(c for c in text[:MESSAGE_CHARACTERS_MAX] if c.isprintable())
